package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/proto-events/subjects"
)

// logs collects what a relay says.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// count says how often a text was logged.
func (l *logs) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.buf.Bytes(), []byte(text))
}

// listening makes the relay's log readable for a test.
func listening(r *Relay) *logs {
	l := &logs{}
	r.Log = slog.New(slog.NewTextHandler(l, nil))
	return l
}

// A relay that dies between any two of its steps leaves a state from which the next one goes on.
func TestARelayMayDieBetweenAnyTwoSteps(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"numbered", "rendered", "published", "recorded"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w, b := newWorld(t), natstest.Connect(t)
			r := w.relay(b)
			var deaths atomic.Int32
			died := errors.New("died after it " + step)
			r.step = func(at string) error {
				// The relay starts anew after its error, as another process would.
				if at == step && deaths.Add(1) <= 1 {
					return died
				}
				return nil
			}
			w.change(1, 2, 3)
			start(t, r)
			w.change(2, 1)
			w.check(await(t, b, 5), 1)
			if deaths.Load() < 1 {
				t.Error("the relay did not die")
			}
			eventually(t, "record of what was published", func() error {
				var published int64
				err := w.pool.QueryRow(t.Context(), `SELECT published_position FROM relay_state`).Scan(&published)
				if err == nil && published != 5 {
					err = fmt.Errorf("%d is recorded", published)
				}
				return err
			})
		})
	}
}

// The acknowledgement is lost after the batch is in the stream: it is not published again.
func TestABatchWhoseAcknowledgementWasLostIsRecognised(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	stop := start(t, w.relay(b))
	w.change(1, 2, 3)
	await(t, b, 3)
	w.change(1)
	await(t, b, 4)
	stop()
	w.exec(`UPDATE relay_state SET published_position = 1`)
	r := w.relay(b)
	log := listening(r)
	start(t, r)
	w.change(2)
	w.check(await(t, b, 5), 1)
	if log.count("lost") > 0 || log.count("level=ERROR") > 0 {
		t.Errorf("a lost acknowledgement is no trouble, but the relay said %s", log.String())
	}
}

// deleted takes the stream away, in ways that a person or a disk can.
func deleted(t *testing.T, b *bus.Bus) {
	t.Helper()
	if err := b.JetStream().DeleteStream(t.Context(), subjects.StreamEvents); err != nil {
		t.Fatal(err)
	}
}

func TestADeletedStreamIsMadeAgainWithTheSameNumbers(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	r := w.relay(b)
	log := listening(r)
	start(t, r)
	for range 5 {
		w.change(1, 2, 3)
	}
	before := await(t, b, 15)
	deleted(t, b)
	after := await(t, b, 15) // without a further change
	w.check(after, 1)
	for i := range before {
		if before[i] != after[i] {
			t.Errorf("event %d was %+v, is %+v", i+1, before[i], after[i])
		}
	}
	if log.count("the event stream lost messages") != 1 {
		t.Errorf("want one alarm, got %s", log.String())
	}
	deleted(t, b)
	w.change(1)
	w.check(await(t, b, 16), 1)
}

func TestAnEmptyStreamThatSomebodyMadeIsFilledAgain(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	stop := start(t, w.relay(b))
	w.change(1, 2, 3)
	await(t, b, 3)
	stop()
	deleted(t, b)
	if err := b.EnsureEvents(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	start(t, w.relay(b))
	w.check(await(t, b, 3), 1)
}

// What the stream would not keep any longer, or what the change log no longer holds, is not published again, and the rest keeps its numbers.
func TestARefillBeginsAtTheFirstYoungChange(t *testing.T) {
	t.Parallel()
	type cut struct{ age, remove string }
	for name, c := range map[string]cut{
		"old":     {age: "id <= 4", remove: "false"},
		"removed": {age: "false", remove: "id <= 4"},
		"both":    {age: "id <= 3", remove: "id = 4"},
	} {
		for _, stream := range []string{"gone", "empty", "cut"} {
			t.Run(name+" and "+stream, func(t *testing.T) {
				t.Parallel()
				w, b := newWorld(t), natstest.Connect(t)
				w.change(1, 2, 3)
				w.change(1, 2, 3)
				w.exec(`UPDATE changes SET time = now() - interval '31 days' WHERE ` + c.age)
				stop := start(t, w.relay(b))
				events := await(t, b, 6)
				stop()
				messages := rawEvents(t, b, 2)
				w.exec(`DELETE FROM changes WHERE ` + c.remove)
				deleted(t, b)
				switch stream {
				case "empty":
					if err := b.EnsureEvents(t.Context(), 1); err != nil {
						t.Fatal(err)
					}
				case "cut": // a snapshot of the stream's first two messages was restored
					if err := b.EnsureEvents(t.Context(), 1); err != nil {
						t.Fatal(err)
					}
					if _, err := jetstreamext.PublishMsgBatch(t.Context(), b.JetStream(), messages); err != nil {
						t.Fatal(err)
					}
				}
				start(t, w.relay(b))
				after := await(t, b, 6)
				if len(after) != 2 || after[0] != events[4] || after[1] != events[5] {
					t.Fatalf("the stream holds %+v, want the last two of %+v", after, events)
				}
				w.change(1)
				if after = await(t, b, 7); after[2].Data.Version != 3 {
					t.Errorf("the next event is %+v", after[2])
				}
			})
		}
	}
}

// rawEvents returns the first n messages of the stream as they can be published again.
func rawEvents(t *testing.T, b *bus.Bus, n uint64) []*nats.Msg {
	t.Helper()
	s, err := b.JetStream().Stream(t.Context(), subjects.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	var messages []*nats.Msg
	for seq := uint64(1); seq <= n; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, &nats.Msg{Subject: m.Subject, Data: m.Data, Header: nats.Header{}})
	}
	return messages
}

func TestAStreamThatLostItsEndIsFilledUp(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	stop := start(t, w.relay(b))
	w.change(1, 2, 3, 4)
	w.change(1, 2, 3, 4)
	await(t, b, 8)
	stop()
	messages := rawEvents(t, b, 5)
	deleted(t, b)
	if err := b.EnsureEvents(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := jetstreamext.PublishMsgBatch(t.Context(), b.JetStream(), messages); err != nil {
		t.Fatal(err)
	}
	r := w.relay(b)
	log := listening(r)
	start(t, r)
	w.change(4)
	w.check(await(t, b, 9), 1)
	if log.count("stream_end=5 published=8 again_from=6") != 1 {
		t.Errorf("want one alarm with the numbers, got %s", log.String())
	}
}

// An old backup of Postgres was restored: the stream knows more than the database.
func TestAStreamAheadOfTheDatabaseStopsTheRelay(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	stop := start(t, w.relay(b))
	w.change(1, 2, 3)
	w.change(1, 2, 3)
	before := await(t, b, 6)
	stop()
	restored := `UPDATE relay_state SET last_position = 4, published_position = 4; DELETE FROM event_positions WHERE position > 4; DELETE FROM changes WHERE id > 4`
	w.exec(restored)
	r, other := w.relay(b), w.relay(b)
	log := listening(r)
	other.Log = r.Log
	start(t, r, other)
	w.versions = map[int32]int32{1: 2, 2: 1, 3: 1}
	w.change(1, 2)
	eventually(t, "complaint", func() error {
		if log.count("ends at sequence 6, but the database knows only 4 positions") == 0 {
			return errors.New("nothing is said")
		}
		return nil
	})
	w.change(3)
	asked, own := requests(t, b), 0
	eventually(t, "further looks at the stream", func() error {
		own++
		if n := requests(t, b) - asked - own; n < 10 {
			return fmt.Errorf("%d requests so far", n)
		}
		return nil
	})
	if n := log.count("level=ERROR"); n != 1 {
		t.Errorf("the relay complained %d times, want once: %s", n, log.String())
	}
	after := read(t, b)
	if len(after) != 6 || after[5] != before[5] {
		t.Errorf("the stream was written: %+v, want %+v", after, before)
	}
	var numbered int64
	if err := w.pool.QueryRow(t.Context(), `SELECT last_position FROM relay_state`).Scan(&numbered); err != nil || numbered != 4 {
		t.Errorf("a stopped relay gave positions up to %d (%v)", numbered, err)
	}
	deleted(t, b) // the person decided for the database
	events := await(t, b, 7)
	w.check(events, 1)
	if log.count("events are published again") != 1 {
		t.Errorf("the end of the trouble was not said: %s", log.String())
	}
}

// requests returns how many requests JetStream has answered. Each call is one more.
func requests(t *testing.T, b *bus.Bus) int {
	t.Helper()
	info, err := b.JetStream().AccountInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(info.API.Total)
}

// The restored database has grown as far as the stream meanwhile, with other changes.
func TestAStreamWithAnotherHistoryStopsTheRelay(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	stop := start(t, w.relay(b))
	w.change(1, 2, 3)
	before := await(t, b, 3)
	stop()
	// The same numbers, the same objects and versions, at another time.
	w.exec(`UPDATE changes SET time = time + interval '1 second' WHERE id = 3`)
	r := w.relay(b)
	log := listening(r)
	start(t, r)
	w.change(1)
	eventually(t, "complaint", func() error {
		if log.count("message 3 of the stream EVENTS is not the change that the database has at that position") == 0 {
			return errors.New("nothing is said")
		}
		return nil
	})
	if after := read(t, b); len(after) != 3 || after[2] != before[2] {
		t.Errorf("the stream was written: %+v", after)
	}
}

// Somebody else publishes to the stream behind the relay's back.
func TestAForeignMessageStopsTheRelay(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	r := w.relay(b)
	log := listening(r)
	start(t, r)
	w.change(1)
	await(t, b, 1)
	if _, err := b.JetStream().Publish(t.Context(), "proxops.v1.event.1.backup_routine.1", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	w.change(1)
	eventually(t, "complaint", func() error {
		if log.count("events are not published") == 0 {
			return errors.New("nothing is said")
		}
		return nil
	})
}

// All of NATS's storage is gone, and the server comes back empty at the same address.
func TestARelaySurvivesTheLossOfTheWholeServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := t.TempDir()
	first, err := localnats.Start(t.Context(), localnats.Config{StoreDir: dir, Unsynced: true})
	if err != nil {
		t.Fatal(err)
	}
	b := natstest.Join(t, first, localnats.Projector) // with the rights that it has in production
	start(t, w.relay(b))
	w.change(1, 2, 3)
	await(t, b, 3)
	port := first.Port()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "jetstream")); err != nil {
		t.Fatal(err)
	}
	w.change(1)
	second, err := localnats.Start(t.Context(), localnats.Config{StoreDir: dir, Unsynced: true, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = second.Close() })
	w.check(await(t, b, 4), 1)
}

// The database goes away for a moment: the connections die, and with one of them the lock.
func TestARelaySurvivesTheLossOfItsConnections(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	start(t, w.relay(b), w.relay(b))
	for i := range 5 {
		w.change(1, 2)
		w.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database() AND query LIKE '%relay_state%'`)
		await(t, b, uint64(2*i+2))
	}
	w.check(read(t, b), 1)
}

// A relay that was stopped in the middle, by the system say, wakes up when another one has taken over.
func TestARelayThatWasOvertakenPublishesNothing(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	slow, quick := w.relay(b), w.relay(b)
	slow.idle = 300 * time.Millisecond
	frozen, thaw := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow.step = func(at string) error {
		if at == "rendered" {
			once.Do(func() {
				close(frozen)
				<-thaw
			})
		}
		return nil
	}
	w.change(1, 2)
	start(t, slow)
	<-frozen
	start(t, quick)
	await(t, b, 2)
	w.change(1)
	await(t, b, 3)
	close(thaw)
	w.change(2)
	w.check(await(t, b, 4), 1)
}

// Objects change all the time while relays and the stream die.
func TestAHundredThousandChangesStayInOrderWhateverDies(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var steps atomic.Int64
	relays := []*Relay{w.relay(b), w.relay(b)}
	for _, r := range relays {
		r.Log = slog.New(slog.DiscardHandler)
		r.step = func(string) error {
			if steps.Add(1)%37 == 0 {
				return errors.New("dies now and then")
			}
			return nil
		}
	}
	start(t, relays...)
	const total, each = 100_000, 2000
	lost := 0
	for done := 0; done < total; done += each {
		objects := make([]int32, each)
		for i := range objects {
			objects[i] = int32((done/each*7+i*13)%(4*each) + 1)
		}
		w.change(objects...)
		if done == total/2 {
			deleted(t, b)
			lost++
		}
	}
	eventuallyWithin(t, 3*time.Minute, "end of the stream", func() error {
		s, err := b.JetStream().Stream(ctx, subjects.StreamEvents)
		if err != nil {
			return err
		}
		if end := s.CachedInfo().State.LastSeq; end != total {
			return fmt.Errorf("ends at %d", end)
		}
		return nil
	})
	w.check(read(t, b), 1)
	if lost == 0 {
		t.Error("the stream was not lost")
	}
}
