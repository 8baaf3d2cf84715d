// Package localnats runs a private nats-server with JetStream inside this process, on loopback, with users of its own.
package localnats

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
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/dirlock"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/secretfile"
)

// Config says where a server lives. Only StoreDir is required.
type Config struct {
	// StoreDir is the folder of this server alone; it is made if need be. It holds the streams, the passwords and a lock.
	StoreDir string
	// Port on 127.0.0.1. Default: one that is free.
	Port int
	// Unsynced leaves it to the operating system when data reaches the disk: faster, and what was acknowledged is lost in a
	// power cut. For tests only.
	Unsynced bool
	// Log gets the server's own log: its warnings and errors as such, the rest at level debug. Default: discarded.
	Log *slog.Logger
}

// Server is a running nats-server.
type Server struct {
	ns        *server.Server
	lock      *dirlock.Lock
	passwords map[string]string
}

// Start starts the server and returns when it answers. Its error is one line: a fault.Conflict if another process uses the
// store directory, which two servers would corrupt without a word. Cancelling ctx afterwards does not end the server.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.StoreDir == "" {
		return nil, fault.New(fault.Invalid, "start NATS: no store directory is given")
	}
	if server.JSApiLevel < bus.MinAPILevel {
		return nil, fault.New(fault.Internal, "start NATS: the embedded server has JetStream API level %d, %d is needed", server.JSApiLevel, bus.MinAPILevel)
	}
	if err := os.MkdirAll(cfg.StoreDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the store directory of NATS: %w", err)
	}
	lock, err := dirlock.Acquire(cfg.StoreDir)
	if err != nil {
		return nil, err
	}
	s := &Server{lock: lock, passwords: map[string]string{}}
	if err := s.start(ctx, cfg); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, cfg Config) error {
	users, err := s.users(cfg.StoreDir)
	if err != nil {
		return err
	}
	opts := &server.Options{
		ServerName: "proxops",
		Host:       "127.0.0.1",
		Port:       cmp.Or(cfg.Port, server.RANDOM_PORT),
		JetStream:  true,
		StoreDir:   cfg.StoreDir,
		// With the default, two minutes, an acknowledged message does not survive a power cut.
		SyncAlways:             !cfg.Unsynced,
		Users:                  users,
		NoSigs:                 true,
		DisableJetStreamBanner: true,
	}
	s.ns, err = server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("start NATS: %w", err)
	}
	log := &logger{to: cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)), fatal: make(chan error, 1)}
	s.ns.SetLoggerV2(log, true, false, false)
	s.ns.Start()
	return s.ready(ctx, log)
}

// ready waits until the server accepts connections and its JetStream is up.
func (s *Server) ready(ctx context.Context, log *logger) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-log.fatal:
			return err
		default:
		}
		if s.ns.JetStreamEnabled() && s.ns.ReadyForConnections(time.Millisecond) {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-log.fatal:
			return err
		case <-ctx.Done():
			return fmt.Errorf("wait for NATS to start: %w", ctx.Err())
		}
	}
}

// users returns the users of this store directory. Each has a password that was made for it once.
func (s *Server) users(dir string) ([]*server.User, error) {
	var users []*server.User
	for name, allowed := range permissions {
		password, err := secretfile.LoadOrCreate(filepath.Join(dir, name+".password"), secretfile.Random)
		if err != nil {
			return nil, err
		}
		s.passwords[name] = string(password)
		users = append(users, &server.User{Username: name, Password: string(password), Permissions: allowed})
	}
	return users, nil
}

// URL is where a user (poller, projector, api, admin) connects, with name and password. It panics for another name.
func (s *Server) URL(user string) string {
	password, ok := s.passwords[user]
	if !ok {
		panic("localnats: there is no user " + strconv.Quote(user))
	}
	u := url.URL{Scheme: "nats", User: url.UserPassword(user, password), Host: s.ns.Addr().String()}
	return u.String()
}

// Port is the port of 127.0.0.1 that the server listens on.
func (s *Server) Port() int { return s.ns.Addr().(*net.TCPAddr).Port }

// Close stops the server, writes what is open and lets others use the store directory. It may be called more than once.
func (s *Server) Close() error {
	if s.ns != nil {
		s.ns.Shutdown()
		s.ns.WaitForShutdown()
	}
	s.lock.Unlock()
	return nil
}

// logger passes the server's log on. The server reports through it, and only there, that it could not start.
type logger struct {
	to    *slog.Logger
	fatal chan error
}

func (l *logger) Noticef(format string, v ...any) {
	l.to.Debug("nats", "line", fmt.Sprintf(format, v...))
}

func (l *logger) Debugf(format string, v ...any) {
	l.to.Debug("nats", "line", fmt.Sprintf(format, v...))
}

func (l *logger) Tracef(format string, v ...any) {
	l.to.Debug("nats", "line", fmt.Sprintf(format, v...))
}

func (l *logger) Warnf(format string, v ...any) {
	line, level := fmt.Sprintf(format, v...), slog.LevelWarn
	if strings.HasPrefix(line, "Plaintext passwords detected") { // they are, in memory alone; no user can act on it
		level = slog.LevelDebug
	}
	l.to.Log(context.Background(), level, "nats", "line", line)
}

func (l *logger) Errorf(format string, v ...any) {
	l.to.Error("nats", "line", fmt.Sprintf(format, v...))
}

func (l *logger) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- errors.New("start NATS: " + fmt.Sprintf(format, v...)):
	default: // the first says why
	}
}
