package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Prepare is how a service starts with its database: it brings the schema to the version of this binary or, if checkOnly, refuses another
// one, and opens a pool. Its errors are those of Migrate, CheckVersion and Open. The caller closes the pool.
func Prepare(ctx context.Context, url string, checkOnly bool, o Options) (*pgxpool.Pool, error) {
	prepare := Migrate
	if checkOnly {
		prepare = CheckVersion
	}
	if err := prepare(ctx, url); err != nil {
		return nil, err
	}
	return Open(ctx, url, o)
}

// Ready returns nil if the database answers.
func Ready(ctx context.Context, pool *pgxpool.Pool) error {
	if err := pool.Ping(ctx); err != nil {
		return fmt.Errorf("ping Postgres: %w", err)
	}
	return nil
}
