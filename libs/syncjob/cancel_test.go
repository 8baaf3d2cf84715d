package syncjob_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/syncjob"
)

const cancelled = "failed 1: cancelled by bob"

func TestAJobThatWaitsIsCancelledWithoutTouchingRuns(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	id, other := l.create(), l.create(1)
	if diff := cmp.Diff(syncjob.Cancelled{}, l.cancel(id)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := l.status(id) + ", " + l.events(id); got != cancelled+", failed 1 create" {
		t.Error(got)
	}
	if got := l.parts(id); got != "alpha cancelled, alpha cancelled, beta cancelled, beta cancelled" {
		t.Error(got)
	}
	if got := l.log(id); got != "info asked for by ada: backup-routines, replications of 2 endpoints\nwarning cancelled by bob\n"+
		"error failed: 0 of 4 parts completed; 0 created, 0 updated, 0 unchanged, 0 stale, 0 reactivated: cancelled by bob" {
		t.Error(got)
	}
	if got := l.text(`SELECT string_agg(issued_generation::text, ' ' ORDER BY endpoint_id) FROM endpoint_states`); got != "10 20 30" {
		t.Errorf("generations %s were issued", got)
	}
	if got := l.status(other) + ", " + l.parts(other); got != "pending 0, alpha pending, alpha pending" {
		t.Errorf("another job is %s", got)
	}
}

// The run that is read for it can no longer be applied, and what others wanted of it waits for the next one.
func TestAJobThatRunsIsFencedOff(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	id, both, beta := l.create(1), l.create(1, 2), l.create(2)
	l.begin(1)
	l.begin(2)
	l.exec(`UPDATE job_parts SET status = 'completed', updated = 3 WHERE kind = 'replication' AND endpoint_id = 1`)
	if diff := cmp.Diff(syncjob.Cancelled{Stopped: []syncjob.Run{{Endpoint: 1, Site: "default", Generation: 10}}}, l.cancel(id)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := l.status(id) + ", " + l.parts(id) + ", " + l.events(id); got != "failed 2: cancelled by bob, alpha cancelled, alpha completed, "+
		"started 1 create, failed 2 update completed,counts,error,status" {
		t.Error(got)
	}
	if got := l.text(`SELECT string_agg(issued_generation || ' ' || cardinality(claim_pending) || ' ' || (claim_expires_at IS NULL), ', ' ORDER BY endpoint_id) FROM endpoint_states`); got != "11 0 true, 20 2 false, 30 0 true" {
		t.Errorf("claims: %s", got)
	}
	if got := l.status(both) + ", " + l.parts(both); got != "running 1, alpha pending, alpha completed, beta running, beta running" {
		t.Errorf("the job that shared the run is %s", got)
	}
	if got := l.text(`SELECT attempts || ' ' || (generation IS NULL) || ' ' || (queued IS NULL) || ' ' || (started IS NULL) FROM job_parts WHERE job_id = $1 AND status = 'pending'`, both); got != "0 true true true" {
		t.Errorf("what waits again: %s", got)
	}
	if got := l.status(beta) + ", " + l.parts(beta); got != "running 1, beta running, beta running" {
		t.Errorf("the job of another endpoint is %s", got)
	}
	// The other job goes on with the next run.
	l.begin(1)
	l.settle(both, "completed")
	if ended := l.close(both); len(ended) != 1 || ended[0].Status != "completed" {
		t.Errorf("ended: %v", ended)
	}
}

func TestAllRunsOfAJobAreStopped(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	id := l.create()
	l.begin(2)
	l.begin(1)
	want := syncjob.Cancelled{Stopped: []syncjob.Run{{Endpoint: 1, Site: "default", Generation: 10}, {Endpoint: 2, Site: "dc-2", Generation: 20}}}
	if diff := cmp.Diff(want, l.cancel(id)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A part whose run was overtaken belongs to no run that goes on.
func TestARunThatIsNotTheLastIsNotFenced(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	id := l.create(1)
	l.begin(1)
	l.exec(`UPDATE endpoint_states SET issued_generation = 15 WHERE endpoint_id = 1`)
	if c := l.cancel(id); c.Stopped != nil || c.Done {
		t.Errorf("cancelled %+v", c)
	}
	if got := l.text(`SELECT issued_generation::text FROM endpoint_states WHERE endpoint_id = 1`) + " " + l.parts(id); got != "15 alpha cancelled, alpha cancelled" {
		t.Error(got)
	}
}

func TestAJobThatEndedCannotBeCancelled(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	ended, settled, twice := l.create(1), l.create(2), l.create(1)
	l.settle(ended, "completed")
	l.close(ended)
	l.begin(2)
	l.settle(settled, "completed") // but nobody ended it yet
	l.cancel(twice)
	for id, want := range map[int32]string{
		ended: "completed 1, completed 1 create", settled: "completed 2, started 1 create, completed 2 update completed,counts,status", twice: cancelled + ", failed 1 create",
	} {
		if c := l.cancel(id); !c.Done || c.Stopped != nil {
			t.Errorf("job %d: %+v", id, c)
		}
		if got := l.status(id) + ", " + l.events(id); got != want {
			t.Errorf("job %d is %s, want %s", id, got, want)
		}
	}
}

func TestAJobThatIsNotThereCannotBeCancelled(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	err := l.inTx(func(tx pgx.Tx) error {
		_, err := syncjob.Cancel(t.Context(), tx, 99, "bob")
		return err
	})
	if fault.KindOf(err) != fault.NotFound || err.Error() != "there is no sync job 99" {
		t.Errorf("the answer is %v", err)
	}
}

// schedule makes schedule 4, which runs every hour, and returns the job that stands for its next run, at ten.
func (l *jobsLab) schedule() (planned int32) {
	l.Helper()
	l.exec(`INSERT INTO sync_schedules (id, name, first_run, interval_minutes, user_id) VALUES (4, 'Hourly', '2096-04-01 10:00+00', 60, 7)`)
	err := l.inTx(func(tx pgx.Tx) error {
		if _, err := syncjob.Plan(l.Context(), tx, 4, time.Date(2096, 4, 1, 9, 30, 0, 0, time.UTC)); err != nil {
			return err
		}
		return tx.QueryRow(l.Context(), `SELECT id FROM jobs WHERE status = 'scheduled'`).Scan(&planned)
	})
	if err != nil {
		l.Fatal(err)
	}
	return planned
}

// The next run of a schedule is left out: its job ends as every other does, with an event, and another one stands for the run after it.
func TestAPlannedRunIsLeftOut(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	planned := l.schedule()
	if c := l.cancel(planned); c.Done || c.Stopped != nil {
		t.Errorf("cancelled %+v", c)
	}
	if got := l.status(planned) + ", " + l.events(planned) + ", " + l.log(planned); got != cancelled+", failed 1 create, warning cancelled by bob" {
		t.Error(got)
	}
	next := l.text(`SELECT to_char(s.next_run, 'HH24:MI') || ' ' || to_char(j.scheduled, 'HH24:MI') || ' ' || j.version FROM sync_schedules s JOIN jobs j ON j.schedule_id = s.id AND j.status = 'scheduled'`)
	if next != "11:00 11:00 0" {
		t.Errorf("the next run is %s", next)
	}
}

// A run that is overdue is left out with those behind it that are over, too: nobody wants them to follow at once.
func TestAnOverdueRunIsLeftOutWithThoseBehindIt(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	planned := l.schedule()
	l.exec(`UPDATE sync_schedules SET first_run = '2020-04-01 10:00+00'`)
	l.exec(`UPDATE jobs SET scheduled = '2020-04-01 10:00+00'`)
	l.cancel(planned)
	if got := l.text(`SELECT (next_run > now() AND next_run <= now() + interval '1 hour')::text FROM sync_schedules`); got != "true" {
		t.Error("the next run is over, or too far away")
	}
}

func TestAPlannedRunWithoutItsScheduleIsLeftOut(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	planned := l.schedule()
	l.exec(`DELETE FROM sync_schedules`)
	l.cancel(planned)
	if got := l.status(planned); got != cancelled {
		t.Error(got)
	}
}

// Whoever disables a schedule while its planned job is being cancelled removes the job.
func TestAPlannedRunThatVanishesMeanwhileIsNotFound(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	planned := l.schedule()
	holder, err := l.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec(t.Context(), `UPDATE sync_schedules SET enabled = false`); err != nil {
		t.Fatal(err)
	}
	if _, err := syncjob.Plan(t.Context(), holder, 4, time.Now()); err != nil {
		t.Fatal(err)
	}
	var waiting sync.WaitGroup
	waiting.Go(func() {
		err := l.inTx(func(tx pgx.Tx) error {
			_, err := syncjob.Cancel(t.Context(), tx, planned, "bob")
			return err
		})
		if fault.KindOf(err) != fault.NotFound {
			t.Errorf("the answer is %v", err)
		}
	})
	l.awaitLock()
	if err := holder.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	waiting.Wait()
}

// A tick that comes first makes the planned job one that runs now, and that is the one which is cancelled.
func TestAPlannedRunThatBeginsMeanwhileIsCancelledAsAnyOther(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	planned := l.schedule()
	holder, err := l.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`SELECT FROM sync_schedules WHERE id = 4 FOR UPDATE`,
		`UPDATE jobs SET status = 'pending' WHERE id = $1`,
		`INSERT INTO job_parts (job_id, endpoint_id, kind, endpoint_name) SELECT $1, id, 'inventory', name FROM endpoints`,
	} {
		args := []any{planned}
		if !strings.Contains(sql, "$1") {
			args = nil
		}
		if _, err := holder.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	var waiting sync.WaitGroup
	waiting.Go(func() { l.cancel(planned) })
	l.awaitLock()
	if err := holder.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	waiting.Wait()
	if got := l.status(planned); got != cancelled {
		t.Error(got)
	}
	if got := l.text(`SELECT count(*) || ' ' || count(*) FILTER (WHERE status = 'cancelled') FROM job_parts WHERE job_id = $1`, planned); got != "3 3" {
		t.Errorf("parts, and cancelled ones: %s", got)
	}
}

// Cancels, starts and settlements of jobs that share endpoints meet in every order without a deadlock that lasts, and every job ends once.
func TestJobsThatMeetEndOnceEach(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	var jobs []int32
	for range 8 {
		jobs = append(jobs, l.create())
	}
	var all sync.WaitGroup
	for i, id := range jobs {
		all.Go(func() {
			if i%2 == 0 {
				l.cancel(id)
				return
			}
			l.begin(int32(1 + i/2%2))
		})
	}
	all.Wait()
	for i, id := range jobs {
		if i%2 == 1 {
			l.settle(id, "completed")
		}
		l.close(id)
		want := map[bool]string{true: "failed", false: "completed"}[i%2 == 0]
		if got := l.text(`SELECT status || ' ' || (version = (SELECT max(version) FROM changes WHERE object_id = j.id)) || ' ' || (version = (SELECT count(*) FROM changes WHERE object_id = j.id)) FROM jobs j WHERE id = $1`, id); got != want+" true true" {
			t.Errorf("job %d is %s, want %s", id, got, want)
		}
		l.events(id)
	}
}
