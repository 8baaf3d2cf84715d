package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/proto-events/subjects"
)

// world is a database with one endpoint, and jobs on it that change as a test says.
type world struct {
	t        testing.TB
	pool     *pgxpool.Pool
	endpoint int32
	versions map[int32]int32
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{t: tb, pool: pgtest.New(tb), versions: map[int32]int32{}}
	w.exec(`INSERT INTO endpoints (name, domain) VALUES ('prod-proxmox', 'proxmox.example.com')`)
	w.exec(`INSERT INTO clusters (name, endpoint_id) VALUES ('prod-cluster', 1)`)
	w.exec(`INSERT INTO nodes (endpoint_id, name, node_id, online) VALUES (1, 'pve-node-01', 1, true), (1, 'pve-node-02', 2, true)`)
	w.exec(`INSERT INTO storages (cluster_id, name) VALUES (1, 'backup-storage')`)
	w.exec(`INSERT INTO virtual_machines (name, cluster_id, vmid) VALUES ('web-server-01', 1, 100)`)
	w.endpoint = 1
	return w
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// change writes one change of each of these objects in one transaction, as a sync would.
func (w *world) change(objects ...int32) {
	w.t.Helper()
	rows := make([]change.Row, 0, len(objects))
	for _, id := range objects {
		w.versions[id]++
		rows = append(rows, w.row(id, w.versions[id]))
	}
	w.write(rows)
}

func (w *world) write(rows []change.Row) {
	w.t.Helper()
	err := postgres.InTx(w.t.Context(), w.pool, func(tx pgx.Tx) error {
		return change.Write(w.t.Context(), tx, change.Origin{Cause: change.Sync, RequestID: uuid.New()}, rows)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) row(id, version int32) change.Row {
	r := change.Row{
		Time: time.Now(), ObjectType: change.BackupRoutine, ObjectID: id, EndpointID: &w.endpoint, Action: change.Create, Event: change.Created,
		Version: version, Key: fmt.Sprintf("job-%d", id), Status: "active", Post: routine(id, fmt.Sprintf("version %d", version)),
	}
	if version > 1 {
		r.Action, r.Event, r.Changed = change.Update, change.Updated, []string{"comment"}
		r.Pre = routine(id, fmt.Sprintf("version %d", version-1))
	}
	return r
}

// routine is a flat state of a usual size.
func routine(id int32, comment string) json.RawMessage {
	return fmt.Appendf(nil, `{"endpoint":1,"job_id":"job-%d","enabled":true,"schedule":"0 2 * * *","next_run":"2026-04-02T02:00:00Z","node":1,"storage":1,
		"selection":[100,101,102],"comment":%q,"status":"active","keep_last":null,"keep_daily":7,"keep_weekly":4,"keep_monthly":3,"keep_yearly":null,
		"keep_all":null,"notes_template":"","bwlimit":null,"zstd":null,"io_workers":null,"fleecing":"","fleecing_storage":null,"repeat_missed":false,
		"pbs_change_detection_mode":"","raw_config":{"id":"job-%d","type":"vzdump","compress":"zstd","mode":"snapshot","storage":"backup-storage",
		"vmid":"100,101,102","prune-backups":{"keep-daily":"7","keep-weekly":"4","keep-monthly":"3"},"schedule":"02:00","enabled":1},"tags":[],
		"custom_fields":{},"selection_mode":"vmid","exclude":[],"pool":"","mode":"snapshot","compress":"zstd","keep_hourly":null,"stale_since":null}`,
		id, comment, id)
}

// relay returns a relay that is quick to notice things. It is not running.
func (w *world) relay(b *bus.Bus) *Relay {
	log := slog.New(slog.NewTextHandler(testWriter{w.t}, nil))
	return &Relay{Pool: w.pool, Bus: b, Log: log, Poll: 2 * time.Millisecond, Check: 20 * time.Millisecond, retry: 20 * time.Millisecond}
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

// start runs relays until the test or stop ends them.
func start(tb testing.TB, relays ...*Relay) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, len(relays))
	for _, r := range relays {
		go func() { done <- r.Run(ctx) }()
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		for range relays {
			if err := <-done; err != nil {
				tb.Errorf("relay: %v", err)
			}
		}
	}
	tb.Cleanup(stop)
	return stop
}

// got is what a subscriber sees of one event.
type got struct {
	Sequence  uint64
	Subject   string
	ID        string `json:"id"`
	Position  string `json:"sequence"`
	EventType string `json:"type"`
	Data      struct {
		ObjectID int32 `json:"object_id"`
		Version  int32 `json:"version"`
	} `json:"data"`
}

// read returns what the stream holds.
func read(tb testing.TB, b *bus.Bus) []got {
	tb.Helper()
	s, err := b.JetStream().Stream(tb.Context(), subjects.StreamEvents)
	if err != nil {
		tb.Fatal(err)
	}
	info := s.CachedInfo().State
	if info.Msgs == 0 {
		return nil
	}
	c, err := s.OrderedConsumer(tb.Context(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		tb.Fatal(err)
	}
	var events []got
	for len(events) < int(info.Msgs) {
		batch, err := c.Fetch(1000, jetstream.FetchMaxWait(2*time.Second))
		if err != nil {
			tb.Fatal(err)
		}
		for m := range batch.Messages() {
			var g got
			if err := json.Unmarshal(m.Data(), &g); err != nil {
				tb.Fatalf("%v in %s", err, m.Data())
			}
			meta, err := m.Metadata()
			if err != nil {
				tb.Fatal(err)
			}
			g.Sequence, g.Subject = meta.Sequence.Stream, m.Subject()
			events = append(events, g)
		}
		if batch.Error() != nil && !errors.Is(batch.Error(), context.DeadlineExceeded) {
			tb.Fatal(batch.Error())
		}
	}
	return events
}

// await waits until the stream ends at n, and returns what it holds.
func await(tb testing.TB, b *bus.Bus, n uint64) []got {
	tb.Helper()
	eventually(tb, fmt.Sprintf("a stream that ends at %d", n), func() error {
		s, err := b.JetStream().Stream(tb.Context(), subjects.StreamEvents)
		if err != nil {
			return err
		}
		if end := s.CachedInfo().State.LastSeq; end != n {
			return fmt.Errorf("ends at %d", end)
		}
		return nil
	})
	return read(tb, b)
}

// eventually asks until there is no error, for up to half a minute.
func eventually(tb testing.TB, what string, ask func() error) {
	tb.Helper()
	eventuallyWithin(tb, 30*time.Second, what, ask)
}

func eventuallyWithin(tb testing.TB, most time.Duration, what string, ask func() error) {
	tb.Helper()
	deadline := time.Now().Add(most)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("no %s: %v", what, err)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// check proves that the events from a position on are complete: the stream's numbers are those of the database, each object's versions
// follow each other, and every change is there once.
func (w *world) check(events []got, from uint64) {
	w.t.Helper()
	versions := map[int32]int32{}
	for i, e := range events {
		if want := from + uint64(i); e.Sequence != want || e.Position != fmt.Sprint(want) {
			w.t.Fatalf("event %d has sequence %d and position %s, want %d", i, e.Sequence, e.Position, want)
		}
		last, known := versions[e.Data.ObjectID]
		if known && e.Data.Version != last+1 || !known && from == 1 && e.Data.Version != 1 {
			w.t.Fatalf("event %d is version %d of object %d after version %d", e.Sequence, e.Data.Version, e.Data.ObjectID, last)
		}
		versions[e.Data.ObjectID] = e.Data.Version
		if want := fmt.Sprintf("proxops.v1.event.1.backup_routine.%d", e.Data.ObjectID); e.Subject != want {
			w.t.Fatalf("event %d has subject %s, want %s", e.Sequence, e.Subject, want)
		}
	}
	rows, err := w.pool.Query(w.t.Context(), `SELECT change_id::text FROM event_positions WHERE position >= $1 ORDER BY position`, from)
	if err != nil {
		w.t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	got := make([]string, len(events))
	for i, e := range events {
		got[i] = e.ID
	}
	if !slices.Equal(got, ids) {
		w.t.Fatalf("the stream and the database tell different changes: %v and %v", got, ids)
	}
	for id, v := range w.versions {
		if versions[id] != v {
			w.t.Fatalf("object %d ended with version %d in the stream, want %d", id, versions[id], v)
		}
	}
}
