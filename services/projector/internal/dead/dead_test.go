package dead

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/pgtest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

// lab is a registrar at work, with endpoints 1 and 2.
type lab struct {
	t         *testing.T
	pool      *pgxpool.Pool
	bus       *bus.Bus
	snapshots chan bus.Msg
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, pool: pgtest.New(t), bus: natstest.Connect(t), snapshots: make(chan bus.Msg, 10)}
	l.exec(`INSERT INTO endpoints (id, name) VALUES (1, 'a'), (2, 'b')`)
	r := &Registrar{
		Pool: l.pool, Bus: l.bus, Log: slog.New(slog.DiscardHandler),
		Snapshot: func(_ context.Context, m bus.Msg, _ error) error { l.snapshots <- m; return nil },
	}
	l.run(r.Run)
	return l
}

// run runs a part until the test ends.
func (l *lab) run(fn func(context.Context) error) {
	ctx, cancel := context.WithCancel(l.t.Context())
	done := make(chan error, 1)
	go func() { done <- fn(ctx) }()
	l.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			l.t.Error(err)
		}
	})
}

func (l *lab) exec(sql string, args ...any) {
	l.t.Helper()
	if _, err := l.pool.Exec(l.t.Context(), sql, args...); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) publish(endpoint int64, data []byte) {
	l.t.Helper()
	if _, err := l.bus.JetStream().Publish(l.t.Context(), subjects.Task(proxopsv1.Trigger_TRIGGER_SCHEDULED, "default", endpoint), data); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) task(endpoint int64, kinds ...proxopsv1.Kind) []byte {
	l.t.Helper()
	data, err := bus.Encode(&proxopsv1.Task{EndpointId: endpoint, Kinds: kinds})
	if err != nil {
		l.t.Fatal(err)
	}
	return data
}

// states describes the sync states of an endpoint.
func (l *lab) states(endpoint int) string {
	l.t.Helper()
	var s string
	err := l.pool.QueryRow(l.t.Context(), `SELECT coalesce(string_agg(kind || ' ' || status || ' ' || error_kind, ', ' ORDER BY kind), '')
		FROM sync_states WHERE endpoint_id = $1`, endpoint).Scan(&s)
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

func (l *lab) eventually(what string, ask func() error) {
	l.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("no %s: %v", what, err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func (l *lab) awaitStates(endpoint int, want string) {
	l.t.Helper()
	l.eventually("state of endpoint", func() error {
		if got := l.states(endpoint); got != want {
			return fmt.Errorf("endpoint %d is %q, want %q", endpoint, got, want)
		}
		return nil
	})
}

// awaitIdle waits until the registrar has seen everything in DEAD.
func (l *lab) awaitIdle(messages uint64) {
	l.t.Helper()
	l.eventually("idle registrar", func() error {
		c, err := l.bus.JetStream().Consumer(l.t.Context(), subjects.StreamDead, subjects.ConsumerDead)
		if err != nil {
			return err
		}
		if i := c.CachedInfo(); i.AckFloor.Stream < messages || i.NumPending > 0 || i.NumAckPending > 0 {
			return fmt.Errorf("%d acknowledged, %d pending", i.AckFloor.Stream, i.NumPending)
		}
		return nil
	})
}

func TestAPoisonedTaskFailsItsRunAndTheQueueMovesOn(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.publish(1, []byte("poison"))
	l.publish(2, l.task(2))
	handled := make(chan int64, 10)
	l.run(func(ctx context.Context) error { // as a poller does
		return l.bus.Consume(ctx, bus.ConsumerConfig{
			Stream: subjects.StreamTasks, Name: subjects.ConsumerTasks(proxopsv1.Trigger_TRIGGER_SCHEDULED, "default"),
			Filters: []string{subjects.SiteTasks(proxopsv1.Trigger_TRIGGER_SCHEDULED, "default")},
		}, func(_ context.Context, m bus.Msg) error {
			task := &proxopsv1.Task{}
			if err := bus.Decode(m.Data, task); err != nil {
				return err
			}
			handled <- task.GetEndpointId()
			return nil
		})
	})
	select {
	case id := <-handled:
		if id != 2 {
			t.Errorf("the task of endpoint %d was handled, want that of 2", id)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the queue did not move on")
	}
	l.awaitStates(1, "backup_routine failing internal, replication failing internal")
	l.awaitStates(2, "")
	var text, remedy string
	if err := l.pool.QueryRow(t.Context(), `SELECT error_text, remedy FROM sync_states LIMIT 1`).Scan(&text, &remedy); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "decompress Task") || remedy == "" {
		t.Errorf("the state says %q and %q, want the reason and a remedy", text, remedy)
	}
}

func TestATaskThatFailsTenTimesFailsTheKindsItAskedFor(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.publish(1, l.task(1, proxopsv1.Kind_KIND_INVENTORY))
	l.run(func(ctx context.Context) error {
		return l.bus.Consume(ctx, bus.ConsumerConfig{
			Stream: subjects.StreamTasks, Name: "poller", Filters: []string{subjects.AllTasks}, RetryDelay: time.Millisecond,
		}, func(context.Context, bus.Msg) error { return fault.New(fault.Unavailable, "no projector\x00 answers") })
	})
	l.awaitStates(1, "inventory failing internal")
}

func TestADeathSaysNothingOfWhatWasReadSince(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.exec(`INSERT INTO sync_states (endpoint_id, kind, status, last_attempt, last_seen) VALUES
		(1, 'backup_routine', 'ok', now() + interval '1 minute', now() + interval '1 minute'),
		(1, 'replication', 'ok', now() - interval '1 minute', now() - interval '1 minute'),
		(2, 'backup_routine', 'ok', now() - interval '1 minute', null)`)
	l.exec(`INSERT INTO endpoint_states (endpoint_id, claim_pending, claim_expires_at) VALUES (2, '{backup_routine}', now() + interval '1 minute')`)
	for _, id := range []int64{1, 2} {
		l.bury(id, l.task(id))
	}
	l.awaitIdle(2)
	if got, want := l.states(1), "backup_routine ok , replication failing internal"; got != want {
		t.Errorf("endpoint 1 is %q, want %q: one kind was read later", got, want)
	}
	if got, want := l.states(2), "backup_routine ok , replication failing internal"; got != want {
		t.Errorf("endpoint 2 is %q, want %q: one kind is being read", got, want)
	}
}

// A task that nobody could begin fails what jobs wait for, but not what was asked for since, for which there is another one.
func TestATaskOfASyncThatIsGivenUpFailsWhatWasAskedForBefore(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.exec(`INSERT INTO jobs (id, name, kinds, created, request_id) SELECT n, 'x', '{inventory}', now() + (n - 2) * interval '1 minute', gen_random_uuid() FROM unnest('{1,3}'::integer[]) n`)
	l.exec(`INSERT INTO job_parts (job_id, endpoint_id, kind, endpoint_name) SELECT j.id, e.id, 'inventory', e.name FROM jobs j, endpoints e`)
	data, err := bus.Encode(&proxopsv1.Task{EndpointId: 1, Trigger: proxopsv1.Trigger_TRIGGER_MANUAL, JobId: "5c0f8c0e-9f5a-4f0a-8a57-6c2b5d1f0a11"})
	if err != nil {
		t.Fatal(err)
	}
	l.bury(1, data)
	l.bury(2, l.task(2)) // a tick, which is followed by others
	l.awaitIdle(2)
	var got string
	err = l.pool.QueryRow(t.Context(), `SELECT string_agg(concat_ws(' ', job_id, endpoint_name, status, nullif(error_text, '')), ', ' ORDER BY job_id, endpoint_id) FROM job_parts`).Scan(&got)
	if err != nil {
		t.Fatal(err)
	}
	if want := "1 a errored no poller could begin the run: test, 1 b pending, 3 a pending, 3 b pending"; got != want {
		t.Errorf("parts are %q, want %q", got, want)
	}
}

// bury puts a task into DEAD as a poller does that gives it up.
func (l *lab) bury(endpoint int64, data []byte) {
	l.t.Helper()
	m := &nats.Msg{Subject: subjects.Dead(subjects.StreamTasks, "poller"), Data: data, Header: nats.Header{}}
	m.Header.Set(bus.HeaderStream, subjects.StreamTasks)
	m.Header.Set(bus.HeaderSubject, subjects.Task(proxopsv1.Trigger_TRIGGER_SCHEDULED, "default", endpoint))
	m.Header.Set(bus.HeaderReason, "test")
	if _, err := l.bus.JetStream().PublishMsg(l.t.Context(), m); err != nil {
		l.t.Fatal(err)
	}
}

// What somebody publishes to DEAD by hand must not stop the registrar.
func TestStrangeMessagesInDeadAreNoTrouble(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.bury(99, l.task(99)) // of an endpoint that is gone
	for _, subject := range []string{"proxops.v1.dead.x", "proxops.v1.dead." + subjects.StreamTasks + ".poller", maxDeliveries + "TASKS.x", terminated + "TASKS.x"} {
		m := &nats.Msg{Subject: subject, Data: []byte("?"), Header: nats.Header{}}
		m.Header.Set(bus.HeaderStream, subjects.StreamTasks)
		if _, err := l.bus.JetStream().PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	l.bury(1, []byte("unreadable"))
	l.awaitStates(1, "backup_routine failing internal, replication failing internal")
}

// A consumer that was made with a bound of its own leaves messages in the work queue that nobody gets any more.
func TestAMessageThatTheServerStoppedDeliveringIsRemovedAndItsRunFails(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, err := l.bus.JetStream().CreateConsumer(t.Context(), subjects.StreamTasks, jetstream.ConsumerConfig{
		Durable: "bounded", FilterSubject: subjects.AllTasks, MaxDeliver: 1, AckWait: 50 * time.Millisecond, AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	l.publish(1, l.task(1))
	if _, err := c.Next(); err != nil { // and never say anything about it
		t.Fatal(err)
	}
	l.run(func(ctx context.Context) error { // the server notices when somebody asks for more
		for ctx.Err() == nil {
			_, _ = c.Next(jetstream.FetchMaxWait(100 * time.Millisecond))
		}
		return nil
	})
	l.awaitStates(1, "backup_routine failing internal, replication failing internal")
	l.eventually("empty queue", func() error {
		s, err := l.bus.JetStream().Stream(t.Context(), subjects.StreamTasks)
		if err == nil && s.CachedInfo().State.Msgs > 0 {
			err = errors.New("the message is still there")
		}
		return err
	})
}

func TestASnapshotThatTheServerStoppedDeliveringIsReportedToItsOwner(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, err := l.bus.JetStream().CreateConsumer(t.Context(), subjects.StreamSnapshots, jetstream.ConsumerConfig{
		Durable: "bounded", MaxDeliver: 1, AckWait: 50 * time.Millisecond, AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	subject := subjects.Snapshot(proxopsv1.Kind_KIND_REPLICATION, 1)
	if _, err := l.bus.JetStream().Publish(t.Context(), subject, []byte("s")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Next(); err != nil {
		t.Fatal(err)
	}
	l.run(func(ctx context.Context) error {
		for ctx.Err() == nil {
			_, _ = c.Next(jetstream.FetchMaxWait(100 * time.Millisecond))
		}
		return nil
	})
	select {
	case m := <-l.snapshots:
		if m.Subject != subject || string(m.Data) != "s" {
			t.Errorf("the owner was told of %s %q", m.Subject, m.Data)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the owner was not told")
	}
}
