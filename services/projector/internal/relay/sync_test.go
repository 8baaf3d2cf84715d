package relay

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/proto-events/subjects"
)

// sync makes a job as the api does, has it begin, and ends it as its parts are said to have ended; "" leaves it running.
func (w *world) sync(outcome string, endpoints ...int32) (id int32, key string) {
	w.t.Helper()
	for _, step := range []func(tx pgx.Tx) error{
		func(tx pgx.Tx) (err error) {
			id, err = syncjob.Create(w.t.Context(), tx, syncjob.New{
				Name: "Full <sync> \"ü\"", Kinds: []string{"backup_routine", "inventory"}, Endpoints: endpoints, UserName: "ada", RequestID: uuid.New(),
			})
			return err
		},
		func(tx pgx.Tx) error { return syncjob.Started(w.t.Context(), tx, []int32{id}) },
		func(tx pgx.Tx) error {
			_, err := tx.Exec(w.t.Context(), `UPDATE job_parts SET status = $2, updated = 3, error_text = CASE $2 WHEN 'completed' THEN '' ELSE 'no route' END
				WHERE job_id = $1 AND $2 <> ''`, id, outcome)
			return err
		},
		func(tx pgx.Tx) error {
			_, err := syncjob.Close(w.t.Context(), tx, []int32{id})
			return err
		},
		func(tx pgx.Tx) error {
			return tx.QueryRow(w.t.Context(), `SELECT job_id::text FROM jobs WHERE id = $1`, id).Scan(&key)
		},
	} {
		if err := postgres.InTx(w.t.Context(), w.pool, step); err != nil {
			w.t.Fatal(err)
		}
	}
	return id, key
}

func TestSyncsAreEventsAmongThoseOfJobs(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	w.exec(`INSERT INTO endpoints (id, name, domain) VALUES (2, 'lab', 'lab.example.com')`)
	w.change(1)
	good, goodKey := w.sync("completed", 1)
	w.change(1, 2)
	bad, badKey := w.sync("failed")
	ours, oursKey := w.sync("errored", 2)
	start(t, w.relay(b))
	await(t, b, 9)
	for i, want := range []struct {
		id       int32
		key      string
		endpoint int
		name     string
		version  int64
		status   string
		changed  []string
		before   map[string]any
	}{
		{good, goodKey, 1, "started", 1, "running", nil, map[string]any{}},
		{good, goodKey, 1, "completed", 2, "completed", []string{"completed", "counts", "status"}, map[string]any{"completed": nil, "counts": counts(0), "status": "running"}},
		{},
		{},
		{bad, badKey, 0, "started", 1, "running", nil, map[string]any{}},
		{bad, badKey, 0, "failed", 2, "failed", []string{"completed", "counts", "error", "status"}, map[string]any{"completed": nil, "counts": counts(0), "error": "", "status": "running"}},
		{ours, oursKey, 2, "started", 1, "running", nil, map[string]any{}},
		{ours, oursKey, 2, "failed", 2, "errored", []string{"completed", "counts", "error", "status"}, map[string]any{"completed": nil, "counts": counts(0), "error": "", "status": "running"}},
	} {
		m := raw(t, b, uint64(i+2))
		e, data := decode(t, m)
		if want.id == 0 {
			if !strings.HasPrefix(e.Type, "proxops.backup_routine.") {
				t.Errorf("event %d is %s", i+2, e.Type)
			}
			continue
		}
		source := "/api/plugins/proxbox/"
		if want.endpoint > 0 {
			source += fmt.Sprintf("endpoints/proxmox/%d/", want.endpoint)
		}
		got := []any{
			m.Subject, e.Type, e.Subject, e.Source, e.Sequence, data.GetKey(), data.GetObjectId(), data.GetEndpointId(), data.GetKind(), data.GetVersion(), data.GetStatus(),
			data.GetChanged(), data.GetBefore().AsMap(), data.GetCause(), data.GetOmitted(),
		}
		if diff := cmp.Diff([]any{
			fmt.Sprintf("proxops.v1.event.%d.sync.%d", want.endpoint, want.id), "proxops.sync." + want.name + ".v1", want.key, source, fmt.Sprint(i + 2), want.key, int64(want.id),
			int64(want.endpoint), "sync", want.version, want.status, want.changed, want.before, "system", []string(nil),
		}, got); diff != "" {
			t.Errorf("event %d (-want +got):\n%s", i+2, diff)
		}
	}
}

func counts(updated float64) map[string]any {
	return map[string]any{"created": 0.0, "updated": updated, "unchanged": 0.0, "stale": 0.0, "reactivated": 0.0, "skipped": 0.0}
}

func TestTheObjectOfASyncIsTheJobAsRESTShowsIt(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	id, key := w.sync("failed", 1)
	w.exec(`UPDATE changes SET postchange = jsonb_set(jsonb_set(jsonb_set(postchange::jsonb, '{created}', '"2026-04-01T00:00:00.5Z"'), '{started}', '"2026-04-01T00:00:01Z"'),
		'{completed}', CASE event WHEN 'started' THEN 'null' ELSE '"2026-04-01T00:00:02Z"' END::jsonb)::json`)
	start(t, w.relay(b))
	await(t, b, 2)
	want := map[string]any{
		"id": float64(id), "url": fmt.Sprintf("/api/core/jobs/%d/", id), "display": "Full <sync> \"ü\"", "name": "Full <sync> \"ü\"",
		"status": map[string]any{"value": "failed", "label": "Failed"}, "created": "2026-04-01T00:00:00.500000Z", "scheduled": nil, "interval": nil,
		"started": "2026-04-01T00:00:01Z", "completed": "2026-04-01T00:00:02Z", "user": nil, "types": []any{"backup-routines", "inventory"}, "endpoints": []any{1.0},
		"schedule": nil, "error": "2 of 2 parts failed: prod-proxmox, backup-routines, inventory: no route", "counts": counts(6), "job_id": key,
	}
	_, data := decode(t, raw(t, b, 2))
	if diff := cmp.Diff(want, data.GetObject().AsMap()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want["status"], want["completed"], want["error"], want["counts"] = map[string]any{"value": "running", "label": "Running"}, nil, "", counts(0)
	_, data = decode(t, raw(t, b, 1))
	if diff := cmp.Diff(want, data.GetObject().AsMap()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// It cannot be larger than a message may be, but if it were, all other events would go on.
func TestASyncThatIsTooLargeDoesNotStopTheRelay(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	large := func(n int) json.RawMessage {
		return fmt.Appendf(nil, `{"name":"large","status":"running","endpoints":[1%s],"error":"e","later":%q}`, strings.Repeat(",1000000", n), strings.Repeat("x", 1_200_000))
	}
	w.write([]change.Row{{
		Time: time.Now(), ObjectType: change.Job, ObjectID: 5, Action: change.Update, Event: change.Failed, Version: 2, Key: "k", Status: "failed",
		Changed: []string{"endpoints", "error", "later"}, Pre: large(200_000), Post: large(200_001),
	}})
	w.change(1)
	start(t, w.relay(b))
	await(t, b, 2)
	_, data := decode(t, raw(t, b, 1))
	if diff := cmp.Diff([]string{"endpoints", "later"}, data.GetOmitted()); diff != "" {
		t.Errorf("omitted (-want +got):\n%s", diff)
	}
	object := data.GetObject().AsMap()
	if object["endpoints"] != nil || object["later"] != nil || object["name"] != "large" || !cmp.Equal(data.GetBefore().AsMap(), map[string]any{"error": "e"}) {
		t.Errorf("object %v before %v", object, data.GetBefore())
	}
}

// A stream that is lost is made again with the events of jobs that were deleted meanwhile, as old jobs are.
func TestEventsOfSyncsThatAreGoneArePublishedAgain(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	w.sync("completed", 1)
	w.change(1)
	stop := start(t, w.relay(b))
	before := await(t, b, 3)
	stop()
	w.exec(`DELETE FROM jobs`)
	if err := b.JetStream().DeleteStream(t.Context(), subjects.StreamEvents); err != nil {
		t.Fatal(err)
	}
	start(t, w.relay(b))
	if diff := cmp.Diff(before, await(t, b, 3)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}
