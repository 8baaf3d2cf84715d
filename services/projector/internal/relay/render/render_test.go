package render

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/change"
)

var sampleNames = &Names{
	Endpoints: map[int32]Endpoint{1: {Name: "prod-proxmox", Host: "proxmox.example.com"}},
	Nodes: map[int32]Node{
		1: {Name: "pve-node-01", NodeID: new(int32(1)), Online: true},
		2: {Name: "pve-node-02"},
	},
	Storages:        map[int32]Storage{2: {Name: "backup-storage", ClusterID: 5, ClusterName: "prod-cluster"}},
	VirtualMachines: map[int32]string{10: "web-server-01"},
	Tags:            map[string]Tag{"gold": {ID: 7, Name: "gold", Slug: "gold", Color: "ffd700"}},
}

// The documented sample of a routine, with what the product adds after it. The key order counts, so it is compared as text.
const routineSample = `{
  "id": 1,
  "url": "/api/plugins/proxbox/backup-routines/1/",
  "display": "job-1 (daily)",
  "endpoint": {
    "id": 1,
    "url": "/api/plugins/proxbox/endpoints/proxmox/1/",
    "display": "prod-proxmox (proxmox.example.com)",
    "name": "prod-proxmox"
  },
  "job_id": "job-1",
  "enabled": true,
  "schedule": "0 2 * * *",
  "next_run": "2026-04-02T02:00:00Z",
  "node": {
    "id": 1,
    "url": "/api/plugins/proxbox/nodes/1/",
    "display": "pve-node-01",
    "name": "pve-node-01",
    "node_id": 1,
    "online": true
  },
  "storage": {
    "id": 2,
    "url": "/api/plugins/proxbox/storage/2/",
    "display": "backup-storage",
    "cluster": {"id": 5, "name": "prod-cluster"},
    "name": "backup-storage"
  },
  "selection": [100, 101, 102],
  "comment": "nightly VM backups",
  "status": {"value": "active", "label": "Active"},
  "keep_last": null,
  "keep_daily": 7,
  "keep_weekly": 4,
  "keep_monthly": 3,
  "keep_yearly": null,
  "keep_all": null,
  "notes_template": "",
  "bwlimit": null,
  "zstd": null,
  "io_workers": null,
  "fleecing": "",
  "fleecing_storage": null,
  "repeat_missed": false,
  "pbs_change_detection_mode": "",
  "raw_config": {"compress": "zstd", "mode": "snapshot"},
  "tags": [{"id": 7, "url": "/api/extras/tags/7/", "display_url": "/extras/tags/7/", "display": "gold", "name": "gold", "slug": "gold", "color": "ffd700"}],
  "custom_fields": {},
  "created": "2026-01-01T00:00:00Z",
  "last_updated": "2026-04-01T00:00:00.120000Z",
  "stale_since": null,
  "version": 3,
  "selection_mode": "vmid",
  "exclude": [],
  "pool": "",
  "mode": "snapshot",
  "compress": "zstd",
  "keep_hourly": null,
  "schedule_text": "daily"
}`

const routineState = `{"endpoint": 1, "job_id": "job-1", "enabled": true, "schedule": "0 2 * * *", "next_run": "2026-04-02T02:00:00Z", "node": 1, "storage": 2,
	"selection": [100, 101, 102], "comment": "nightly VM backups", "status": "active", "keep_last": null, "keep_daily": 7, "keep_weekly": 4,
	"keep_monthly": 3, "keep_yearly": null, "keep_all": null, "notes_template": "", "bwlimit": null, "zstd": null, "io_workers": null, "fleecing": "",
	"fleecing_storage": null, "repeat_missed": false, "pbs_change_detection_mode": "", "raw_config": {"compress": "zstd", "mode": "snapshot"},
	"tags": ["gold", "gone"], "custom_fields": {}, "selection_mode": "vmid", "exclude": [], "pool": "", "mode": "snapshot", "compress": "zstd",
	"keep_hourly": null, "stale_since": null, "of_a_later_version": {"x": [1, "}"]}}`

const replicationSample = `{
  "id": 1,
  "url": "/api/plugins/proxbox/replications/1/",
  "display": "100-0 (web-server-01 → pve-node-02)",
  "endpoint": {
    "id": 1,
    "url": "/api/plugins/proxbox/endpoints/proxmox/1/",
    "display": "prod-proxmox (proxmox.example.com)",
    "name": "prod-proxmox"
  },
  "replication_id": "100-0",
  "virtual_machine": {
    "id": 10,
    "url": "/api/virtualization/virtual-machines/10/",
    "display": "web-server-01",
    "name": "web-server-01",
    "display_url": "/virtualization/virtual-machines/10/"
  },
  "proxmox_node": {
    "id": 1,
    "url": "/api/plugins/proxbox/nodes/1/",
    "display": "pve-node-01",
    "name": "pve-node-01",
    "node_id": 1,
    "online": true
  },
  "guest": 100,
  "target": "pve-node-02",
  "job_type": {"value": "local", "label": "Local"},
  "schedule": "*/15",
  "rate": null,
  "comment": "HA replication",
  "disable": false,
  "source": "pve-node-01",
  "jobnum": 0,
  "remove_job": null,
  "status": {"value": "stale", "label": "Stale"},
  "raw_config": {"type": "local"},
  "tags": [],
  "custom_fields": {},
  "created": "2026-01-01T00:00:00Z",
  "last_updated": "2026-04-01T00:00:00.120000Z",
  "stale_since": "2026-04-01T00:00:00.500000Z",
  "version": 3,
  "target_node": {
    "id": 2,
    "url": "/api/plugins/proxbox/nodes/2/",
    "display": "pve-node-02",
    "name": "pve-node-02",
    "node_id": null,
    "online": false
  },
  "schedule_text": "*/15"
}`

const replicationState = `{"endpoint":1,"replication_id":"100-0","virtual_machine":10,"proxmox_node":1,"target_node":2,"guest":100,"target":"pve-node-02",
	"job_type":"local","schedule":"*/15","rate":null,"comment":"HA replication","disable":false,"source":"pve-node-01","jobnum":0,"remove_job":null,
	"status":"stale","raw_config":{"type":"local"},"tags":[],"custom_fields":{},"stale_since":"2026-04-01T00:00:00.5Z"}`

func render(t *testing.T, of change.ObjectType, state string, names *Names, raw bool) string {
	t.Helper()
	j, err := Parse(of, state)
	if err != nil {
		t.Fatal(err)
	}
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	j.ID, j.Version, j.Created, j.LastUpdated = 1, 3, &created, time.Date(2026, 4, 1, 2, 0, 0, 120_000_000, time.FixedZone("", 7200))
	return string(j.Append(nil, names, raw))
}

func TestObjectsHaveTheKeysAndShapesOfTheSamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of            change.ObjectType
		state, sample string
	}{
		{change.BackupRoutine, routineState, routineSample},
		{change.Replication, replicationState, replicationSample},
	} {
		var want strings.Builder
		for line := range strings.SplitSeq(c.sample, "\n") {
			want.WriteString(strings.TrimSpace(line))
		}
		got := render(t, c.of, c.state, sampleNames, true)
		if diff := cmp.Diff(string(appendCompact(nil, want.String())), got); diff != "" {
			t.Errorf("type %d differs from the sample (-want +got):\n%s", c.of, diff)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("not JSON: %s", got)
		}
	}
}

func TestRefsAreAllThatTheObjectNames(t *testing.T) {
	t.Parallel()
	refs := NewRefs()
	for of, state := range map[change.ObjectType]string{change.BackupRoutine: routineState, change.Replication: replicationState} {
		j, err := Parse(of, state)
		if err != nil {
			t.Fatal(err)
		}
		j.Refs(refs)
	}
	want := &Refs{
		Endpoints: map[int32]struct{}{1: {}}, Nodes: map[int32]struct{}{1: {}, 2: {}}, Storages: map[int32]struct{}{2: {}},
		VirtualMachines: map[int32]struct{}{10: {}}, Tags: map[string]struct{}{"gold": {}, "gone": {}},
	}
	if diff := cmp.Diff(want, refs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What an object refers to may be gone when its last events are published.
func TestWhatIsGoneKeepsItsID(t *testing.T) {
	t.Parallel()
	var got struct {
		Display  string
		Endpoint struct {
			ID      int
			Display string
			Name    string
		}
		VirtualMachine struct{ Display string } `json:"virtual_machine"`
	}
	if err := json.Unmarshal([]byte(render(t, change.Replication, replicationState, &Names{}, true)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Display != "100-0 (VM 100 → pve-node-02)" || got.Endpoint.ID != 1 || got.Endpoint.Display != "1" || got.VirtualMachine.Display != "10" {
		t.Errorf("got %+v", got)
	}
}

func TestDisplayOfARoutineSaysWhenItRuns(t *testing.T) {
	t.Parallel()
	for schedule, want := range map[string]string{
		"21:00": "j (daily)", "mon..fri 02:00": "j (mon..fri 02:00)", "": "j", "never heard of": "j (never heard of)", "hourly": "j (hourly)",
	} {
		state, err := json.Marshal(map[string]string{"job_id": "j", "schedule": schedule})
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Display string
			Text    string `json:"schedule_text"`
		}
		if err := json.Unmarshal([]byte(render(t, change.BackupRoutine, string(state), &Names{}, true)), &got); err != nil {
			t.Fatal(err)
		}
		if got.Display != want || got.Text != strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(want, "j"), " ("), ")") {
			t.Errorf("schedule %q: display %q and text %q, want %q", schedule, got.Display, got.Text, want)
		}
	}
}

func TestTextsSurviveWithEveryCharacter(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		`a "quoted" \ back`, "line\nbreak\ttab", "日本 übernacht 🎉", "<b>&amp;</b>", "\u2028\u2029", "}]{[,:", "ends with \\", "", "\x01\x1f\x7f",
	} {
		state, err := json.Marshal(map[string]any{
			"replication_id": s, "target": s, "comment": s, "guest": 1, "virtual_machine": 10,
			"raw_config": map[string]any{s + "key": []any{s, map[string]string{"x": s}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		names := &Names{VirtualMachines: map[int32]string{10: s}}
		var got struct {
			Display        string
			Comment        string
			ID             string                `json:"replication_id"`
			VirtualMachine struct{ Name string } `json:"virtual_machine"`
			Raw            map[string]any        `json:"raw_config"`
		}
		text := render(t, change.Replication, string(state), names, true)
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		vm := s
		if s == "" {
			vm = "VM 1"
		}
		if got.Comment != s || got.ID != s || got.VirtualMachine.Name != s || got.Display != s+" ("+vm+" → "+s+")" {
			t.Errorf("%q became %+v", s, got)
		}
		if diff := cmp.Diff(map[string]any{s + "key": []any{s, map[string]any{"x": s}}}, got.Raw); diff != "" {
			t.Errorf("raw_config (-want +got):\n%s", diff)
		}
	}
}

func TestChoicesNullsAndTheRawConfig(t *testing.T) {
	t.Parallel()
	got := render(t, change.Replication, `{"remove_job":"full","job_type":"","status":"odd","endpoint":null,"raw_config":{"a":1}}`, &Names{}, false)
	for _, want := range []string{
		`"remove_job":{"value":"full","label":"Full"}`, `"job_type":null`, `"status":{"value":"odd","label":""}`, `"endpoint":null`, `"rate":null`,
		`"tags":[]`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	if strings.Contains(got, "raw_config") {
		t.Errorf("raw_config is in %s", got)
	}
}

func TestAppendFieldsTakesTheNamedOnes(t *testing.T) {
	t.Parallel()
	const state = ` { "b" : [1, {"x": "} "}] , "a":"q\"", "raw_config": {"k": 1}, "c":null,"d":-1.5e3 } `
	for _, c := range []struct {
		names []string
		raw   bool
		want  string
	}{
		{nil, true, `{}`},
		{[]string{"a", "b", "c", "d", "e", "raw_config"}, true, `{"b":[1,{"x":"} "}],"a":"q\"","raw_config":{"k":1},"c":null,"d":-1.5e3}`},
		{[]string{"c", "raw_config"}, false, `{"c":null}`},
	} {
		got, err := AppendFields(nil, state, c.names, c.raw)
		if err != nil || string(got) != c.want {
			t.Errorf("%v: %s (%v), want %s", c.names, got, err, c.want)
		}
	}
	for _, bad := range []string{`[]`, `{"a"`, `{"a":1`, `{1:2}`, `x`, `{"a":1 "b":2}`} {
		if _, err := AppendFields(nil, bad, []string{"a"}, true); err == nil {
			t.Errorf("%s was taken for an object", bad)
		}
	}
}

// Whatever JSON object comes, its fields come out as encoding/json sees them.
func FuzzFields(f *testing.F) {
	f.Add(routineState)
	f.Add(replicationState)
	f.Add(`{"a":{"b":["\\\"}"]},"":1}`)
	f.Fuzz(func(t *testing.T, object string) {
		_ = eachField(object, func(_, value string) { _ = appendCompact(nil, value) }) // must not panic on anything
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(object), &want) != nil || want == nil {
			return
		}
		n := 0
		err := eachField(object, func(name, value string) {
			var key string
			if err := json.Unmarshal([]byte(`"`+name+`"`), &key); err != nil {
				t.Fatalf("name %q: %v", name, err)
			}
			if _, ok := want[key]; !ok {
				t.Fatalf("%q is no field of %s", key, object)
			}
			var a, b any
			if err := json.Unmarshal(appendCompact(nil, value), &a); err != nil {
				t.Fatalf("value of %q: %v", key, err)
			}
			_ = json.Unmarshal([]byte(value), &b)
			if diff := cmp.Diff(a, b); diff != "" {
				t.Fatal(diff)
			}
			n++
		})
		if err != nil || n < len(want) {
			t.Fatalf("%d fields of %d (%v) in %s", n, len(want), err, object)
		}
	})
}

func TestTagsAreShownAsTheyWereAtTheChange(t *testing.T) {
	n := &Names{
		Tags: map[string]Tag{"a": {ID: 3, Name: "a", Slug: "third", Color: "000003"}},
		PastTags: map[string][]PastTag{
			"a": {{Until: 10, Tag: Tag{ID: 1, Name: "a", Slug: "first", Color: "000001", Weight: 9}}, {Until: 20, Tag: Tag{ID: 2, Name: "a", Slug: "second", Color: "000002"}}},
			"b": {{Until: 20, Tag: Tag{ID: 4, Name: "b", Slug: "b", Color: "000004", Weight: 5}}},
		},
	}
	for _, c := range []struct {
		change int64
		want   string
	}{{9, "b first"}, {10, "second b"}, {19, "second b"}, {20, "third"}, {99, "third"}} {
		var shown []struct{ Slug string }
		if err := json.Unmarshal(n.appendTags(nil, `["a", "b", "unknown"]`, c.change), &shown); err != nil {
			t.Fatal(err)
		}
		var slugs []string
		for _, s := range shown {
			slugs = append(slugs, s.Slug)
		}
		if got := strings.Join(slugs, " "); got != c.want {
			t.Errorf("change %d shows %s, want %s", c.change, got, c.want)
		}
	}
}

func TestCustomFieldsAreShownAsRESTDoes(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{
		`{}`:                           `{"zeta":null,"alpha":null}`,
		`{"alpha": 1, "gone": [1, 2]}`: `{"zeta":null,"alpha":1,"gone":[1,2]}`,
		`{"alpha": {"a": [1, "}"]}, "zeta": "x\"y"}`: `{"zeta":"x\"y","alpha":{"a":[1,"}"]}}`,
		`{"gone": true}`: `{"zeta":null,"alpha":null,"gone":true}`,
	} {
		n := &Names{}
		n.AddCustomField(change.Replication, "zeta")
		n.AddCustomField(change.Replication, "alpha")
		var got struct {
			Custom json.RawMessage `json:"custom_fields"`
		}
		if err := json.Unmarshal([]byte(render(t, change.Replication, `{"custom_fields":`+state+`}`, n, true)), &got); err != nil || string(got.Custom) != want {
			t.Errorf("%s is shown as %s (%v), want %s", state, got.Custom, err, want)
		}
		if err := json.Unmarshal([]byte(render(t, change.BackupRoutine, `{"custom_fields":`+state+`}`, n, true)), &got); err != nil || string(got.Custom) != string(appendCompact(nil, state)) {
			t.Errorf("a routine, whose type has none, shows %s (%v)", got.Custom, err)
		}
	}
}
