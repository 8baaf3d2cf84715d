package localpg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/proxops/proxops/libs/fault"
)

// maxArchive bounds a download; the real ones have about 15 MB.
const maxArchive = 100 << 20

// install returns the folder with PostgreSQL's bin, lib and share below cache, and fetches it first if it is not there.
// Of several processes that do so at once, one fetches and the others wait.
func install(ctx context.Context, cache, repository string, log *slog.Logger) (string, error) {
	rel, err := current()
	if err != nil {
		return "", err
	}
	if err := ownFolder(cache); err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "postgres-"+version+"-"+rel.platform)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	unlock, err := waitLock(ctx, filepath.Join(cache, "postgres.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	log.InfoContext(ctx, "fetching PostgreSQL binaries", "version", version, "url", rel.url(repository), "folder", dir)
	return dir, fetch(ctx, rel, repository, dir)
}

// cacheFolder returns the folder for binaries that suits this process. Those that root fetches are run by another user, who
// must be able to read them: root's own home is closed.
func cacheFolder() string {
	if os.Geteuid() == 0 {
		return "/var/cache/proxops"
	}
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "proxops")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("proxops-%d", os.Geteuid()))
}

// ownFolder makes dir if need be, and refuses one in which another user could have planted binaries.
func ownFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // root's binaries are run by another user
		return fmt.Errorf("make a folder for PostgreSQL's binaries: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at the folder of PostgreSQL's binaries: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return fault.New(fault.Denied, "folder %s for PostgreSQL's binaries must belong to user %d and be writable by nobody else (it is %v)",
			dir, os.Geteuid(), info.Mode())
	}
	return nil
}

// waitLock waits until this process alone holds the lock on the file at path.
func waitLock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // below our own cache folder
	if err != nil {
		return nil, fmt.Errorf("lock the folder of PostgreSQL's binaries: %w", err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		}
	}
}

// fetch downloads and unpacks one release. dir appears when it is complete, or not at all.
func fetch(ctx context.Context, rel release, repository, dir string) error {
	work, err := os.MkdirTemp(filepath.Dir(dir), "fetch-")
	if err != nil {
		return fmt.Errorf("unpack PostgreSQL's binaries: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	archive := filepath.Join(work, "archive.jar")
	if err := download(ctx, rel, repository, archive); err != nil {
		return err
	}
	tree := filepath.Join(work, "tree")
	if err := unpack(archive, tree); err != nil {
		return fmt.Errorf("unpack PostgreSQL's binaries: %w", err)
	}
	if err := os.Rename(tree, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("install PostgreSQL's binaries: %w", err)
	}
	return nil
}

// download fetches the archive of a release into a file and checks its digest.
func download(ctx context.Context, rel release, repository, file string) error {
	url := rel.url(repository)
	fail := func(err error) error {
		return fault.New(fault.Unavailable, "fetch PostgreSQL's binaries from %s: %w (without them, give a database with --database-url)", url, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fail(err)
	}
	client := http.Client{Timeout: 10 * time.Minute}
	resp, err := client.Do(req)
	if err != nil {
		return fail(errors.Unwrap(err)) // the url is in the text already
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fail(fmt.Errorf("the answer is %s", resp.Status))
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // below our own work folder
	if err != nil {
		return fail(err)
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), io.LimitReader(resp.Body, maxArchive))
	if err := errors.Join(err, out.Close()); err != nil {
		return fail(err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != rel.digest {
		return fail(fmt.Errorf("the SHA-256 digest is %s, want %s", got, rel.digest))
	}
	return nil
}
