package change

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
)

func TestWriteKeepsTheOrderAndFillsTheOutboxWithJobsAlone(t *testing.T) {
	pool := pgtest.New(t)
	endpoint := int32(3)
	rows := []Row{
		{Time: time.Now(), ObjectType: BackupRoutine, ObjectID: 1, EndpointID: &endpoint, Action: Create, Event: Created, Version: 1, Key: "a", Post: json.RawMessage(`{"x":1}`)},
		{Time: time.Now(), ObjectType: ProxmoxEndpoint, ObjectID: 3, EndpointID: &endpoint, Action: Update, Changed: []string{"name"}},
		{Time: time.Now(), ObjectType: BackupRoutine, ObjectID: 1, EndpointID: &endpoint, Action: Delete, Event: Deleted, Version: 2, Key: "a", ObjectRepr: strings.Repeat("ü", 300)},
	}
	err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		return Write(t.Context(), tx, Origin{Cause: System, RequestID: uuid.New(), Message: "m"}, rows)
	})
	if err != nil {
		t.Fatal(err)
	}
	var versions []int32
	err = pool.QueryRow(t.Context(), `SELECT array_agg(version ORDER BY change_id) FROM outbox JOIN changes ON id = change_id`).Scan(&versions)
	if err != nil || !slices.Equal(versions, []int32{1, 2}) {
		t.Errorf("the outbox holds versions %v (%v), want 1 and 2 in that order", versions, err)
	}
	var n, longest int
	err = pool.QueryRow(t.Context(), `SELECT count(*), max(length(object_repr)) FROM changes WHERE message = 'm' AND cause = 'system'`).Scan(&n, &longest)
	if err != nil || n != 3 || longest != maxText {
		t.Errorf("%d rows with a representation of up to %d characters (%v), want 3 and %d", n, longest, err, maxText)
	}
}

func TestWriteRefusesASecondChangeOfOneVersion(t *testing.T) {
	pool := pgtest.New(t)
	row := Row{Time: time.Now(), ObjectType: Replication, ObjectID: 1, Action: Create, Event: Created, Version: 1}
	err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		return Write(t.Context(), tx, Origin{Cause: Sync, RequestID: uuid.New()}, []Row{row, row})
	})
	if err == nil {
		t.Error("two changes of an object with one version were written")
	}
}

func TestDiffComparesValuesNotText(t *testing.T) {
	for name, c := range map[string]struct {
		pre, post string
		want      []string
	}{
		"order and blanks":      {`{"a":1,"b":{"x":1,"y":2}}`, `{ "b": {"y":2,"x":1}, "a": 1}`, nil},
		"sorted names":          {`{"b":1,"a":1}`, `{"b":2,"a":2}`, []string{"a", "b"}},
		"absent is null":        {`{"a":null}`, `{"b":null}`, nil},
		"null is not empty":     {`{"a":null}`, `{"a":""}`, []string{"a"}},
		"a key goes":            {`{"a":1}`, `{}`, []string{"a"}},
		"large numbers differ":  {`{"a":9007199254740993}`, `{"a":9007199254740992}`, []string{"a"}},
		"spelling of numbers":   {`{"a":[1e3,0.5,-0,0.0012]}`, `{"a":[1000.0,5E-1,0,12e-4]}`, nil},
		"numbers by their size": {`{"a":100,"b":1,"c":0.1,"d":1e999999999999999999999}`, `{"a":10,"b":-1,"c":0.01,"d":1e999999999999999999998}`, []string{"a", "b", "c", "d"}},
		"escapes in texts":      {`{"a":"\u00e4<"}`, `{"a":"ä\u003c"}`, nil},
		"inside of objects":     {`{"a":{"x":[{"y":null}]}}`, `{"a":{"x":[{"y":0}]}}`, []string{"a"}},
		"nothing before at all": {``, `{"a":1}`, []string{"a"}},
	} {
		got, err := Diff(json.RawMessage(c.pre), json.RawMessage(c.post))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v (%v), want %v", name, got, err, c.want)
		}
	}
}

func TestEventOf(t *testing.T) {
	for _, c := range []struct {
		action        Action
		before, after string
		want          Event
	}{
		{Create, "", "active", Created},
		{Update, "active", "active", Updated},
		{Update, "stale", "stale", Updated},
		{Update, "active", "stale", Stale},
		{Update, "stale", "active", Reactivated},
		{Delete, "stale", "", Deleted},
	} {
		if got := EventOf(c.action, c.before, c.after); got != c.want {
			t.Errorf("%s from %q to %q is %q, want %q", c.action, c.before, c.after, got, c.want)
		}
	}
}

func TestReprsAreTheDisplaysOfJobs(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{RoutineRepr("job-1", "0 2 * * *"), "job-1 (daily)"},
		{RoutineRepr("job-1", "mon,wed 22:00"), "job-1 (mon,wed 22:00)"},
		{RoutineRepr("job-1", "no schedule at all"), "job-1 (no schedule at all)"},
		{RoutineRepr("job-1", ""), "job-1"},
		{ReplicationRepr("100-0", "web-server-01", "pve-node-02"), "100-0 (web-server-01 → pve-node-02)"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestDiffStatesNamesWhatDiffNames(t *testing.T) {
	at := time.Date(2026, 4, 2, 2, 0, 0, 0, time.UTC)
	base := RoutineState{JobID: "a", NextRun: &at, KeepLast: new(int32(3)), RawConfig: json.RawMessage(`{"a":1,"b":[1e3]}`), Tags: []string{"x"}}
	for name, edit := range map[string]func(*RoutineState){
		"nothing": func(*RoutineState) {},
		"the spelling": func(s *RoutineState) {
			s.NextRun, s.KeepLast, s.RawConfig, s.Tags = new(at), new(int32(3)), json.RawMessage(`{"b": [1000], "a": 1}`), []string{"x"}
		},
		"a pointer":   func(s *RoutineState) { s.KeepLast = nil },
		"its value":   func(s *RoutineState) { s.KeepLast = new(int32(4)) },
		"a time":      func(s *RoutineState) { s.NextRun = new(at.Add(time.Second)) },
		"a JSON":      func(s *RoutineState) { s.RawConfig = json.RawMessage(`{"a":1,"b":[]}`) },
		"many fields": func(s *RoutineState) { s.Tags, s.JobID, s.Enabled, s.NextRun = nil, "b", true, nil },
	} {
		after := base
		edit(&after)
		pre, post := mustMarshal(t, base), mustMarshal(t, after)
		want, err := Diff(pre, post)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DiffStates(&base, &after); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v (%v), want %v", name, got, err, want)
		}
	}
	broken := base
	broken.RawConfig = json.RawMessage(`{"a":`)
	if _, err := DiffStates(&base, &broken); err == nil || !strings.Contains(err.Error(), "raw_config") {
		t.Errorf("a broken document is compared: %v", err)
	}
}

func mustMarshal(t *testing.T, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
