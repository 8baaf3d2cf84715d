package rest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/syncjob"
)

// renamed is a world whose endpoint prod was cluster alpha and answers as cluster beta. It has two active routines, one that is stale and one made by
// hand, a replication, and is being read in generation 7.
type renamed struct {
	*world
	seen, byHand, gone, repl int
	accept                   string
	stopped                  []syncjob.Run
}

func newRenamed(t *testing.T) *renamed {
	t.Helper()
	r := &renamed{world: newWorld(t)}
	r.api.RunsStopped = func(_ context.Context, stopped []syncjob.Run) { r.stopped = append(r.stopped, stopped...) }
	routine := func(job, status string) int {
		return r.make(routinesPath, map[string]any{"endpoint": r.prod, "job_id": job, "selection": []int{1}, "schedule": "daily", "status": status, "next_run": "2026-12-24T00:00:00Z"})
	}
	r.seen, r.byHand, r.gone = routine("seen", "active"), routine("by hand", "active"), routine("gone", "stale")
	r.repl = r.make(replsPath, map[string]any{"endpoint": r.prod, "replication_id": "100-0", "virtual_machine": r.web, "guest": 100, "target": "pve-node-02", "jobnum": 0})
	r.make(routinesPath, map[string]any{"endpoint": r.lab, "job_id": "of another", "selection": []int{1}})
	r.exec("UPDATE backup_routines SET seen = true, content_hash = 'h' WHERE id = $1", r.seen)
	r.exec("UPDATE replications SET seen = true, content_hash = 'h' WHERE id = $1", r.repl)
	r.exec(`INSERT INTO endpoint_states (endpoint_id, issued_generation, claimed_by, claim_expires_at, claim_pending, cluster_name, failures, next_attempt_at, other_name, other_seen)
		VALUES ($1, 7, 'p1', now() + interval '1 h', '{backup_routine,replication}', 'alpha', 3, now() + interval '1 h', 'beta', '2026-11-20T10:00:00Z')`, r.prod)
	r.exec(`INSERT INTO sync_states (endpoint_id, kind, digest, applied_generation, last_seen) SELECT $1, unnest('{backup_routine,replication,inventory}'::text[]), 'd', 6, '2026-11-20T09:00:00Z'`, r.prod)
	r.exec(`WITH j AS (INSERT INTO jobs (name, kinds, request_id, status) VALUES ('full', '{backup_routine}', gen_random_uuid(), 'running') RETURNING id)
		INSERT INTO job_parts (job_id, endpoint_id, endpoint_name, kind, status, generation, attempts, queued)
		SELECT j.id, e, 'prod-proxmox', k, 'running', 7, 1, now() FROM j, unnest(ARRAY[$1::integer, $2]) e, unnest('{backup_routine,replication}'::text[]) k`, r.prod, r.lab)
	r.accept = path(endpointPath, r.prod) + "accept-identity/"
	r.hints.Store(0)
	return r
}

// states are what is known of the readings of prod.
func (r *renamed) states() string {
	r.t.Helper()
	var text string
	err := r.pool.QueryRow(r.t.Context(), `SELECT concat_ws(' ', issued_generation, claim_pending, claim_expires_at IS NULL, cluster_name, standalone, failures, next_attempt_at IS NULL,
			other_name, other_standalone, other_seen IS NULL, (SELECT count(digest) FROM sync_states),
			(SELECT string_agg(concat_ws('/', status, generation, attempts, queued IS NULL), ',' ORDER BY kind) FROM job_parts p WHERE p.endpoint_id = s.endpoint_id))
		FROM endpoint_states s WHERE endpoint_id = $1`, r.prod).Scan(&text)
	if err != nil {
		r.t.Fatal(err)
	}
	return text
}

func TestAcceptedJobsAreKeptUntilTheNextReadingDecides(t *testing.T) {
	r := newRenamed(t)
	if got := r.states(); got != "7 {backup_routine,replication} f alpha f 3 f beta f f 3 running/7/1/f,running/7/1/f" {
		t.Fatalf("before: %s", got)
	}
	before := r.get(path(endpointPath, r.prod))
	if got := fmt.Sprint(before.json(t)["sync_state"].(map[string]any)["other_cluster"]); got != "map[name:beta seen:2026-11-20T10:00:00Z standalone:false]" {
		t.Errorf("the endpoint says of the other cluster: %s", got)
	}
	var jobs string
	rows := "SELECT (SELECT string_agg(r::text, ' ' ORDER BY id) FROM backup_routines r) || (SELECT string_agg(r::text, ' ' ORDER BY id) FROM replications r)"
	if err := r.pool.QueryRow(t.Context(), rows).Scan(&jobs); err != nil {
		t.Fatal(err)
	}
	a := r.ask("POST", r.accept, map[string]any{"existing_jobs": "keep", "cluster_name": "beta", "changelog_message": "ticket 4137"}, "If-Match", before.header.Get("ETag"))
	a.want(t, 200, r.get(path(endpointPath, r.prod)).body)
	if etag := a.header.Get("ETag"); etag == "" || etag == before.header.Get("ETag") || etag != r.get(path(endpointPath, r.prod)).header.Get("ETag") {
		t.Errorf("the ETag is %s", etag)
	}
	if state := a.json(t)["sync_state"].(map[string]any); state["cluster_name"] != "beta" || state["other_cluster"] != nil || state["next_attempt"] != nil {
		t.Errorf("the endpoint is %v", state)
	}
	if got := r.states(); got != "8 {} t beta f 0 t  f t 0 pending/0/t,pending/0/t" {
		t.Errorf("after: %s", got)
	}
	if n := r.exec("SELECT count(*) FROM job_parts WHERE status = 'running' AND generation = 7 AND endpoint_id = $1", r.lab); n != 2 {
		t.Errorf("%d parts of the other endpoint go on, want 2", n)
	}
	if want := []syncjob.Run{{Endpoint: int32(r.prod), Site: "default", Generation: 7}}; !slices.Equal(r.stopped, want) || r.hints.Load() != 1 || r.jobHints.Load() != 1 {
		t.Errorf("stopped %v, %d hints about endpoints, %d about jobs", r.stopped, r.hints.Load(), r.jobHints.Load())
	}
	var after string
	if err := r.pool.QueryRow(t.Context(), rows).Scan(&after); err != nil || after != jobs {
		t.Errorf("jobs changed: %v\n%s\n%s", err, jobs, after)
	}
	changes := r.changes(3, r.prod)
	last := changes[len(changes)-1]
	if got := fmt.Sprint(last.Action, last.Changed, last.User, last.Message, last.Queued); len(changes) != 2 || got != "update[cluster_identity]adminticket 4137false" {
		t.Errorf("%d changes, the last: %s", len(changes), got)
	}
	if last.Pre["cluster_identity"] != "cluster alpha" || last.Post["cluster_identity"] != "cluster beta" || last.Post["name"] != "prod-proxmox" {
		t.Errorf("states are %v and %v", last.Pre, last.Post)
	}
	last.Pre["cluster_identity"] = last.Post["cluster_identity"]
	if diff := cmp.Diff(last.Pre, last.Post); diff != "" {
		t.Errorf("states differ in more:\n%s", diff)
	}
	r.ask("POST", r.accept, map[string]any{"existing_jobs": "keep"}).want(t, 409, `{"detail":"Endpoint prod-proxmox answers as cluster beta, which it is: there is nothing to accept."}`)
}

func TestAcceptedJobsBecomeStaleAtOnce(t *testing.T) {
	r := newRenamed(t)
	r.exec("UPDATE endpoint_states SET other_name = 'pve1', other_standalone = true")
	r.exec("UPDATE replications SET content_hash = 'h'")
	body, contentType := form(t, "existing_jobs", "stale", "changelog_message", "by form")
	r.ask("POST", r.accept, body, "Content-Type", contentType).want(t, 200, "")
	for name, c := range map[string]struct {
		path     string
		id, kind int
		want     string
	}{
		"seen":    {routinesPath, r.seen, 1, "stale true <nil> 2026-11-20T09:00:00Z 2"},
		"by hand": {routinesPath, r.byHand, 1, "stale true <nil> <nil> 2"},
		"repl":    {replsPath, r.repl, 2, "stale true <nil> 2026-11-20T09:00:00Z 2"},
	} {
		o := r.get(path(c.path, c.id)).json(t)
		if got := fmt.Sprint(o["status"].(map[string]any)["value"], " ", o["stale_since"] != nil, " ", o["next_run"], " ", o["last_seen"], " ", o["version"]); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		rows := r.changes(c.kind, c.id)
		last := rows[len(rows)-1]
		changed := "next_run status"
		if c.kind == 2 {
			changed = "status"
		}
		if got := fmt.Sprintf("%d %s %s %s %d %v %s %s", len(rows), last.Action, last.Event, last.Status, last.Version, strings.Join(last.Changed, " "), last.User, last.Message); !last.Queued || got != "2 update stale stale 2 "+changed+" admin by form" {
			t.Errorf("%s: %s", name, got)
		}
		if last.Pre["status"] != "active" || last.Post["status"] != "stale" || last.Post["stale_since"] == nil || last.Post["next_run"] != nil {
			t.Errorf("%s: states %v, %v", name, last.Pre, last.Post)
		}
	}
	if n := len(r.changes(1, r.gone)); n != 1 {
		t.Errorf("what was stale has %d changes", n)
	}
	if n := r.exec("SELECT count(*) FROM backup_routines WHERE status = 'active' AND endpoint_id = $1", r.lab); n != 1 {
		t.Error("jobs of another endpoint are stale")
	}
	if n := r.exec("SELECT count(*) FROM backup_routines WHERE content_hash = 'h'"); n != 1 {
		t.Error("the hash of a routine is gone, so that the next reading cannot know it again")
	}
	if n := r.exec("SELECT count(DISTINCT request_id) FROM changes WHERE message = 'by form' AND cause = 'api' AND user_id IS NOT NULL"); n != 1 {
		t.Errorf("the changes are of %d requests", n)
	}
	rows := r.changes(3, r.prod)
	if last := rows[len(rows)-1]; last.Post["cluster_identity"] != "standalone host pve1" {
		t.Errorf("the endpoint became %v", last.Post)
	}
}

func TestManyJobsBecomeStaleInFewStatements(t *testing.T) {
	r := newRenamed(t)
	r.exec("INSERT INTO backup_routines (endpoint_id, job_id, seen) SELECT $1, 'many-' || n, true FROM generate_series(1, 2500) n", r.prod)
	r.ask("POST", r.accept, map[string]any{"existing_jobs": "stale"}).want(t, 200, "")
	got := r.exec("SELECT count(*) FROM changes c JOIN outbox o ON o.change_id = c.id JOIN backup_routines r ON r.id = c.object_id WHERE c.object_type_id = 1 AND c.event = 'stale' AND r.status = 'stale' AND c.version = r.version")
	if got != 2502 {
		t.Errorf("%d routines became stale with an event, want 2502", got)
	}
}

func TestAcceptanceSaysWhatIsWrongAndChangesNothing(t *testing.T) {
	r := newRenamed(t)
	before := r.everything()
	for _, c := range []struct {
		body   any
		status int
		want   string
	}{
		{map[string]any{}, 400, `{"existing_jobs":["This field is required."]}`},
		{nil, 400, `{"existing_jobs":["This field is required."]}`},
		{map[string]any{"existing_jobs": nil}, 400, `{"existing_jobs":["This field may not be blank."]}`},
		{map[string]any{"existing_jobs": "drop"}, 400, `{"existing_jobs":["drop is not a valid choice."]}`},
		{map[string]any{"existing_jobs": []string{"keep"}}, 400, `{"existing_jobs":["Value must be passed directly (e.g. \"foo\": 123); do not use a dictionary or list."]}`},
		{
			map[string]any{"existing_jobs": "x", "cluster_name": []int{1}, "changelog_message": strings.Repeat("x", 201)},
			400,
			`{"existing_jobs":["x is not a valid choice."],"cluster_name":["Not a valid string."],"changelog_message":["Ensure this field has no more than 200 characters."]}`,
		},
		{[]any{}, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`},
		{"{", 400, ""},
		{map[string]any{"existing_jobs": "keep", "cluster_name": "gamma"}, 409, `{"detail":"Endpoint prod-proxmox answers as cluster beta, not as gamma: nothing was accepted."}`},
		{map[string]any{"existing_jobs": "stale", "cluster_name": "alpha"}, 409, `{"detail":"Endpoint prod-proxmox answers as cluster beta, not as alpha: nothing was accepted."}`},
	} {
		r.ask("POST", r.accept, c.body).want(t, c.status, c.want)
	}
	r.ask("POST", r.accept, map[string]any{"existing_jobs": "stale"}, "If-Match", `W/"2020-01-01T00:00:00+00:00"`).want(t, 412, "")
	r.ask("POST", r.accept, "existing_jobs=keep", "Content-Type", "application/x-www-form-urlencoded").want(t, 415, "")
	r.ask("POST", path(endpointPath, r.lab)+"accept-identity/", map[string]any{"existing_jobs": "keep"}).
		want(t, 409, `{"detail":"Endpoint lab was never read completely, so it becomes whichever cluster answers: there is nothing to accept."}`)
	if r.everything() != before || r.hints.Load() != 0 || r.jobHints.Load() != 0 || r.stopped != nil {
		t.Error("what was refused changed something")
	}
	if strings.Contains(r.ask("POST", r.accept, map[string]any{"existing_jobs": "keep", "cluster_name": ""}).body, "sealed") {
		t.Error("the answer shows what is sealed")
	}
}

// What answered at another address is nothing that could be accepted for this one.
func TestAnEndpointThatMovesForgetsWhatAnsweredElsewhere(t *testing.T) {
	r := newRenamed(t)
	other := func() any {
		return r.get(path(endpointPath, r.prod)).json(t)["sync_state"].(map[string]any)["other_cluster"]
	}
	r.ask("PATCH", path(endpointPath, r.prod), map[string]any{"poll_interval": 600, "time_zone": "Europe/Berlin", "domain": "proxmox.example.com"}).want(t, 200, "")
	if other() == nil {
		t.Error("it is forgotten without need")
	}
	r.ask("PATCH", path(endpointPath, r.prod), map[string]any{"domain": "elsewhere.example.com"}).want(t, 200, "")
	if got := other(); got != nil {
		t.Errorf("it is still %v", got)
	}
	r.ask("POST", r.accept, map[string]any{"existing_jobs": "keep"}).want(t, 409, `{"detail":"Endpoint prod-proxmox answers as cluster alpha, which it is: there is nothing to accept."}`)
}
