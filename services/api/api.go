// Package api serves what Proxops knows: the REST API over the database that projectors fill.
package api

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/httpd"
	"github.com/proxops/proxops/libs/obs"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/api/admin"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/live"
	"github.com/proxops/proxops/services/api/internal/probe"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/rest"
	"github.com/proxops/proxops/services/api/internal/store"
	"github.com/proxops/proxops/services/api/internal/web"
)

// Config says where Postgres and NATS are, and how the API is served.
type Config struct {
	Listen      string `help:"Address to serve on." default:":8080" env:"LISTEN"`
	DatabaseURL string `name:"database-url" help:"Postgres to read from: postgres://user:password@host:5432/database." required:"" env:"DATABASE_URL"`
	NATSURL     string `name:"nats-url" help:"NATS to tell of changed endpoints and to hear of events: nats://user:password@host:4222, several separated by commas." required:"" env:"NATS_URL"`
	NATSCreds   string `name:"nats-creds" help:"File with the credentials of the NATS user." env:"NATS_CREDS"`
	NoMigrate   bool   `help:"Only check the schema of the database; without this it is brought up to date at the start." env:"NO_MIGRATE"`
	AdminListen string `help:"Address of /healthz, /readyz and /metrics; none when empty." env:"ADMIN_LISTEN"`

	SiteKeys       map[string]string `help:"Public key of each site, to which credentials of its endpoints are sealed: default=X...;berlin=X.... Pollers log theirs at the start." required:"" env:"SITE_KEYS"`
	Peppers        admin.Peppers     `help:"Keys of at least 32 characters with which API tokens are hashed, by id: 1=secret,2=secret. The highest id is for new tokens; keep old ones as long as their tokens." required:"" env:"PEPPERS"`
	TrustedProxies []netip.Prefix    `help:"Networks of proxies whose X-Real-IP, X-Forwarded-For, -Host and -Proto are believed. They must overwrite or remove what clients send in all four." env:"TRUSTED_PROXIES"`
	PageSize       int               `help:"Rows of a page when the client gives no limit." default:"50" env:"PAGE_SIZE"`
	MaxPageSize    int               `help:"Rows of any page." default:"1000" env:"MAX_PAGE_SIZE"`

	StatementTimeout time.Duration `help:"Longest time of one statement in the database. What takes longer, such as a regular expression on everything, is stopped and answered with 503. -1s: no bound." default:"15s" env:"STATEMENT_TIMEOUT"`

	LoginRequired         *bool         `help:"Demand a user of every request; only the API's schema and the provisioning of tokens stay open." default:"true" negatable:"" env:"LOGIN_REQUIRED"`
	ExemptViewPermissions []string      `help:"Object types that may be viewed without permission, by anybody if no login is required: extras.tag, netbox_proxbox.backuproutine …; * for all but users, groups, tokens, permissions and the change log." env:"EXEMPT_VIEW_PERMISSIONS"`
	AuthFailureBurst      int           `help:"Wrong tokens and passwords of one address or for one token before more are answered with 429; a fifth of it for one user. -1: no limit." default:"100" env:"AUTH_FAILURE_BURST"`
	SecureCookies         bool          `help:"Mark session cookies for https alone. For servers that browsers reach by no other way." env:"SECURE_COOKIES"`
	AuthFailureInterval   time.Duration `help:"Time after which one more may be wrong; ten times that for one user." default:"1s" env:"AUTH_FAILURE_INTERVAL"`
}

// Deps are what an api is given by its process. Nothing is required.
type Deps struct {
	Log *slog.Logger
	// Metrics is where metrics are registered and what AdminListen shows.
	Metrics *prometheus.Registry
	// Listener is served instead of Config.Listen.
	Listener net.Listener
}

// Run serves until ctx ends, and returns nil then. Any number of apis may run at once. Its errors are one line: a configuration that cannot be
// used, a port that is taken, Postgres or NATS that cannot be reached at the start, a database that is newer than this binary.
func Run(ctx context.Context, cfg Config, deps Deps) error {
	// Who is told to stop while it starts has nothing to complain about either.
	return app.Run(ctx, func(ctx context.Context) error { return run(ctx, cfg.withDefaults(), deps) })
}

func run(ctx context.Context, cfg Config, deps Deps) error {
	log := cmp.Or(deps.Log, obs.Discard())
	registry := cmp.Or(deps.Metrics, prometheus.NewRegistry())
	ln := deps.Listener
	if ln == nil {
		var err error
		if ln, err = httpd.Listen(ctx, cfg.Listen); err != nil {
			return err
		}
	}
	defer func() { _ = ln.Close() }() // when it was not served
	if err := cfg.check(); err != nil {
		return err
	}
	pool, err := postgres.Prepare(ctx, cfg.DatabaseURL, cfg.NoMigrate, postgres.Options{Name: "api", Settings: cfg.sessions()})
	if err != nil {
		return err
	}
	defer pool.Close()
	b, err := bus.Connect(ctx, bus.Config{URL: cfg.NATSURL, CredsFile: cfg.NATSCreds, Name: "api", Log: log})
	if err != nil {
		return err
	}
	defer b.Close()
	hub := live.New(live.Options{Bus: b, Pool: pool, Log: log, Metrics: registry})
	server, err := cfg.server(pool, b, hub, log)
	if err != nil {
		return err
	}
	routes := server.handler()
	if err := server.api.Prepare(); err != nil {
		return err
	}
	parts := []func(context.Context) error{
		func(ctx context.Context) error { return httpd.Serve(ctx, ln, routes) },
		hub.Run,
		func(ctx context.Context) error { return web.ForgetSessions(ctx, store.New(pool), log) },
	}
	if cfg.AdminListen != "" {
		adminLn, err := httpd.Listen(ctx, cfg.AdminListen)
		if err != nil {
			return err
		}
		// NATS has to be there at the start. When it goes away later, only hints are lost and streams of events stand still: the API still answers, and
		// is ready.
		ready := func(ctx context.Context) error { return postgres.Ready(ctx, pool) }
		parts = append(parts, func(ctx context.Context) error { return httpd.Serve(ctx, adminLn, httpd.Admin(registry, ready)) })
	}
	log.InfoContext(ctx, "api started", "address", ln.Addr().String(), "sites", len(cfg.SiteKeys))
	return app.Run(ctx, parts...)
}

// check refuses a configuration that would fail only when somebody uses it.
func (c Config) check() error {
	if _, ok := c.Peppers.Current(); !ok {
		return fault.New(fault.Invalid, "no pepper for API tokens is configured")
	}
	for site, key := range c.SiteKeys {
		if !subjects.ValidSite(site) {
			return fault.New(fault.Invalid, "site %q is no name of a site: use lower-case letters, digits and hyphens", site)
		}
		if _, err := seal.Seal(key, seal.Target{}, seal.Credentials{}); err != nil {
			return fmt.Errorf("key of site %s: %w", site, err)
		}
	}
	return auth.Exempt(c.ExemptViewPermissions).Check()
}

// server is the API, and the pages that go through it.
type server struct {
	api *rest.API
	ui  *web.Web
}

func (c Config) server(pool *pgxpool.Pool, b *bus.Bus, hub *live.Hub, log *slog.Logger) (s server, err error) {
	hints := hints{bus: b, log: log}
	set, err := catalog.New(catalog.Options{SiteKeys: c.SiteKeys, Peppers: c.Peppers, EndpointsChanged: hints.endpointsChanged, JobsChanged: hints.jobsChanged})
	if err != nil {
		return s, err
	}
	queries, sessions := store.New(pool), web.NewSessions(pool, c.SecureCookies)
	tokens := &auth.Tokens{Queries: queries, Peppers: c.Peppers, Exempt: c.ExemptViewPermissions, Guard: c.guard(log), Log: log}
	s.api = &rest.API{
		Store:  &resource.Store{Set: set, Pool: pool, Limits: resource.Limits{Default: c.PageSize, Max: c.MaxPageSize}},
		Live:   hub,
		Prober: &probe.Prober{Queries: queries, Bus: b, Log: log, Timeout: probeTimeout},
		Log:    log, Proxies: c.TrustedProxies, Version: app.Version(), Open: !*c.LoginRequired,
		JobsChanged: hints.jobsChanged, JobCancelled: hints.jobCancelled, RunsStopped: hints.runsStopped,
	}
	s.api.Auth = &web.Authenticator{Tokens: tokens, Sessions: sessions, Origin: s.api.Origin}
	s.ui = &web.Web{
		Store: s.api.Store, Queries: queries, Accounts: tokens, Sessions: sessions, Log: log, Version: app.Version(), Client: s.api.Client, Origin: s.api.Origin,
		Prober: s.api.Prober, Syncs: s.api.Syncs(), Identities: s.api.Identities(),
	}
	return s, nil
}

// handler serves the API, and pages to people everywhere else.
func (s server) handler() http.Handler {
	api, pages := s.api.Handler(), s.ui.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/") {
			api.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// probeTimeout is how long a poller may take to try a connection.
const probeTimeout = 30 * time.Second

// withDefaults fills in what kong would, for those who make a Config by hand.
func (c Config) withDefaults() Config {
	c.PageSize, c.MaxPageSize = cmp.Or(c.PageSize, 50), cmp.Or(c.MaxPageSize, 1000)
	c.StatementTimeout = cmp.Or(c.StatementTimeout, 15*time.Second)
	c.LoginRequired = cmp.Or(c.LoginRequired, new(true))
	c.AuthFailureBurst, c.AuthFailureInterval = cmp.Or(c.AuthFailureBurst, 100), cmp.Or(c.AuthFailureInterval, time.Second)
	return c
}

// idleTimeout is how long a transaction may wait for its client, such as one that stops reading an export. Others need the connection.
const idleTimeout = time.Minute

// sessions returns the settings of the API's sessions in Postgres. Its statements are short ones, which compiling would only delay; sorts that no
// index serves are of the ids of one list, and better done in memory.
func (c Config) sessions() map[string]string {
	milliseconds := func(d time.Duration) string { return strconv.FormatInt(max(0, d.Milliseconds()), 10) }
	return map[string]string{
		"statement_timeout": milliseconds(c.StatementTimeout), "idle_in_transaction_session_timeout": milliseconds(idleTimeout), "jit": "off", "work_mem": "16MB",
		// Pages are put together of ordered parts, one after the other: workers would mix them.
		"max_parallel_workers_per_gather": "0",
	}
}

// guard returns what slows down guessing, nil if nothing does.
func (c Config) guard(log *slog.Logger) *auth.Guard {
	if c.AuthFailureBurst < 0 {
		return nil
	}
	return auth.NewGuard(c.AuthFailureBurst, c.AuthFailureInterval, log)
}
