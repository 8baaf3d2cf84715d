package relay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/natstest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

// raw returns a message of the stream.
func raw(t *testing.T, b *bus.Bus, sequence uint64) *jetstream.RawStreamMsg {
	t.Helper()
	s, err := b.JetStream().Stream(t.Context(), subjects.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetMsg(t.Context(), sequence)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// envelope is a CloudEvent as its readers know it.
type envelope struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            string          `json:"time"`
	Sequence        string          `json:"sequence"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

func decode(t *testing.T, m *jetstream.RawStreamMsg) (envelope, *proxopsv1.JobChanged) {
	t.Helper()
	var e envelope
	d := json.NewDecoder(bytes.NewReader(m.Data))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		t.Fatalf("%v in %s", err, m.Data)
	}
	data := &proxopsv1.JobChanged{}
	if err := protojson.Unmarshal(e.Data, data); err != nil { // refuses unknown fields too
		t.Fatalf("%v in %s", err, e.Data)
	}
	return e, data
}

func TestEventsAreCloudEventsOfJobChanged(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	at := time.Date(2026, 4, 1, 0, 0, 0, 250_000_000, time.UTC)
	w.exec(`INSERT INTO backup_routines (id, endpoint_id, job_id, created) VALUES (5, 1, 'job-5', '2026-01-01')`)
	row := w.row(5, 2)
	row.Time = at
	w.write([]change.Row{row})
	start(t, w.relay(b))
	await(t, b, 1)
	m := raw(t, b, 1)
	if got := m.Header["content-type"]; m.Subject != "proxops.v1.event.1.backup_routine.5" || !cmp.Equal(got, []string{"application/cloudevents+json"}) {
		t.Errorf("subject %q, content-type %q", m.Subject, got)
	}
	e, data := decode(t, m)
	want := envelope{
		SpecVersion: "1.0", ID: "1", Source: "/api/plugins/proxbox/endpoints/proxmox/1/", Type: "proxops.backup_routine.updated.v1", Subject: "job-5",
		Time: "2026-04-01T00:00:00.250000Z", Sequence: "1", DataContentType: "application/json",
	}
	e.Data = nil
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("envelope (-want +got):\n%s", diff)
	}
	got := map[string]any{
		"object_id": data.GetObjectId(), "key": data.GetKey(), "endpoint_id": data.GetEndpointId(), "kind": data.GetKind(), "version": data.GetVersion(),
		"status": data.GetStatus(), "changed": data.GetChanged(), "before": data.GetBefore().AsMap(), "cause": data.GetCause(),
	}
	if diff := cmp.Diff(map[string]any{
		"object_id": int64(5), "key": "job-5", "endpoint_id": int64(1), "kind": "backup_routine", "version": int64(2), "status": "active",
		"changed": []string{"comment"}, "before": map[string]any{"comment": "version 1"}, "cause": "sync",
	}, got); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	object := data.GetObject().AsMap()
	for name, want := range map[string]any{
		"id": 5.0, "url": "/api/plugins/proxbox/backup-routines/5/", "display": "job-5 (daily)", "comment": "version 2", "version": 2.0,
		"created": "2026-01-01T00:00:00Z", "last_updated": "2026-04-01T00:00:00.250000Z",
		"endpoint": map[string]any{
			"id": 1.0, "url": "/api/plugins/proxbox/endpoints/proxmox/1/", "display": "prod-proxmox (proxmox.example.com)", "name": "prod-proxmox",
		},
		"node": map[string]any{
			"id": 1.0, "url": "/api/plugins/proxbox/nodes/1/", "display": "pve-node-01", "name": "pve-node-01", "node_id": 1.0, "online": true,
		},
		"storage": map[string]any{
			"id": 1.0, "url": "/api/plugins/proxbox/storage/1/", "display": "backup-storage", "name": "backup-storage",
			"cluster": map[string]any{"id": 1.0, "name": "prod-cluster"},
		},
	} {
		if diff := cmp.Diff(want, object[name]); diff != "" {
			t.Errorf("%s of the object (-want +got):\n%s", name, diff)
		}
	}
	// Integers are numbers, not protobuf's strings.
	for _, text := range []string{`"object_id":5,`, `"endpoint_id":1,`, `"version":2,`} {
		if !bytes.Contains(m.Data, []byte(text)) {
			t.Errorf("%s is not in %s", text, m.Data)
		}
	}
}

func TestTheTypeOfAnEventNamesWhatHappened(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	state := func(status string) json.RawMessage {
		return fmt.Appendf(nil, `{"endpoint":null,"replication_id":"100-0","virtual_machine":1,"guest":100,"target":"pve-node-02","status":%q,"tags":[]}`, status)
	}
	base := change.Row{Time: time.Now(), ObjectType: change.Replication, ObjectID: 9, Key: "100-0"}
	var rows []change.Row
	for i, c := range []struct {
		action    change.Action
		event     change.Event
		pre, post string
	}{
		{change.Create, change.Created, "", "active"},
		{change.Update, change.Stale, "active", "stale"},
		{change.Update, change.Reactivated, "stale", "active"},
		{change.Delete, change.Deleted, "active", ""},
	} {
		r := base
		r.Action, r.Event, r.Version, r.Status = c.action, c.event, int32(i+1), c.post
		if c.pre != "" {
			r.Pre = state(c.pre)
		}
		if c.post != "" {
			r.Post = state(c.post)
		} else {
			r.Status = c.pre
		}
		if c.action == change.Update {
			r.Changed = []string{"status"}
		}
		rows = append(rows, r)
	}
	w.write(rows)
	start(t, w.relay(b))
	await(t, b, 4)
	for i, want := range []struct {
		eventType, status string
		version           int64 // of the object
		before            map[string]any
	}{
		{"proxops.replication.created.v1", "active", 1, map[string]any{}},
		{"proxops.replication.stale.v1", "stale", 2, map[string]any{"status": "active"}},
		{"proxops.replication.reactivated.v1", "active", 3, map[string]any{"status": "stale"}},
		{"proxops.replication.deleted.v1", "active", 3, map[string]any{}}, // the object as it was
	} {
		m := raw(t, b, uint64(i+1))
		e, data := decode(t, m)
		if e.Type != want.eventType || data.GetStatus() != want.status || data.GetVersion() != int64(i+1) {
			t.Errorf("event %d is %s of version %d with status %s, want %+v", i+1, e.Type, data.GetVersion(), data.GetStatus(), want)
		}
		if m.Subject != "proxops.v1.event.0.replication.9" || e.Source != "/api/plugins/proxbox/" {
			t.Errorf("event %d of a job without endpoint has subject %s and source %s", i+1, m.Subject, e.Source)
		}
		object := data.GetObject().AsMap()
		if diff := cmp.Diff(want.before, data.GetBefore().AsMap()); diff != "" {
			t.Errorf("before of event %d (-want +got):\n%s", i+1, diff)
		}
		if object["version"] != float64(want.version) || object["display"] != "100-0 (web-server-01 → pve-node-02)" || object["endpoint"] != nil {
			t.Errorf("object of event %d is %v", i+1, object)
		}
		// The row is gone, so the time comes from the first change.
		if created, err := time.Parse(time.RFC3339Nano, object["created"].(string)); err != nil || !created.Equal(base.Time.Truncate(time.Microsecond)) {
			t.Errorf("object of event %d was created %v, want %s", i+1, object["created"], base.Time)
		}
	}
}

// One job with a configuration as large as Proxmox allows must not stop the events of all others.
func TestAnEventThatIsTooLargeGoesWithoutItsRawConfig(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	state := func(n int) json.RawMessage {
		return fmt.Appendf(nil, `{"endpoint":1,"job_id":"large","comment":"c%d","raw_config":{"notes":%q}}`, n, strings.Repeat("x", 700_000+n))
	}
	r := w.row(1, 2)
	r.Key, r.Pre, r.Post, r.Changed = "large", state(1), state(2), []string{"comment", "raw_config"}
	w.write([]change.Row{r})
	w.change(2)
	start(t, w.relay(b))
	await(t, b, 2)
	_, data := decode(t, raw(t, b, 1))
	if _, ok := data.GetObject().AsMap()["raw_config"]; ok || !cmp.Equal(data.GetOmitted(), []string{"raw_config"}) {
		t.Errorf("omitted is %v", data.GetOmitted())
	}
	if diff := cmp.Diff(map[string]any{"comment": "c1"}, data.GetBefore().AsMap()); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	if _, data := decode(t, raw(t, b, 2)); len(data.GetOmitted()) > 0 {
		t.Errorf("a small event omits %v", data.GetOmitted())
	}
}

func TestAChangeThatThisVersionCannotPublishStopsTheRelayRatherThanLeaveAGap(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), natstest.Connect(t)
	w.change(1)
	r := w.row(2, 1)
	r.ObjectType = 99
	w.write([]change.Row{r})
	w.change(3)
	relay := w.relay(b)
	log := listening(relay)
	start(t, relay)
	eventually(t, "complaint", func() error {
		if log.count("which this version cannot publish: update the projector") == 0 {
			return fmt.Errorf("the log says %q", log.String())
		}
		return nil
	})
	if got := await(t, b, 1); got[0].ID != "1" {
		t.Errorf("published %+v, want the first change alone", got)
	}
}
