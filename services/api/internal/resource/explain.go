package resource

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

const invalidRegex = "Enter a valid regular expression."

// explain turns what Postgres says about a client's input into an error that tells the client.
func (s *Store) explain(ctx context.Context, q *query, err error) error {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pgErr.Code != "2201B" {
		return refused(err)
	}
	var wrong, any Errors
	for _, use := range q.regexes {
		any.Add(use.param, invalidRegex)
		if _, err := s.Pool.Exec(ctx, "SELECT '' ~ $1", use.text); err != nil {
			wrong.Add(use.param, invalidRegex)
		}
	}
	if wrong.None() { // none is wrong in itself: one fails on some text
		wrong = any
	}
	if wrong.None() {
		return err
	}
	return wrong.Err()
}
