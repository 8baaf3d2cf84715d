// Package poller reads Proxmox VE clusters of one site, with GETs alone, and publishes what it read.
package poller

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/httpd"
	"github.com/proxops/proxops/libs/obs"
	"github.com/proxops/proxops/libs/seal"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/poller/internal/poll"
	"github.com/proxops/proxops/services/poller/internal/probe"
	"github.com/proxops/proxops/services/poller/internal/pve"
)

// Config says where NATS is, for which site to read, and how much at once.
type Config struct {
	NATSURL       string        `name:"nats-url" help:"NATS to take tasks from: nats://user:password@host:4222, several separated by commas." required:"" env:"NATS_URL"`
	NATSCreds     string        `name:"nats-creds" help:"File with the credentials of the NATS user." env:"NATS_CREDS"`
	Site          string        `help:"Site whose clusters to read: lower-case letters, digits and hyphens." default:"default" env:"SITE"`
	KeyFile       string        `help:"File with the private key of the site, to which credentials are sealed; made when there is none." required:"" env:"KEY_FILE"`
	Workers       int           `help:"Scheduled runs at once." default:"16" env:"WORKERS"`
	ManualWorkers int           `help:"Runs at once that people asked for; they never wait behind scheduled ones." default:"8" env:"MANUAL_WORKERS"`
	AdminListen   string        `help:"Address of /healthz, /readyz and /metrics; none when empty." env:"ADMIN_LISTEN"`
	Timeout       time.Duration `name:"request-timeout" help:"Time for one call to a cluster." default:"15s" env:"REQUEST_TIMEOUT"`

	MaxConfirmations int           `help:"How many vanished jobs of a kind are asked for singly; more need a second reading." default:"20" env:"MAX_CONFIRMATIONS"`
	ConfirmPause     time.Duration `help:"Pause before a second reading." default:"2s" env:"CONFIRM_PAUSE"`

	AllowLocalTargets bool `help:"Allow clusters at loopback, link-local and metadata addresses. For tests and demonstrations." env:"ALLOW_LOCAL_TARGETS"`
}

// Deps are what a poller is given by its process. Nothing is required.
type Deps struct {
	Log *slog.Logger
	// Metrics is where metrics are registered and what AdminListen shows.
	Metrics *prometheus.Registry
}

// Run polls until ctx ends, and returns nil then; runs that are under way get two and a half seconds to end, and what they leave unread is
// reported as abandoned. Its errors are one line: a configuration that cannot be used, a key file that cannot be read, NATS that cannot be
// reached at the start.
func Run(ctx context.Context, cfg Config, deps Deps) error {
	// Who is told to stop while it starts has nothing to complain about either.
	return app.Run(ctx, func(ctx context.Context) error { return run(ctx, cfg.withDefaults(), deps) })
}

func run(ctx context.Context, cfg Config, deps Deps) error {
	if !subjects.ValidSite(cfg.Site) {
		return fault.New(fault.Invalid, "site %q is no name of a site: use lower-case letters, digits and hyphens", cfg.Site)
	}
	log := cmp.Or(deps.Log, obs.Discard())
	registry := cmp.Or(deps.Metrics, prometheus.NewRegistry())
	opener, err := seal.LoadOrCreate(cfg.KeyFile)
	if err != nil {
		return err
	}
	b, err := bus.Connect(ctx, bus.Config{URL: cfg.NATSURL, CredsFile: cfg.NATSCreds, Name: "poller", Log: log})
	if err != nil {
		return err
	}
	defer b.Close()

	link := poll.Link{Bus: b, Site: cfg.Site}
	metrics := poll.NewMetrics(registry)
	runner := &poll.Runner{
		Projector: link, Publisher: link, Opener: opener, Name: name(), Log: log, Metrics: metrics,
		Limits: poll.Limits{
			MaxConfirmations: cfg.MaxConfirmations, ConfirmPause: cfg.ConfirmPause,
			RequestTimeout: cfg.Timeout, AllowLocal: cfg.AllowLocalTargets,
		},
	}
	prober := probe.New(opener, name(), pve.Options{
		AllowLocal: cfg.AllowLocalTargets, RequestTimeout: cfg.Timeout, Observe: metrics.Called,
	}, log, registry)
	parts := []func(context.Context) error{
		consume(b, runner, proxopsv1.Trigger_TRIGGER_SCHEDULED, cfg.Site, cfg.Workers),
		consume(b, runner, proxopsv1.Trigger_TRIGGER_MANUAL, cfg.Site, cfg.ManualWorkers),
		func(ctx context.Context) error { return runner.HearCancels(ctx, b.Conn(), cfg.Site) },
		func(ctx context.Context) error {
			return b.Respond(ctx, subjects.Probe(cfg.Site), subjects.QueuePollers(cfg.Site), prober.Handle)
		},
	}
	if cfg.AdminListen != "" {
		ln, err := httpd.Listen(ctx, cfg.AdminListen)
		if err != nil {
			return err
		}
		parts = append(parts, func(ctx context.Context) error { return httpd.Serve(ctx, ln, httpd.Admin(registry, b.Ready)) })
	}
	log.InfoContext(ctx, "poller started", "site", cfg.Site, "site_key", opener.PublicKey(), "allow_local_targets", cfg.AllowLocalTargets)
	return app.Run(ctx, parts...)
}

// withDefaults fills in what kong would, for those who make a Config by hand.
func (c Config) withDefaults() Config {
	c.Site = cmp.Or(c.Site, subjects.DefaultSite)
	c.Workers, c.ManualWorkers = cmp.Or(c.Workers, 16), cmp.Or(c.ManualWorkers, 8)
	c.Timeout, c.ConfirmPause = cmp.Or(c.Timeout, 15*time.Second), cmp.Or(c.ConfirmPause, 2*time.Second)
	c.MaxConfirmations = cmp.Or(c.MaxConfirmations, 20)
	return c
}

func consume(b *bus.Bus, r *poll.Runner, trigger proxopsv1.Trigger, site string, workers int) func(context.Context) error {
	return func(ctx context.Context) error {
		return b.Consume(ctx, bus.ConsumerConfig{
			Stream: subjects.StreamTasks, Name: subjects.ConsumerTasks(trigger, site),
			Filters: []string{subjects.SiteTasks(trigger, site)}, Workers: workers,
		}, r.Handle)
	}
}

// name tells people which poller holds a claim.
func name() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
