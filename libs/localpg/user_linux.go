package localpg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/proxops/proxops/libs/fault"
)

// newRunner returns a runner that works as this user, or, for root, as the user called runAs.
func newRunner(runAs string) (*runner, error) {
	if os.Geteuid() != 0 {
		return &runner{}, nil
	}
	name := cmp.Or(runAs, "nobody")
	u, err := osuser.Lookup(name)
	if err != nil {
		return nil, fault.New(fault.Invalid, "PostgreSQL refuses to run as root, and there is no user %q to run it as: %w", name, err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, fmt.Errorf("look up user %q: %w", name, err)
	}
	if uid == 0 {
		return nil, fault.New(fault.Invalid, "PostgreSQL refuses to run as root: choose another user than %q to run it as", name)
	}
	return &runner{cred: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// dieWithParent has the kernel send the command a fast-shutdown signal when this process ends without having stopped it.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }

// evict ends a server that a killed process has left on the data directory, and removes the trace of one that is gone when
// its process id has passed to a stranger, as happens in containers. The caller holds the lock: it is nobody's any more.
func evict(ctx context.Context, data string) error {
	pidFile := filepath.Join(data, "postmaster.pid")
	text, err := os.ReadFile(pidFile) //nolint:gosec // in our own data directory
	if err != nil {
		return nil // the usual case: it was stopped
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid < 2 {
		return nil // PostgreSQL itself says best what it thinks of that file
	}
	if !serves(pid, data) {
		if syscall.Kill(pid, 0) == nil {
			return os.Remove(pidFile)
		}
		return nil // PostgreSQL sees that the process is gone
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	sig, patience := syscall.SIGINT, time.After(5*time.Second)
	for serves(pid, data) {
		_ = syscall.Kill(pid, sig)
		select {
		case <-tick.C:
		case <-patience:
			sig = syscall.SIGQUIT
		case <-ctx.Done():
			return fmt.Errorf("end the PostgreSQL (pid %d) that a killed process left on %s: %w", pid, data, ctx.Err())
		}
	}
	return nil
}

// serves says whether the process with this id is a postmaster on the data directory, in which it has its working directory.
func serves(pid int, data string) bool {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil || strings.TrimSpace(string(comm)) != "postgres" {
		return false
	}
	cwd, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		return false
	}
	here, err := os.Stat(data)
	return err == nil && os.SameFile(cwd, here)
}
