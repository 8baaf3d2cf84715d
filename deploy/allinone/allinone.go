// Package allinone runs the product in one process: the three services with a private Postgres and an embedded NATS, or with given ones.
//
// It differs from production in configuration alone: no service knows that it runs here.
package allinone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/dirlock"
	"github.com/proxops/proxops/libs/httpd"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/localpg"
	"github.com/proxops/proxops/libs/obs"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/services/api"
	"github.com/proxops/proxops/services/poller"
	"github.com/proxops/proxops/services/projector"
)

// Config says where everything lives. DataDir and Listen are required.
type Config struct {
	// DataDir is the folder of this process alone: keys, and the data of the private servers. It is made if need be.
	DataDir string
	// Listen is the address of REST.
	Listen string
	// DatabaseURL and NATSURL name given servers; a private one is started where one is empty.
	DatabaseURL, NATSURL string
	// AllowLocalTargets lets endpoints be at loopback addresses, as simulated clusters are.
	AllowLocalTargets bool
	// Disposable trades the durability of the private servers for speed. For tests and demonstrations.
	Disposable bool
	// Log gets what all services log. Default: discarded.
	Log *slog.Logger
}

// Stack is a process whose servers run; Run runs its services.
type Stack struct {
	// URL of REST, without a slash at the end; of Postgres and of NATS (as the user who may do everything), with credentials.
	URL, DatabaseURL, NATSURL string

	cfg     Config
	lock    *dirlock.Lock
	secrets Secrets
	ln      net.Listener
	pg      *localpg.Server
	nats    *localnats.Server
}

// Start opens the address, starts what private servers are needed and brings the schema up to date. Its errors are one line; what was
// started by then is stopped.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	cfg.Log = cmp.Or(cfg.Log, obs.Discard())
	s := &Stack{cfg: cfg, DatabaseURL: cfg.DatabaseURL, NATSURL: cfg.NATSURL}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if s.lock, err = dirlock.Acquire(s.cfg.DataDir); err != nil {
		return err
	}
	if s.ln, err = httpd.Listen(ctx, s.cfg.Listen); err != nil {
		return err
	}
	s.URL = "http://" + s.ln.Addr().String()
	if s.secrets, err = LoadSecrets(s.cfg.DataDir); err != nil {
		return err
	}
	if s.NATSURL == "" {
		s.nats, err = localnats.Start(ctx, localnats.Config{StoreDir: filepath.Join(s.cfg.DataDir, "nats"), Unsynced: s.cfg.Disposable, Log: s.cfg.Log})
		if err != nil {
			return err
		}
		s.NATSURL = s.nats.URL(localnats.Admin)
	}
	if s.DatabaseURL == "" {
		s.pg, err = localpg.Start(ctx, localpg.Config{DataDir: filepath.Join(s.cfg.DataDir, "postgres"), Disposable: s.cfg.Disposable, Log: s.cfg.Log})
		if err != nil {
			return err
		}
		s.DatabaseURL = s.pg.URL()
	}
	return postgres.Migrate(ctx, s.DatabaseURL)
}

// SiteKeys are the public keys to which credentials of endpoints are sealed.
func (s *Stack) SiteKeys() map[string]string { return s.secrets.SiteKeys }

// Run runs the three services until ctx ends, or one of them or the private Postgres fails.
func (s *Stack) Run(ctx context.Context) error {
	if err := s.writeRunning(); err != nil {
		return err
	}
	defer func() { _ = os.Remove(runningFile(s.cfg.DataDir)) }()
	parts := []func(context.Context) error{s.projector, s.poller, s.api}
	if s.pg != nil {
		parts = append(parts, s.pg.Wait)
	}
	return app.Run(ctx, parts...)
}

func (s *Stack) projector(ctx context.Context) error {
	cfg := projector.Config{NATSURL: s.natsURL(localnats.Projector), DatabaseURL: s.DatabaseURL}
	return projector.Run(ctx, cfg, projector.Deps{Log: s.cfg.Log.With("service", "projector"), Metrics: obs.NewRegistry("projector")})
}

func (s *Stack) poller(ctx context.Context) error {
	cfg := poller.Config{NATSURL: s.natsURL(localnats.Poller), KeyFile: keyFile(s.cfg.DataDir), AllowLocalTargets: s.cfg.AllowLocalTargets}
	return poller.Run(ctx, cfg, poller.Deps{Log: s.cfg.Log.With("service", "poller"), Metrics: obs.NewRegistry("poller")})
}

func (s *Stack) api(ctx context.Context) error {
	cfg := api.Config{NATSURL: s.natsURL(localnats.API), DatabaseURL: s.DatabaseURL, SiteKeys: s.secrets.SiteKeys, Peppers: s.secrets.Peppers}
	return api.Run(ctx, cfg, api.Deps{Log: s.cfg.Log.With("service", "api"), Metrics: obs.NewRegistry("api"), Listener: s.ln})
}

// natsURL is how a service reaches NATS: as its own user of the embedded server, as given otherwise.
func (s *Stack) natsURL(user string) string {
	if s.nats == nil {
		return s.NATSURL
	}
	return s.nats.URL(user)
}

// Close stops the private servers. It may be called more than once, after Run has returned.
func (s *Stack) Close() error {
	var errs []error
	if s.ln != nil {
		if err := s.ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if s.nats != nil {
		errs = append(errs, s.nats.Close())
	}
	if s.pg != nil {
		errs = append(errs, s.pg.Close())
	}
	if s.lock != nil {
		s.lock.Unlock()
	}
	return errors.Join(errs...)
}
