// Package dirlock keeps a second process out of a directory that only one may use.
package dirlock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/proxops/proxops/libs/fault"
)

// name of the file in the directory. It stays when the lock is gone: removing it would let two processes lock two files.
const name = "lock"

// Lock is held until Unlock, or until the process ends in whatever way.
type Lock struct{ f *os.File }

// held keeps locks that nobody refers to any more from the garbage collector, which would close their files.
var held sync.Map

// Acquire locks dir, which must exist, without waiting. If another process (or another Lock of this one) holds it, the
// error is a fault.Conflict that names the directory and the holder.
func Acquire(dir string) (*Lock, error) {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the caller names its own directory
	if err != nil {
		return nil, fmt.Errorf("lock directory: %w", err)
	}
	if err := flock(f); err != nil {
		holder := make([]byte, 32)
		n, _ := f.Read(holder)
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fault.New(fault.Conflict, "directory %s is in use by another process (pid %s): stop it or choose another directory",
				dir, strings.TrimSpace(string(holder[:n])))
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintln(f, os.Getpid()) // only for the message above
	}
	l := &Lock{f}
	held.Store(l, nil)
	return l, nil
}

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// Unlock lets others in. It may be called more than once.
func (l *Lock) Unlock() {
	held.Delete(l)
	_ = l.f.Close()
}
