package syncjob

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Fence takes the generation from whatever reads an endpoint: once tx has committed nothing of it can be applied any more. Parts of jobs that were
// read with it wait for another run, of which somebody has to tell the projectors after the commit. It returns the run that need not go on, if there
// is one. The caller holds the lock of the endpoint.
func Fence(ctx context.Context, tx pgx.Tx, endpoint int32) ([]Run, error) {
	rows, err := tx.Query(ctx, `UPDATE endpoint_states s SET issued_generation = s.issued_generation + 1, claim_pending = '{}', claim_expires_at = NULL
		FROM endpoints e, endpoint_states was
		WHERE s.endpoint_id = $1 AND e.id = s.endpoint_id AND was.endpoint_id = s.endpoint_id
		RETURNING e.id, e.site, CASE WHEN cardinality(was.claim_pending) > 0 THEN was.issued_generation ELSE 0 END`, endpoint)
	if err != nil {
		return nil, fmt.Errorf("issue a generation of endpoint %d: %w", endpoint, err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Run])
	if err != nil {
		return nil, fmt.Errorf("issue a generation of endpoint %d: %w", endpoint, err)
	}
	if len(runs) > 0 && runs[0].Generation == 0 {
		runs = nil
	}
	return runs, requeue(ctx, tx, []int32{endpoint}, 0)
}

// requeue has the parts that are read on endpoints wait for another run, but for those of one job. What was begun for them does not count.
func requeue(ctx context.Context, tx pgx.Tx, endpoints []int32, except int32) error {
	_, err := tx.Exec(ctx, `UPDATE job_parts SET status = 'pending', generation = NULL, queued = NULL, started = NULL, attempts = greatest(attempts - 1, 0)
		WHERE endpoint_id = ANY ($1::integer[]) AND status = 'running' AND job_id <> $2`, endpoints, except)
	if err != nil {
		return fmt.Errorf("have jobs wait for another run: %w", err)
	}
	return nil
}
