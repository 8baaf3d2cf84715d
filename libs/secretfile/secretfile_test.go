package secretfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/secretfile"
)

func TestLoadOrCreateGivesAllTheSameSecret(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	got := make([]string, 20)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			secret, err := secretfile.LoadOrCreate(path, secretfile.Random)
			if err != nil {
				t.Error(err)
			}
			got[i] = string(secret)
		})
	}
	wg.Wait()
	for _, s := range got {
		if s != got[0] || len(s) < 26 {
			t.Fatalf("secrets %q", got)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v is left, %v; want the secret alone", entries, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestLoadRefusesWhatOthersCanRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for mode, ok := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o620: false, 0o601: false} {
		if err := errors.Join(os.WriteFile(path, []byte(" s \n"), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		secret, err := secretfile.Load(path)
		if ok && (err != nil || string(secret) != "s") || !ok && fault.KindOf(err) != fault.Denied {
			t.Errorf("mode %o: %q, %v", mode, secret, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoadRefusesAFolderAndNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := secretfile.Load(dir); fault.KindOf(err) != fault.Denied {
		t.Errorf("a folder: %v", err)
	}
	if _, err := secretfile.Load(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	boom := errors.New("boom")
	if _, err := secretfile.LoadOrCreate(filepath.Join(dir, "x"), func() ([]byte, error) { return nil, boom }); !errors.Is(err, boom) {
		t.Errorf("a generator that fails: %v", err)
	}
}
