package rest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/change"
)

const schedulePath = syncPath + "schedule/"

func TestASyncInTheFormOfThePluginIsAJobOrASchedule(t *testing.T) {
	f := newFleet(t)
	for i, c := range []struct {
		body    any
		message string
		job     string // name, status, kinds, endpoints
		plan    string // of the schedule: name, interval, first run
	}{
		{nil, "Sync job queued for immediate execution.", "Sync all pending {backup_routine,replication,inventory} {}", ""},
		{object{"sync_types": []string{"all"}, "job_name": " "}, "Sync job queued for immediate execution.", "Sync all pending {backup_routine,replication,inventory} {}", ""},
		{
			object{"sync_types": []string{"replications"}, "job_name": "by hand", "proxmox_endpoint_ids": []any{f.lab, "1", f.lab}, "netbox_endpoint_ids": []int{3}, "schedule_at": nil, "interval_value": nil, "interval_unit": nil},
			"Sync job queued for immediate execution.", "by hand pending {replication} {1,2}", "",
		},
		{object{"schedule_at": "2099-11-30T02:00:00Z"}, "Sync job scheduled for 2099-11-30 02:00 UTC.", "Sync all scheduled {backup_routine,replication,inventory} {}", "Sync all  2099-11-30 02:00"},
		{
			object{"schedule_at": "2099-11-30T04:30:00+02:30", "interval_value": 2, "interval_unit": "weeks", "sync_types": []string{"inventory"}, "proxmox_endpoint_ids": []int{f.prod}},
			"Sync job scheduled for 2099-11-30 02:00 UTC.", "Sync inventory of prod scheduled {inventory} {1}", "Sync inventory of prod 20160 2099-11-30 02:00",
		},
		{object{"schedule_at": "2099-11-30", "recurrence": object{"hours": 6}}, "Sync job scheduled for 2099-11-30 00:00 UTC.", "Sync all (2) scheduled {backup_routine,replication,inventory} {}", "Sync all (2) 360 2099-11-30 00:00"},
		{object{"schedule_at": "2099-11-30", "job_name": "Sync all"}, "Sync job scheduled for 2099-11-30 00:00 UTC.", "Sync all (3) scheduled {backup_routine,replication,inventory} {}", "Sync all (3)  2099-11-30 00:00"},
		{
			object{"schedule_at": "2099-11-30", "job_name": strings.Repeat("ü", 200)},
			"Sync job scheduled for 2099-11-30 00:00 UTC.", strings.Repeat("ü", 92) + " scheduled {backup_routine,replication,inventory} {}", strings.Repeat("ü", 92) + "  2099-11-30 00:00",
		},
		{
			"--b\r\nContent-Disposition: form-data; name=\"sync_types\"\r\n\r\nreplications\r\n--b\r\nContent-Disposition: form-data; name=\"proxmox_endpoint_ids\"\r\n\r\n3\r\n--b--\r\n",
			"Sync job queued for immediate execution.", "Sync replications of edge pending {replication} {3}", "",
		},
	} {
		hints := f.jobHints.Load()
		var headers []string
		if text, form := c.body.(string); form && text != "" {
			headers = []string{"Content-Type", "multipart/form-data; boundary=b"}
		}
		a := f.ask("POST", schedulePath, c.body, headers...)
		a.want(t, 201, "")
		o := a.json(t)
		if o["ok"] != true || o["message"] != c.message || (o["schedule_id"] == nil) != (c.plan == "") {
			t.Errorf("%d: %s", i, a.body)
		}
		var job, plan string
		err := f.pool.QueryRow(t.Context(), `SELECT format('%s %s %s %s', j.name, j.status, j.kinds, j.endpoint_ids), CASE WHEN s.id IS NULL THEN '' ELSE format('%s %s %s', s.name, s.interval_minutes, to_char(s.first_run, 'YYYY-MM-DD HH24:MI')) END
			FROM jobs j LEFT JOIN sync_schedules s ON s.id = j.schedule_id AND s.user_id = j.user_id WHERE j.id = $1 AND j.schedule_id IS NOT DISTINCT FROM $2::float8::int`, o["job_id"], o["schedule_id"]).Scan(&job, &plan)
		if err != nil || job != c.job || plan != c.plan {
			t.Errorf("%d: job %q of schedule %q (%v)\nwant %q of %q", i, job, plan, err, c.job, c.plan)
		}
		if f.jobHints.Load() != hints+1 {
			t.Errorf("%d: %d hints", i, f.jobHints.Load()-hints)
		}
	}
	// An interval without a time begins now, and the job of that run is the one that is told.
	a := f.ask("POST", schedulePath, object{"interval_value": 90, "interval_unit": "minutes"})
	a.want(t, 201, "")
	if now := time.Now().UTC(); !strings.HasPrefix(a.json(t)["message"].(string), "Sync job scheduled for "+now.Format("2006-01-02 15:")) && now.Minute() > 1 {
		t.Errorf("%s", a.body)
	}
	if n := f.exec("SELECT count(*) FROM jobs j JOIN sync_schedules s ON s.id = j.schedule_id WHERE j.id = $1::float8::int AND j.scheduled = s.next_run AND s.next_run <= now() AND s.next_run = s.first_run", a.json(t)["job_id"]); n != 1 {
		t.Errorf("it does not begin now: %s", a.body)
	}
}

func TestWhatIsWrongWithASyncIsSaidInTheFormOfThePlugin(t *testing.T) {
	f := newFleet(t)
	wrong := func(pairs ...string) string {
		var parts []string
		for i := 0; i < len(pairs); i += 2 {
			parts = append(parts, fmt.Sprintf("%q:[%s]", pairs[i], pairs[i+1]))
		}
		return `{"errors":{` + strings.Join(parts, ",") + `}}`
	}
	const together, datetime = `"interval_value and interval_unit must be provided together."`, `"Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."`
	for _, c := range []struct {
		body any
		want string
	}{
		{[]any{}, wrong("non_field_errors", `"Invalid data. Expected a dictionary, but got list."`)},
		{object{"types": []string{"all"}, "a": 1}, wrong("a", `"Unknown field."`, "types", `"Unknown field."`)},
		{object{"sync_types": []string{"all", "inventory"}}, wrong("sync_types", `"Cannot combine \"all\" with other sync types."`)},
		{object{"sync_types": []string{"x"}}, wrong("sync_types", `"Invalid sync type(s): ['x']"`)},
		{object{"sync_types": []any{"inventory", "vm-disks", 5, "all"}}, wrong("sync_types", `"Invalid sync type(s): ['vm-disks', 5]"`)},
		{object{"sync_types": []string{}}, wrong("sync_types", `"Name at least one sync type in a list, or leave it out."`)},
		{object{"sync_types": "all"}, wrong("sync_types", `"Name at least one sync type in a list, or leave it out."`)},
		{object{"job_name": strings.Repeat("x", 201)}, wrong("job_name", `"Ensure this field has no more than 200 characters."`)},
		{object{"job_name": []int{1}}, wrong("job_name", `"Not a valid string."`)},
		{object{"schedule_at": "2020-01-01T00:00:00Z"}, wrong("schedule_at", `"Scheduled time must be in the future."`)},
		{object{"schedule_at": "tomorrow"}, wrong("schedule_at", datetime)},
		{object{"interval_value": 2}, wrong("interval_unit", together)},
		{object{"interval_unit": "hours"}, wrong("interval_value", together)},
		{object{"interval_value": 0, "interval_unit": "hours"}, wrong("interval_value", `"Ensure this value is greater than or equal to 1."`)},
		{object{"interval_value": 1.5, "interval_unit": "hours"}, wrong("interval_value", `"A valid integer is required."`)},
		{object{"interval_value": 3651, "interval_unit": "days"}, wrong("interval_value", `"Ensure this value is less than or equal to 3650."`)},
		{object{"interval_value": 1, "interval_unit": "months"}, wrong("interval_unit", `"months is not a valid choice."`)},
		{object{"recurrence": object{}}, wrong("recurrence", `"Recurrence must contain exactly one unit/value member."`)},
		{object{"recurrence": object{"hours": 1, "days": 1}}, wrong("recurrence", `"Recurrence must contain exactly one unit/value member."`)},
		{object{"recurrence": "hourly"}, wrong("recurrence", `"Recurrence must contain exactly one unit/value member."`)},
		{object{"recurrence": object{"months": 1}}, wrong("recurrence", `"months is not a valid choice."`)},
		{object{"recurrence": object{"hours": true}}, wrong("recurrence", `"A valid integer is required."`)},
		{object{"recurrence": object{"hours": nil}}, wrong("recurrence", `"This field may not be null."`)},
		{object{"recurrence": object{"hours": 1}, "interval_value": 1}, wrong("recurrence", `"Give recurrence, or interval_value and interval_unit, not both."`)},
		{object{"proxmox_endpoint_ids": []int{9}}, wrong("proxmox_endpoint_ids", `"Unknown or disabled endpoint ID(s): [9]"`)},
		{object{"proxmox_endpoint_ids": []int{f.off, f.prod, 9}, "interval_value": 1, "interval_unit": "days"}, wrong("proxmox_endpoint_ids", fmt.Sprintf(`"Unknown or disabled endpoint ID(s): [%d, 9]"`, f.off))},
		{object{"proxmox_endpoint_ids": []int{}}, wrong("proxmox_endpoint_ids", `"Name at least one ID in a list, or leave it out to select all endpoints."`)},
		{object{"proxmox_endpoint_ids": 1, "netbox_endpoint_ids": []any{true}}, wrong("proxmox_endpoint_ids", `"Name at least one ID in a list, or leave it out to select all endpoints."`, "netbox_endpoint_ids", `"A valid integer is required."`)},
		{object{"sync_types": []string{"x"}, "schedule_at": 5}, wrong("sync_types", `"Invalid sync type(s): ['x']"`, "schedule_at", datetime)},
	} {
		f.ask("POST", schedulePath, c.body).want(t, 400, c.want)
	}
	f.exec("UPDATE endpoints SET enabled = false")
	f.ask("POST", schedulePath, nil).want(t, 400, wrong("proxmox_endpoint_ids", `"There is no enabled endpoint that you may view."`))
	f.ask("POST", schedulePath, "x", "Content-Type", "text/plain").want(t, 415, "")
	if n := f.exec("SELECT count(*) FROM jobs") + f.exec("SELECT count(*) FROM sync_schedules"); n != 0 || f.jobHints.Load() != 0 {
		t.Errorf("%d rows and %d hints came of it", n, f.jobHints.Load())
	}
}

func TestWhoMaySyncInTheFormOfThePlugin(t *testing.T) {
	f := newFleet(t)
	user := f.newUser("ann", false)
	token := "Bearer " + f.newToken(user, true)
	ask := func(method string, body any) answer {
		t.Helper()
		return f.ask(method, schedulePath, body, "Authorization", token)
	}
	const all = `{"errors":{"proxmox_endpoint_ids":["Name the endpoints: you may not see all of them."]}}`
	later := object{"schedule_at": "2099-01-01"}
	f.grant(user, change.SyncSchedule, "view add change delete", "")
	f.grant(user, change.ProxmoxEndpoint, "view", fmt.Sprintf(`{"id__in": [%d, %d]}`, f.prod, f.off))
	ask("POST", later).want(t, 403, noEnqueue)
	ask("GET", nil).want(t, 403, noEnqueue)
	f.ask("POST", schedulePath, later, "Authorization", "").want(t, 403, anonymous)
	f.ask("GET", schedulePath, nil, "Authorization", "").want(t, 403, anonymous)
	f.exec("DELETE FROM permission_object_types WHERE object_type_id = $1", int(change.SyncSchedule))
	f.grant(user, change.Job, "add", "")
	ask("GET", nil).want(t, 200, `{"count":0,"scheduled_jobs":[]}`)
	// To start jobs is enough to have them started later; but nobody reaches further than they see.
	ask("POST", later).want(t, 400, all)
	ask("POST", object{"proxmox_endpoint_ids": []int{f.prod, f.lab}}).want(t, 400, fmt.Sprintf(`{"errors":{"proxmox_endpoint_ids":["Unknown or disabled endpoint ID(s): [%d]"]}}`, f.lab))
	ask("POST", object{"proxmox_endpoint_ids": []int{f.prod, f.lab}, "schedule_at": "2099-01-01"}).want(t, 400, fmt.Sprintf(`{"errors":{"proxmox_endpoint_ids":["Unknown or disabled endpoint ID(s): [%d]"]}}`, f.lab))
	a := ask("POST", object{"proxmox_endpoint_ids": []int{f.prod}, "schedule_at": "2099-01-01"})
	a.want(t, 201, "")
	if by := f.get(path(schedulesPath, int(a.json(t)["schedule_id"].(float64)))).json(t)["user"].(map[string]any)["username"]; by != "ann" {
		t.Errorf("the schedule is of %v", by)
	}
	a = ask("POST", nil)
	a.want(t, 201, "")
	if got := f.parts(int(a.json(t)["job_id"].(float64))); got != each("prod") {
		t.Errorf("a sync of everything reads %s", got)
	}
	f.ask("POST", schedulePath, nil, "Authorization", "Bearer "+f.newToken(user, false)).want(t, 403, forbidden)
	f.ask("PUT", schedulePath, nil).want(t, 405, `{"detail":"Method \"PUT\" not allowed."}`)
	if allow := f.ask("OPTIONS", schedulePath, nil).header.Get("Allow"); allow != "GET, POST, HEAD, OPTIONS" {
		t.Errorf("Allow: %s", allow)
	}
}

func TestWhatIsScheduledOrUnderWayIsListed(t *testing.T) {
	f := newFleet(t)
	later := int(f.ask("POST", schedulePath, object{"schedule_at": "2099-01-01T02:00:00Z", "recurrence": object{"hours": 1}, "sync_types": []string{"inventory"}}).json(t)["job_id"].(float64))
	soon := f.sync(object{"endpoints": []int{f.prod}})
	done := f.sync(object{})
	f.exec("UPDATE jobs SET status = 'completed' WHERE id = $1", done)
	f.exec("UPDATE jobs SET created = '2026-01-01T00:00:00Z' WHERE id = $1", later)
	f.exec("UPDATE jobs SET created = '2026-01-02T00:00:00Z', status = 'running' WHERE id = $1", soon)
	row := func(id int, name, status, rest string) string {
		return fmt.Sprintf(`{"id":%d,"pk":%d,"name":%q,"status":%q,%s}`, id, id, name, status, rest)
	}
	running := row(soon, "Sync all of prod", "running", fmt.Sprintf(`"scheduled":null,"schedule":null,"interval":null,"created":"2026-01-02T00:00:00Z","user":"admin","sync_types":["all"],"proxmox_endpoint_ids":[%d],"schedule_id":null`, f.prod))
	planned := row(later, "Sync inventory", "scheduled", `"scheduled":"2099-01-01T02:00:00Z","schedule":"2099-01-01T02:00:00Z","interval":60,"created":"2026-01-01T00:00:00Z","user":"admin","sync_types":["inventory"],"proxmox_endpoint_ids":[],"schedule_id":1`)
	f.get(schedulePath).want(t, 200, `{"count":2,"scheduled_jobs":[`+running+`,`+planned+`]}`)
	user := f.newUser("ann", false)
	f.grant(user, change.Job, "view", `{"status": "running"}`)
	f.ask("GET", schedulePath, nil, "Authorization", "Bearer "+f.newToken(user, false)).want(t, 200, `{"count":1,"scheduled_jobs":[`+running+`]}`)
}

func TestAScheduleIsRunOutsideOfItsTimes(t *testing.T) {
	f := newFleet(t)
	id := f.make(schedulesPath, object{"name": "nightly", "types": []string{"replications"}, "endpoints": []int{f.prod, f.off}, "calendar": "02:00"})
	run := fmt.Sprintf("%s%d/run/", schedulesPath, id)
	before, hints := f.get(path(schedulesPath, id)), f.jobHints.Load()
	a := f.ask("POST", run, nil)
	a.want(t, 202, "")
	o := a.json(t)
	job := int(o["id"].(float64))
	if o["name"] != "nightly" || o["schedule"] != float64(id) || o["object_type"] != "netbox_proxbox.syncschedule" || a.header.Get("Location") != o["url"] || f.jobHints.Load() != hints+1 {
		t.Errorf("%s, %v", a.body, a.header)
	}
	if got := f.parts(job); got != "off replication failed, prod replication pending" {
		t.Errorf("parts: %s", got)
	}
	after := f.get(path(schedulesPath, id))
	if b, a := before.json(t), after.json(t); a["next_run"] != b["next_run"] || a["last_run"] == nil || before.header.Get("ETag") != after.header.Get("ETag") {
		t.Errorf("the schedule is %s", after.body)
	}
	if n := f.exec("SELECT count(*) FROM jobs WHERE schedule_id = $1", id); n != 2 {
		t.Errorf("%d jobs, want the one that runs and the planned one", n)
	}
	f.ask("POST", schedulesPath+"99/run/", nil).want(t, 404, `{"detail":"No SyncSchedule matches the given query."}`)
	f.ask("GET", run, nil).want(t, 405, `{"detail":"Method \"GET\" not allowed."}`)
	// Who runs it must be able to view it, to start jobs, and to view what it reads.
	user := f.newUser("ann", false)
	token := "Bearer " + f.newToken(user, true)
	ask := func() answer { t.Helper(); return f.ask("POST", run, nil, "Authorization", token) }
	f.grant(user, change.SyncSchedule, "view change", "")
	ask().want(t, 403, forbidden)
	f.grant(user, change.Job, "add", "")
	ask().want(t, 403, forbidden)
	f.grant(user, change.ProxmoxEndpoint, "view", fmt.Sprintf(`{"id": %d}`, f.prod))
	ask().want(t, 403, forbidden)
	f.grant(user, change.ProxmoxEndpoint, "view", fmt.Sprintf(`{"id": %d}`, f.off))
	ask().want(t, 202, "")
	all := f.make(schedulesPath, object{"name": "all", "interval": 60})
	f.ask("POST", fmt.Sprintf("%s%d/run/", schedulesPath, all), nil, "Authorization", token).want(t, 403, forbidden)
	f.exec("UPDATE endpoints SET enabled = false")
	f.ask("POST", fmt.Sprintf("%s%d/run/", schedulesPath, all), nil).want(t, 400, `{"endpoints":["There is no enabled endpoint that you may view."]}`)
}
