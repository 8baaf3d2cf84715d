package timer

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/sync/errgroup"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/syncs"
	"github.com/proxops/proxops/services/projector/internal/tick"
)

func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// number returns the one number that a query has.
func number(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) (n int) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// schedules makes two endpoints and the schedules with these ids, which are planned from a time on: the first hour after it is their next run.
func schedules(t *testing.T, pool *pgxpool.Pool, after time.Time, ids ...int32) {
	t.Helper()
	exec(t, pool, `INSERT INTO endpoints (name) VALUES ('prod'), ('lab')`)
	for _, id := range ids {
		exec(t, pool, `INSERT INTO sync_schedules (id, name, interval_minutes, created) VALUES ($1, $2, 60, $3)`, id, fmt.Sprint("hourly ", id), after)
		plan(t, pool, id, after)
	}
}

func plan(t *testing.T, pool *pgxpool.Pool, id int32, after time.Time) {
	t.Helper()
	err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error { _, err := syncjob.Plan(t.Context(), tx, id, after); return err })
	if err != nil {
		t.Fatal(err)
	}
}

func newTimer(pool *pgxpool.Pool, b *bus.Bus) *Timer {
	t := &Timer{Pool: pool, Bus: b, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}
	t.defaults()
	return t
}

// run runs a timer until the test ends or stop is called. All its intervals are long unless they are set.
func run(t *testing.T, timer *Timer) (stop func()) {
	t.Helper()
	timer.Log = slog.New(slog.DiscardHandler)
	if timer.Every == 0 {
		timer.Every = time.Hour
	}
	if timer.Look == 0 {
		timer.Look = time.Hour
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- timer.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, what string, ask func() error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %s: %v", what, err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// begun waits until a schedule has begun a number of jobs.
func begun(t *testing.T, pool *pgxpool.Pool, schedule int32, want int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d jobs of schedule %d", want, schedule), func() error {
		if n := number(t, pool, `SELECT count(*) FROM jobs WHERE schedule_id = $1 AND status = 'pending'`, schedule); n != want {
			return fmt.Errorf("%d jobs", n)
		}
		return nil
	})
}

// timers returns when the message schedules fire, by subject.
func timers(t *testing.T, b *bus.Bus) (map[string]string, error) {
	t.Helper()
	all, err := tick.Stored(t.Context(), b.JetStream(), subjects.AllTimers)
	at := map[string]string{}
	for subject, s := range all {
		at[subject] = s.Pattern
	}
	return at, err
}

// sequence is the last one of TASKS.
func sequence(t *testing.T, b *bus.Bus) uint64 {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), subjects.StreamTasks)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq
}

func TestAMessageBeginsTheJobAtItsTime(t *testing.T) {
	t.Parallel()
	pool, server := pgtest.New(t), natstest.Start(t)
	b := natstest.Join(t, server, localnats.Projector)
	hints := make(chan *nats.Msg, 100)
	if _, err := natstest.Join(t, server, localnats.Admin).Conn().ChanSubscribe(subjects.ControlJobs, hints); err != nil {
		t.Fatal(err)
	}
	due := time.Now().Add(1700 * time.Millisecond).Truncate(time.Microsecond)
	schedules(t, pool, due.Add(-time.Hour), 1)
	metrics := prometheus.NewRegistry()
	run(t, &Timer{Pool: pool, Bus: b, Metrics: metrics})
	begun(t, pool, 1, 1)
	if late := time.Since(due); late < 0 || late > 10*time.Second {
		t.Errorf("the job began %s after its time", late)
	}
	<-hints
	// The run after it has its message too.
	eventually(t, "timer of the next run", func() error {
		at, err := timers(t, b)
		if err == nil && at["proxops.v1.timer.1"] != pattern(whole(due.Add(time.Hour))) {
			err = fmt.Errorf("timers are %v", at)
		}
		return err
	})
	want := `# HELP proxops_sync_ticks_total Runs of sync schedules: those that began a job, joined one that waited already, or were missed and skipped.
# TYPE proxops_sync_ticks_total counter
proxops_sync_ticks_total{outcome="began"} 1
proxops_sync_ticks_total{outcome="joined"} 0
proxops_sync_ticks_total{outcome="skipped"} 0
`
	if err := testutil.GatherAndCompare(metrics, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestALaterInstanceMakesUpForWhatWasMissedOrSkipsIt(t *testing.T) {
	t.Parallel()
	pool, b := pgtest.New(t), natstest.Connect(t)
	schedules(t, pool, time.Now().Add(-10*time.Hour), 1, 2, 3)
	exec(t, pool, `UPDATE sync_schedules SET missed = 'skip' WHERE id = 2`)
	exec(t, pool, `UPDATE sync_schedules SET enabled = false WHERE id = 3`)
	plan(t, pool, 3, time.Now())
	stop := run(t, &Timer{Pool: pool, Bus: b})
	begun(t, pool, 1, 1) // once, however many were missed
	eventually(t, "next run of what was skipped", func() error {
		if number(t, pool, `SELECT count(*) FROM sync_schedules WHERE next_run > now()`) != 2 {
			return fmt.Errorf("not both are planned")
		}
		return nil
	})
	stop()
	if n := number(t, pool, `SELECT count(*) FROM jobs WHERE schedule_id IN (2, 3) AND status <> 'scheduled'`); n != 0 {
		t.Errorf("%d jobs of schedules that skip, or are disabled", n)
	}
	run(t, &Timer{Pool: pool, Bus: b, Look: 10 * time.Millisecond})
	exec(t, pool, `UPDATE jobs SET status = 'completed' WHERE status = 'pending'`)
	exec(t, pool, `UPDATE sync_schedules SET next_run = now() - interval '3 seconds' WHERE id = 2`) // late, and not missed yet
	begun(t, pool, 2, 1)
	begun(t, pool, 1, 0)
}

func TestReconcileKeepsTheMessagesAsTheDatabaseWants(t *testing.T) {
	t.Parallel()
	pool, b := pgtest.New(t), natstest.Connect(t)
	now := time.Now()
	schedules(t, pool, now, 1, 2, 3)
	exec(t, pool, `UPDATE sync_schedules SET next_run = '2030-01-01 10:00:00.000001Z' WHERE id = 2`)
	exec(t, pool, `UPDATE sync_schedules SET next_run = '2030-01-01 10:00:00Z' WHERE id = 3`)
	timer := newTimer(pool, b)
	check := func(want map[string]string) {
		t.Helper()
		if _, err := timer.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := timers(t, b)
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("timers are %v (%v), want %v", got, err, want)
		}
	}
	const one, two, three = "proxops.v1.timer.1", "proxops.v1.timer.2", "proxops.v1.timer.3"
	hour := pattern(whole(now.Add(time.Hour).Truncate(time.Microsecond)))
	check(map[string]string{one: hour, two: "@at 2030-01-01T10:00:01Z", three: "@at 2030-01-01T10:00:00Z"})
	before := sequence(t, b)
	check(map[string]string{one: hour, two: "@at 2030-01-01T10:00:01Z", three: "@at 2030-01-01T10:00:00Z"})
	if after := sequence(t, b); after != before {
		t.Errorf("what was right is written again: sequence %d after %d", after, before)
	}
	exec(t, pool, `UPDATE sync_schedules SET next_run = '2031-01-01 10:00:00Z' WHERE id = 2`)
	exec(t, pool, `UPDATE sync_schedules SET enabled = false WHERE id = 3`)
	// Of what is due by now the message has fired or is about to: nobody takes it away, or writes it anew.
	exec(t, pool, `UPDATE sync_schedules SET next_run = now() WHERE id = 1`)
	check(map[string]string{one: hour, two: "@at 2031-01-01T10:00:00Z"})
	exec(t, pool, `UPDATE sync_schedules SET next_run = NULL`)
	check(map[string]string{})
}

func TestTimersFollowAHintAtOnce(t *testing.T) {
	t.Parallel()
	pool, server := pgtest.New(t), natstest.Start(t)
	b := natstest.Join(t, server, localnats.Projector)
	run(t, &Timer{Pool: pool, Bus: b})
	eventually(t, "stream, which it makes when it is missing", func() error { _, err := b.JetStream().Stream(t.Context(), subjects.StreamTasks); return err })
	schedules(t, pool, time.Now(), 1)
	api := natstest.Join(t, server, localnats.API)
	eventually(t, "timer of a new schedule", func() error {
		if err := api.Conn().Publish(subjects.ControlJobs, nil); err != nil {
			return err
		}
		got, err := timers(t, b)
		if err == nil && len(got) != 1 {
			err = fmt.Errorf("timers are %v", got)
		}
		return err
	})
}

// One that is meant to run now has no message that could wake anybody, and does not wait to be late.
func TestAScheduleThatBeginsNowRunsAtTheHint(t *testing.T) {
	t.Parallel()
	pool, server := pgtest.New(t), natstest.Start(t)
	b := natstest.Join(t, server, localnats.Projector)
	run(t, &Timer{Pool: pool, Bus: b})
	eventually(t, "stream", func() error { _, err := b.JetStream().Stream(t.Context(), subjects.StreamTasks); return err })
	schedules(t, pool, time.Now().Add(-time.Hour), 1)
	api := natstest.Join(t, server, localnats.API)
	eventually(t, "job", func() error {
		if err := api.Conn().Publish(subjects.ControlJobs, nil); err != nil {
			return err
		}
		if n := number(t, pool, `SELECT count(*) FROM jobs WHERE status = 'pending'`); n != 1 {
			return fmt.Errorf("%d jobs", n)
		}
		return nil
	})
}

func TestTwoInstancesNeverBeginARunTwice(t *testing.T) {
	t.Parallel()
	pool, b := pgtest.New(t), natstest.Connect(t)
	schedules(t, pool, time.Now(), 1)
	one, two := newTimer(pool, b), newTimer(pool, b)
	for round := 1; round <= 50; round++ {
		exec(t, pool, `UPDATE jobs SET status = 'completed' WHERE status = 'pending'`)
		exec(t, pool, `UPDATE sync_schedules SET next_run = now() - interval '3 seconds'`)
		var g errgroup.Group
		for _, timer := range []*Timer{one, two} {
			g.Go(func() error { return timer.Tick(t.Context(), 1) })
			g.Go(func() error { return timer.Late(t.Context()) })
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if n := number(t, pool, `SELECT count(*) FROM jobs WHERE status <> 'scheduled'`); n != round {
			t.Fatalf("%d jobs after %d rounds", n, round)
		}
	}
	if n := testutil.ToFloat64(one.ticks.WithLabelValues("began")) + testutil.ToFloat64(two.ticks.WithLabelValues("began")); n != 50 {
		t.Errorf("%v runs are counted", n)
	}
}

func TestAJobWithNothingToDoHasEnded(t *testing.T) {
	t.Parallel()
	pool, b := pgtest.New(t), natstest.Connect(t)
	schedules(t, pool, time.Now().Add(-time.Hour-10*time.Second), 1)
	exec(t, pool, `UPDATE endpoints SET enabled = false`)
	keeper := &syncs.Keeper{Pool: pool, Bus: b, Log: slog.New(slog.DiscardHandler)}
	keeper.Prepare()
	timer := newTimer(pool, b)
	timer.Moved = keeper.Tell
	if err := timer.Late(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := pool.QueryRow(t.Context(), `SELECT status || ': ' || error FROM jobs WHERE status <> 'scheduled'`).Scan(&got); err != nil || got != "failed: there was no enabled endpoint to synchronise" {
		t.Errorf("the job is %q (%v)", got, err)
	}
}

func TestOneScheduleThatCannotRunDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	pool, b := pgtest.New(t), natstest.Connect(t)
	schedules(t, pool, time.Now().Add(-time.Hour-10*time.Second), 1, 2)
	exec(t, pool, `UPDATE sync_schedules SET kinds = '["nonsense"]', next_run = next_run - interval '1 hour' WHERE id = 1`)
	if err := newTimer(pool, b).Late(t.Context()); err == nil {
		t.Error("nothing is wrong with nonsense")
	}
	begun(t, pool, 2, 1)
	begun(t, pool, 1, 0)
}
