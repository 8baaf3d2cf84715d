package render

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/change"
)

func render(t *testing.T, of change.ObjectType, state string, names *Names, without ...string) string {
	t.Helper()
	j, err := Parse(of, state)
	if err != nil {
		t.Fatal(err)
	}
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	j.ID, j.Version, j.Created, j.LastUpdated = 1, 3, &created, time.Date(2026, 4, 1, 2, 0, 0, 120_000_000, time.FixedZone("", 7200))
	return string(j.Append(nil, names, without))
}

func TestObjectsHaveTheKeysAndShapesOfTheSamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of            change.ObjectType
		state, sample string
	}{
		{change.BackupRoutine, routineState, routineSample},
		{change.Replication, replicationState, replicationSample},
		{change.Job, syncState, syncSample},
	} {
		var want strings.Builder
		for line := range strings.SplitSeq(c.sample, "\n") {
			want.WriteString(strings.TrimSpace(line))
		}
		got := render(t, c.of, c.state, sampleNames)
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
	for of, state := range map[change.ObjectType]string{change.BackupRoutine: routineState, change.Replication: replicationState, change.Job: syncState} {
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
	if err := json.Unmarshal([]byte(render(t, change.Replication, replicationState, &Names{})), &got); err != nil {
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
		if err := json.Unmarshal([]byte(render(t, change.BackupRoutine, string(state), &Names{})), &got); err != nil {
			t.Fatal(err)
		}
		if got.Display != want || got.Text != strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(want, "j"), " ("), ")") {
			t.Errorf("schedule %q: display %q and text %q, want %q", schedule, got.Display, got.Text, want)
		}
	}
}

func TestChoicesNullsAndTheRawConfig(t *testing.T) {
	t.Parallel()
	got := render(t, change.Replication, `{"remove_job":"full","job_type":"","status":"odd","endpoint":null,"raw_config":{"a":1}}`, &Names{}, "raw_config")
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

// Whatever a sync says, there is an object of it.
func TestASyncIsShownWithWhatItHas(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{
		`{}`: `"display":"","name":null,"status":null,"created":null`,
		`{"name": null, "status": "paused", "created": "then", "types": {}}`: `"display":"","name":null,"status":{"value":"paused","label":""},"created":"then"`,
		`{"counts": [ ], "a\"b": 1 }`:                                        `"counts":[],"job_id":null,"a\"b":1}`,
	} {
		got := render(t, change.Job, state, &Names{})
		if !json.Valid([]byte(got)) || !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

func TestWhatIsBulkyCanBeLeftOut(t *testing.T) {
	t.Parallel()
	for of, c := range map[change.ObjectType]struct{ state, want string }{
		change.BackupRoutine: {routineState, "raw_config"},
		change.Replication:   {replicationState, "raw_config"},
		change.Job:           {syncState, "endpoints queue priority"},
	} {
		j, err := Parse(of, c.state)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(j.Bulky(), " "); got != c.want {
			t.Errorf("bulky fields of type %d are %s, want %s", of, got, c.want)
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(j.Append(nil, &Names{}, j.Bulky()), &object); err != nil {
			t.Fatal(err)
		}
		for _, name := range j.Bulky() {
			if _, ok := object[name]; ok {
				t.Errorf("%s of type %d was not left out", name, of)
			}
		}
	}
}
