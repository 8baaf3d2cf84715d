// Package localpg runs a private PostgreSQL for one process: fetched once, on loopback, with a password of its own.
package localpg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/proxops/proxops/libs/dirlock"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/secretfile"
)

// user and database that a server has from the start.
const (
	user     = "proxops"
	database = "proxops"
)

// Config says where a server lives. Only DataDir is required.
type Config struct {
	// DataDir is the folder of this server alone; it is made if need be. It holds the data, the password and a lock.
	DataDir string
	// CacheDir is the folder for PostgreSQL's binaries. Default: proxops in the user's cache directory; for root, whose
	// server runs as another user, /var/cache/proxops.
	CacheDir string
	// Repository is the Maven repository to fetch the binaries from. Default: Maven Central.
	Repository string
	// RunAs names the user to run as when this process is root, as PostgreSQL refuses to be root. Default "nobody".
	RunAs string
	// Disposable trades the durability of the data for speed. For tests only.
	Disposable bool
	// Log gets the server's own log at level debug. Default: discarded.
	Log *slog.Logger
}

// Server is a running PostgreSQL. It ends with Close, and with the process that started it, in whatever way that ends.
type Server struct {
	proc *process
	lock *dirlock.Lock
	url  string
}

// Start starts the server on a free port of 127.0.0.1 and returns when it answers. A first start makes the data directory,
// and fetches the binaries if no start on this machine did: that takes seconds. Data of a server that crashed is recovered.
// The errors are one line: fault.Conflict if another process uses DataDir, fault.Unavailable if the binaries cannot be
// had. Cancelling ctx afterwards does not end the server.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.DataDir == "" {
		return nil, fault.New(fault.Invalid, "start PostgreSQL: no data directory is given")
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory of PostgreSQL: %w", err)
	}
	lock, err := dirlock.Acquire(dir)
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, cfg, dir)
	if err != nil {
		lock.Unlock()
		return nil, err
	}
	s.lock = lock
	return s, nil
}

// start does the work of Start for a directory that is locked.
func start(ctx context.Context, cfg Config, dir string) (*Server, error) {
	runner, err := newRunner(cfg.RunAs)
	if err != nil {
		return nil, err
	}
	binaries, err := install(ctx, cmp.Or(cfg.CacheDir, cacheFolder()), cmp.Or(cfg.Repository, "https://repo1.maven.org/maven2"), cfg.Log)
	if err != nil {
		return nil, err
	}
	runner.bin = filepath.Join(binaries, "bin")
	password, err := secretfile.LoadOrCreate(filepath.Join(dir, "password"), secretfile.Random)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := initialise(ctx, runner, data, password, cfg.Disposable); err != nil {
		return nil, err
	}
	if err := evict(ctx, data); err != nil {
		return nil, err
	}
	return launch(ctx, cfg, runner, data, password)
}

// launch starts the server, on another port if a stranger was faster to take the first.
func launch(ctx context.Context, cfg Config, r *runner, data string, password []byte) (*Server, error) {
	for attempt := 1; ; attempt++ {
		port, err := freePort(ctx)
		if err != nil {
			return nil, err
		}
		proc, err := r.start(data, settings(port, cfg.Disposable), cfg.Log)
		if err != nil {
			return nil, fmt.Errorf("start PostgreSQL: %w", err)
		}
		s := &Server{proc: proc, url: address(port, password, database)}
		err = s.ready(ctx, address(port, password, "postgres"))
		if err == nil {
			return s, nil
		}
		proc.stop()
		if attempt == 3 || !proc.said("could not bind") {
			return nil, err
		}
	}
}

// settings are the server's configuration, all of it on the command line: the files in the data directory are initdb's.
func settings(port int, disposable bool) []string {
	list := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(port), "unix_socket_directories=",
		"timezone=UTC", "log_timezone=UTC", "log_line_prefix=", "logging_collector=off", "shared_buffers=128MB",
	}
	if disposable {
		list = append(list, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=400",
			"wal_level=minimal", "max_wal_senders=0")
	}
	var args []string
	for _, s := range list {
		args = append(args, "-c", s)
	}
	return args
}

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port for PostgreSQL: %w", err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

func address(port int, password []byte, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(user, string(password)),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Path: database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// ready waits until the server answers, which after a crash takes as long as its recovery, and makes the database.
func (s *Server) ready(ctx context.Context, admin string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, admin)
		if err == nil {
			defer func() { _ = conn.Close(ctx) }()
			return makeDatabase(ctx, conn)
		}
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code != "57P03" { // it is not just starting up
			return fmt.Errorf("start PostgreSQL: %s", pgErr.Message)
		}
		select {
		case <-tick.C:
		case <-s.proc.done:
			return s.proc.failure()
		case <-ctx.Done():
			return fmt.Errorf("wait for PostgreSQL to start: %w", ctx.Err())
		}
	}
}

func makeDatabase(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize())
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == "42P04" { // it is there
		return nil
	}
	if err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return nil
}

// URL is where the server's database is, with user and password.
func (s *Server) URL() string { return s.url }

// Wait returns nil when ctx ends, and an error as soon as the server dies by itself. It is meant for app.Run.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.proc.done:
		return s.proc.failure()
	}
}

// Close stops the server, gently for two seconds and then hard, which the next start recovers from. It may be called more
// than once.
func (s *Server) Close() error {
	s.proc.stop()
	s.lock.Unlock()
	return nil
}
