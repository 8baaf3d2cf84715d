package localpg_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/localpg"
)

// TestMain lets the test binary be a process that starts a server and is then killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LOCALPG_TEST_DIR"); dir != "" {
		s, err := localpg.Start(context.Background(), localpg.Config{DataDir: dir})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(s.URL())
		select {}
	}
	os.Exit(m.Run())
}

func start(t *testing.T, dir string) *localpg.Server {
	t.Helper()
	s, err := localpg.Start(t.Context(), localpg.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func query[T any](t *testing.T, url, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestStartMakesADatabaseThatKeepsItsData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "pg")
	one := start(t, dir)
	if got := query[int](t, one.URL(), "SELECT current_setting('server_version_num')::int / 10000"); got != 17 {
		t.Errorf("PostgreSQL %d, want 17", got)
	}
	for setting, want := range map[string]string{
		"timezone": "UTC", "server_encoding": "UTF8", "listen_addresses": "127.0.0.1",
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on",
		"password_encryption": "scram-sha-256", "unix_socket_directories": "",
	} {
		if got := query[string](t, one.URL(), "SELECT current_setting('"+setting+"')"); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	// What migrations need.
	execute(t, one.URL(), "CREATE EXTENSION pg_trgm", "CREATE COLLATION natural_order (provider = icu, locale = 'und-u-kn-true')", "CREATE TABLE t AS SELECT 'kept' AS v")
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if err := one.Close(); err != nil { // again
		t.Fatal(err)
	}
	two := start(t, dir)
	if got := query[string](t, two.URL(), "SELECT v FROM t"); got != "kept" {
		t.Errorf("found %q", got)
	}
	if password(t, one.URL()) != password(t, two.URL()) {
		t.Error("the password changed")
	}
}

func execute(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func password(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := u.User.Password()
	return p
}

func TestStartKeepsStrangersOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	_, err := pgx.Connect(t.Context(), strings.Replace(s.URL(), password(t, s.URL()), "wrong", 1))
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); !ok || pgErr.Code != "28P01" {
		t.Errorf("a wrong password: %v", err)
	}
	for _, name := range []string{"password", "data"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v, %v; others can read it", name, info.Mode(), err)
		}
	}
	hba, err := os.ReadFile(filepath.Join(dir, "data", "pg_hba.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(hba)) {
		if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(f[0], "#") && f[len(f)-1] != "scram-sha-256" {
			t.Errorf("pg_hba.conf: %s", line)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "data.pw")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the password file for initdb is left: %v", err)
	}
}

func TestStartRefusesADirectoryInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	_, err := localpg.Start(t.Context(), localpg.Config{DataDir: dir})
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), dir+" is in use") {
		t.Errorf("the second: %v", err)
	}
	if got := query[int](t, s.URL(), "SELECT 1"); got != 1 {
		t.Error("the first suffered from it")
	}
}

// child starts a server in a process of its own.
func child(t *testing.T, dir string) (cmd *exec.Cmd, url string) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "LOCALPG_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanln(out, &url); err != nil || !strings.HasPrefix(url, "postgres://") {
		t.Fatalf("the child said %q, %v", url, err)
	}
	return cmd, url
}

func TestAServerEndsWithItsProcessAndKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd, url := child(t, dir)
	execute(t, url, "CREATE TABLE t AS SELECT 'kept' AS v")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	// At once: the server of the killed process may still be on its way out.
	s := start(t, dir)
	if got := query[string](t, s.URL(), "SELECT v FROM t"); got != "kept" {
		t.Errorf("found %q", got)
	}
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		_ = conn.Close(t.Context())
		t.Error("the server of the killed process lives")
	}
}

func TestStartRecoversFromACrashOfTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	execute(t, s.URL(), "CREATE TABLE t AS SELECT 'kept' AS v")
	died := make(chan error, 1)
	go func() { died <- s.Wait(t.Context()) }()
	kill(t, dir)
	select {
	case err := <-died:
		if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "the private PostgreSQL ended: signal: killed") {
			t.Errorf("Wait returned %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Wait did not notice")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := query[string](t, start(t, dir).URL(), "SELECT v FROM t"); got != "kept" {
		t.Errorf("found %q", got)
	}
}

// kill ends the postmaster of a data directory so that it cannot tidy up.
func kill(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(text), &pid); err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
}

func TestStartIgnoresATraceWhoseNumberIsAnotherProcessNow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	pidFile := filepath.Join(dir, "data", "postmaster.pid")
	trace, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(trace), "\n")
	stranger := exec.CommandContext(t.Context(), "sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	if err := os.WriteFile(pidFile, fmt.Appendf(nil, "%d\n%s", stranger.Process.Pid, rest), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the stranger was ended: %v", err)
	}
}

func TestCloseIsQuickWithClientsConnected(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	begin := time.Now()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestStartSaysInOneLineWhatIsWrong(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	old := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(old, "data"), 0o700), os.WriteFile(filepath.Join(old, "data", "PG_VERSION"), []byte("16\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		cfg  localpg.Config
		text string
	}{
		"no directory":  {localpg.Config{}, "no data directory"},
		"a file":        {localpg.Config{DataDir: file}, file},
		"older data":    {localpg.Config{DataDir: old}, "is of PostgreSQL 16"},
		"no repository": {localpg.Config{DataDir: t.TempDir(), CacheDir: t.TempDir(), Repository: "http://127.0.0.1:1/maven2"}, "give a database with --database-url"},
	} {
		if _, err := localpg.Start(t.Context(), tc.cfg); err == nil || !strings.Contains(err.Error(), tc.text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, tc.text)
		}
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // in the middle of initdb
	defer cancel()
	if _, err := localpg.Start(ctx, localpg.Config{DataDir: dir}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
	start(t, dir) // nothing half-made is in the way
}
