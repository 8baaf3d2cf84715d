// Package secretfile keeps one secret in a file that nobody but its owner can read.
package secretfile

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/proxops/proxops/libs/fault"
)

// LoadOrCreate returns the content of the file at path, without surrounding white space. If there is no such file, it makes
// one with what generate returns; of several processes that do so at once, all return the same secret.
func LoadOrCreate(path string, generate func() ([]byte, error)) ([]byte, error) {
	secret, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	secret, err = generate()
	if err != nil {
		return nil, err
	}
	if err := create(path, secret); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create secret file %s: %w", path, err)
	}
	return Load(path)
}

// Load returns the content of the file at path, without surrounding white space. A file that group or others may read or
// write is refused with fault.Denied; one that does not exist gives fs.ErrNotExist.
func Load(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the caller names its own file
	if err != nil {
		return nil, fmt.Errorf("read secret file: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read secret file: %w", err)
	}
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&0o077 != 0 {
		return nil, fault.New(fault.Denied, "secret file %s has mode %v: it must be a file that only its owner can read (chmod 600)", path, mode)
	}
	secret, err := io.ReadAll(f) // the file that was looked at, whatever path leads to by now
	if err != nil {
		return nil, fmt.Errorf("read secret file: %w", err)
	}
	if secret = bytes.TrimSpace(secret); len(secret) == 0 {
		return nil, fault.New(fault.Invalid, "secret file %s is empty", path)
	}
	return secret, nil
}

// create makes the file with its content in one step, and gives fs.ErrExist if another was faster.
func create(path string, secret []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(append(secret, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

// Random makes a password of 130 random bits in letters and digits, which needs no escaping anywhere.
func Random() ([]byte, error) { return []byte(rand.Text()), nil }
