package pvesim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/pvesim"
)

// steering is a fleet of one 8.4 cluster, with what a client sees of it and a way to steer it.
type steering struct {
	t       *testing.T
	fleet   *pvesim.Fleet
	cluster *client
	handler http.Handler
}

func steer(t *testing.T) *steering {
	t.Helper()
	f, err := pvesim.NewFleet(pvesim.FleetConfig{Clusters: 1, Versions: []string{"8.4"}, Jobs: 5, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return &steering{t, f, connect(t, f.Servers()[0]), pvesim.Control(f)}
}

// do calls the control API and decodes what it answers.
func (s *steering) do(method, path, body string, want int) map[string]any {
	s.t.Helper()
	rec := httptest.NewRecorder()
	s.handler.ServeHTTP(rec, httptest.NewRequestWithContext(s.t.Context(), method, path, strings.NewReader(body)))
	answer, err := io.ReadAll(rec.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if rec.Code != want {
		s.t.Fatalf("%s %s: %d %s, want %d", method, path, rec.Code, answer, want)
	}
	got := map[string]any{}
	if len(answer) > 0 && answer[0] == '{' {
		if err := json.Unmarshal(answer, &got); err != nil {
			s.t.Fatalf("%s %s: %s: %v", method, path, answer, err)
		}
	}
	return got
}

func (s *steering) backup(id string) map[string]any {
	s.t.Helper()
	var one struct{ Data map[string]any }
	decode(s.t, s.cluster.get("/cluster/backup/"+id), &one)
	return one.Data
}

func TestJobsAreChangedByControl(t *testing.T) {
	s := steer(t)
	s.do("PUT", "/clusters/alpha/backup/mine", `{"schedule":"sat 03:00","vmid":"100","comment":"a","prune-backups":{"keep-last":3,"keep-daily":2}}`, 204)
	want := map[string]any{
		"id": "mine", "type": "vzdump", "enabled": json.Number("1"), "schedule": "sat 03:00", "vmid": "100", "comment": "a",
		"prune-backups": map[string]any{"keep-last": "3", "keep-daily": "2"},
	}
	if diff := cmp.Diff(want, s.backup("mine")); diff != "" {
		t.Errorf("after PUT (-want +got):\n%s", diff)
	}
	s.do("PATCH", "/clusters/alpha/backup/mine", `{"disabled":true,"comment":null,"prune-backups":{"keep-last":4}}`, 204)
	want["enabled"], want["prune-backups"] = json.Number("0"), map[string]any{"keep-last": "4"}
	delete(want, "comment")
	if diff := cmp.Diff(want, s.backup("mine")); diff != "" {
		t.Errorf("after PATCH (-want +got):\n%s", diff)
	}
	s.do("DELETE", "/clusters/alpha/backup/mine", "", 204)
	if !s.cluster.gone("/cluster/backup/mine") {
		t.Error("a deleted job is still there")
	}
	s.do("DELETE", "/clusters/alpha/backup/mine", "", 404)
	s.do("PATCH", "/clusters/alpha/backup/mine", `{}`, 404)
}

func TestReplicationsAreChangedByControl(t *testing.T) {
	s := steer(t)
	one := func() map[string]any {
		var one struct{ Data map[string]any }
		decode(t, s.cluster.get("/cluster/replication/100-9"), &one)
		delete(one.Data, "digest")
		return one.Data
	}
	s.do("PUT", "/clusters/alpha/replication/100-9", `{"source":"alpha-01","target":"alpha-02","rate":2.5}`, 204)
	want := map[string]any{
		"id": "100-9", "type": "local", "guest": json.Number("100"), "jobnum": json.Number("9"),
		"source": "alpha-01", "target": "alpha-02", "rate": json.Number("2.5"),
	}
	if diff := cmp.Diff(want, one()); diff != "" {
		t.Errorf("after PUT (-want +got):\n%s", diff)
	}
	s.do("PATCH", "/clusters/alpha/replication/100-9", `{"disabled":true,"rate":null}`, 204)
	want["disable"] = json.Number("1")
	delete(want, "rate")
	if diff := cmp.Diff(want, one()); diff != "" {
		t.Errorf("after PATCH (-want +got):\n%s", diff)
	}
	s.do("DELETE", "/clusters/alpha/replication/100-9", "", 204)
	if !s.cluster.gone("/cluster/replication/100-9") {
		t.Error("a deleted job is still there")
	}
}

func TestFaultsAreSwitchedByControl(t *testing.T) {
	s := steer(t)
	names := s.do("GET", "/faults", "", 200)
	if !slices.Contains(names["single"].([]any), any("data_null")) || len(names["all"].([]any)) != len(pvesim.AllFaults()) {
		t.Errorf("faults: %v", names)
	}
	s.do("POST", "/clusters/alpha/faults", `{"fault":"data_null","call":"/cluster/backup","times":1}`, 204)
	if got := string(s.cluster.get("/cluster/backup")); got != `{"data":null}` {
		t.Errorf("with a fault: %s", got)
	}
	s.do("POST", "/clusters/alpha/faults", `{"name":"lost all permissions"}`, 204)
	s.do("POST", "/clusters/alpha/faults", `{"fault":"bad_gateway_502","call":"*"}`, 204)
	if on := s.do("GET", "/clusters/alpha", "", 200)["faults"]; !cmp.Equal(on, []any{"bad_gateway_502 on *"}) {
		t.Errorf("active faults: %v", on)
	}
	s.do("DELETE", "/clusters/alpha/faults", "", 204)
	if n := len(s.cluster.ids("/cluster/backup")); n != 5 {
		t.Errorf("%d jobs after all faults are off", n)
	}
}

func TestGuestsMigrateByControl(t *testing.T) {
	s := steer(t)
	before := s.cluster.rows("/cluster/replication")[0]
	vmid := strings.TrimSuffix(before["id"].(string), "-0")
	s.do("POST", "/clusters/alpha/migrate", `{"vmid":`+vmid+`,"node":"`+before["target"].(string)+`"}`, 204)
	after := s.cluster.rows("/cluster/replication")[0]
	if after["id"] != before["id"] || after["source"] != before["target"] || after["target"] != before["source"] {
		t.Errorf("before %v, after %v", before, after)
	}
}

func TestControlTellsWhatWasAsked(t *testing.T) {
	s := steer(t)
	s.cluster.get("/version")
	if _, _, err := s.cluster.do(http.MethodPost, "/api2/json/access/ticket"); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"requests": map[string]any{"GET /version": 1.0, "POST /access/ticket": 1.0},
		"raw":      map[string]any{"GET /version": 1.0, "POST /access/ticket": 1.0},
		"refused":  []any{"POST /access/ticket"}, "locking": nil,
	}
	if diff := cmp.Diff(want, s.do("GET", "/clusters/alpha/requests", "", 200)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestControlSaysWhatIsWrong(t *testing.T) {
	s := steer(t)
	for _, tt := range []struct {
		method, path, body, want string
		status                   int
	}{
		{"GET", "/clusters/zulu", "", `no cluster is called "zulu"`, 404},
		{"POST", "/clusters/alpha/faults", `{"fault":"none"}`, `no single fault is called "none"`, 400},
		{"POST", "/clusters/alpha/faults", `{"name":"none"}`, `no fault is called "none"`, 400},
		{"POST", "/clusters/alpha/faults", `{"fault":"html"}`, `"call" says what fails`, 400},
		{"POST", "/clusters/alpha/faults", `{"what":1}`, `unknown field "what"`, 400},
		{"POST", "/clusters/alpha/migrate", `{"vmid":1,"node":"alpha-01"}`, "there is no guest 1", 400},
		{"PUT", "/clusters/alpha/backup/x", `{"id":"y"}`, `called "y"`, 400},
		{"PUT", "/clusters/alpha/backup/x", `{"colour":1}`, `unknown field "colour"`, 400},
		{"PUT", "/clusters/alpha/replication/x", `{}`, "no id of a replication job", 400},
		{"PUT", "/clusters/alpha/replication/1-1", `{"guest":2}`, `called "2-1"`, 400},
	} {
		if got := s.do(tt.method, tt.path, tt.body, tt.status)["error"].(string); !strings.Contains(got, tt.want) {
			t.Errorf("%s %s: %s, want %s", tt.method, tt.path, got, tt.want)
		}
	}
}
