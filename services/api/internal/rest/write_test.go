package rest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// changeRow is a row of the change log as tests look at it.
type changeRow struct {
	Action, Event, Key, Status, User, Message, Repr string
	Version                                         int
	Changed                                         []string
	Pre, Post                                       map[string]any
	Queued                                          bool
}

func (s *server) changes(objectType, id int) []changeRow {
	s.t.Helper()
	rows, err := s.pool.Query(s.t.Context(), `SELECT c.action, coalesce(c.event, ''), c.key, c.status, c.user_name, c.message, c.object_repr, coalesce(c.version, 0), c.changed,
		coalesce(c.prechange, '{}'), coalesce(c.postchange, '{}'), o.change_id IS NOT NULL
		FROM changes c LEFT JOIN outbox o ON o.change_id = c.id WHERE c.object_type_id = $1 AND c.object_id = $2 ORDER BY c.id`, objectType, id)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	var out []changeRow
	for rows.Next() {
		var c changeRow
		if err := rows.Scan(&c.Action, &c.Event, &c.Key, &c.Status, &c.User, &c.Message, &c.Repr, &c.Version, &c.Changed, &c.Pre, &c.Post, &c.Queued); err != nil {
			s.t.Fatal(err)
		}
		out = append(out, c)
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return out
}

func TestLifeOfARoutineIsInTheChangeLog(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO tags (name, slug) VALUES ('Alpha', 'alpha'), ('Beta', 'beta')")
	a := w.ask("POST", routinesPath, map[string]any{"endpoint": w.prod, "job_id": "life", "schedule": "daily", "selection": []any{100, "101"}, "tags": []any{map[string]any{"slug": "beta"}, 1}, "changelog_message": "born"})
	if a.status != 201 {
		t.Fatal(a.body)
	}
	id := int(a.json(t)["id"].(float64))
	u := path(routinesPath, id)
	if got := a.header.Get("Location"); got != w.http.URL+u {
		t.Errorf("Location %s", got)
	}
	if got := w.get(u); got.body != a.body || got.header.Get("ETag") != a.header.Get("ETag") || !strings.HasPrefix(got.header.Get("ETag"), `W/"20`) {
		t.Errorf("GET differs from the answer to POST:\n%s\n%s", got.body, a.body)
	}
	w.ask("PATCH", u, map[string]any{"comment": "grown", "status": "stale", "changelog_message": "grew"}).want(t, 200, "")
	w.ask("PATCH", u, map[string]any{"comment": "grown"}).want(t, 200, "")
	w.ask("PATCH", u, map[string]any{"remove_tags": []any{map[string]any{"name": "Beta"}}}).want(t, 200, "")
	w.ask("PUT", u, map[string]any{"endpoint": w.prod, "job_id": "life", "status": "active"}).want(t, 200, "")
	w.ask("DELETE", u, map[string]any{"changelog_message": "died"}).want(t, 204, "")
	w.get(u).want(t, 404, `{"detail":"No BackupRoutine matches the given query."}`)

	rows := w.changes(1, id)
	type short struct {
		Action, Event, Status, Message string
		Version                        int
		Changed                        string
	}
	var got []short
	for i, c := range rows {
		got = append(got, short{c.Action, c.Event, c.Status, c.Message, c.Version, strings.Join(c.Changed, " ")})
		if c.Key != "life" || c.User != "admin" || c.Repr != "life (daily)" || !c.Queued {
			t.Errorf("change %d: %+v", i, c)
		}
		if i > 0 {
			if diff := cmp.Diff(rows[i-1].Post, c.Pre); diff != "" {
				t.Errorf("change %d does not begin where the one before ended: %s", i, diff)
			}
		}
	}
	want := []short{
		{"create", "created", "active", "born", 1, ""},
		{"update", "stale", "stale", "grew", 2, "comment status"},
		{"update", "updated", "stale", "", 3, "tags"},
		{"update", "reactivated", "active", "", 4, "status"},
		{"delete", "deleted", "active", "died", 5, ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := w.exec("SELECT count(*) FROM tagged_items"); n != 0 {
		t.Errorf("%d tags are left behind", n)
	}
}

func TestTagsAreReplacedAddedAndRemoved(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO tags (name, slug) VALUES ('Alpha', 'alpha'), ('Beta', 'beta'), ('Gamma', 'gamma')")
	u := path(routinesPath, w.make(routinesPath, map[string]any{"endpoint": w.prod, "job_id": "a", "add_tags": []any{1}}))
	other := path(routinesPath, w.make(routinesPath, map[string]any{"endpoint": w.prod, "job_id": "b", "tags": []any{1, 2, 3}}))
	tags := func(u string) string {
		var names []string
		for _, tag := range w.get(u).json(t)["tags"].([]any) {
			names = append(names, tag.(map[string]any)["slug"].(string))
		}
		return strings.Join(names, " ")
	}
	one := func(slug string) []any { return []any{map[string]any{"slug": slug}} }
	for i, c := range []struct {
		body map[string]any
		want string
	}{
		{map[string]any{}, "alpha"},
		{map[string]any{"add_tags": []any{2, 3, 3}}, "alpha beta gamma"},
		{map[string]any{"add_tags": one("alpha"), "remove_tags": []any{map[string]any{"name": "Beta"}}}, "alpha gamma"},
		{map[string]any{"tags": one("beta")}, "beta"},
		{map[string]any{"tags": []any{}, "add_tags": one("alpha")}, ""}, // as recorded: tags count alone
		{map[string]any{"tags": []any{3, 1}}, "alpha gamma"},
		{map[string]any{"tags": []any{}}, ""},
	} {
		w.ask("PATCH", u, c.body).want(t, 200, "")
		if got := tags(u); got != c.want {
			t.Errorf("step %d: %v leads to %q, want %q", i, c.body, got, c.want)
		}
	}
	w.ask("PATCH", u, map[string]any{"tags": []any{1}, "add_tags": []any{2}}).want(t, 400, `{"tags":["Cannot specify \"tags\" together with \"add_tags\" or \"remove_tags\"."]}`)
	w.ask("PATCH", u, map[string]any{"add_tags": []any{1, 2}, "remove_tags": []any{2, 1}}).want(t, 400, `{"remove_tags":["Tags may not be present in both \"add_tags\" and \"remove_tags\": Alpha, Beta"]}`)
	if got := tags(other); got != "alpha beta gamma" {
		t.Errorf("another routine has the tags %q", got)
	}
	for query, want := range map[string]string{
		"tag=alpha&tag=beta": "b@prod", "tag__n=alpha": "a@prod", "tag__any=alpha&tag__any=gamma": "b@prod", "tag_id=2": "b@prod", "tag_id__n=2": "a@prod", "tag=null": "a@prod", "tag=": "a@prod b@prod",
	} {
		if got := strings.Join(w.keys(routinesPath+"?"+query), " "); got != want {
			t.Errorf("?%s: %s, want %s", query, got, want)
		}
	}
	if n := len(w.changes(1, 1)); n != 7 {
		t.Errorf("%d change rows, want 7: one for each step that changed tags", n)
	}
}

func TestFlatStateHasTheFieldsOfEvents(t *testing.T) {
	w := newWorld(t)
	w.make(routinesPath, map[string]any{"endpoint": w.prod, "job_id": "a", "node": w.node1, "storage": w.backup, "next_run": "2026-04-02T02:00:00Z", "raw_config": map[string]any{"b": 1, "a": []any{nil}}, "status": "stale"})
	got := w.changes(1, 1)[0].Post
	if since, _ := got["stale_since"].(string); since == "" {
		t.Error("a stale routine has no stale_since")
	}
	delete(got, "stale_since")
	want := map[string]any{
		"endpoint": 1.0, "job_id": "a", "enabled": true, "schedule": "", "next_run": "2026-04-02T02:00:00Z", "node": 1.0, "storage": 1.0, "selection": []any{}, "comment": "",
		"status": "stale", "keep_last": nil, "keep_daily": nil, "keep_weekly": nil, "keep_monthly": nil, "keep_yearly": nil, "keep_all": nil, "notes_template": "", "bwlimit": nil,
		"zstd": nil, "io_workers": nil, "fleecing": "", "fleecing_storage": nil, "repeat_missed": false, "pbs_change_detection_mode": "", "raw_config": map[string]any{"a": []any{nil}, "b": 1.0},
		"selection_mode": "all", "exclude": []any{}, "pool": "", "mode": "", "compress": "", "keep_hourly": nil, "tags": []any{}, "custom_fields": map[string]any{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	w.make(replsPath, map[string]any{"replication_id": "100-0", "virtual_machine": w.web, "guest": 100, "target": "b", "jobnum": 0, "rate": 1})
	got = w.changes(2, 1)[0].Post
	want = map[string]any{
		"endpoint": nil, "replication_id": "100-0", "virtual_machine": 1.0, "proxmox_node": nil, "target_node": nil, "guest": 100.0, "target": "b", "job_type": "local", "schedule": "",
		"rate": 1.0, "comment": "", "disable": false, "source": "", "jobnum": 0.0, "remove_job": nil, "status": "active", "raw_config": map[string]any{}, "stale_since": nil,
		"tags": []any{}, "custom_fields": map[string]any{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestIfMatchGuardsWrites(t *testing.T) {
	w := newWorld(t)
	u := path(routinesPath, w.make(routinesPath, map[string]any{"endpoint": w.prod, "job_id": "a"}))
	first := w.get(u).header.Get("ETag")
	second := w.ask("PATCH", u, map[string]any{}, "If-Match", first)
	second.want(t, 200, "")
	if second.header.Get("ETag") == first {
		t.Error("a write that changes nothing keeps the ETag")
	}
	for _, method := range []string{"PATCH", "PUT", "DELETE"} {
		a := w.ask(method, u, map[string]any{"comment": "x"}, "If-Match", first)
		a.want(t, 412, `{"detail":"Precondition failed."}`)
		if a.header.Get("ETag") != second.header.Get("ETag") {
			t.Errorf("%s: the answer tells ETag %s", method, a.header.Get("ETag"))
		}
	}
	w.ask("PATCH", u, "{", "If-Match", first).want(t, 412, "")
	w.ask("PATCH", u, map[string]any{"comment": "y"}, "If-Match", `"zzz", `+second.header.Get("ETag")).want(t, 200, "")
	w.ask("PATCH", u, map[string]any{"comment": "z"}, "If-Match", "*").want(t, 200, "")
	w.ask("PATCH", path(routinesPath, 999), "{", "If-Match", "*").want(t, 404, `{"detail":"No BackupRoutine matches the given query."}`)
	if n := len(w.changes(1, 1)); n != 3 {
		t.Errorf("%d change rows, want 3", n)
	}
}

func TestWritesMakeTheNextPollCompare(t *testing.T) {
	w := newWorld(t)
	u := path(routinesPath, w.make(routinesPath, map[string]any{"endpoint": w.prod, "job_id": "a"}))
	settle := func() {
		w.exec("DELETE FROM sync_states")
		w.exec("INSERT INTO sync_states (endpoint_id, kind, digest, last_seen) VALUES ($1, 'backup_routine', 'd', '2026-01-01'), ($1, 'replication', 'd', NULL), ($2, 'backup_routine', 'd', NULL)", w.prod, w.lab)
		w.exec("UPDATE backup_routines SET content_hash = 'h', seen = true")
	}
	digests := func() int64 { return w.exec("SELECT count(*) FROM sync_states WHERE digest IS NOT NULL") }
	hashes := func() int64 { return w.exec("SELECT count(*) FROM backup_routines WHERE content_hash IS NOT NULL") }

	settle()
	w.ask("PATCH", u, map[string]any{}).want(t, 200, "")
	w.ask("PATCH", u, map[string]any{"custom_fields": map[string]any{}}).want(t, 200, "")
	if digests() != 3 || hashes() != 1 {
		t.Errorf("a write that changes no mirrored field left %d digests and %d hashes", digests(), hashes())
	}
	w.ask("PATCH", u, map[string]any{"comment": "x"}).want(t, 200, "")
	if digests() != 2 || hashes() != 0 {
		t.Errorf("a changed comment left %d digests and %d hashes, want 2 and 0", digests(), hashes())
	}
	settle()
	w.make(routinesPath, map[string]any{"endpoint": w.lab, "job_id": "b"})
	if digests() != 2 {
		t.Error("a new routine does not have its endpoint compared")
	}
	settle()
	w.ask("PATCH", u, map[string]any{"endpoint": w.lab}).want(t, 200, "")
	if digests() != 1 {
		t.Error("a routine that moved does not have both endpoints compared")
	}
	settle()
	w.ask("DELETE", u, nil).want(t, 204, "")
	if digests() != 2 {
		t.Error("a deleted routine does not have its endpoint compared")
	}
}

func TestStatusByHandKeepsWhatWasSeen(t *testing.T) {
	w := newWorld(t)
	u := path(routinesPath, w.make(routinesPath, map[string]any{"endpoint": w.prod, "job_id": "a"}))
	w.exec("INSERT INTO sync_states (endpoint_id, kind, last_seen) VALUES ($1, 'backup_routine', '2026-01-01T10:00:00Z')", w.prod)
	w.exec("UPDATE backup_routines SET seen = true")
	show := func() string {
		o := w.get(u).json(t)
		return fmt.Sprint(o["last_seen"], " ", o["stale_since"] != nil)
	}
	if got := show(); got != "2026-01-01T10:00:00Z false" {
		t.Errorf("active: %s", got)
	}
	w.ask("PATCH", u, map[string]any{"status": "stale"}).want(t, 200, "")
	w.exec("UPDATE sync_states SET last_seen = '2026-01-02T10:00:00Z'")
	if got := show(); got != "2026-01-01T10:00:00Z true" {
		t.Errorf("stale: %s", got)
	}
	w.ask("PATCH", u, map[string]any{"status": "active"}).want(t, 200, "")
	if got := show(); got != "2026-01-01T10:00:00Z false" {
		t.Errorf("active again, but not seen again: %s", got)
	}
}

func TestNextRunFollowsTheSchedule(t *testing.T) {
	w := newWorld(t)
	w.ask("PATCH", path(endpointPath, w.prod), map[string]any{"enabled": true, "time_zone": "Asia/Kolkata"}).want(t, 200, "")
	u := path(routinesPath, w.make(routinesPath, map[string]any{"endpoint": w.prod, "job_id": "a", "schedule": "02:00"}))
	next := func() time.Time {
		text, _ := w.get(u).json(t)["next_run"].(string)
		at, _ := time.Parse(time.RFC3339, text)
		return at
	}
	if at := next(); at.Format("15:04:05") != "20:30:00" || !at.After(time.Now()) || at.After(time.Now().Add(24*time.Hour)) {
		t.Errorf("next run at %s, want the coming 02:00 in India", at)
	}
	w.ask("PATCH", u, map[string]any{"schedule": "0 3 * * *"}).want(t, 200, "")
	if at := next(); at.Format("15:04") != "21:30" {
		t.Errorf("next run of another schedule at %s", at)
	}
	w.ask("PATCH", u, map[string]any{"enabled": false}).want(t, 200, "")
	if at := next(); !at.IsZero() {
		t.Errorf("a disabled routine runs at %s", at)
	}
	w.ask("PATCH", u, map[string]any{"enabled": true, "next_run": "2030-01-01"}).want(t, 200, "")
	if at := next(); at.Format(time.DateOnly) != "2030-01-01" {
		t.Errorf("next run by hand at %s", at)
	}
	off := path(routinesPath, w.make(routinesPath, map[string]any{"endpoint": w.lab, "job_id": "b", "schedule": "daily"}))
	if got := w.get(off).json(t)["next_run"]; got != nil {
		t.Errorf("a routine of a disabled endpoint runs at %v", got)
	}
}

func TestValidationSaysWhatNetBoxSays(t *testing.T) {
	w := newWorld(t)
	w.make(routinesPath, map[string]any{"endpoint": w.prod, "job_id": "taken"})
	w.make(replsPath, map[string]any{"endpoint": w.prod, "replication_id": "1-0", "virtual_machine": w.web, "guest": 1, "target": "b", "jobnum": 0})
	long := strings.Repeat("x", 256)
	for _, c := range []struct{ field, value, want string }{
		{"job_id", `null`, `["This field may not be null."]`},
		{"job_id", `"  "`, `["This field may not be blank."]`},
		{"job_id", `["x"]`, `["Not a valid string."]`},
		{"job_id", `true`, `["Not a valid string."]`},
		{"job_id", `"` + long + `"`, `["Ensure this field has no more than 255 characters."]`},
		{"job_id", `"a\u0000b"`, `["Null characters are not allowed."]`},
		{"enabled", `"maybe"`, `["Must be a valid boolean."]`},
		{"enabled", `null`, `["This field may not be null."]`},
		{"enabled", `2`, `["Must be a valid boolean."]`},
		{"keep_all", `"none"`, `["Must be a valid boolean."]`},
		{"keep_last", `5.5`, `["A valid integer is required."]`},
		{"keep_last", `true`, `["A valid integer is required."]`},
		{"keep_last", `""`, `["A valid integer is required."]`},
		{"keep_last", `-1`, `["Ensure this value is greater than or equal to 0."]`},
		{"keep_last", `2147483648`, `["Ensure this value is less than or equal to 2147483647."]`},
		{"keep_last", `1e400`, `["A valid integer is required."]`},
		{"next_run", `"nope"`, `["Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."]`},
		{"next_run", `"2026-02-30"`, `["Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."]`},
		{"status", `"zzz"`, `["zzz is not a valid choice."]`},
		{"status", `null`, `["This field cannot be null."]`},
		{"status", `""`, `["This field may not be blank."]`},
		{"status", `{"value": "stale"}`, `["Value must be passed directly (e.g. \"foo\": 123); do not use a dictionary or list."]`},
		{"endpoint", `999`, `["Related object not found using the provided numeric ID: 999"]`},
		{"endpoint", `"abc"`, `["Related objects must be referenced by numeric ID or by dictionary of attributes. Received an unrecognized value: abc"]`},
		{"endpoint", `[3]`, `["Related objects must be referenced by numeric ID or by dictionary of attributes. Received an unrecognized value: [3]"]`},
		{"endpoint", `{"name": "nope"}`, `["Related object not found using the provided attributes: {'name': 'nope'}"]`},
		{"endpoint", `{"enabled": false}`, `["Multiple objects match the provided attributes: {'enabled': False}"]`},
		{"endpoint", `{}`, `["Multiple objects match the provided attributes: {}"]`},
		{"endpoint", `{"bogus": 1}`, ``},
		{"storage", `{"cluster": {"name": "zzz"}, "name": "lab-store"}`, `["Related object not found using the provided attributes: {'cluster__name': 'zzz', 'name': 'lab-store'}"]`},
		{"selection", `{"a": 1}`, `["Expected a list of items but got type \"dict\"."]`},
		{"selection", `null`, `["This field may not be null."]`},
		{"raw_config", `{"a": "\u0000"}`, `["Null characters are not allowed."]`},
		{"tags", `["alpha"]`, `["Related objects must be referenced by numeric ID or by dictionary of attributes. Received an unrecognized value: alpha"]`},
		{"tags", `"x"`, `{"non_field_errors":["Expected a list of items but got type \"str\"."]}`},
		{"tags", `null`, `["This field may not be null."]`},
		{"tags", `[{"name": "zz"}]`, `["Related object not found using the provided attributes: {'name': 'zz'}"]`},
		{"remove_tags", `[]`, `["Cannot use \"remove_tags\" when creating a new object."]`},
		{"custom_fields", `[]`, `["Invalid data format. Custom field data must be passed as a dictionary mapping field names to their values."]`},
		{"custom_fields", `{"x": 1}`, `{"x":"Custom field 'x' does not exist for this object type."}`},
		{"changelog_message", `"` + long + `"`, `["Ensure this field has no more than 200 characters."]`},
	} {
		body := map[string]json.RawMessage{"endpoint": json.RawMessage(fmt.Sprint(w.prod)), "job_id": json.RawMessage(`"new"`)}
		body[c.field] = json.RawMessage(c.value)
		want := `{"` + c.field + `":` + c.want + `}`
		if c.want == "" {
			want = ""
		}
		a := w.ask("POST", routinesPath, body)
		a.want(t, 400, want)
		if t.Failed() {
			t.Fatalf("%s = %s", c.field, c.value)
		}
	}
	w.ask("POST", routinesPath, "").want(t, 400, `{"endpoint":["This field is required."],"job_id":["This field is required."]}`)
	w.ask("POST", routinesPath, map[string]any{"endpoint": w.prod, "job_id": "taken"}).want(t, 400, `{"__all__":["Backup Routine with this Proxmox endpoint and Job ID already exists."]}`)
	w.ask("POST", replsPath, map[string]any{"endpoint": w.prod, "replication_id": "1-0", "virtual_machine": w.web, "guest": 1, "target": "b", "jobnum": 0}).want(t, 400, `{"__all__":["Replication with this Proxmox endpoint and Replication id already exists."]}`)
	w.ask("POST", endpointPath, map[string]any{"name": "lab", "domain": "x.example.com"}).want(t, 400, `{"name":["endpoint with this name already exists."]}`)
	w.ask("PUT", path(routinesPath, 1), map[string]any{"comment": "x"}).want(t, 400, `{"endpoint":["This field is required."],"job_id":["This field is required."]}`)
	w.ask("POST", replsPath, map[string]any{"replication_id": "2-0", "virtual_machine": w.web, "guest": 1, "target": "b", "jobnum": 0, "job_type": nil}).want(t, 400, `{"job_type":["This field may not be blank."]}`)
	if n := w.exec("SELECT count(*) FROM backup_routines"); n != 1 {
		t.Errorf("%d routines, want 1", n)
	}
}

func TestInputIsTakenInEveryFormThatNetBoxTakes(t *testing.T) {
	w := newWorld(t)
	for i, c := range []struct{ field, value, shown string }{
		{"enabled", `"yes"`, `true`},
		{"enabled", `0`, `false`},
		{"keep_last", `"5"`, `5`},
		{"keep_last", `5.0`, `5`},
		{"keep_all", `""`, `null`},
		{"keep_all", `"NULL"`, `null`},
		{"comment", `7`, `"7"`},
		{"comment", `"  padded  "`, `"padded"`},
		{"comment", `"<b> & \"q\" \\ 日本\n\u0001"`, `"<b> & \"q\" \\ 日本\n\u0001"`},
		{"fleecing", `false`, `""`},
		{"fleecing", `null`, `""`},
		{"repeat_missed", `null`, `false`},
		{"next_run", `"2026-04-02"`, `"2026-04-02T00:00:00Z"`},
		{"next_run", `"2026-04-02T04:00:00.123456+02:00"`, `"2026-04-02T02:00:00.123456Z"`},
		{"next_run", `"2026-04-02 02:00"`, `"2026-04-02T02:00:00Z"`},
		{"selection", `[100, "101", 102.0]`, ``},
		{"selection", `[]`, `[]`},
		{"raw_config", `{"z": 1.50, "a": {"y": [], "x": {}}}`, `{"a":{"x":{},"y":[]},"z":1.50}`},
		{"storage", `{"cluster": {"name": "lab-cluster"}, "name": "lab-store"}`, ``},
		{"endpoint", fmt.Sprintf(`"%d"`, w.lab), ``},
		{"pbs_change_detection_mode", `"metadata"`, `"metadata"`},
	} {
		body := map[string]json.RawMessage{"endpoint": json.RawMessage(fmt.Sprint(w.prod)), "job_id": json.RawMessage(fmt.Sprintf(`"form-%d"`, i))}
		body[c.field] = json.RawMessage(c.value)
		a := w.ask("POST", routinesPath+"?fields="+c.field, body)
		want := `{"` + c.field + `":` + c.shown + `}`
		if c.field == "selection" && c.shown == "" {
			if a.status != 400 { // 102.0 is no VMID: a list of them is not read like one number
				t.Errorf("%s: %d %s", c.value, a.status, a.body)
			}
			continue
		}
		if a.status != 201 || c.shown != "" && a.body != want {
			t.Errorf("%s = %s: %d %s, want %s", c.field, c.value, a.status, a.body, want)
		}
	}
}

func TestDeletingAnEndpointTakesWhatWasFoundThroughIt(t *testing.T) {
	w := newWorld(t)
	w.jobs()
	w.exec("UPDATE clusters SET endpoint_id = $1 WHERE id = $2", w.prod, w.prodCluster)
	w.exec("INSERT INTO proxmox_clusters (endpoint_id, cluster_id, name) VALUES ($1, $2, 'prod')", w.prod, w.prodCluster)
	w.exec("UPDATE nodes SET proxmox_cluster_id = 1 WHERE endpoint_id = $1", w.prod)
	w.exec("INSERT INTO endpoint_states (endpoint_id) VALUES ($1)", w.prod)
	w.exec("INSERT INTO sync_states (endpoint_id, kind) VALUES ($1, 'inventory')", w.prod)
	stranger := w.make(replsPath, map[string]any{"endpoint": w.lab, "replication_id": "9-0", "virtual_machine": w.web, "guest": 9, "target": "b", "jobnum": 0})
	w.ask("DELETE", path(endpointPath, w.prod), nil).want(t, 409, fmt.Sprintf(`{"detail":"Unable to delete object. 1 dependent objects were found: 9-0 (web-server-01 → b) (%d)"}`, stranger))
	if n := w.exec("SELECT count(*) FROM backup_routines"); n != 6 {
		t.Fatalf("a refused deletion left %d routines of 6", n)
	}
	w.ask("DELETE", path(replsPath, stranger), nil).want(t, 204, "")
	hints := w.hints.Load()
	w.ask("DELETE", path(endpointPath, w.prod), map[string]any{"changelog_message": "gone"}).want(t, 204, "")
	if w.hints.Load() == hints {
		t.Error("nobody was told")
	}
	left := map[string]int64{}
	for _, table := range []string{"endpoints", "endpoint_states", "sync_states", "clusters", "proxmox_clusters", "nodes", "storages", "virtual_machines", "backup_routines", "replications"} {
		left[table] = w.exec("SELECT count(*) FROM " + table)
	}
	want := map[string]int64{"endpoints": 1, "endpoint_states": 0, "sync_states": 0, "clusters": 1, "proxmox_clusters": 0, "nodes": 1, "storages": 1, "virtual_machines": 1, "backup_routines": 1, "replications": 2}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Error(diff)
	}
	// Each job's end is an event, each object's a change of the same request.
	if n := w.exec("SELECT count(*) FROM changes WHERE action = 'delete' AND message = 'gone' AND event = 'deleted' AND version = 2 AND endpoint_id = $1", w.prod); n != 7 {
		t.Errorf("%d events of deleted jobs, want 7", n)
	}
	if n := w.exec("SELECT count(*) FROM changes WHERE action = 'delete' AND message = 'gone' AND event IS NULL"); n != 8 {
		t.Errorf("%d other changes, want 8 (endpoint, cluster, Proxmox cluster, 2 nodes, 2 storages, guest)", n)
	}
}

func TestWhatOthersReferToIsProtected(t *testing.T) {
	w := newWorld(t)
	w.jobs()
	w.ask("DELETE", path(vmsPath, w.web), nil).want(t, 409, `{"detail":"Unable to delete object. 2 dependent objects were found: 100-0 (web-server-01 → pve-node-02) (1), 100-1 (web-server-01 → pve-node-03) (2)"}`)
	w.ask("DELETE", path(nodesPath, w.node1), nil).want(t, 409, `{"detail":"Unable to delete object. 2 dependent objects were found: job-1 (daily) (1), 100-0 (web-server-01 → pve-node-02) (1)"}`)
	w.ask("DELETE", path(clustersPath, w.labCluster), nil).want(t, 409, "")
	w.ask("DELETE", path(storagePath, w.labStore), nil).want(t, 204, "")
}
