//go:build !linux

package localpg

import (
	"context"
	"os"
	"syscall"

	"github.com/proxops/proxops/libs/fault"
)

func newRunner(string) (*runner, error) {
	if os.Geteuid() == 0 {
		return nil, fault.New(fault.Invalid, "PostgreSQL refuses to run as root: run as an ordinary user or give a database with --database-url")
	}
	return &runner{}, nil
}

// dieWithParent does nothing: only Linux ends a child with its parent. A server that a killed process left behind has to be
// stopped by hand; until then PostgreSQL refuses to start another on its data.
func dieWithParent(*syscall.SysProcAttr) {}

func evict(context.Context, string) error { return nil }
