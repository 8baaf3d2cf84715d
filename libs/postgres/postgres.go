// Package postgres connects services to their database, runs their transactions and brings its schema up to date.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/fault"
)

// Options are what one user of the database may choose. The zero value is fine.
type Options struct {
	// Name is the application_name, by which a session is known in pg_stat_activity. Default "proxops".
	Name string
	// MaxConns bounds the pool. Default: four per CPU, at least 8.
	MaxConns int
	// ConnectTimeout bounds one attempt to connect. Default 5 s.
	ConnectTimeout time.Duration
	// Settings are parameters of Postgres for the sessions of the pool, such as statement_timeout.
	Settings map[string]string
}

// Open connects to the database at url and returns a pool that has answered a ping. Sessions of the pool speak UTC.
// Its error is one line that names host, port, user and database, never the password; it is fault.Invalid for a url that
// cannot be parsed, fault.Unavailable for a server that does not answer, fault.Denied for a user it does not let in and
// fault.NotFound for a database it does not have. The caller closes the pool.
func Open(ctx context.Context, url string, o Options) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, invalidURL(err)
	}
	cfg.MaxConns = int32(min(cmp.Or(o.MaxConns, max(8, 4*runtime.NumCPU())), 1000))
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.MaxConnLifetimeJitter = 5 * time.Minute
	cfg.ConnConfig.ConnectTimeout = cmp.Or(o.ConnectTimeout, 5*time.Second)
	params := cfg.ConnConfig.RuntimeParams
	maps.Copy(params, o.Settings)
	params["application_name"] = cmp.Or(o.Name, params["application_name"], "proxops")
	params["timezone"] = "UTC"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database pool: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, unreachable(&cfg.ConnConfig.Config, err)
	}
	return pool, nil
}

// invalidURL reports that a database url cannot be parsed. pgconn's own text quotes the url, and masks a password only
// where it can find it: so it is not shown.
func invalidURL(err error) error {
	return fault.Wrap(fault.Invalid, quiet{"expected postgres://user:password@host:port/database", err}, "parse the database url")
}

// unreachable reports in one line that nobody answered, or answered with a refusal.
func unreachable(cfg *pgconn.Config, err error) error {
	kind, reason := fault.Unavailable, strings.Join(strings.Fields(err.Error()), " ")
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		reason = pgErr.Message
		switch {
		case strings.HasPrefix(pgErr.Code, "28"):
			kind = fault.Denied
		case pgErr.Code == "3D000":
			kind = fault.NotFound
		}
	} else if dns, ok := errors.AsType[*net.DNSError](err); ok {
		reason = dns.Err
	} else if op, ok := errors.AsType[*net.OpError](err); ok {
		reason = op.Err.Error()
	} else if errors.Is(err, context.DeadlineExceeded) {
		reason = "no answer in time"
	}
	where := net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))
	return fault.Wrap(kind, quiet{reason, err}, "connect to database %q at %s as user %q", cfg.Database, where, cfg.User)
}

// quiet is an error with a short text of its own that still unwraps to its cause.
type quiet struct {
	text string
	err  error
}

func (q quiet) Error() string { return q.text }
func (q quiet) Unwrap() error { return q.err }
