package syncjob_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
)

func TestATickOfWhatIsDisabledOrGoneDoesNothing(t *testing.T) {
	t.Parallel()
	d := newDiary(t, `interval_minutes = 60`)
	d.plan(noon)
	d.exec(`UPDATE sync_schedules SET enabled = false`) // whoever did it has yet to plan
	if job, did := d.tick(noon.Add(2 * time.Hour)); job != 0 || did != syncjob.Nothing {
		t.Errorf("disabled: job %d, %q", job, did)
	}
	d.says("last never next 13:00", "scheduled nightly "+allKinds+" {} 13:00")
	d.exec(`DELETE FROM jobs`)
	d.exec(`DELETE FROM sync_schedules`)
	if job, did := d.tick(noon.Add(2 * time.Hour)); job != 0 || did != syncjob.Nothing {
		t.Errorf("gone: job %d, %q", job, did)
	}
}

func TestATickWorksWithoutThePlannedJob(t *testing.T) {
	t.Parallel()
	d := newDiary(t, `interval_minutes = 60`)
	d.plan(noon)
	d.exec(`DELETE FROM jobs`)
	if _, did := d.tick(noon.Add(time.Hour)); did != syncjob.Began {
		t.Errorf("%q", did)
	}
	d.says("last 13:00 next 14:00", "pending nightly "+allKinds+" {} 13:00", "scheduled nightly "+allKinds+" {} 14:00")
}

func TestEndpointsThatAreGoneHaveNoPart(t *testing.T) {
	t.Parallel()
	d := newDiary(t, `interval_minutes = 60, kinds = '["inventory"]'`)
	d.exec(`INSERT INTO sync_schedule_endpoints VALUES (1, 1), (1, 2)`)
	d.plan(noon)
	d.exec(`DELETE FROM sync_schedule_endpoints WHERE endpoint_id = 1`)
	d.exec(`DELETE FROM endpoints WHERE id = 1`)
	job, did := d.tick(noon.Add(time.Hour))
	if did != syncjob.Began {
		t.Errorf("%q", did)
	}
	if got := d.rows(`SELECT format('%s %s', job_id, endpoint_name) FROM job_parts`); !slices.Equal(got, []string{fmt.Sprint(job, " lab")}) {
		t.Errorf("parts are %q", got)
	}
	d.says("last 13:00 next 14:00", "pending nightly {inventory} {2} 13:00", "scheduled nightly {inventory} {2} 14:00")
	// Nothing at all is left: the job has no part, so it can be closed, and says why.
	d.exec(`DELETE FROM sync_schedule_endpoints`)
	d.exec(`UPDATE endpoints SET enabled = false`)
	job, _ = d.tick(noon.Add(2 * time.Hour))
	d.in(func(tx pgx.Tx) error { _, err := syncjob.Close(t.Context(), tx, []int32{job}); return err })
	if got := d.rows(fmt.Sprintf(`SELECT status || ': ' || error FROM jobs WHERE id = %d`, job)); !slices.Equal(got, []string{"failed: there was no enabled endpoint to synchronise"}) {
		t.Errorf("the job ended as %q", got)
	}
}

// However long no poller takes anything, one job of a schedule waits and no more.
func TestARunJoinsTheJobThatWaitsToBegin(t *testing.T) {
	t.Parallel()
	d := newDiary(t, `interval_minutes = 60`)
	d.plan(noon)
	first, _ := d.tick(noon.Add(time.Hour))
	for hour := range 120 {
		if job, did := d.tick(noon.Add(time.Duration(2+hour) * time.Hour)); job != first || did != syncjob.Joined {
			t.Fatalf("job %d, %q, want that %d is joined", job, did, first)
		}
	}
	d.says("last 13:00 next 14:00", "pending nightly "+allKinds+" {} 13:00", "scheduled nightly "+allKinds+" {} 14:00")
	if got := d.rows(`SELECT count(*) || ' ' || max(message) FROM job_logs`); !slices.Equal(got, []string{"100 schedule nightly asked for it at 2026-03-02T13:00:00Z: backup-routines, replications, inventory of 2 endpoints"}) {
		t.Errorf("log: %q", got)
	}
	// One that runs has read something already, and one of other endpoints reads something else.
	d.exec(`UPDATE jobs SET status = 'running' WHERE status = 'pending'`)
	second, did := d.tick(noon.Add(1000 * time.Hour))
	if did != syncjob.Began {
		t.Errorf("beside a running job: %q", did)
	}
	d.exec(`INSERT INTO sync_schedule_endpoints VALUES (1, 2)`)
	if third, did := d.tick(noon.Add(2000 * time.Hour)); did != syncjob.Began || third == second {
		t.Errorf("with other endpoints: %d, %q", third, did)
	}
}

func TestARunBeginsOnceHoweverManyTick(t *testing.T) {
	t.Parallel()
	d := newDiary(t, `interval_minutes = 60`)
	d.plan(noon)
	for round := range 20 {
		now := noon.Add(time.Duration(round+1) * time.Hour)
		var began, nothing atomic.Int32
		var g errgroup.Group
		for range 6 {
			g.Go(func() error {
				return postgres.InTx(t.Context(), d.pool, func(tx pgx.Tx) error {
					_, did, err := syncjob.Tick(t.Context(), tx, 1, now, time.Minute)
					switch did {
					case syncjob.Began:
						began.Add(1)
					case syncjob.Nothing:
						nothing.Add(1)
					}
					return err
				})
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if began.Load() != 1 || nothing.Load() != 5 {
			t.Fatalf("round %d: %d began a job, %d did nothing", round, began.Load(), nothing.Load())
		}
		d.exec(`UPDATE jobs SET status = 'completed' WHERE status = 'pending'`)
	}
	if got := d.rows(`SELECT status || ' ' || count(*) FROM jobs GROUP BY status ORDER BY status`); !slices.Equal(got, []string{"completed 20", "scheduled 1"}) {
		t.Errorf("jobs: %q", got)
	}
}

// What a tick syncs is what the schedule says when the tick has its lock, not when it began to wait for it.
func TestATickThatWaitsSeesTheEndpointsThatAreWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	d := newDiary(t, `interval_minutes = 60, kinds = '["inventory"]'`)
	d.exec(`INSERT INTO sync_schedule_endpoints VALUES (1, 1)`)
	d.plan(noon)
	writer, err := d.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{`SELECT FROM sync_schedules FOR UPDATE`, `UPDATE sync_schedule_endpoints SET endpoint_id = 2`, `UPDATE sync_schedules SET description = 'x'`} {
		if _, err := writer.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	ticked := make(chan error, 1)
	go func() {
		ticked <- postgres.InTx(t.Context(), d.pool, func(tx pgx.Tx) error {
			_, _, err := syncjob.Tick(t.Context(), tx, 1, noon.Add(time.Hour), time.Minute)
			return err
		})
	}()
	for len(d.rows(`SELECT 'waits' FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)) == 0 {
		runtime.Gosched()
	}
	if err := errors.Join(writer.Commit(t.Context()), <-ticked); err != nil {
		t.Fatal(err)
	}
	if got := d.rows(`SELECT endpoint_name FROM job_parts`); !slices.Equal(got, []string{"lab"}) {
		t.Errorf("parts of %q, want the endpoint that was written last", got)
	}
}

func TestACancelledRunIsLeftOut(t *testing.T) {
	t.Parallel()
	d := newDiary(t, `interval_minutes = 60`)
	d.plan(noon) // long ago: runs up to the present are overdue
	cancel := func() {
		d.in(func(tx pgx.Tx) error {
			var id int32
			if err := tx.QueryRow(t.Context(), `SELECT id FROM jobs WHERE status = 'scheduled'`).Scan(&id); err != nil {
				return err
			}
			_, err := syncjob.Cancel(t.Context(), tx, id, "ann")
			return err
		})
	}
	cancel()
	if got := d.rows(`SELECT format('%s %s %s', status, error, scheduled > now()) FROM jobs ORDER BY id`); !slices.Equal(got, []string{"failed cancelled by ann f", "scheduled  t"}) {
		t.Errorf("jobs: %q", got)
	}
	// One that lies ahead is left out as well, and the one behind it is next.
	cancel()
	if got := d.rows(`SELECT (s.next_run - j.scheduled)::text FROM sync_schedules s, jobs j ORDER BY j.id DESC OFFSET 1 LIMIT 1`); !slices.Equal(got, []string{"01:00:00"}) {
		t.Errorf("the next run is %q after the cancelled one", got)
	}
}
