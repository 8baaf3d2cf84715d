package rest_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/proxops/proxops/libs/change"
)

const noEnqueue = `{"detail":"You do not have permission to enqueue sync jobs."}`

// scheduler makes a user who may do anything to schedules, and returns the header of their token.
func (s *server) scheduler(name string) (user int32, header string) {
	s.t.Helper()
	user = s.newUser(name, false)
	s.grant(user, change.SyncSchedule, "view add change delete", "")
	return user, "Bearer " + s.newToken(user, true)
}

func TestWhoWritesSchedulesMayStartJobs(t *testing.T) {
	w := newWorld(t)
	id := w.make(schedulesPath, object{"name": "hourly", "interval": 60, "endpoints": []int{w.prod}})
	user, token := w.scheduler("ann")
	w.grant(user, change.ProxmoxEndpoint, "view", "")
	for method, at := range map[string]string{"POST": schedulesPath, "PATCH": path(schedulesPath, id)} {
		w.ask(method, at, object{"name": "x", "interval": 60}, "Authorization", token).want(t, 403, noEnqueue)
	}
	w.ask("PATCH", schedulesPath, []object{{"id": id, "description": "x"}}, "Authorization", token).want(t, 403, noEnqueue)
	w.grant(user, change.Job, "view change delete run", "")
	w.ask("POST", schedulesPath, object{"name": "x", "interval": 60}, "Authorization", token).want(t, 403, noEnqueue)
	w.grant(user, change.Job, "add", "")
	a := w.ask("POST", schedulesPath, object{"name": "x", "interval": 60}, "Authorization", token)
	if by := a.json(t)["user"].(map[string]any)["username"]; a.status != 201 || by != "ann" {
		t.Errorf("%d %s", a.status, a.body)
	}
	// It stays hers, whoever edits it.
	mine := int(a.json(t)["id"].(float64))
	w.ask("PATCH", path(schedulesPath, mine), object{"interval": 30, "user": 1}).want(t, 200, "")
	if got := w.plannedJobs(mine); len(got) != 1 || w.exec("SELECT count(*) FROM jobs WHERE schedule_id = $1 AND user_id = $2", mine, user) != 1 {
		t.Errorf("planned are %q", got)
	}
	// And it goes on without her.
	w.ask("DELETE", path("/api/users/users/", int(user)), nil).want(t, 204, "")
	if o := w.get(path(schedulesPath, mine)).json(t); o["user"] != nil || o["next_run"] == nil {
		t.Errorf("%v", o)
	}
	if got := w.plannedJobs(mine); len(got) != 1 {
		t.Errorf("planned are %q", got)
	}
}

func TestSchedulesReachTheEndpointsThatTheirWriterMayView(t *testing.T) {
	w := newWorld(t)
	both := w.make(schedulesPath, object{"name": "both", "interval": 60, "endpoints": []int{w.prod, w.lab}})
	everything := w.make(schedulesPath, object{"name": "everything", "interval": 60})
	user, token := w.scheduler("ann")
	w.grant(user, change.Job, "add", "")
	ask := func(method, path string, body any) answer {
		t.Helper()
		return w.ask(method, path, body, "Authorization", token)
	}
	const nameThem = `{"endpoints":["Name the endpoints: you may not see all of them."]}`
	unknown := func(id int) string {
		return fmt.Sprintf(`{"endpoints":["Invalid pk \"%d\" - object does not exist."]}`, id)
	}
	ask("POST", schedulesPath, object{"name": "x", "interval": 60}).want(t, 400, nameThem)
	ask("POST", schedulesPath, object{"name": "x", "interval": 60, "endpoints": []int{w.lab}}).want(t, 400, unknown(w.lab))
	w.grant(user, change.ProxmoxEndpoint, "view", fmt.Sprintf(`{"id": %d}`, w.lab))
	for _, c := range []struct {
		method, path string
		body         any
		want         string
	}{
		{"POST", schedulesPath, object{"name": "x", "interval": 60}, nameThem},
		{"POST", schedulesPath, object{"name": "x", "interval": 60, "endpoints": []int{}}, nameThem},
		{"POST", schedulesPath, object{"name": "x", "interval": 60, "endpoints": []int{w.lab, w.prod}}, unknown(w.prod)},
		{"POST", schedulesPath, object{"name": "x", "interval": 60, "endpoints": []any{object{"id": w.prod}}}, unknown(w.prod)},
		{"POST", schedulesPath, object{"name": "x", "interval": 60, "endpoints": []any{object{"name": "prod-proxmox"}}}, `{"endpoints":["Related object not found using the provided attributes: {'name': 'prod-proxmox'}"]}`},
		{"PATCH", path(schedulesPath, both), object{"interval": 1}, unknown(w.prod)},
		{"PATCH", path(schedulesPath, everything), object{"interval": 1}, nameThem},
		{"PUT", path(schedulesPath, both), object{"name": "both", "endpoints": []int{}}, nameThem},
		{"PATCH", schedulesPath, []object{{"id": both, "enabled": false}}, unknown(w.prod)},
	} {
		ask(c.method, c.path, c.body).want(t, 400, c.want)
	}
	ask("POST", schedulesPath, []object{{"name": "y", "interval": 60, "endpoints": []int{w.lab}}, {"name": "z", "interval": 60}}).want(t, 400, `[{},`+nameThem+`]`)
	ask("POST", schedulesPath, object{"name": "x", "interval": 60, "endpoints": []int{w.lab}}).want(t, 201, "")
	ask("PATCH", path(schedulesPath, both), object{"endpoints": []int{w.lab}}).want(t, 200, "")
	ask("DELETE", path(schedulesPath, everything), nil).want(t, 204, "")
}

func TestAnEndpointThatIsDeletedLeavesItsSchedules(t *testing.T) {
	w := newWorld(t)
	alone := w.make(schedulesPath, object{"name": "alone", "interval": 60, "endpoints": []int{w.lab}})
	both := w.make(schedulesPath, object{"name": "both", "interval": 60, "endpoints": []int{w.prod, w.lab}})
	other := w.make(schedulesPath, object{"name": "other", "interval": 60, "endpoints": []int{w.prod}})
	everything := w.make(schedulesPath, object{"name": "everything", "interval": 60})
	etag := func(id int) string { return w.get(path(schedulesPath, id)).header.Get("ETag") }
	tags := map[int]string{alone: etag(alone), both: etag(both), other: etag(other), everything: etag(everything)}
	last := w.exec("SELECT max(id) FROM changes")
	w.ask("DELETE", path(endpointPath, w.lab), object{"changelog_message": "moved away"}).want(t, 204, "")
	o := w.get(path(schedulesPath, alone)).json(t)
	if o["enabled"] != false || o["next_run"] != nil || len(o["endpoints"].([]any)) != 0 {
		t.Errorf("a schedule whose last endpoint is gone: %v", o)
	}
	for id, jobs := range map[int][]string{alone: nil, both: {fmt.Sprint("both ", w.prod)}, other: {fmt.Sprint("other ", w.prod)}, everything: {"everything "}} {
		got := []string{}
		for range w.plannedJobs(id) {
			var job string
			if err := w.pool.QueryRow(t.Context(), "SELECT name || ' ' || array_to_string(endpoint_ids, ',') FROM jobs WHERE schedule_id = $1", id).Scan(&job); err != nil {
				t.Fatal(err)
			}
			got = append(got, job)
		}
		if !slices.Equal(got, jobs) {
			t.Errorf("schedule %d plans %q, want %q", id, got, jobs)
		}
		if changed := etag(id) != tags[id]; changed != (id == alone || id == both) {
			t.Errorf("schedule %d: another ETag: %t", id, changed)
		}
	}
	rows := w.get(fmt.Sprint("/api/core/object-changes/?changed_object_type=netbox_proxbox.syncschedule&ordering=id&id__gt=", last)).results(t)
	if len(rows) != 2 {
		t.Fatalf("%d change rows, want one for each schedule that lost the endpoint", len(rows))
	}
	for i, id := range []int{alone, both} {
		post := rows[i]["postchange_data"].(map[string]any)
		if rows[i]["changed_object_id"] != float64(id) || rows[i]["message"] != "moved away" || rows[i]["user_name"] != "admin" || post["enabled"] != (id == both) || len(post["endpoints"].([]any)) != i {
			t.Errorf("change row %v", rows[i])
		}
	}
	// It takes a person who says so to have it sync everything.
	const gone = `{"endpoints":["The endpoints of this schedule were deleted: say for which it is now, or [] for all."]}`
	w.ask("PATCH", path(schedulesPath, alone), object{"enabled": true}).want(t, 400, gone)
	w.ask("PATCH", path(schedulesPath, alone), object{"description": "lost"}).want(t, 200, "")
	w.ask("PATCH", path(schedulesPath, alone), object{"enabled": true, "endpoints": []int{}}).want(t, 200, "")
	w.ask("PATCH", path(schedulesPath, alone), object{"enabled": false}).want(t, 200, "")
	w.ask("PATCH", path(schedulesPath, alone), object{"enabled": true}).want(t, 200, "")
	if got := w.plannedJobs(alone); len(got) != 1 {
		t.Errorf("planned are %q", got)
	}
	w.ask("DELETE", endpointPath, []object{{"id": w.prod}}).want(t, 204, "")
	if n := w.exec("SELECT count(*) FROM sync_schedule_endpoints"); n != 0 {
		t.Errorf("%d links are left", n)
	}
}
