// Package projector writes into Postgres what follows from polls: it grants claims, applies snapshots and publishes the changes.
package projector

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/httpd"
	"github.com/proxops/proxops/libs/obs"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/services/projector/internal/claim"
	"github.com/proxops/proxops/services/projector/internal/dead"
	"github.com/proxops/proxops/services/projector/internal/project"
	"github.com/proxops/proxops/services/projector/internal/relay"
	"github.com/proxops/proxops/services/projector/internal/schedule"
	"github.com/proxops/proxops/services/projector/internal/syncs"
	"github.com/proxops/proxops/services/projector/internal/timer"
	"github.com/proxops/proxops/services/projector/internal/watch"
)

// Config says where Postgres and NATS are, and how runs are paced.
type Config struct {
	DatabaseURL string `name:"database-url" help:"Postgres to write to: postgres://user:password@host:5432/database." required:"" env:"DATABASE_URL"`
	NATSURL     string `name:"nats-url" help:"NATS to take snapshots from: nats://user:password@host:4222, several separated by commas." required:"" env:"NATS_URL"`
	NATSCreds   string `name:"nats-creds" help:"File with the credentials of the NATS user." env:"NATS_CREDS"`
	Replicas    int    `help:"Replicas of the streams in a cluster of NATS servers." default:"1" env:"REPLICAS"`
	NoMigrate   bool   `help:"Only check the schema of the database; without this it is brought up to date at the start." env:"NO_MIGRATE"`
	Workers     int    `help:"Snapshots applied at once." default:"4" env:"WORKERS"`
	AdminListen string `help:"Address of /healthz, /readyz and /metrics; none when empty." env:"ADMIN_LISTEN"`

	ClaimTimeout      time.Duration `help:"How long a claim of an endpoint holds when its poller says nothing more." default:"2m" env:"CLAIM_TIMEOUT"`
	InventoryInterval time.Duration `help:"How often nodes, storages and guests are read." default:"5m" env:"INVENTORY_INTERVAL"`
	JobPatience       time.Duration `help:"How long a sync job waits for a site of which no poller begins any run." default:"10m" env:"JOB_PATIENCE"`
	JobRetention      time.Duration `help:"How long sync jobs are kept after their end. -1s: for ever." default:"2160h" env:"JOB_RETENTION"`
}

// Deps are what a projector is given by its process. Nothing is required.
type Deps struct {
	Log *slog.Logger
	// Metrics is where metrics are registered and what AdminListen shows.
	Metrics *prometheus.Registry
}

// Run works until ctx ends, and returns nil then. Any number of projectors may run at once. Its errors are one line: a configuration that
// cannot be used, Postgres or NATS that cannot be reached at the start, a database that is newer than this binary.
func Run(ctx context.Context, cfg Config, deps Deps) error {
	// Who is told to stop while it starts has nothing to complain about either.
	return app.Run(ctx, func(ctx context.Context) error { return run(ctx, cfg.withDefaults(), deps) })
}

func run(ctx context.Context, cfg Config, deps Deps) error {
	log := cmp.Or(deps.Log, obs.Discard())
	registry := cmp.Or(deps.Metrics, prometheus.NewRegistry())
	pool, err := postgres.Prepare(ctx, cfg.DatabaseURL, cfg.NoMigrate, postgres.Options{Name: "projector"})
	if err != nil {
		return err
	}
	defer pool.Close()
	b, err := bus.Connect(ctx, bus.Config{URL: cfg.NATSURL, CredsFile: cfg.NATSCreds, Name: "projector", Replicas: cfg.Replicas, Log: log})
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.EnsureStreams(ctx); err != nil {
		return err
	}

	keeper := &syncs.Keeper{Pool: pool, Bus: b, Log: log, Metrics: registry, Patience: cfg.JobPatience, Retention: cfg.JobRetention}
	keeper.Prepare()
	desk := &claim.Desk{Pool: pool, Log: log, ClaimTimeout: cfg.ClaimTimeout, InventoryInterval: cfg.InventoryInterval, Moved: keeper.Tell}
	consumer := &project.Consumer{Pool: pool, Log: log, Metrics: project.NewMetrics(registry), Workers: cfg.Workers, Moved: keeper.Tell}
	events := &relay.Relay{Pool: pool, Bus: b, Log: log, Metrics: registry}
	scheduler := &schedule.Scheduler{Pool: pool, Bus: b, Log: log, Metrics: registry}
	watcher := &watch.Watcher{Pool: pool, Bus: b, Log: log, Metrics: registry, Moved: keeper.Tell}
	timers := &timer.Timer{Pool: pool, Bus: b, Log: log, Metrics: registry, Moved: keeper.Tell}
	registrar := &dead.Registrar{Pool: pool, Bus: b, Log: log, Metrics: registry, Snapshot: consumer.GiveUp, Moved: keeper.Tell}
	parts := []func(context.Context) error{
		func(ctx context.Context) error { return desk.Serve(ctx, b) },
		func(ctx context.Context) error { return consumer.Run(ctx, b) },
		events.Run, scheduler.Run, watcher.Run, registrar.Run, timers.Run, keeper.Run,
	}
	if cfg.AdminListen != "" {
		ln, err := httpd.Listen(ctx, cfg.AdminListen)
		if err != nil {
			return err
		}
		ready := func(ctx context.Context) error {
			if err := postgres.Ready(ctx, pool); err != nil {
				return err
			}
			return b.Ready(ctx)
		}
		parts = append(parts, func(ctx context.Context) error { return httpd.Serve(ctx, ln, httpd.Admin(registry, ready)) })
	}
	log.InfoContext(ctx, "projector started", "claim_timeout", cfg.ClaimTimeout, "inventory_interval", cfg.InventoryInterval)
	return app.Run(ctx, parts...)
}

// withDefaults fills in what kong would, for those who make a Config by hand.
func (c Config) withDefaults() Config {
	c.Replicas, c.Workers = cmp.Or(c.Replicas, 1), cmp.Or(c.Workers, 4)
	c.ClaimTimeout = cmp.Or(c.ClaimTimeout, 2*time.Minute)
	c.InventoryInterval = cmp.Or(c.InventoryInterval, 5*time.Minute)
	c.JobPatience, c.JobRetention = cmp.Or(c.JobPatience, 10*time.Minute), cmp.Or(c.JobRetention, 90*24*time.Hour)
	return c
}
