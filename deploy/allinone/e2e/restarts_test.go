package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/pvesim"
	"github.com/proxops/proxops/proto-events/digest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector"
)

// shortClaims lets a run that was abandoned be taken over soon; a loaded machine has time to finish one.
func shortClaims(cfg *projector.Config) { cfg.ClaimTimeout = 15 * time.Second }

// Services are stopped and started again in the middle of their work, and the connections to Postgres are cut. In the end everything is as
// the clusters say, and every change was published once.
func TestNothingIsLostWhenServicesAreRestarted(t *testing.T) {
	t.Parallel()
	l := bareLab(t)
	l.startProjector(t, shortClaims)
	l.startPoller(t, nil)
	l.startAPI(t)
	var clusters []*pvesim.Cluster
	for i, v := range pvesim.Versions() {
		clusters = append(clusters, pvesim.New(v, pvesim.WithWorld(pvesim.Generate("restless", int64(i), 3, 20, 25))))
	}
	all := l.add(t, clusters...)
	for round, disturb := range []func(){
		func() { l.projector.stop(t); l.startProjector(t, shortClaims) },
		func() { l.poller.stop(t); l.startPoller(t, nil) },
		func() { l.cutConnections(t) },
		func() { l.poller.stop(t); l.projector.stop(t); l.startPoller(t, nil); l.startProjector(t, shortClaims) },
		func() {
			l.projector.stop(t)
			l.cutConnections(t)
			l.startProjector(t, shortClaims)
			l.api.stop(t)
			l.startAPI(t)
		},
	} {
		for _, e := range all {
			e.cluster.Edit(func(w *pvesim.World) {
				for i := range w.Backups {
					w.Backups[i].Storage, w.Replications[i].Comment = fmt.Sprintf("storage-%d", (round+i)%7), fmt.Sprint("round ", round)
				}
			})
		}
		var wg sync.WaitGroup
		for _, e := range all {
			wg.Go(func() { l.tryPoll(t, e) })
		}
		disturb()
		wg.Wait()
	}
	l.poll(t, all...)
	l.mustBe(t, "ok", all...)
	for _, e := range all {
		routines, replications := e.wanted(t)
		same(t, e, "routine", routines, l.rest.routines(t, e))
		same(t, e, "replication", replications, l.rest.replications(t, e))
	}
	if n := len(l.events(t)); n < 4*25*2*3 {
		t.Errorf("only %d events", n)
	}
}

// cutConnections ends every connection to the database but its own.
func (l *lab) cutConnections(t *testing.T) {
	t.Helper()
	_, err := l.pool.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name IN ('projector', 'api')")
	if err != nil {
		t.Error(err)
	}
}

// A poller that is stopped in the middle of a run ends in good time, and another one takes the run over.
func TestARunIsTakenOverFromAPollerThatStops(t *testing.T) {
	t.Parallel()
	l := bareLab(t)
	// Long enough for the poller to be stopped before its claim ends the run, which would be another story.
	l.startProjector(t, func(cfg *projector.Config) { cfg.ClaimTimeout = 8 * time.Second })
	l.startPoller(t, nil)
	l.startAPI(t)
	c := pvesim.New("8.4")
	e := l.add(t, c)[0]
	c.FaultTimes("/cluster/backup", pvesim.SlowHeader(time.Hour), 1)
	task, err := l.task(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the poller to wait for the cluster", func() error {
		if c.Requests()["GET /cluster/backup"] == 0 {
			return errors.New("it has not asked yet")
		}
		return nil
	})
	l.poller.stop(t)
	l.startPoller(t, nil)
	eventually(t, "the end of the run", func() error { return l.ended(t.Context(), task) })
	l.mustBe(t, "ok", e)
	routines, replications := e.wanted(t)
	same(t, e, "routine", routines, l.rest.routines(t, e))
	same(t, e, "replication", replications, l.rest.replications(t, e))
}

// Everything in NATS is deleted. Streams, consumers and schedules come back by themselves, and the events are published again under the
// sequences that they had.
func TestAllOfNATSCanBeDeleted(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.addOne(t, pvesim.New("8.4", pvesim.WithClock(newClock().read)), func(*pvesim.Server) object { return object{"poll_interval": 3600} })
	quiet := l.add(t, pvesim.New("7.4", pvesim.WithClock(newClock().read)))[0]
	l.poll(t, e, quiet)
	e.cluster.Edit(func(w *pvesim.World) { w.Backups[0].Comment = "before" })
	l.poll(t, e)
	schedule := func() error {
		tasks, err := l.bus.JetStream().Stream(t.Context(), subjects.StreamTasks)
		if err != nil {
			return err
		}
		_, err = tasks.GetLastMsgForSubject(t.Context(), subjects.Schedule(int64(e.id)))
		return err
	}
	eventually(t, "a schedule", schedule)
	before := l.events(t)
	l.emptyNATS(t)
	eventually(t, "the streams", func() error {
		for _, name := range []string{subjects.StreamTasks, subjects.StreamSnapshots, subjects.StreamEvents, subjects.StreamDead} {
			if _, err := l.bus.JetStream().Stream(t.Context(), name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
	eventually(t, "the schedule to be written again", schedule)
	again := l.events(t)
	if diff := cmp.Diff(texts(before), texts(again)); diff != "" {
		t.Errorf("the events that were published again (-before +again):\n%s", diff)
	}
	e.cluster.Edit(func(w *pvesim.World) { w.Backups[0].Comment = "after" })
	l.poll(t, e, quiet)
	l.mustBe(t, "ok", e, quiet)
	if events := l.events(t); len(events) != len(before)+1 || events[len(before)].Data.Changed[0] != "comment" {
		t.Errorf("after one more change there are %d events, before there were %d", len(events), len(before))
	}
}

// emptyNATS stops the server, removes all that JetStream stored, and starts it again where it was.
func (l *lab) emptyNATS(t *testing.T) {
	t.Helper()
	port := l.nats.Port()
	if err := l.nats.Close(); err != nil {
		t.Fatal(err)
	}
	stored := filepath.Join(l.store, "jetstream")
	if entries, err := os.ReadDir(stored); err != nil || len(entries) == 0 {
		t.Fatalf("nothing of JetStream is in %s: %v", stored, err)
	}
	if err := os.RemoveAll(stored); err != nil {
		t.Fatal(err)
	}
	l.startNATS(t, port)
}

func texts(events []event) []string {
	var out []string
	for _, e := range events {
		out = append(out, string(e.raw))
	}
	return out
}

// A poller that stalled and wakes up late publishes what it once read. Only the reading of the last generation that was issued counts, and
// only once.
func TestALateReadingChangesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c := pvesim.New("9.2", pvesim.WithClock(newClock().read))
	e := l.add(t, c)[0]
	l.poll(t, e)
	old := map[proxopsv1.Kind]*proxopsv1.Snapshot{}
	for _, kind := range []proxopsv1.Kind{proxopsv1.Kind_KIND_BACKUP_ROUTINE, proxopsv1.Kind_KIND_REPLICATION} {
		old[kind] = l.lastSnapshot(t, kind, e)
	}
	c.Edit(func(w *pvesim.World) {
		w.Backups[0].Comment, w.Replications[0].Comment = "newer", "newer"
		w.DeleteBackup(w.Backups[1].ID)
	})
	l.poll(t, e)
	l.mustBe(t, "ok", e)
	before, published := l.snapshot(t), l.published(t)
	for kind, s := range old {
		late, err := bus.Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		l.publish(t, subjects.Snapshot(kind, int64(e.id)), late)
		// Generations that were never issued, and the applied one with other content.
		for _, generation := range []int64{s.GetGeneration() + 1, s.GetGeneration() + 1000} {
			s.Generation, s.BackupRoutines, s.Replications, s.Count = generation, nil, nil, 0
			if err := digest.Seal(s); err != nil {
				t.Fatal(err)
			}
			forged, err := bus.Encode(s)
			if err != nil {
				t.Fatal(err)
			}
			l.publish(t, subjects.Snapshot(kind, int64(e.id)), forged)
		}
	}
	eventually(t, "the projector to take all readings", func() error {
		consumer, err := l.bus.JetStream().Consumer(t.Context(), subjects.StreamSnapshots, subjects.ConsumerProjector)
		if err != nil {
			return err
		}
		if info := consumer.CachedInfo(); info.NumPending+uint64(info.NumAckPending) > 0 {
			return fmt.Errorf("%d wait and %d are at work", info.NumPending, info.NumAckPending)
		}
		return nil
	})
	if diff := cmp.Diff(before, l.snapshot(t)); diff != "" {
		t.Errorf("late readings wrote (-before +after):\n%s", diff)
	}
	if now := l.published(t); now != published {
		t.Errorf("late readings published %d events", now-published)
	}
}

// lastSnapshot is what a poller published last.
func (l *lab) lastSnapshot(t *testing.T, kind proxopsv1.Kind, e *endpoint) *proxopsv1.Snapshot {
	t.Helper()
	stream, err := l.bus.JetStream().Stream(t.Context(), subjects.StreamSnapshots)
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.GetLastMsgForSubject(t.Context(), subjects.Snapshot(kind, int64(e.id)))
	if err != nil {
		t.Fatal(err)
	}
	var s proxopsv1.Snapshot
	if err := bus.Decode(m.Data, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

func (l *lab) publish(t *testing.T, subject string, data []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if _, err := l.bus.JetStream().Publish(ctx, subject, data, jetstream.WithExpectStream(subjects.StreamSnapshots)); err != nil {
		t.Fatal(err)
	}
}
