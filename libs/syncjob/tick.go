package syncjob

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
)

// Outcome is what a tick of a schedule led to.
type Outcome string

// The outcomes.
const (
	Nothing Outcome = ""        // the run began already, or the schedule is disabled or gone
	Began   Outcome = "began"   // its job
	Skipped Outcome = "skipped" // nobody was there in time, and the schedule does not catch up
	Joined  Outcome = "joined"  // the job of the run before, which waits to begin still: another behind it would read the same
)

// Tick begins the job of a schedule whose time has come, and plans the run after it. However many call it for one run, one job begins: the others
// get Nothing. Grace is how late a run may be without having been missed.
func Tick(ctx context.Context, tx pgx.Tx, id int32, now time.Time, grace time.Duration) (job int32, did Outcome, err error) {
	s, err := lockSchedule(ctx, tx, id)
	if fault.KindOf(err) == fault.NotFound {
		return 0, Nothing, nil
	}
	if err != nil {
		return 0, Nothing, err
	}
	if !s.enabled || s.next == nil || s.next.After(now) {
		return 0, Nothing, nil
	}
	due, late := *s.next, now.Sub(*s.next)
	if s.missed == "skip" && late > grace {
		return 0, Skipped, s.skip(ctx, tx, due, now)
	}
	if job, err = s.waiting(ctx, tx); err != nil {
		return 0, Nothing, err
	}
	if job != 0 {
		did, err = Joined, s.join(ctx, tx, job, due)
	} else {
		did = Began
		job, err = s.begin(ctx, tx, due, late, grace)
	}
	if err != nil {
		return 0, Nothing, err
	}
	if _, err := tx.Exec(ctx, `UPDATE sync_schedules SET last_run = $2 WHERE id = $1`, id, due); err != nil {
		return 0, Nothing, fmt.Errorf("note the run of sync schedule %d: %w", id, err)
	}
	return job, did, s.plan(ctx, tx, now)
}

// RunNow makes a job of what a schedule syncs that runs now, beside those at its times, and returns its id. Of n it needs who asks. It is like Create in
// all else; an unknown schedule is fault.NotFound.
func RunNow(ctx context.Context, tx pgx.Tx, id int32, n New) (job int32, err error) {
	s, err := lockSchedule(ctx, tx, id)
	if err != nil {
		return 0, err
	}
	n.Name, n.Kinds, n.Endpoints, n.ObjectType, n.ObjectID, n.Schedule = s.name, s.kinds, s.endpoints, change.SyncSchedule, id, &id
	if job, err = Create(ctx, tx, n); err != nil {
		return 0, fmt.Errorf("run sync schedule %d: %w", id, err)
	}
	if _, err := tx.Exec(ctx, `UPDATE sync_schedules SET last_run = clock_timestamp() WHERE id = $1`, id); err != nil {
		return 0, fmt.Errorf("note the run of sync schedule %d: %w", id, err)
	}
	return job, nil
}

// skip leaves a run out, of which the job that stands for the next one tells, or its own if there is no next one.
func (s *schedule) skip(ctx context.Context, tx pgx.Tx, due, now time.Time) error {
	message := fmt.Sprintf("the run of %s was skipped: nobody was there before %s", stamp(due), stamp(now))
	var job int32
	if err := tx.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM jobs WHERE schedule_id = $1 AND status = 'scheduled'`, s.id).Scan(&job); err != nil {
		return fmt.Errorf("find the planned job of sync schedule %d: %w", s.id, err)
	}
	if _, again := s.Next(now); !again && job != 0 {
		return skipPlanned(ctx, tx, job, message)
	}
	if err := s.plan(ctx, tx, now); err != nil || job == 0 {
		return err
	}
	return Log(ctx, tx, Entry{Job: job, Level: "warning", Message: message})
}

// waiting locks the job of a schedule that waits to begin already and reads the same as another would, and returns it; zero if there is none. So there
// is one such job at most, however long no poller is there.
func (s *schedule) waiting(ctx context.Context, tx pgx.Tx) (job int32, err error) {
	err = tx.QueryRow(ctx, `SELECT id FROM jobs WHERE schedule_id = $1 AND status = 'pending' AND kinds = $2::text[] AND endpoint_ids = $3::integer[] ORDER BY id LIMIT 1 FOR NO KEY UPDATE`,
		s.id, s.kinds, s.endpoints).Scan(&job)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("look for a waiting job of sync schedule %d: %w", s.id, err)
	}
	return job, nil
}

// maxJoined bounds how many lines tell of runs that joined a job.
const maxJoined = 100

func (s *schedule) join(ctx context.Context, tx pgx.Tx, job int32, due time.Time) error {
	var lines int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM job_logs WHERE job_id = $1`, job).Scan(&lines); err != nil {
		return fmt.Errorf("count the lines of sync job %d: %w", job, err)
	}
	if lines >= maxJoined {
		return nil
	}
	return Log(ctx, tx, Entry{Job: job, Message: fmt.Sprintf("schedule %s asked for it again at %s, before it began", s.name, stamp(due))})
}

// begin turns the job that stands for the run into one that waits for pollers.
func (s *schedule) begin(ctx context.Context, tx pgx.Tx, due time.Time, late, grace time.Duration) (job int32, err error) {
	if err := s.stand(ctx, tx); err != nil { // it is there, unless somebody removed it
		return 0, err
	}
	err = tx.QueryRow(ctx, `UPDATE jobs SET status = 'pending', created = clock_timestamp() WHERE schedule_id = $1 AND status = 'scheduled' RETURNING id`, s.id).Scan(&job)
	if err != nil {
		return 0, fmt.Errorf("begin the planned job of sync schedule %d: %w", s.id, err)
	}
	parts, err := expand(ctx, tx, job)
	if err != nil {
		return 0, err
	}
	message := fmt.Sprintf("schedule %s asked for it at %s: %s", s.name, stamp(due), partsOf(parts, s.kinds))
	if late > grace {
		message += fmt.Sprintf(", %s late, as nobody was there before", late.Round(time.Second))
	}
	return job, Log(ctx, tx, Entry{Job: job, Message: message})
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
