package resource

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// refuse adds to an error about some filters what is wrong with others that only the database knows: NetBox tells all at once.
func (s *Store) refuse(ctx context.Context, q *query, err error) error {
	if q == nil || len(q.checks) == 0 {
		return err
	}
	batch := &pgx.Batch{}
	for i := range q.checks {
		q.checks[i].queue(batch)
	}
	results := s.Pool.SendBatch(ctx, batch)
	for i := range q.checks {
		if err := q.checks[i].read(results, q); err != nil {
			return errors.Join(refused(err), results.Close())
		}
	}
	if err := results.Close(); err != nil {
		return fmt.Errorf("look up what filters name: %w", err)
	}
	return q.errors.Err()
}

const invalidRegex = "Enter a valid regular expression."

// explain turns what Postgres says about a client's input into an error that tells the client.
func (s *Store) explain(ctx context.Context, q *query, err error) error {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pgErr.Code != "2201B" {
		return refused(err)
	}
	var wrong, each Errors
	for _, use := range q.regexes {
		each.Add(use.param, invalidRegex)
		if _, err := s.Pool.Exec(ctx, "SELECT '' ~ $1", use.text); err != nil {
			wrong.Add(use.param, invalidRegex)
		}
	}
	if wrong.None() { // none is wrong in itself: one fails on some text
		wrong = each
	}
	if wrong.None() {
		return err
	}
	return wrong.Err()
}
