package localpg

import (
	"archive/tar"
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/fault"
)

func TestInstallRefusesWhatIsNotTheReleaseWeLookedAt(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"another archive": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("PK trojan")) },
		"not found":       http.NotFound,
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("PK"))
		},
	} {
		repository := httptest.NewServer(answer)
		cache := filepath.Join(t.TempDir(), "cache")
		_, err := install(t.Context(), cache, repository.URL, slog.New(slog.DiscardHandler))
		repository.Close()
		if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "--database-url") || !strings.Contains(err.Error(), repository.URL) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		entries, err := os.ReadDir(cache)
		if err != nil || len(entries) != 1 || entries[0].Name() != "postgres.lock" {
			t.Errorf("%s: %v is left (%v), want the lock alone", name, entries, err)
		}
	}
}

func TestInstallRefusesAFolderWhereOthersCanPlantBinaries(t *testing.T) {
	cache := t.TempDir()
	if err := os.Chmod(cache, 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{cache, link} {
		if _, err := install(t.Context(), dir, "http://127.0.0.1:1", slog.New(slog.DiscardHandler)); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v, want denied", dir, err)
		}
	}
}

func archive(t *testing.T, headers ...tar.Header) *tar.Reader {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		var content string
		if h.Typeflag == tar.TypeReg {
			content = "content"
			h.Size = int64(len(content))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return tar.NewReader(&buf)
}

func TestUntarWritesFilesThatEveryoneCanRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tree")
	err := untar(archive(t,
		tar.Header{Name: "./bin/", Typeflag: tar.TypeDir, Mode: 0o700},
		tar.Header{Name: "./bin/postgres", Typeflag: tar.TypeReg, Mode: 0o4700},
		tar.Header{Name: "lib/libpq.so.5.17", Typeflag: tar.TypeReg, Mode: 0o600},
		tar.Header{Name: "lib/libpq.so", Typeflag: tar.TypeSymlink, Linkname: "libpq.so.5.17"},
	), dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		".": fs.ModeDir | 0o755, "bin": fs.ModeDir | 0o755, "lib": fs.ModeDir | 0o755, "bin/postgres": 0o755, "lib/libpq.so.5.17": 0o644,
	} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", name, info, err, want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "lib", "libpq.so")); err != nil || string(text) != "content" {
		t.Errorf("through the link: %q, %v", text, err)
	}
}

func TestUntarWritesNothingOutside(t *testing.T) {
	for name, headers := range map[string][]tar.Header{
		"parent":       {{Name: "../evil", Typeflag: tar.TypeReg, Mode: 0o600}},
		"absolute":     {{Name: "/tmp/proxops-evil", Typeflag: tar.TypeReg, Mode: 0o600}},
		"through link": {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: ".."}, {Name: "l/evil", Typeflag: tar.TypeReg, Mode: 0o600}},
	} {
		parent := t.TempDir()
		if err := untar(archive(t, headers...), filepath.Join(parent, "tree")); err == nil {
			t.Errorf("%s: it was unpacked", name)
		}
		if _, err := os.Stat(filepath.Join(parent, "evil")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a file outside", name)
		}
	}
}
