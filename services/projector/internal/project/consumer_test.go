package project_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/natstest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/project"
)

// consume runs n consumers until the test ends.
func (l *lab) consume(b *bus.Bus, n int) *prometheus.Registry {
	l.Helper()
	reg := prometheus.NewRegistry()
	metrics := project.NewMetrics(reg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, n)
	for range n {
		c := &project.Consumer{Pool: l.pool, Log: slog.New(slog.DiscardHandler), Metrics: metrics, Workers: 2}
		go func() { ended <- c.Run(ctx, b) }()
	}
	l.Cleanup(func() {
		cancel()
		for range n {
			if err := <-ended; err != nil {
				l.Error(err)
			}
		}
	})
	return reg
}

func (l *lab) publish(b *bus.Bus, subject string, s *proxopsv1.Snapshot) {
	l.Helper()
	reseal(s)
	data, err := bus.Encode(s)
	if err != nil {
		l.Fatal(err)
	}
	l.publishRaw(b, subject, data)
}

func (l *lab) publishRaw(b *bus.Bus, subject string, data []byte) {
	l.Helper()
	if _, err := b.JetStream().Publish(context.Background(), subject, data); err != nil {
		l.Fatal(err)
	}
}

// settled waits until the consumer has nothing to do, and returns how often messages were delivered again.
func (l *lab) settled(b *bus.Bus, published uint64) *jetstream.ConsumerInfo {
	l.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		c, err := b.JetStream().Consumer(context.Background(), subjects.StreamSnapshots, subjects.ConsumerProjector)
		if err == nil && c.CachedInfo().AckFloor.Stream == published {
			return c.CachedInfo()
		}
		if time.Now().After(deadline) {
			l.Fatalf("messages are not settled: %v", err)
		}
		time.Sleep(5 * time.Millisecond) // polls
	}
}

func TestSnapshotsFromTheStreamAreAppliedByManyConsumers(t *testing.T) {
	t.Parallel()
	l, b := newLab(t), natstest.Connect(t)
	reg := l.consume(b, 2)
	var endpoints []int32
	for _, name := range []string{"a", "b", "c", "d"} {
		e := l.endpoint(name)
		endpoints = append(endpoints, e)
		generation := l.claim(e, backups, replications, inventory)
		for _, s := range []*proxopsv1.Snapshot{routinesOf(e, routine("x"), routine("y")), replicationsOf(e, replication(100, 0)), inventoryOf(e, smallInventory())} {
			s.Generation = generation
			for range 2 { // a poller that heard no answer publishes again
				l.publish(b, subjects.Snapshot(s.GetKind(), int64(e)), s)
			}
		}
	}
	l.settled(b, 24)
	for _, e := range endpoints {
		got := one[string](l, `SELECT concat_ws(' ', (SELECT count(*) FROM backup_routines WHERE endpoint_id = $1), (SELECT count(*) FROM replications WHERE endpoint_id = $1),
			(SELECT count(*) FROM nodes WHERE endpoint_id = $1 AND present), claim_pending) FROM endpoint_states WHERE endpoint_id = $1`, e)
		equal(l, "rows", got, "2 1 2 {}")
	}
	if n := one[int](l, `SELECT count(*) FROM changes`); n != 12 {
		t.Errorf("%d changes, want 12", n)
	}
	for outcome, want := range map[string]float64{"applied": 4, "old": 4} {
		if n := handled(t, reg, "replication", outcome); n != want {
			t.Errorf("%v snapshots are counted as %s", n, outcome)
		}
	}
}

// handled is how many snapshots of a kind are counted with this outcome.
func handled(t *testing.T, reg *prometheus.Registry, kind, outcome string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if l := m.GetLabel(); f.GetName() == "proxops_projector_snapshots_total" && l[0].GetValue() == kind && l[1].GetValue() == outcome {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestAPoisonMessageGoesToDeadAndFailsItsRun(t *testing.T) {
	t.Parallel()
	l, b := newLab(t), natstest.Connect(t)
	e := l.endpoint("lab")
	l.apply(routinesOf(e, routine("a")))
	before := l.dump()
	l.consume(b, 1)
	subject := subjects.Snapshot(backups, int64(e))

	generation := l.claim(e, backups, replications)
	l.publishRaw(b, subject, []byte("garbage"))
	l.settled(b, 1)
	failed := func() string {
		return one[string](l, `SELECT concat_ws('|', status, error_kind, left(error_text, 32), claim_pending, failures) FROM sync_states JOIN endpoint_states USING (endpoint_id)
			WHERE kind = 'backup_routine'`)
	}
	equal(l, "garbage", failed(), "failing|internal|the reading could not be stored:|{replication}|0")

	// Of a run that is over, nothing fails.
	duplicate := routinesOf(e, routine("a"), routine("a"))
	duplicate.Generation = generation
	generation = l.claim(e, backups)
	l.publish(b, subject, duplicate)
	l.settled(b, 2)
	equal(l, "another run", one[[]string](l, `SELECT claim_pending FROM endpoint_states`), []string{"backup_routine"})
	duplicate.Generation = generation
	l.publish(b, subject, duplicate)
	l.settled(b, 3)
	equal(l, "duplicate", failed(), "failing|internal|the reading could not be stored:|{}|1")

	// What Postgres cannot store fails in the transaction.
	huge := routinesOf(e, routine("a", func(j *proxopsv1.BackupRoutine) { j.Zstd = new(int64(1 << 40)) }))
	huge.Generation = l.claim(e, backups)
	l.publish(b, subject, huge)
	l.settled(b, 4)
	equal(l, "huge", failed(), "failing|internal|the reading could not be stored:|{}|2")

	l.publishRaw(b, "proxops.v1.snapshot.backup_routine.notanumber", []byte("garbage"))
	l.publishRaw(b, subjects.Snapshot(backups, 4711), []byte("garbage of an endpoint that is gone"))
	l.settled(b, 6)
	stream, err := b.JetStream().Stream(t.Context(), subjects.StreamDead)
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(subjects.Dead(subjects.StreamSnapshots, subjects.ConsumerProjector)))
	if err != nil || info.State.Subjects[subjects.Dead(subjects.StreamSnapshots, subjects.ConsumerProjector)] != 6 {
		t.Errorf("DEAD has %v (%v), want all six", info.State.Subjects, err)
	}
	equal(l, "routines", l.dump()["backup_routines"], before["backup_routines"])

	good := routinesOf(e, routine("b"))
	good.Generation = l.claim(e, backups)
	l.publish(b, subject, good)
	l.settled(b, 7)
	equal(l, "the queue moves on", failed(), "ok|||{}|0")
}

// A projector that dies between commit and acknowledgement leaves a message that is delivered again; one that dies before the commit too.
func TestAMessageIsAcknowledgedOnlyAfterTheCommit(t *testing.T) {
	t.Parallel()
	l, b := newLab(t), natstest.Connect(t)
	e := l.endpoint("lab")
	s := routinesOf(e, routine("a"))
	s.Generation = l.claim(e, backups)
	// No commit is possible while the endpoint is locked.
	tx, err := l.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM endpoints FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	l.consume(b, 1)
	l.publish(b, subjects.Snapshot(backups, int64(e)), s)
	for one[int](l, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 0 {
		if t.Context().Err() != nil {
			t.Fatal("nobody waits")
		}
	}
	c, err := b.JetStream().Consumer(t.Context(), subjects.StreamSnapshots, subjects.ConsumerProjector)
	if err != nil || c.CachedInfo().NumAckPending != 1 || c.CachedInfo().AckFloor.Stream != 0 {
		t.Errorf("before the commit: %+v, %v", c.CachedInfo(), err)
	}
	// The connection of the projector dies in the middle: the work is done again.
	l.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	info := l.settled(b, 1)
	if info.NumRedelivered != 0 || info.NumAckPending != 0 || info.Delivered.Consumer < 2 {
		t.Errorf("afterwards: %+v", info)
	}
	equal(l, "changes", one[int](l, `SELECT count(*) FROM changes`), 1)
}
