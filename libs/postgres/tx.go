package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/app"
)

// maxAttempts bounds how often InTx begins. With the pauses below, the last one starts after a second or so.
const maxAttempts = 8

// InTx runs fn in a transaction and commits it. When fn returns an error or panics, nothing of it remains. When Postgres
// asks for another attempt (serialization failure, deadlock), InTx runs fn again from the start, at most eight times with
// growing pauses: so fn must not change anything outside of tx that a second run would spoil.
func InTx(ctx context.Context, pool *pgxpool.Pool, fn func(tx pgx.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := pgx.BeginFunc(ctx, pool, fn)
		if err == nil || !again(err) {
			return err
		}
		if attempt == maxAttempts {
			return fmt.Errorf("give up after %d attempts: %w", attempt, err)
		}
		// For a random time that grows with the attempt, so that two rivals do not meet again.
		if ended := app.Sleep(ctx, rand.N(5*time.Millisecond<<attempt)); ended != nil {
			return errors.Join(ended, err)
		}
	}
}

// again says whether the same transaction may succeed if it is run once more.
func again(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pgErr.Code == "40001" || pgErr.Code == "40P01")
}
