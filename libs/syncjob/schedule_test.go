package syncjob_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
)

// diary is a database with the schedule 1, of a user, and two endpoints that are enabled and one that is not.
type diary struct {
	*testing.T
	pool *pgxpool.Pool
}

// noon is when the tests are. Schedules were made two hours before.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func newDiary(t *testing.T, columns string) diary {
	t.Helper()
	d := diary{t, pgtest.New(t)}
	d.exec(`INSERT INTO users (id, username) VALUES (7, 'ann')`)
	d.exec(`INSERT INTO endpoints (id, name, enabled) VALUES (1, 'prod', true), (2, 'lab', true), (3, 'off', false)`)
	d.exec(`INSERT INTO sync_schedules (id, name, user_id, created) VALUES (1, 'nightly', 7, $1)`, noon.Add(-2*time.Hour))
	d.exec(`UPDATE sync_schedules SET ` + columns)
	return d
}

func (d diary) exec(sql string, args ...any) {
	d.Helper()
	if _, err := d.pool.Exec(d.Context(), sql, args...); err != nil {
		d.Fatalf("%s: %v", sql, err)
	}
}

func (d diary) in(fn func(tx pgx.Tx) error) {
	d.Helper()
	if err := postgres.InTx(d.Context(), d.pool, fn); err != nil {
		d.Fatal(err)
	}
}

func (d diary) plan(after time.Time) {
	d.Helper()
	d.in(func(tx pgx.Tx) error { _, err := syncjob.Plan(d.Context(), tx, 1, after); return err })
}

func (d diary) tick(now time.Time) (job int32, did syncjob.Outcome) {
	d.Helper()
	d.in(func(tx pgx.Tx) (err error) {
		job, did, err = syncjob.Tick(d.Context(), tx, 1, now, time.Minute)
		return err
	})
	return job, did
}

// rows are what a query returns, a line of text each.
func (d diary) rows(sql string) []string {
	d.Helper()
	rows, err := d.pool.Query(d.Context(), sql)
	if err != nil {
		d.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		d.Fatal(err)
	}
	return got
}

// says compares the times of the schedule and its jobs with what is wanted: "15:04" for a time today.
func (d diary) says(when string, jobs ...string) {
	d.Helper()
	got := d.rows(`SELECT format('last %s next %s', coalesce(to_char(last_run, 'HH24:MI'), 'never'), coalesce(to_char(next_run, 'HH24:MI'), 'never')) FROM sync_schedules`)
	if !slices.Equal(got, []string{when}) {
		d.Errorf("the schedule says %q, want %q", got, when)
	}
	got = d.rows(`SELECT format('%s %s %s %s', status, name, kinds, endpoint_ids) || to_char(scheduled, ' HH24:MI') FROM jobs ORDER BY id`)
	if !slices.Equal(got, jobs) {
		d.Errorf("jobs are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(jobs, "\n"))
	}
}

const allKinds = "{backup_routine,replication,inventory}"

func TestPlanMakesMovesAndRemovesTheJobOfTheNextRun(t *testing.T) {
	t.Parallel()
	d := newDiary(t, `interval_minutes = 60`)
	d.plan(noon)
	d.says("last never next 13:00", "scheduled nightly "+allKinds+" {} 13:00")
	d.exec(`UPDATE sync_schedules SET name = 'often', interval_minutes = 25, kinds = '["inventory"]'`)
	d.exec(`INSERT INTO sync_schedule_endpoints VALUES (1, 2), (1, 1)`)
	d.plan(noon)
	d.says("last never next 12:05", "scheduled often {inventory} {1,2} 12:05") // counted from 10:00
	if got := d.rows(`SELECT format('%s %s %s %s %s', object_type_id, object_id, interval_minutes, user_id, user_name) FROM jobs`); !slices.Equal(got, []string{"20 1 25 7 ann"}) {
		t.Errorf("the job belongs to %q", got)
	}
	for name, columns := range map[string]string{
		"disabled": `enabled = false`, "over": `interval_minutes = NULL, first_run = '2020-01-01'`, "never": `interval_minutes = NULL, calendar = '02-30'`,
	} {
		d.exec(`UPDATE sync_schedules SET enabled = true, interval_minutes = 25, calendar = '', first_run = NULL`)
		d.plan(noon)
		d.says("last never next 12:05", "scheduled often {inventory} {1,2} 12:05")
		d.exec(`UPDATE sync_schedules SET ` + columns)
		d.plan(noon)
		d.says("last never next never")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	err := postgres.InTx(t.Context(), d.pool, func(tx pgx.Tx) error { _, err := syncjob.Plan(t.Context(), tx, 9, noon); return err })
	if fault.KindOf(err) != fault.NotFound {
		t.Errorf("an unknown schedule: %v", err)
	}
}

func TestFollowChangesTheJobAndNotItsTime(t *testing.T) {
	t.Parallel()
	d := newDiary(t, `interval_minutes = 60`)
	d.plan(noon)
	d.exec(`UPDATE sync_schedules SET name = 'renamed', kinds = '["replications"]', user_id = NULL, next_run = '2026-03-02 11:00Z'`) // the run is overdue
	d.in(func(tx pgx.Tx) error { return syncjob.Follow(t.Context(), tx, 1) })
	d.says("last never next 11:00", "scheduled renamed {replication} {} 11:00")
	d.exec(`UPDATE sync_schedules SET next_run = NULL`)
	d.in(func(tx pgx.Tx) error { return syncjob.Follow(t.Context(), tx, 1) })
	d.says("last never next never")
}

func TestATickBeginsTheJobAndPlansTheRunAfterIt(t *testing.T) {
	t.Parallel()
	d := newDiary(t, `interval_minutes = 60, kinds = '["inventory", "replications"]'`)
	d.plan(noon)
	if job, did := d.tick(noon.Add(59 * time.Minute)); job != 0 || did != syncjob.Nothing {
		t.Errorf("before its time: job %d, %q", job, did)
	}
	job, did := d.tick(noon.Add(time.Hour + 2*time.Second))
	if job == 0 || did != syncjob.Began {
		t.Errorf("at its time: job %d, %q", job, did)
	}
	const kinds = "{replication,inventory}"
	d.says("last 13:00 next 14:00", "pending nightly "+kinds+" {} 13:00", "scheduled nightly "+kinds+" {} 14:00")
	parts := d.rows(`SELECT format('%s %s %s %s', job_id, endpoint_name, kind, status) FROM job_parts ORDER BY endpoint_name, kind`)
	want := []string{}
	for _, part := range []string{"lab inventory", "lab replication", "prod inventory", "prod replication"} {
		want = append(want, fmt.Sprint(job, " ", part, " pending"))
	}
	if !slices.Equal(parts, want) {
		t.Errorf("parts are %q, want %q", parts, want)
	}
	if got := d.rows(`SELECT message FROM job_logs`); !slices.Equal(got, []string{"schedule nightly asked for it at 2026-03-02T13:00:00Z: replications, inventory of 2 endpoints"}) {
		t.Errorf("the log says %q", got)
	}
	if again, did := d.tick(noon.Add(time.Hour + 3*time.Second)); again != 0 || did != syncjob.Nothing {
		t.Errorf("the same run again: job %d, %q", again, did)
	}
}

func TestAScheduleOfOneRunIsOverAfterIt(t *testing.T) {
	t.Parallel()
	d := newDiary(t, `first_run = '2026-03-02 12:30Z'`)
	d.exec(`INSERT INTO sync_schedule_endpoints VALUES (1, 1), (1, 3)`)
	d.plan(noon)
	d.says("last never next 12:30", "scheduled nightly "+allKinds+" {1,3} 12:30")
	if _, did := d.tick(noon.Add(30 * time.Minute)); did != syncjob.Began {
		t.Errorf("%q", did)
	}
	d.says("last 12:30 next never", "pending nightly "+allKinds+" {1,3} 12:30")
	parts := d.rows(`SELECT format('%s %s %s %s', endpoint_name, status, error_kind, error_text) FROM job_parts WHERE kind = 'inventory' ORDER BY endpoint_id`)
	if !slices.Equal(parts, []string{"prod pending  ", "off failed disabled endpoint off is disabled"}) {
		t.Errorf("parts are %q", parts)
	}
}

func TestWhatNobodyWasThereForRunsOnceOrIsSkipped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		missed string
		late   time.Duration
		did    syncjob.Outcome
		when   string
		log    string
	}{
		{"run", 30 * time.Second, syncjob.Began, "last 13:00 next 14:00", "schedule nightly asked for it at 2026-03-02T13:00:00Z: replications of 2 endpoints"},
		{"run", 5*time.Hour + 10*time.Minute, syncjob.Began, "last 13:00 next 19:00", "schedule nightly asked for it at 2026-03-02T13:00:00Z: replications of 2 endpoints, 5h10m0s late, as nobody was there before"},
		{"skip", time.Minute, syncjob.Began, "last 13:00 next 14:00", "schedule nightly asked for it at 2026-03-02T13:00:00Z: replications of 2 endpoints"},
		{"skip", time.Minute + time.Second, syncjob.Skipped, "last never next 14:00", "the run of 2026-03-02T13:00:00Z was skipped: nobody was there before 2026-03-02T13:01:01Z"},
	} {
		t.Run(fmt.Sprint(c.missed, c.late), func(t *testing.T) {
			t.Parallel()
			d := newDiary(t, `interval_minutes = 60, kinds = '["replications"]', missed = '`+c.missed+`'`)
			d.plan(noon)
			job, did := d.tick(noon.Add(time.Hour + c.late))
			if did != c.did || (job != 0) != (did == syncjob.Began) {
				t.Errorf("job %d, %q, want %q", job, did, c.did)
			}
			next := c.when[len(c.when)-5:]
			jobs := []string{"pending nightly {replication} {} 13:00", "scheduled nightly {replication} {} " + next}
			if did == syncjob.Skipped {
				jobs = jobs[1:]
			}
			d.says(c.when, jobs...)
			if got := d.rows(`SELECT message FROM job_logs`); !slices.Equal(got, []string{c.log}) {
				t.Errorf("the log says %q", got)
			}
			if _, did := d.tick(noon.Add(time.Hour + c.late)); did != syncjob.Nothing {
				t.Errorf("a second tick: %q", did)
			}
		})
	}
	d := newDiary(t, `first_run = '2026-03-02 12:30Z', missed = 'skip'`)
	d.plan(noon)
	if _, did := d.tick(noon.Add(time.Hour)); did != syncjob.Skipped {
		t.Errorf("the only run: %q", did)
	}
	d.says("last never next never", "failed nightly "+allKinds+" {} 12:30") // that it did not run stays to be seen
	if got := d.rows(`SELECT error FROM jobs`); !slices.Equal(got, []string{"the run of 2026-03-02T12:30:00Z was skipped: nobody was there before 2026-03-02T13:00:00Z"}) {
		t.Errorf("the error says %q", got)
	}
}
