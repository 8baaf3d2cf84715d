package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres/migrations"
)

// Migrate brings the schema of the database at url to the version of this binary, and does nothing if it is there already.
// Any number of processes may call it at once: one works, the others wait. A database that is newer than this binary is
// refused with fault.Conflict and left as it is.
func Migrate(ctx context.Context, url string) error {
	return migrate(ctx, url, migrations.FS)
}

// CheckVersion returns nil if the schema of the database at url is the one this binary was made for, and else
// fault.Conflict with a text that says which of the two is older. It changes nothing but goose's own table.
func CheckVersion(ctx context.Context, url string) error {
	return withProvider(ctx, url, migrations.FS, func(p *goose.Provider) error {
		has, want, err := versions(ctx, p)
		if err != nil {
			return err
		}
		switch {
		case has < want:
			return fault.New(fault.Conflict, "the database schema is at version %d but this binary needs %d: migrate it first", has, want)
		case has > want:
			return newer(has, want)
		}
		return nil
	})
}

func migrate(ctx context.Context, url string, files fs.FS) error {
	return withProvider(ctx, url, files, func(p *goose.Provider) error {
		has, want, err := versions(ctx, p)
		if err != nil || has == want {
			return err
		}
		if has > want {
			return newer(has, want)
		}
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("migrate the database from version %d to %d: %w", has, want, err)
		}
		// While this one waited for the lock, a newer binary may have gone further.
		if has, want, err = versions(ctx, p); err == nil && has > want {
			return newer(has, want)
		}
		return err
	})
}

func newer(has, want int64) error {
	return fault.New(fault.Conflict, "the database schema is at version %d, newer than this binary, which knows %d: use a newer binary", has, want)
}

// versions returns the version of the database and the one that the binary carries. It does not wait for the lock.
func versions(ctx context.Context, p *goose.Provider) (has, want int64, err error) {
	has, want, err = p.GetVersions(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("read the version of the database schema: %w", err)
	}
	return has, want, nil
}

// withProvider calls fn with a goose provider on its own connections, which are closed afterwards.
func withProvider(ctx context.Context, url string, files fs.FS, fn func(*goose.Provider) error) (err error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return invalidURL(err)
	}
	defer func() {
		if err != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) { // database/sql may say "bad connection" instead
			err = fmt.Errorf("%w: %w", err, ctx.Err())
		}
	}()
	cfg.RuntimeParams["application_name"] = "proxops migrate"
	cfg.RuntimeParams["timezone"] = "UTC"
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	if err := db.PingContext(ctx); err != nil {
		return unreachable(&cfg.Config, err)
	}
	// Asks every second for up to ten minutes: a migration of a large table may take that long.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600))
	if err != nil {
		return fmt.Errorf("prepare the migration lock: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("read the embedded migrations: %w", err)
	}
	return fn(p)
}
