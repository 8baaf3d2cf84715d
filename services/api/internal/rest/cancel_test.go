package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/change"
)

func cancelPath(job int) string { return path(syncJobsPath, job) + "cancel/" }

// sync makes a job of an endpoint.
func (f *fleet) sync(body object) int {
	f.t.Helper()
	a := f.ask("POST", syncPath, body)
	if a.status != 202 {
		f.t.Fatalf("%d %s", a.status, a.body)
	}
	return int(a.json(f.t)["id"].(float64))
}

func wasCancelled(job int) string {
	return fmt.Sprintf(`{"ok":true,"job_id":%d,"status":"failed","detail":"Job has been cancelled."}`, job)
}

func TestAJobThatWaitsIsCancelled(t *testing.T) {
	f := newFleet(t)
	for i, form := range []string{syncJobsPath + "%d/cancel/", syncJobsAlias + "%d/cancel/", "/api/plugins/proxbox/jobs/%d/cancel/"} {
		job := f.sync(object{"endpoint": f.prod, "type": "inventory"})
		hints := f.jobHints.Load()
		a := f.ask("POST", fmt.Sprintf(form, job), nil)
		a.want(t, 200, wasCancelled(job))
		if a.header.Get("Allow") != "POST, OPTIONS" {
			t.Errorf("Allow: %s", a.header.Get("Allow"))
		}
		shown := f.get(path(syncJobsPath, job)).json(t)
		if shown["error"] != "cancelled by admin" || shown["completed"] == nil || f.parts(job) != "prod inventory cancelled" {
			t.Errorf("job %v, parts %s", shown, f.parts(job))
		}
		if f.jobHints.Load() != hints+1 || len(f.cancelled) != i+1 || f.cancelled[i] != fmt.Sprint(job, " []") {
			t.Errorf("%d hints, told %v", f.jobHints.Load()-hints, f.cancelled)
		}
		if n := f.exec("SELECT count(*) FROM changes WHERE object_type_id = $1 AND object_id = $2 AND event = 'failed'", int(change.Job), job); n != 1 {
			t.Errorf("%d events of its end", n)
		}
		// Once more changes nothing.
		f.ask("POST", fmt.Sprintf(form, job), nil).want(t, 200, fmt.Sprintf(`{"ok":true,"job_id":%d,"status":"failed","detail":"Job was already finished; no changes were made."}`, job))
		if f.jobHints.Load() != hints+1 || len(f.cancelled) != i+1 {
			t.Error("the second time it was told again")
		}
	}
	f.get("/api/plugins/proxbox/jobs/").want(t, 404, "")
	f.get("/api/plugins/proxbox/jobs/1/").want(t, 404, "")
}

// What is being read for a cancelled job can be applied no more, whether pollers hear of it or not. Others that shared the run wait for another one.
func TestAJobThatRunsIsCancelledByAFence(t *testing.T) {
	f := newFleet(t)
	job, shares, waits := f.sync(object{"endpoints": []int{f.prod, f.lab}, "type": "inventory"}), f.sync(object{"endpoint": f.prod, "types": []string{"inventory", "replications"}}), f.sync(object{"endpoint": f.edge, "type": "inventory"})
	f.exec("INSERT INTO endpoint_states (endpoint_id, issued_generation, claim_expires_at) SELECT id, 10 * id, now() + interval '1 minute' FROM endpoints")
	f.exec("UPDATE job_parts p SET status = 'running', generation = s.issued_generation, attempts = 1, queued = now() FROM endpoint_states s WHERE s.endpoint_id = p.endpoint_id AND p.endpoint_id <> $1", f.edge)
	f.exec("UPDATE jobs SET status = 'running', started = now(), version = 1 WHERE id <> $1", waits)
	f.exec("UPDATE job_parts SET status = 'completed', completed = now() WHERE job_id = $1 AND endpoint_id = $2", job, f.lab)
	f.ask("POST", cancelPath(job), nil).want(t, 200, wasCancelled(job))
	if got := f.parts(job); got != "lab inventory completed, prod inventory cancelled" {
		t.Errorf("its parts: %s", got)
	}
	if got := f.parts(shares); got != "prod inventory pending, prod replication pending" {
		t.Errorf("parts of the other job: %s", got)
	}
	if n := f.exec("SELECT count(*) FROM job_parts WHERE job_id = $1 AND generation IS NULL AND attempts = 0", shares); n != 2 {
		t.Error("the other job still counts the run")
	}
	for endpoint, want := range map[int]int64{f.prod: 10*int64(f.prod) + 1, f.lab: 10 * int64(f.lab), f.edge: 10 * int64(f.edge)} {
		if got := f.exec("SELECT issued_generation FROM endpoint_states WHERE endpoint_id = $1", endpoint); got != want {
			t.Errorf("endpoint %d has generation %d, want %d", endpoint, got, want)
		}
	}
	if want := fmt.Sprintf("%d [{%d default %d}]", job, f.prod, 10*f.prod); len(f.cancelled) != 1 || f.cancelled[0] != want {
		t.Errorf("told %q, want %q", f.cancelled, want)
	}
}

func TestWhatHasEndedIsNotCancelled(t *testing.T) {
	w := newWorld(t)
	done, failed, planned, _ := w.plantSyncJobs()
	for job, status := range map[int]string{done: "completed", failed: "failed"} {
		before := w.get(path(syncJobsPath, job)).body
		w.ask("POST", cancelPath(job), nil).want(t, 200, fmt.Sprintf(`{"ok":true,"job_id":%d,"status":%q,"detail":"Job was already finished; no changes were made."}`, job, status))
		w.get(path(syncJobsPath, job)).want(t, 200, before)
	}
	if w.jobHints.Load() != 0 || w.cancelled != nil {
		t.Error("nothing happened, and somebody was told")
	}
	// One that stands for the next run of a schedule has no parts yet; the schedule goes on without that run.
	w.exec("INSERT INTO sync_schedules (id, name, kinds, interval_minutes, first_run, next_run, user_id) VALUES (7, 'Weekly', '[\"inventory\"]', 90, '2099-06-01T00:00:00Z', '2099-06-01T00:00:00Z', 1)")
	w.exec("UPDATE jobs SET scheduled = '2099-06-01T00:00:00Z' WHERE id = $1", planned)
	w.ask("POST", cancelPath(planned), nil).want(t, 200, wasCancelled(planned))
	if next := w.get(syncJobsPath + "?status=scheduled").results(t); len(next) != 1 || next[0]["scheduled"] != "2099-06-01T01:30:00Z" || next[0]["id"] == float64(planned) {
		t.Errorf("the next run: %v", next)
	}
}

func TestWhoMayCancel(t *testing.T) {
	f := newFleet(t)
	as := func(name, view, remove string) string {
		user := f.newUser(name, false)
		for action, constraints := range map[string]string{"view": view, "delete": remove} {
			if constraints != "-" {
				f.grant(user, change.Job, action, strings.ReplaceAll(constraints, "all", ""))
			}
		}
		return "Bearer " + f.newToken(user, true)
	}
	job := f.sync(object{"name": "theirs"})
	const missing = `{"detail":"No Job matches the given query."}`
	for _, c := range []struct {
		name, view, remove string
		status             int
		want               string
	}{
		{"nobody", "-", "-", 403, forbidden},
		{"may view", "all", "-", 403, forbidden},
		{"may delete", "-", "all", 404, missing},
		{"may view others", `{"name": "mine"}`, "all", 404, missing},
		{"may delete others", "all", `{"user": "$user"}`, 403, forbidden},
		{"may both", "all", `{"name": "theirs"}`, 200, wasCancelled(job)},
	} {
		token := as(c.name, c.view, c.remove)
		f.ask("POST", cancelPath(job), nil, "Authorization", token).want(t, c.status, c.want)
		f.ask("POST", cancelPath(999), nil, "Authorization", token).want(t, map[bool]int{true: 403, false: 404}[c.remove == "-"], "")
	}
	// Their own.
	user := f.newUser("owner", false)
	f.grant(user, change.Job, "view", "")
	f.grant(user, change.Job, "add delete", `{"user": "$user"}`)
	f.grant(user, change.ProxmoxEndpoint, "view", "")
	admin := f.token
	f.token = f.newToken(user, true)
	own := f.sync(object{})
	f.ask("POST", cancelPath(own), "{", "Content-Type", "text/plain").want(t, 200, wasCancelled(own)) // a body says nothing
	f.token = f.newToken(user, false)
	f.ask("POST", cancelPath(own), nil).want(t, 403, forbidden)
	f.token = admin
	f.ask("GET", cancelPath(own), nil).want(t, 405, `{"detail":"Method \"GET\" not allowed."}`)
	f.ask("OPTIONS", cancelPath(own), nil).want(t, 200, "")
	f.ask("POST", syncJobsPath+"x/cancel/", nil).want(t, 404, `{"detail":"Not found."}`)
	f.ask("POST", cancelPath(own), nil, "Authorization", "").want(t, 403, anonymous)
}
