package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/pgtest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/tick"
)

func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func scheduler(t *testing.T, pool *pgxpool.Pool, b *bus.Bus) *Scheduler {
	t.Helper()
	s := &Scheduler{Pool: pool, Bus: b, Log: slog.New(slog.DiscardHandler)}
	s.defaults()
	return s
}

func reconcile(t *testing.T, s *Scheduler) {
	t.Helper()
	if err := s.Reconcile(t.Context(), true); err != nil {
		t.Fatal(err)
	}
}

// schedules returns what the stream holds, pattern by subject and sequence.
func schedules(t *testing.T, b *bus.Bus) (patterns map[string]string, sequences map[string]uint64) {
	t.Helper()
	all, err := tick.Stored(t.Context(), b.JetStream(), subjects.AllSchedules)
	if err != nil {
		t.Fatal(err)
	}
	patterns, sequences = map[string]string{}, map[string]uint64{}
	for subject, s := range all {
		patterns[subject], sequences[subject] = s.Pattern+" "+s.Target, s.Sequence
	}
	return patterns, sequences
}

func TestReconcileWritesWhatTheDatabaseWantsAndNothingTwice(t *testing.T) {
	t.Parallel()
	pool, b := pgtest.New(t), natstest.Connect(t)
	exec(t, pool, `INSERT INTO endpoints (id, name, poll_interval, enabled, site) VALUES
		(1, 'a', 60, true, 'default'), (2, 'b', 10, true, 'remote'), (3, 'off', 60, false, 'default'), (4, 'asked', 0, true, 'default')`)
	s := scheduler(t, pool, b)
	reconcile(t, s)
	want := map[string]string{
		"proxops.v1.sched.1": pattern(60, phase(1, 60)) + " proxops.v1.task.scheduled.default.1",
		"proxops.v1.sched.2": pattern(10, phase(2, 10)) + " proxops.v1.task.scheduled.remote.2",
	}
	got, before := schedules(t, b)
	if !maps.Equal(got, want) {
		t.Fatalf("schedules are %v, want %v", got, want)
	}
	reconcile(t, s)
	if _, after := schedules(t, b); !maps.Equal(before, after) {
		t.Errorf("unchanged schedules were written again: sequences %v, then %v", before, after)
	}
	exec(t, pool, `UPDATE endpoints SET poll_interval = 30 WHERE id = 1`)
	exec(t, pool, `UPDATE endpoints SET site = 'default' WHERE id = 2`)
	exec(t, pool, `UPDATE endpoints SET enabled = true WHERE id = 3`)
	reconcile(t, s)
	want = map[string]string{
		"proxops.v1.sched.1": pattern(30, phase(1, 30)) + " proxops.v1.task.scheduled.default.1",
		"proxops.v1.sched.2": pattern(10, phase(2, 10)) + " proxops.v1.task.scheduled.default.2",
		"proxops.v1.sched.3": pattern(60, phase(3, 60)) + " proxops.v1.task.scheduled.default.3",
	}
	if got, _ := schedules(t, b); !maps.Equal(got, want) {
		t.Fatalf("after a change schedules are %v, want %v", got, want)
	}
	exec(t, pool, `DELETE FROM endpoints WHERE id = 1`)
	exec(t, pool, `UPDATE endpoints SET enabled = false WHERE id = 2`)
	exec(t, pool, `UPDATE endpoints SET poll_interval = 0 WHERE id = 3`)
	reconcile(t, s)
	if got, _ := schedules(t, b); len(got) != 0 {
		t.Errorf("schedules of endpoints that are gone, disabled or not polled remain: %v", got)
	}
}

func TestAWaitingTickGoesWithItsScheduleAndItsSite(t *testing.T) {
	t.Parallel()
	pool, b := pgtest.New(t), natstest.Connect(t)
	exec(t, pool, `INSERT INTO endpoints (id, name) VALUES (1, 'moves'), (2, 'stays')`)
	s := scheduler(t, pool, b)
	reconcile(t, s)
	for _, id := range []int64{1, 2} {
		if _, err := b.JetStream().Publish(t.Context(), subjects.Task(proxopsv1.Trigger_TRIGGER_SCHEDULED, "default", id), []byte("tick")); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, pool, `UPDATE endpoints SET site = 'remote' WHERE id = 1`)
	reconcile(t, s)
	if got := waiting(t, b); !slices.Equal(got, []string{"proxops.v1.task.scheduled.default.2"}) {
		t.Errorf("ticks waiting after one endpoint moved: %v, want that of the other alone", got)
	}
	exec(t, pool, `UPDATE endpoints SET enabled = false`)
	reconcile(t, s)
	if got := waiting(t, b); len(got) != 0 {
		t.Errorf("ticks waiting for disabled endpoints: %v", got)
	}
}

// waiting returns the subjects of tasks in the queue.
func waiting(t *testing.T, b *bus.Bus) []string {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), subjects.StreamTasks)
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(subjects.AllTasks))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(info.State.Subjects))
}

func TestASecondSchedulerDoesNotOverwriteWhatTheFirstWroteMeanwhile(t *testing.T) {
	t.Parallel()
	pool, b := pgtest.New(t), natstest.Connect(t)
	exec(t, pool, `INSERT INTO endpoints (id, name) VALUES (1, 'a')`)
	late, quick := scheduler(t, pool, b), scheduler(t, pool, b)
	if err := late.compare(t.Context()); err != nil { // it wants to write, but is slow
		t.Fatal(err)
	}
	exec(t, pool, `UPDATE endpoints SET poll_interval = 20`)
	reconcile(t, quick)
	if err := late.Reconcile(t.Context(), false); err != nil {
		t.Fatalf("losing is no error: %v", err)
	}
	got, _ := schedules(t, b)
	if want := pattern(20, phase(1, 20)) + " proxops.v1.task.scheduled.default.1"; got["proxops.v1.sched.1"] != want {
		t.Errorf("the schedule is %q, want that of the scheduler that knew more: %q", got["proxops.v1.sched.1"], want)
	}
}

// run runs a scheduler until the test ends.
func run(t *testing.T, s *Scheduler) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
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

// The real server fires, at the endpoint's second, with the task as payload, and keeps one tick however many nobody takes.
func TestTheServerFiresAtThePhaseAndKeepsOneTick(t *testing.T) {
	t.Parallel()
	pool, b := pgtest.New(t), natstest.Connect(t)
	// An interval of two seconds divides the minute; the table refuses what only a test may want.
	exec(t, pool, `ALTER TABLE endpoints DROP CONSTRAINT endpoints_poll_interval_check`)
	exec(t, pool, `INSERT INTO endpoints (id, name, poll_interval) VALUES (1, 'even', 2), (2, 'odd', 7)`)
	run(t, &Scheduler{Pool: pool, Bus: b, Log: slog.New(slog.DiscardHandler)})
	for _, id := range []int64{1, 2} {
		var seen []time.Time
		eventually(t, fmt.Sprintf("two ticks of endpoint %d", id), func() error {
			m, err := last(t, b, id)
			if err != nil {
				return err
			}
			if len(seen) == 0 || m.Time.After(seen[len(seen)-1]) {
				seen = append(seen, m.Time)
				task := &proxopsv1.Task{}
				if err := bus.Decode(m.Data, task); err != nil || task.GetEndpointId() != id || task.GetTrigger() != proxopsv1.Trigger_TRIGGER_SCHEDULED {
					t.Fatalf("the tick carries %v (%v)", task, err)
				}
			}
			if len(seen) < 2 {
				return fmt.Errorf("%d so far", len(seen))
			}
			return nil
		})
		interval := map[int64]int64{1: 2, 2: 7}[id]
		for _, at := range seen { // the server fires up to a moment late
			if late := at.Add(-time.Duration(phase(id, interval))*time.Second).UnixMilli() % (interval * 1000); late > 900 {
				t.Errorf("endpoint %d with phase %d of %d s ticked at %s, %d ms late", id, phase(id, interval), interval, at.Format("05.000"), late)
			}
		}
	}
	if got := waiting(t, b); len(got) != 2 {
		t.Errorf("waiting ticks: %v, want one for each endpoint", got)
	}
	stream, err := b.JetStream().Stream(t.Context(), subjects.StreamTasks)
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 4 {
		t.Errorf("the stream holds %d messages, want two schedules and two ticks", n)
	}
}

func last(t *testing.T, b *bus.Bus, id int64) (*jetstream.RawStreamMsg, error) {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), subjects.StreamTasks)
	if err != nil {
		return nil, err
	}
	return stream.GetLastMsgForSubject(t.Context(), subjects.Task(proxopsv1.Trigger_TRIGGER_SCHEDULED, "default", id))
}

func TestAChangeOfEndpointsIsFollowedAtOnce(t *testing.T) {
	t.Parallel()
	pool, server := pgtest.New(t), natstest.Start(t)
	b := natstest.Join(t, server, localnats.Projector)
	run(t, &Scheduler{Pool: pool, Bus: b, Log: slog.New(slog.DiscardHandler), Every: time.Hour})
	eventually(t, "streams, which it makes when they are missing", func() error {
		_, err := b.JetStream().Stream(t.Context(), subjects.StreamTasks)
		return err
	})
	exec(t, pool, `INSERT INTO endpoints (id, name) VALUES (1, 'new')`)
	api := natstest.Join(t, server, localnats.API)
	eventually(t, "schedule of a new endpoint", func() error {
		if err := api.Conn().Publish(subjects.ControlEndpoints, nil); err != nil {
			return err
		}
		got, err := tick.Stored(t.Context(), b.JetStream(), subjects.AllSchedules)
		if err == nil && len(got) != 1 {
			err = fmt.Errorf("%d schedules", len(got))
		}
		return err
	})
}

func TestSchedulesAreWrittenAgainWhenTheStreamIsGone(t *testing.T) {
	t.Parallel()
	pool, b := pgtest.New(t), natstest.Connect(t)
	exec(t, pool, `INSERT INTO endpoints (name) SELECT 'e' || i FROM generate_series(1, 20) i`)
	s := scheduler(t, pool, b)
	reconcile(t, s)
	for _, name := range []string{subjects.StreamTasks, subjects.StreamSnapshots, subjects.StreamDead} {
		if err := b.JetStream().DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	reconcile(t, s)
	if got, _ := schedules(t, b); len(got) != 20 {
		t.Errorf("%d schedules after the stream was lost, want 20", len(got))
	}
	for _, name := range []string{subjects.StreamSnapshots, subjects.StreamDead} {
		if _, err := b.JetStream().Stream(t.Context(), name); err != nil {
			t.Errorf("stream %s: %v", name, err)
		}
	}
}

// Ten thousand schedules that are right cost a few requests and no write.
func TestTenThousandSchedulesAreComparedInAFewCalls(t *testing.T) {
	t.Parallel()
	pool, b := pgtest.New(t), natstest.Connect(t)
	exec(t, pool, `INSERT INTO endpoints (name) SELECT 'e' || i FROM generate_series(1, 10000) i`)
	s := scheduler(t, pool, b)
	begin := time.Now()
	reconcile(t, s)
	t.Logf("written in %s", time.Since(begin))
	out, begin := b.Conn().Stats().OutMsgs, time.Now()
	reconcile(t, s)
	t.Logf("compared in %s", time.Since(begin))
	if sent := b.Conn().Stats().OutMsgs - out; sent > 40 {
		t.Errorf("comparing 10000 schedules took %d requests", sent)
	}
	if got, _ := schedules(t, b); len(got) != 10000 {
		t.Errorf("%d schedules, want 10000", len(got))
	}
}
