package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/pgtest"
)

// object is a JSON object of a request.
type object = map[string]any

// list decodes a body that is a list of objects.
func (a answer) list(t *testing.T) []object {
	t.Helper()
	var v []object
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("status %d, body %s: %v", a.status, a.body, err)
	}
	return v
}

// pick returns one value of each object of a list.
func (a answer) pick(t *testing.T, key string) (out []string) {
	t.Helper()
	for _, o := range a.list(t) {
		out = append(out, fmt.Sprint(o[key]))
	}
	return out
}

// column returns one value of each object of a page.
func (a answer) column(t *testing.T, key string) (out []string) {
	t.Helper()
	for _, o := range a.results(t) {
		out = append(out, fmt.Sprint(o[key]))
	}
	return out
}

// trips counts round trips to the database: a batch is one.
type trips struct{ pgtest.Counter }

func (c *trips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (c *trips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	c.Sent.Add(1)
	return ctx
}

func (w *world) routines(names ...string) []object {
	var out []object
	for _, name := range names {
		out = append(out, object{"endpoint": w.prod, "job_id": name})
	}
	return out
}

func TestManyObjectsAreCreatedChangedAndDeletedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO tags (name, slug) VALUES ('Alpha', 'alpha'), ('Beta', 'beta')")
	items := w.routines("c", "a", "b")
	items[1]["changelog_message"], items[1]["add_tags"] = "the second", []any{object{"slug": "alpha"}}
	items[2]["endpoint"], items[2]["tags"] = object{"name": "lab"}, []any{1, 2}
	made := w.ask("POST", routinesPath, items)
	if got := strings.Join(made.pick(t, "job_id"), " "); made.status != 201 || got != "c a b" {
		t.Fatalf("%d %s", made.status, made.body)
	}
	if made.header.Get("ETag") != "" || made.header.Get("Location") != "" {
		t.Errorf("the answer to many has the headers of one: %v", made.header)
	}
	if one := w.get(path(routinesPath, 2)); !strings.Contains(made.body, one.body) {
		t.Errorf("an item differs from its object:\n%s\n%s", made.body, one.body)
	}
	changed := w.ask("PATCH", routinesPath, []object{
		{"id": 3, "comment": "third", "remove_tags": []any{1}}, {"id": "1", "keep_last": 5, "changelog_message": "the first"}, {"id": 2.0, "status": "stale"}, {"id": 99, "comment": "nobody"},
	})
	if got := strings.Join(changed.pick(t, "job_id"), " "); changed.status != 200 || got != "b a c" { // by endpoint, then job
		t.Errorf("%d %s: %s", changed.status, got, changed.body)
	}
	put := w.ask("PUT", routinesPath, []object{{"id": 2, "endpoint": w.lab, "job_id": "z"}})
	if got := put.list(t); len(got) != 1 || got[0]["status"].(object)["value"] != "stale" || got[0]["job_id"] != "z" {
		t.Errorf("PUT: %d %s", put.status, put.body)
	}
	w.ask("DELETE", routinesPath, []object{{"id": 2, "changelog_message": "bye"}, {"id": "3"}, {"id": 99}}).want(t, 204, "")
	if got := w.keys(routinesPath); len(got) != 1 || got[0] != "c@prod-proxmox" && got[0] != "c@prod" {
		t.Errorf("left: %v", got)
	}
	type row struct {
		Action, Message, Event string
		Version                int
	}
	want := map[int][]row{
		1: {{"create", "", "created", 1}, {"update", "the first", "updated", 2}},
		2: {{"create", "the second", "created", 1}, {"update", "", "stale", 2}, {"update", "", "updated", 3}, {"delete", "bye", "deleted", 4}},
		3: {{"create", "", "created", 1}, {"update", "", "updated", 2}, {"delete", "", "deleted", 3}},
	}
	for id, rows := range want {
		var got []row
		for _, c := range w.changes(1, id) {
			got = append(got, row{c.Action, c.Message, c.Event, c.Version})
		}
		if diff := cmp.Diff(rows, got); diff != "" {
			t.Errorf("changes of %d: %s", id, diff)
		}
	}
	if n := w.exec("SELECT count(DISTINCT request_id) FROM changes WHERE object_type_id = 1"); n != 4 {
		t.Errorf("%d request ids, want 4: one for each request", n)
	}
	if n := w.exec("SELECT count(*) FROM tagged_items"); n != 0 {
		t.Errorf("%d tags are left behind", n)
	}
}

func TestOneBadItemRefusesAll(t *testing.T) {
	w := newWorld(t)
	w.ask("POST", routinesPath, w.routines("a", "b", "c")).want(t, 201, "")
	bad := func(method string, body any, want string) {
		t.Helper()
		w.ask(method, routinesPath, body).want(t, 400, want)
	}
	const required, notAList = `{"endpoint":["This field is required."],"job_id":["This field is required."]}`, `{"non_field_errors":["Expected a list of items but got type \"%s\"."]}`
	taken := `{"__all__":["Backup Routine with this Proxmox endpoint and Job ID already exists."]}`
	bad("POST", []any{object{"endpoint": w.prod, "job_id": "d"}, object{}, "x", nil, object{"endpoint": w.prod, "job_id": "a"}, object{"endpoint": 99, "job_id": "e", "keep_last": -1}, object{"endpoint": w.prod, "job_id": "d"}},
		`[{},`+required+`,{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]},["This field may not be null."],`+taken+
			`,{"keep_last":["Ensure this value is greater than or equal to 0."],"endpoint":["Related object not found using the provided numeric ID: 99"]},`+taken+`]`)
	for _, method := range []string{"PATCH", "PUT", "DELETE"} {
		bad(method, []any{object{"comment": "x"}, object{"id": 1}, object{"id": "abc"}, object{"id": nil}, 5, nil},
			`[{"id":["This field is required."]},{},{"id":["A valid integer is required."]},{"id":["This field may not be null."]},{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]},["This field may not be null."]]`)
		bad(method, object{"id": 1}, fmt.Sprintf(notAList, "dict"))
		bad(method, nil, fmt.Sprintf(notAList, "dict"))
		bad(method, `"x"`, fmt.Sprintf(notAList, "str"))
		bad(method, `null`, `{"non_field_errors":["No data provided"]}`)
	}
	bad("PATCH", []object{{"id": 3, "keep_last": "x"}, {"id": 1, "comment": "fine"}, {"id": 2, "status": "y"}}, `{"status":["y is not a valid choice."]}`)
	bad("PUT", []object{{"id": 1, "comment": "x"}}, required)
	bad("PATCH", []object{{"id": 1, "job_id": "d"}, {"id": 2, "job_id": "d"}}, taken)
	bad("PATCH", []object{{"id": 1, "job_id": "b"}, {"id": 2, "job_id": "a"}}, taken) // one after the other, as NetBox does
	bad("DELETE", []object{{"id": 1, "changelog_message": []any{}}}, `[{"changelog_message":["Not a valid string."]}]`)
	if got := strings.Join(w.get(routinesPath+"?ordering=id").column(t, "job_id"), " "); got != "a b c" {
		t.Errorf("something was kept: %s", got)
	}
	if n := w.exec("SELECT count(*) FROM changes WHERE object_type_id = 1"); n != 3 {
		t.Errorf("%d changes, want 3", n)
	}
	// What one item gives up, a later one may take.
	w.ask("PATCH", routinesPath, []object{{"id": 2, "job_id": "a"}, {"id": 1, "job_id": "d"}}).want(t, 200, "")
	for _, method := range []string{"POST", "PATCH", "PUT"} {
		w.ask(method, routinesPath, []any{}).want(t, map[bool]int{true: 201, false: 200}[method == "POST"], "[]")
	}
	w.ask("DELETE", routinesPath, []any{}).want(t, 204, "")
	w.ask("DELETE", routinesPath, []object{{"id": 999999}}).want(t, 204, "")
	w.ask("PATCH", routinesPath, []object{{"id": 1, "comment": "x"}, {"id": 1, "comment": "y"}}).want(t, 200, "")
	if got := w.get(path(routinesPath, 1)).json(t)["comment"]; got != "y" {
		t.Errorf("of two items for one object the last does not count: %v", got)
	}
}

func TestManyAreProtectedAsOne(t *testing.T) {
	w := newWorld(t)
	w.jobs()
	w.ask("DELETE", vmsPath, []object{{"id": w.lvm}, {"id": w.web}}).want(t, 409, "")
	if n := w.exec("SELECT count(*) FROM virtual_machines"); n != 2 {
		t.Errorf("%d guests are left, want 2", n)
	}
	w.ask("DELETE", nodesPath, []object{{"id": w.node1}}).want(t, 409, `{"detail":"Unable to delete object. 2 dependent objects were found: job-1 (daily) (1), 100-0 (web-server-01 → pve-node-02) (1)"}`)
}

// TestManyCostAFixedNumberOfRoundTrips counts round trips: they do not grow with the items.
func TestManyCostAFixedNumberOfRoundTrips(t *testing.T) {
	cfg, err := pgxpool.ParseConfig(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	c := &trips{}
	cfg.ConnConfig.Tracer = c
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(t.Context()), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s := serveOn(t, pool)
	s.exec(`INSERT INTO endpoints (name, domain) SELECT 'e' || n, 'e.example.com' FROM generate_series(1, 5) n`)
	s.exec(`INSERT INTO clusters (name) VALUES ('c')`)
	s.exec(`INSERT INTO virtual_machines (name, cluster_id) VALUES ('v', 1)`)
	s.exec(`INSERT INTO tags (name, slug) VALUES ('t', 't')`)
	for list, item := range map[string]func(i int) object{
		routinesPath: func(i int) object {
			return object{"endpoint": object{"name": fmt.Sprint("e", i%5+1)}, "job_id": fmt.Sprint("j", i), "schedule": "daily", "tags": []any{1}}
		},
		replsPath: func(i int) object {
			return object{"endpoint": i%5 + 1, "replication_id": fmt.Sprint(i, "-0"), "guest": i, "virtual_machine": 1, "target": "b", "jobnum": 0}
		},
	} {
		cost := func(from, n int) (create, update, remove int64) {
			items := make([]object, n)
			for i := range items {
				items[i] = item(from + i)
			}
			ask := func(method string) int64 {
				before := c.Sent.Load()
				a := s.ask(method, list, items)
				if a.status >= 300 {
					t.Fatalf("%s %s: %d %.300s", method, list, a.status, a.body)
				}
				if method != "DELETE" {
					for i, o := range a.list(t) {
						items[i] = object{"id": o["id"], "comment": fmt.Sprint("x", i), "status": "stale"}
					}
				}
				return c.Sent.Load() - before
			}
			return ask("POST"), ask("PATCH"), ask("DELETE")
		}
		cost(0, 1) // prepares statements
		c1, u1, d1 := cost(1, 1)
		c2, u2, d2 := cost(100, 400)
		if c1 != c2 || u1 != u2 || d1 != d2 {
			t.Errorf("%s: POST, PATCH and DELETE of one take %d, %d and %d round trips, of 400 %d, %d and %d", list, c1, u1, d1, c2, u2, d2)
		}
		t.Logf("%s: %d, %d, %d round trips", list, c1, u1, d1)
	}
}

func TestRequestsHaveABoundOfItems(t *testing.T) {
	s := serve(t)
	const text = `{"non_field_errors":["A request may have 10000 items, and this has 10001: split it into several."]}`
	items := "[" + strings.Repeat("{},", 10_000) + "{}]"
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		s.ask(method, groupsPath, items).want(t, 400, text)
	}
	s.ask("PATCH", groupsPath, "["+strings.Repeat("{},", 9_999)+"{}]").want(t, 400, "")
}

// Values that must be unique are looked for in pieces, and each item has its own answer.
func TestManyItemsAreHeldAgainstEachOther(t *testing.T) {
	s := serve(t)
	s.make(groupsPath, map[string]any{"name": "there"})
	items := make([]object, 1203)
	for i := range items {
		items[i] = object{"name": fmt.Sprint("g", i)}
	}
	items[1100]["name"], items[1150]["name"], items[1201]["name"], items[1202]["description"] = "there", "g3", "there", 1
	var wrong []map[string][]string
	a := s.ask("POST", groupsPath, items)
	if err := json.Unmarshal([]byte(a.body), &wrong); err != nil || a.status != 400 || len(wrong) != len(items) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for i, w := range wrong {
		if refused := i == 1100 || i == 1150 || i == 1201; (w["name"] != nil) != refused {
			t.Errorf("item %d: %v", i, w)
		}
	}
}
