package syncjob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/fault"
)

// Cancelled is what a cancelled job leaves to do after the commit.
type Cancelled struct {
	// Done says that the job had ended before, or had all its results, so that nothing was cancelled.
	Done bool
	// Stopped are runs that need not go on: their generations are no longer the last ones.
	Stopped []Run
}

// Run is a run of an endpoint.
type Run struct {
	Endpoint   int32
	Site       string
	Generation int64
}

// Cancel ends a job now. Once tx has committed nothing of its runs can be applied any more: each endpoint that is being read for it gets a new
// generation. Parts of other jobs that shared such a run wait for another one. Of a job that only stands for the next run of a schedule that run is
// left out, and the one after it planned. An unknown job is fault.NotFound.
func Cancel(ctx context.Context, tx pgx.Tx, id int32, by string) (Cancelled, error) {
	c, err := cancel(ctx, tx, id, "cancelled by "+person(by))
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Cancelled{}, fault.New(fault.NotFound, "there is no sync job %d", id)
	case err != nil:
		return Cancelled{}, fmt.Errorf("cancel sync job %d: %w", id, err)
	}
	return c, nil
}

// cancel returns pgx.ErrNoRows if there is no such job (any more).
func cancel(ctx context.Context, tx pgx.Tx, id int32, because string) (c Cancelled, err error) {
	var schedule *int32
	var status string
	if err := tx.QueryRow(ctx, `SELECT schedule_id, status FROM jobs WHERE id = $1`, id).Scan(&schedule, &status); err != nil {
		return c, err
	}
	if schedule != nil && status == "scheduled" { // its tick may make it a job of the other kind meanwhile
		if _, err := tx.Exec(ctx, `SELECT FROM sync_schedules WHERE id = $1 FOR UPDATE`, *schedule); err != nil {
			return c, err
		}
	}
	if c.Stopped, err = fence(ctx, tx, id); err != nil {
		return c, err
	}
	if err := tx.QueryRow(ctx, `SELECT status FROM jobs WHERE id = $1 FOR NO KEY UPDATE`, id).Scan(&status); err != nil {
		return c, err
	}
	switch status {
	case "scheduled":
		return c, skipPlanned(ctx, tx, id, because)
	case "pending", "running":
	default:
		c.Done = true
		return c, nil
	}
	tag, err := tx.Exec(ctx, `UPDATE job_parts SET status = 'cancelled', completed = clock_timestamp() WHERE job_id = $1 AND status IN ('pending', 'running')`, id)
	if err != nil {
		return c, err
	}
	if c.Done = tag.RowsAffected() == 0; c.Done { // it has all its results, and nobody got to end it yet
		_, err = Close(ctx, tx, []int32{id})
		return c, err
	}
	if err := Log(ctx, tx, Entry{Job: id, Level: "warning", Message: because}); err != nil {
		return c, err
	}
	_, err = closeJobs(ctx, tx, []int32{id}, because)
	return c, err
}

// fence locks the endpoints that a job is open on and takes away the generation of those that are read for it.
func fence(ctx context.Context, tx pgx.Tx, id int32) ([]Run, error) {
	// Locked in a statement of its own: what is read in the next one is as it is under the locks.
	_, err := tx.Exec(ctx, `SELECT FROM endpoints WHERE id IN (SELECT endpoint_id FROM job_parts WHERE job_id = $1 AND status IN ('pending', 'running')) ORDER BY id FOR NO KEY UPDATE`, id)
	if err != nil {
		return nil, fmt.Errorf("lock its endpoints: %w", err)
	}
	rows, err := tx.Query(ctx, `UPDATE endpoint_states s SET issued_generation = s.issued_generation + 1, claim_pending = '{}', claim_expires_at = NULL
		FROM endpoints e
		WHERE e.id = s.endpoint_id AND s.endpoint_id IN (SELECT endpoint_id FROM job_parts WHERE job_id = $1 AND status = 'running' AND generation = s.issued_generation)
		RETURNING s.endpoint_id, e.site, s.issued_generation - 1`, id)
	if err != nil {
		return nil, fmt.Errorf("issue generations: %w", err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Run])
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	endpoints := make([]int32, len(runs))
	for i, r := range runs {
		endpoints[i] = r.Endpoint
	}
	if err := requeue(ctx, tx, endpoints, id); err != nil {
		return nil, err
	}
	slices.SortFunc(runs, func(a, b Run) int { return cmp.Compare(a.Endpoint, b.Endpoint) })
	return runs, nil
}

// skipPlanned ends the job that stands for the next run of a schedule, and plans the run after it. The caller holds the lock of the schedule.
func skipPlanned(ctx context.Context, tx pgx.Tx, id int32, because string) error {
	rows, err := tx.Query(ctx, `SELECT `+columns+` FROM jobs j WHERE j.id = $1 FOR NO KEY UPDATE`, id)
	if err != nil {
		return err
	}
	jobs, err := scan(rows)
	if err != nil || len(jobs) == 0 {
		return err
	}
	j := jobs[0]
	if err := Log(ctx, tx, Entry{Job: id, Level: "warning", Message: because}); err != nil {
		return err
	}
	if err := j.end(ctx, tx, "failed", because); err != nil {
		return err
	}
	if err := record(ctx, tx, jobs, nil); err != nil {
		return err
	}
	if j.Schedule == nil || j.Scheduled == nil {
		return nil
	}
	after := *j.Scheduled
	if now := time.Now(); now.After(after) { // it was overdue, and so may be those behind it
		after = now
	}
	if _, err := Plan(ctx, tx, *j.Schedule, after); err != nil && fault.KindOf(err) != fault.NotFound { // a schedule that is gone has no next run
		return err
	}
	return nil
}
