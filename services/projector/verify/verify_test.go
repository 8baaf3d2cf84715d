package verify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/proto-events/digest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/claim"
	"github.com/proxops/proxops/services/projector/internal/project"
	"github.com/proxops/proxops/services/projector/internal/relay"
	"github.com/proxops/proxops/services/projector/verify"
)

// lab is a database with a running relay, and one endpoint whose jobs come from snapshots.
type lab struct {
	t    *testing.T
	pool *pgxpool.Pool
	bus  *bus.Bus
	stop func()
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, pool: pgtest.New(t), bus: natstest.Connect(t)}
	l.exec(`INSERT INTO endpoints (id, name, domain, sealed_credentials) VALUES (1, 'prod', 'proxmox.example.com', '\x01')`)
	l.relay()
	return l
}

// relay starts a relay, which stop ends.
func (l *lab) relay() {
	ctx, cancel := context.WithCancel(l.t.Context())
	r := &relay.Relay{Pool: l.pool, Bus: l.bus, Log: slog.New(slog.DiscardHandler)}
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stopped := false
	l.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			l.t.Error(err)
		}
	}
	l.t.Cleanup(l.stop)
}

func (l *lab) exec(sql string, args ...any) {
	l.t.Helper()
	if _, err := l.pool.Exec(l.t.Context(), sql, args...); err != nil {
		l.t.Fatal(err)
	}
}

// apply applies a reading of a cluster as the projector does.
func (l *lab) apply(s *proxopsv1.Snapshot) {
	l.t.Helper()
	s.EndpointId, s.Identity = 1, &proxopsv1.Identity{Name: "lab"}
	desk := &claim.Desk{Pool: l.pool, Log: slog.New(slog.DiscardHandler), ClaimTimeout: time.Minute, InventoryInterval: time.Minute}
	l.exec(`UPDATE endpoint_states SET claim_pending = '{}'`)
	reply, err := desk.Claim(l.t.Context(), "default", &proxopsv1.ClaimRequest{
		EndpointId: 1, Trigger: proxopsv1.Trigger_TRIGGER_MANUAL, Kinds: []proxopsv1.Kind{s.GetKind()},
	})
	if err != nil || reply.GetClaim() == nil {
		l.t.Fatalf("claim: %v, %v", reply, err)
	}
	s.Generation = reply.GetClaim().GetGeneration()
	if err := digest.Seal(s); err != nil {
		l.t.Fatal(err)
	}
	err = postgres.InTx(l.t.Context(), l.pool, func(tx pgx.Tx) error {
		_, err := project.Snapshot(l.t.Context(), tx, s)
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

func routines(jobs ...*proxopsv1.BackupRoutine) *proxopsv1.Snapshot {
	return &proxopsv1.Snapshot{Kind: proxopsv1.Kind_KIND_BACKUP_ROUTINE, BackupRoutines: jobs}
}

func routine(id, comment string) *proxopsv1.BackupRoutine {
	return &proxopsv1.BackupRoutine{
		JobId: id, Enabled: true, Schedule: "mon..fri 02:00", Node: "pve1", Storage: "pbs", SelectionMode: proxopsv1.SelectionMode_SELECTION_MODE_VMID,
		Selection: []int64{100, 101}, Comment: comment, Mode: "snapshot", Compress: "zstd", KeepDaily: new(int64(7)), KeepAll: new(false),
		Zstd: new(int64(0)), Bwlimit: new(int64(51200)), Fleecing: "enabled=1,storage=local-lvm", FleecingStorage: "local-lvm",
		NextRun:   timestamppb.New(time.Now().Add(time.Hour).Truncate(time.Second)),
		RawConfig: fmt.Appendf(nil, `{"comment":%q,"id":%q,"prune-backups":{"keep-daily":"7"}}`, comment, id),
	}
}

func replications(jobs ...*proxopsv1.Replication) *proxopsv1.Snapshot {
	return &proxopsv1.Snapshot{Kind: proxopsv1.Kind_KIND_REPLICATION, Replications: jobs}
}

func replication(guest int64, source, target string) *proxopsv1.Replication {
	return &proxopsv1.Replication{
		ReplicationId: fmt.Sprintf("%d-0", guest), Guest: guest, JobType: "local", Source: source, Target: target, Schedule: "*/15",
		Rate: new(12.5), RawConfig: fmt.Appendf(nil, `{"guest":%d,"id":"%d-0"}`, guest, guest),
	}
}

// live gives the lab a history with every kind of change, in several batches of events.
func (l *lab) live() {
	l.t.Helper()
	l.apply(routines(routine("a", "1"), routine("b", "1"), routine("ü \"quoted\" 日本", "1 <&>")))
	l.apply(replications(replication(100, "pve1", "pve2"), replication(200, "pve2", "pve1")))
	l.apply(routines(routine("a", "2"), routine("b", "1")))
	l.apply(replications(replication(100, "pve2", "pve1")))
	l.apply(routines(routine("a", "2"), routine("b", "3"), routine("ü \"quoted\" 日本", "4")))
	l.tag()
	l.apply(replications())
}

// tag gives job 1 a tag and a custom field, as the api does.
func (l *lab) tag() {
	l.t.Helper()
	err := postgres.InTx(l.t.Context(), l.pool, func(tx pgx.Tx) error {
		var pre json.RawMessage
		var version int32
		ctx := l.t.Context()
		if err := tx.QueryRow(ctx, `SELECT postchange, version FROM changes WHERE object_type_id = 1 AND object_id = 1 ORDER BY version DESC LIMIT 1`).
			Scan(&pre, &version); err != nil {
			return err
		}
		var state map[string]any
		if err := json.Unmarshal(pre, &state); err != nil {
			return err
		}
		state["tags"], state["custom_fields"] = []string{"silver", "gold"}, map[string]any{"rank": 1.5}
		post, err := json.Marshal(state)
		if err != nil {
			return err
		}
		for _, sql := range []string{
			`INSERT INTO tags (id, name, slug) VALUES (1, 'gold', 'gold'), (2, 'silver', 'silver')`,
			`INSERT INTO tagged_items (object_type_id, object_id, tag_id) VALUES (1, 1, 1), (1, 1, 2)`,
			`UPDATE backup_routines SET custom_field_data = '{"rank": 1.5}', version = version + 1, last_updated = now() WHERE id = 1`,
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return change.Write(ctx, tx, change.Origin{Cause: change.API, UserName: "u", RequestID: uuid.New()}, []change.Row{{
			Time: time.Now(), ObjectType: change.BackupRoutine, ObjectID: 1, EndpointID: new(int32(1)), Action: change.Update, Event: change.Updated,
			Version: version + 1, Key: "a", Status: "active", Changed: []string{"custom_fields", "tags"}, Pre: pre, Post: post,
		}})
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) verify(o verify.Options) verify.Report {
	l.t.Helper()
	r, err := verify.Run(l.t.Context(), l.pool, l.bus.JetStream(), o)
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// failures returns the counter-examples of each invariant.
func failures(r verify.Report) map[int]string {
	found := map[int]string{}
	for _, c := range r.Checks {
		if c.Failures > 0 {
			found[c.Invariant] = strings.Join(c.Examples, "; ")
		}
	}
	return found
}

func TestAHistoryOfSnapshotsHolds(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if r := l.verify(verify.Options{}); !r.OK() {
		t.Fatalf("an empty system: %s", r)
	}
	l.live()
	r := l.verify(verify.Options{})
	if !r.OK() {
		t.Fatal(r)
	}
	// 3 + 2 created, 1 updated and 1 stale, 1 moved and 1 stale, 1 updated and 1 reactivated, 1 tagged, 1 stale.
	if r.Events != 13 || r.Objects != 5 || len(r.Checks) != 3 {
		t.Errorf("checked %d events and %d jobs by %d invariants, want 13, 5 and 3:\n%s", r.Events, r.Objects, len(r.Checks), r)
	}
	if !strings.Contains(r.String(), "invariant 8 holds") {
		t.Errorf("the report says %s", r)
	}
}

// Whatever is spoiled behind the product's back is found, and is found by the invariant that it breaks.
func TestEveryDamageIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage    string
		invariant int
		says      string
	}{
		"row changed without a change": {
			`UPDATE backup_routines SET comment = 'x' WHERE id = 1`, 8, `backup routine 1, version 3: comment is "2", want "x"`,
		},
		"row turned stale":    {`UPDATE backup_routines SET status = 'stale' WHERE id = 2`, 8, "backup routine 2"},
		"reference changed":   {`UPDATE replications SET proxmox_node_id = target_node_id WHERE id = 1`, 8, "proxmox_node is"},
		"tag removed":         {`DELETE FROM tagged_items WHERE tag_id = 1`, 8, `tags is ["gold","silver"], want ["silver"]`},
		"version counted up":  {`UPDATE replications SET version = version + 1 WHERE id = 1`, 6, "replication 1 is version 4, but its last change is version 3"},
		"row removed":         {`DELETE FROM replications WHERE id = 2`, 6, "replication 2 is gone, but its last change"},
		"row without changes": {`INSERT INTO backup_routines (id, endpoint_id, job_id) VALUES (99, 1, 'x')`, 6, "backup routine 99 has no change at all"},
		"change removed":      {`DELETE FROM changes WHERE object_type_id = 1 AND object_id = 1 AND version = 2`, 6, "backup routine 1 has 2 changes numbered from 1 to 3"},
		"change altered":      {`UPDATE changes SET postchange = replace(postchange::text, 'nothing', '')::json, status = 'odd' WHERE id = 1`, 7, "message 1 is not change 1: status is active, want odd"},
		"state altered":       {`UPDATE changes SET postchange = jsonb_set(postchange::jsonb, '{comment}', '"y"')::json WHERE id = 1`, 7, `object: comment is "1", want "y"`},
		"old value altered": {
			`UPDATE changes SET prechange = jsonb_set(prechange::jsonb, '{comment}', '"y"')::json
			WHERE object_type_id = 1 AND object_id = 1 AND version = 2`, 7, `before: comment is "1", want "y"`,
		},
		"position removed":  {`DELETE FROM event_positions WHERE position = 3`, 7, "there is no position 3 before 4"},
		"positions swapped": {`UPDATE event_positions SET position = -position WHERE position IN (1, 6); UPDATE event_positions SET position = 7 + position WHERE position < 0`, 7, "before its version 1"},
		"change forgotten":  {`INSERT INTO changes (object_type_id, object_id, action, event, version, cause, request_id) VALUES (1, 1, 'update', 'updated', 4, 'sync', gen_random_uuid())`, 7, "has a position false, waits in the outbox false"},
		"backup restored":   {`UPDATE relay_state SET last_position = 12, published_position = 12; DELETE FROM event_positions WHERE position = 13`, 7, "the stream ends at 13, but only 12 positions were given"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.live()
			if r := l.verify(verify.Options{}); !r.OK() {
				t.Fatal(r)
			}
			l.stop()
			l.exec(c.damage)
			r := l.verify(verify.Options{Examples: 20})
			if found := failures(r)[c.invariant]; r.OK() || !strings.Contains(found, c.says) {
				t.Errorf("invariant %d says %q, want %q:\n%s", c.invariant, found, c.says, r)
			}
		})
	}
}

func TestAForeignOrMissingMessageIsFound(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.live()
	if r := l.verify(verify.Options{}); !r.OK() {
		t.Fatal(r)
	}
	l.stop()
	stream, err := l.bus.JetStream().Stream(t.Context(), subjects.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	first, err := stream.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.bus.JetStream().DeleteStream(t.Context(), subjects.StreamEvents); err != nil {
		t.Fatal(err)
	}
	if found := failures(l.verify(verify.Options{}))[7]; !strings.Contains(found, "the stream ends at 0, but 13 were published") {
		t.Errorf("a missing stream: %q", found)
	}
	if err := l.bus.EnsureEvents(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{string(first.Data), "not JSON"} {
		if _, err := l.bus.JetStream().PublishMsg(t.Context(), &nats.Msg{Subject: first.Subject, Data: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	found := failures(l.verify(verify.Options{}))[7]
	for _, want := range []string{"message 2 is not change 2: id is 1, want 2", "message 3 is no event"} {
		if !strings.Contains(found, want) {
			t.Errorf("%q is not in %q", want, found)
		}
	}
}

func TestWhatNobodyPublishesIsFound(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.stop()
	l.live()
	r := l.verify(verify.Options{Settle: 50 * time.Millisecond})
	if found := failures(r); !strings.Contains(found[7], "13 changes wait to be published") || len(found) != 1 {
		t.Errorf("found %v", found)
	}
	l.relay()
	if r := l.verify(verify.Options{}); !r.OK() {
		t.Error(r)
	}
}

// A system that never rests is not reported for what is on its way.
func TestABusySystemHolds(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var rest atomic.Bool
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		for i := 0; !rest.Load(); i++ {
			l.apply(routines(routine("a", fmt.Sprint(i)), routine("b", fmt.Sprint(i/2))))
		}
	}()
	for range 3 {
		if r := l.verify(verify.Options{Settle: 3 * time.Second}); !r.OK() {
			t.Error(r)
		}
	}
	rest.Store(true)
	<-busy
}
