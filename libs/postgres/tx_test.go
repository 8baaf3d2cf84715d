package postgres_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
)

// counter makes a table with two rows and returns how to read the sum of them.
func counter(t *testing.T, pool *pgxpool.Pool) (sum func() int) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), "CREATE TABLE n (id int PRIMARY KEY, v int NOT NULL); INSERT INTO n VALUES (1, 0), (2, 0)"); err != nil {
		t.Fatal(err)
	}
	return func() int {
		var v int
		if err := pool.QueryRow(t.Context(), "SELECT sum(v) FROM n").Scan(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestInTxRunsADeadlockedTransactionAgain(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	sum := counter(t, pool)
	var runs atomic.Int32
	both := make(chan struct{})
	var first atomic.Int32
	var g errgroup.Group
	for _, ids := range [][2]int{{1, 2}, {2, 1}} {
		g.Go(func() error {
			return postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
				attempt := runs.Add(1)
				if _, err := tx.Exec(t.Context(), "UPDATE n SET v = v + 1 WHERE id = $1", ids[0]); err != nil {
					return err
				}
				if attempt <= 2 { // both hold their first row now: a certain deadlock
					if first.Add(1) == 2 {
						close(both)
					}
					<-both
				}
				_, err := tx.Exec(t.Context(), "UPDATE n SET v = v + 1 WHERE id = $1", ids[1])
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if runs.Load() < 3 {
		t.Errorf("the transactions ran %d times: there was no deadlock to mend", runs.Load())
	}
	if got := sum(); got != 4 {
		t.Errorf("sum = %d, want 4", got)
	}
}

func TestInTxLeavesNothingAfterAnErrorOrAPanic(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	sum := counter(t, pool)
	boom := errors.New("boom")
	add := func(tx pgx.Tx) {
		if _, err := tx.Exec(t.Context(), "UPDATE n SET v = v + 1"); err != nil {
			t.Error(err)
		}
	}
	err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error { add(tx); return boom })
	if !errors.Is(err, boom) {
		t.Errorf("err = %v, want boom", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error { add(tx); panic("boom") })
	}()
	if got := sum(); got != 0 {
		t.Errorf("sum = %d, want 0", got)
	}
	if got := pool.Stat().AcquiredConns(); got != 0 {
		t.Errorf("%d connections were not given back", got)
	}
}

func TestInTxGivesUpAfterEightAttempts(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	runs := 0
	err := postgres.InTx(t.Context(), pool, func(pgx.Tx) error {
		runs++
		return &pgconn.PgError{Code: "40001", Message: "could not serialize access"}
	})
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); !ok || pgErr.Code != "40001" {
		t.Errorf("err = %v, want the last failure", err)
	}
	if runs != 8 {
		t.Errorf("ran %d times, want 8", runs)
	}
}

func TestInTxStopsTryingWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	runs := 0
	err := postgres.InTx(ctx, pool, func(pgx.Tx) error {
		if runs++; runs == 2 {
			cancel()
		}
		return &pgconn.PgError{Code: "40001"}
	})
	if !errors.Is(err, context.Canceled) || runs != 2 {
		t.Errorf("ran %d times and returned %v, want 2 and canceled", runs, err)
	}
}
