package localpg

import (
	"archive/tar"
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/xi2/xz"
)

// unpack writes the tree of files in the archive (a zip with a .txz inside) into the new folder dir. Whatever the umask
// says, everyone may read it: root's server runs as another user.
func unpack(archive, dir string) error {
	jar, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer func() { _ = jar.Close() }()
	for _, f := range jar.File {
		if !strings.HasSuffix(f.Name, ".txz") {
			continue
		}
		txz, err := f.Open()
		if err != nil {
			return err
		}
		defer func() { _ = txz.Close() }()
		plain, err := xz.NewReader(txz, 0)
		if err != nil {
			return err
		}
		return untar(tar.NewReader(plain), dir)
	}
	return errors.New("the archive holds no .txz")
}

// untar writes the entries below dir and nowhere else: os.Root follows neither ".." nor a link out of it.
func untar(entries *tar.Reader, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // see unpack
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return root.Chmod(".", 0o755)
		}
		if err != nil {
			return err
		}
		if err := entry(root, h, entries); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

func entry(root *os.Root, h *tar.Header, content io.Reader) error {
	name := path.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeDir:
		return folder(root, name)
	case tar.TypeSymlink:
		if err := folder(root, path.Dir(name)); err != nil {
			return err
		}
		return root.Symlink(h.Linkname, name)
	case tar.TypeReg:
		if err := folder(root, path.Dir(name)); err != nil {
			return err
		}
		return file(root, name, h.FileInfo().Mode().Perm()&0o111 != 0, content)
	}
	return nil
}

func folder(root *os.Root, name string) error {
	if err := root.MkdirAll(name, 0o755); err != nil {
		return err
	}
	return root.Chmod(name, 0o755)
}

// file writes one file, which is executable if the archive says so.
func file(root *os.Root, name string, executable bool, content io.Reader) error {
	mode := os.FileMode(0o644)
	if executable {
		mode = 0o755
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content) // whose digest was checked: it is no bomb
	return errors.Join(err, f.Chmod(mode), f.Close())
}
