package watch

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/pgtest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/syncs"
)

func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func watcher(pool *pgxpool.Pool, b *bus.Bus) *Watcher {
	w := &Watcher{Pool: pool, Bus: b, Log: slog.New(slog.DiscardHandler)}
	w.defaults()
	return w
}

func TestSilentFailsWhatAClaimThatRanOutLeftOpen(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	exec(t, pool, `INSERT INTO endpoints (id, name, poll_interval) VALUES (1, 'silent', 60), (2, 'at work', 60), (3, 'done', 60), (4, 'again', 60)`)
	exec(t, pool, `INSERT INTO endpoint_states (endpoint_id, issued_generation, claimed_by, claim_expires_at, claim_pending, failures) VALUES
		(1, 7, 'p1', now() - interval '1 second', '{replication,inventory}', 0),
		(2, 7, 'p1', now() + interval '1 minute', '{replication}', 0),
		(3, 7, 'p1', now() - interval '1 hour', '{}', 0),
		(4, 7, 'p2', now() - interval '1 second', '{backup_routine}', 5)`)
	exec(t, pool, `INSERT INTO sync_states (endpoint_id, kind, status, since, applied_generation, last_seen, digest) VALUES
		(1, 'backup_routine', 'ok', now() - interval '1 day', 7, now(), 'd'),
		(1, 'replication', 'ok', now() - interval '1 day', 6, now(), 'd'),
		(4, 'backup_routine', 'failing', '2026-01-01', 6, now(), 'd')`)
	if err := watcher(pool, nil).Silent(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, err := pool.Query(t.Context(), `SELECT format('%s %s %s %s %s %s', endpoint_id, kind, status, error_kind,
		CASE WHEN since > now() - interval '1 minute' THEN 'now' ELSE 'before' END, applied_generation) FROM sync_states ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"1 backup_routine ok  before 7", "1 inventory failing internal now 0", "1 replication failing internal now 6",
		"4 backup_routine failing internal before 6",
	}
	if !slices.Equal(got, want) {
		t.Errorf("sync states are %q, want %q", got, want)
	}
	type state struct {
		ID       int32
		Pending  int
		Failures int
		Rest     float64 // seconds
	}
	rows, err = pool.Query(t.Context(), `SELECT endpoint_id, cardinality(claim_pending), failures,
		coalesce(extract(epoch FROM next_attempt_at - now())::float8, 0) FROM endpoint_states ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	states, err := pgx.CollectRows(rows, pgx.RowToStructByPos[state])
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		pending, failures int
		least, most       float64
	}{{0, 1, 25, 60}, {1, 0, 0, 0}, {0, 0, 0, 0}, {0, 6, 900, 1920}} {
		s := states[i]
		if s.Pending != want.pending || s.Failures != want.failures || s.Rest < want.least || s.Rest > want.most {
			t.Errorf("endpoint %d has %d pending kinds, %d failures and rests for %.0f s, want %+v", s.ID, s.Pending, s.Failures, s.Rest, want)
		}
	}
	var text string
	if err := pool.QueryRow(t.Context(), `SELECT error_text FROM sync_states WHERE endpoint_id = 1 AND kind = 'replication'`).Scan(&text); err != nil {
		t.Fatal(err)
	}
	if want := "poller p1 took run 7 and went silent: it brought no result before its claim ran out"; text != want {
		t.Errorf("the error says %q, want %q", text, want)
	}
}

func TestWhatASilentPollerTookOfASyncWaitsForAnotherRun(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	exec(t, pool, `INSERT INTO endpoints (id, name) VALUES (1, 'silent'), (2, 'at work')`)
	exec(t, pool, `INSERT INTO endpoint_states (endpoint_id, issued_generation, claimed_by, claim_expires_at, claim_pending)
		SELECT id, 7, 'p1', now() + (id * 2 - 3) * interval '1 minute', '{replication}' FROM endpoints`)
	exec(t, pool, `INSERT INTO jobs (id, name, kinds, status, request_id) VALUES (5, 'x', '{replication}', 'running', gen_random_uuid())`)
	exec(t, pool, `INSERT INTO job_parts (job_id, endpoint_id, kind, endpoint_name, status, generation, attempts) SELECT 5, id, 'replication', name, 'running', 7, 1 FROM endpoints`)
	w := watcher(pool, nil)
	var moved []syncs.Moved
	w.Moved = func(_ context.Context, m syncs.Moved) { moved = append(moved, m) }
	if err := w.Silent(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := pool.QueryRow(t.Context(), `SELECT string_agg(endpoint_name || ' ' || status, ', ' ORDER BY endpoint_id) FROM job_parts`).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := "silent pending, at work running"; got != want {
		t.Errorf("parts are %q, want %q", got, want)
	}
	if len(moved) != 1 || !slices.Equal(moved[0].Jobs, []int32{5}) {
		t.Errorf("told are %v, want job 5", moved)
	}
}

func TestSilentLeavesAnEndpointAloneThatIsBeingWritten(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	exec(t, pool, `INSERT INTO endpoints (id, name) VALUES (1, 'a')`)
	exec(t, pool, `INSERT INTO endpoint_states (endpoint_id, issued_generation, claim_expires_at, claim_pending)
		VALUES (1, 7, now() - interval '1 second', '{replication}')`)
	// The result comes late, but it is being applied: its transaction holds the lock and takes the kind out of the claim.
	applying, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = applying.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := applying.Exec(t.Context(), `SELECT FROM endpoints WHERE id = 1 FOR NO KEY UPDATE`); err != nil {
		t.Fatal(err)
	}
	w := watcher(pool, nil)
	if err := w.Silent(t.Context()); err != nil { // would wait for ever if it waited
		t.Fatal(err)
	}
	if _, err := applying.Exec(t.Context(), `UPDATE endpoint_states SET claim_pending = '{}'`); err != nil {
		t.Fatal(err)
	}
	if err := applying.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Silent(t.Context()); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM sync_states`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d kinds were failed (%v), want none", n, err)
	}
}

func TestSilentFailsAnyNumberOfClaims(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	exec(t, pool, `INSERT INTO endpoints (name) SELECT 'e' || i FROM generate_series(1, 1100) i`)
	exec(t, pool, `INSERT INTO endpoint_states (endpoint_id, issued_generation, claim_expires_at, claim_pending)
		SELECT id, 1, now() - interval '1 second', '{backup_routine,replication}' FROM endpoints`)
	if err := watcher(pool, nil).Silent(t.Context()); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM sync_states WHERE status = 'failing'`).Scan(&n); err != nil || n != 2200 {
		t.Errorf("%d kinds were failed (%v), want 2200", n, err)
	}
}

// tasks returns the sequences of tasks in the queue, by subject.
func tasks(t *testing.T, b *bus.Bus) map[string]uint64 {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), subjects.StreamTasks)
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(subjects.AllTasks))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for subject, n := range info.State.Subjects {
		if n != 1 {
			t.Errorf("%d tasks wait on %s", n, subject)
		}
		m, err := stream.GetLastMsgForSubject(t.Context(), subject)
		if err != nil {
			t.Fatal(err)
		}
		task := &proxopsv1.Task{}
		if err := bus.Decode(m.Data, task); err != nil || subjects.Task(task.GetTrigger(), "default", task.GetEndpointId()) != subject {
			t.Errorf("the task on %s is %v (%v)", subject, task, err)
		}
		got[subject] = m.Sequence
	}
	return got
}

func TestLateFillsInForTicksThatDidNotCome(t *testing.T) {
	t.Parallel()
	pool, b := pgtest.New(t), natstest.Connect(t)
	exec(t, pool, `INSERT INTO endpoints (id, name, poll_interval, enabled) VALUES
		(1, 'new', 60, true), (2, 'missed two', 60, true), (3, 'in time', 60, true), (4, 'disabled', 60, false), (5, 'asked', 0, true),
		(6, 'backing off', 60, true), (7, 'being read', 60, true), (8, 'rested', 60, true), (9, 'went silent', 60, true)`)
	exec(t, pool, `INSERT INTO endpoint_states (endpoint_id, next_attempt_at, claim_pending, claim_expires_at) VALUES
		(6, now() + interval '1 minute', '{}', null), (7, null, '{replication}', now() + interval '1 minute'),
		(8, now() - interval '1 second', '{}', null), (9, null, '{replication}', now() - interval '1 minute')`)
	exec(t, pool, `INSERT INTO sync_states (endpoint_id, kind, last_attempt)
		SELECT i, 'replication', now() - interval '121 seconds' FROM unnest(array[2, 4, 5, 6, 7, 8, 9]) i`)
	exec(t, pool, `INSERT INTO sync_states (endpoint_id, kind, last_attempt) VALUES
		(3, 'replication', now() - interval '110 seconds'), (2, 'inventory', now())`)
	w := watcher(pool, b)
	if err := w.Late(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := tasks(t, b)
	var want []string
	for _, id := range []int64{1, 2, 8, 9} {
		want = append(want, subjects.Task(proxopsv1.Trigger_TRIGGER_SCHEDULED, "default", id))
	}
	if has := slices.Sorted(maps.Keys(got)); !slices.Equal(has, want) {
		t.Errorf("tasks on %v, want %v", has, want)
	}
	if err := w.Late(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := tasks(t, b); !maps.Equal(got, again) {
		t.Errorf("tasks that wait were published again: %v, then %v", got, again)
	}
}

func TestANewEndpointIsReadAtOnce(t *testing.T) {
	t.Parallel()
	pool, b := pgtest.New(t), natstest.Connect(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- (&Watcher{Pool: pool, Bus: b, Log: slog.New(slog.DiscardHandler), Every: time.Hour}).Run(ctx)
	}()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	exec(t, pool, `INSERT INTO endpoints (id, name) VALUES (1, 'new')`)
	deadline := time.Now().Add(20 * time.Second)
	for len(tasks(t, b)) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("no task for a new endpoint")
		}
		if err := b.Conn().Publish(subjects.ControlEndpoints, nil); err != nil {
			t.Fatal(err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestLateAsksForTheOldestFirst(t *testing.T) {
	t.Parallel()
	pool, b := pgtest.New(t), natstest.Connect(t)
	exec(t, pool, `INSERT INTO endpoints (name) SELECT 'e' || i FROM generate_series(1, 600) i`)
	exec(t, pool, `INSERT INTO sync_states (endpoint_id, kind, last_attempt) SELECT id, 'replication', now() - id * interval '1 hour' FROM endpoints`)
	if err := watcher(pool, b).Late(t.Context()); err != nil {
		t.Fatal(err)
	}
	stream, err := b.JetStream().Stream(t.Context(), subjects.StreamTasks)
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := subjects.Task(proxopsv1.Trigger_TRIGGER_SCHEDULED, "default", 600); m.Subject != want {
		t.Errorf("the first task is on %s, want %s", m.Subject, want)
	}
	if n := stream.CachedInfo().State.Msgs; n != atOnce {
		t.Errorf("%d tasks at once, want %d", n, atOnce)
	}
}
