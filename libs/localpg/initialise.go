package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/proxops/proxops/libs/fault"
)

// initialise makes the data directory with the password of its user, unless it is there. It appears when it is complete.
func initialise(ctx context.Context, r *runner, data string, password []byte, disposable bool) error {
	has, err := os.ReadFile(filepath.Join(data, "PG_VERSION")) //nolint:gosec // in our own data directory
	if err == nil {
		if v := strings.TrimSpace(string(has)); v != major {
			return fault.New(fault.Conflict, "the data in %s is of PostgreSQL %s, this binary brings %s: dump and restore it, or use another directory", data, v, major)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at the data directory of PostgreSQL: %w", err)
	}
	fresh, pwfile := data+".new", data+".pw"
	defer func() { _ = os.Remove(pwfile) }()
	if err := errors.Join(os.RemoveAll(fresh), os.RemoveAll(pwfile)); err != nil {
		return fmt.Errorf("clean up after an unfinished start: %w", err)
	}
	err = errors.Join(os.Mkdir(fresh, 0o700), r.give(fresh), os.WriteFile(pwfile, password, 0o600), r.give(pwfile))
	if err != nil {
		return fmt.Errorf("make the data directory of PostgreSQL: %w", err)
	}
	err = r.run(ctx, "initdb", []string{fresh, pwfile}, func(paths []string) []string {
		args := []string{
			"--pgdata=" + paths[0], "--pwfile=" + paths[1], "--username=" + user, "--auth=scram-sha-256",
			"--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
			"--data-checksums", "--no-instructions",
		}
		if disposable {
			args = append(args, "--no-sync")
		}
		return args
	})
	if err != nil {
		return fmt.Errorf("make the data directory of PostgreSQL: %w", err)
	}
	if err := os.Rename(fresh, data); err != nil {
		return fmt.Errorf("make the data directory of PostgreSQL: %w", err)
	}
	return nil
}
