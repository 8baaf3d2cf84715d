package rest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/change"
)

// syncJobsAlias is where the plugin lists sync jobs.
const syncJobsAlias = "/api/plugins/proxbox/sync-jobs/"

// plantSyncJobs are four jobs of the admin but for the last, the oldest first: one that is done, one that failed, one that is planned, one under way.
func (w *world) plantSyncJobs() (done, failed, planned, running int) {
	w.t.Helper()
	job := func(more string, args ...any) int {
		return int(w.exec(`INSERT INTO jobs (name, kinds, endpoint_ids, status, created, `+more+` RETURNING id`, args...))
	}
	done = job(`started, completed, user_id, user_name, request_id, object_type_id, object_id, job_id) VALUES ('Sync all of prod-proxmox', '{backup_routine,replication,inventory}', ARRAY[$1::integer], 'completed',
		'2026-05-01T10:00:00Z', '2026-05-01T10:00:01Z', '2026-05-01T10:00:03.5Z', 1, 'admin', gen_random_uuid(), 3, $1, 'e39c84bc-f169-4d5f-bc1c-94487a1b18b5')`, w.prod)
	failed = job(`completed, user_id, user_name, request_id, error) VALUES ('Nightly', '{replication}', '{}', 'failed', '2026-05-02T10:00:00Z', '2026-05-02T10:01:00Z', 1, 'admin', gen_random_uuid(), '1 of 2 parts failed: x')`)
	planned = job(`scheduled, interval_minutes, schedule_id, user_id, user_name, request_id) VALUES ('Weekly', '{inventory}', ARRAY[$1::integer], 'scheduled', '2026-05-03T10:00:00Z', '2026-06-01T00:00:00Z', 90, 7, 1, 'admin', gen_random_uuid())`, w.lab)
	running = job(`started, request_id) VALUES ('Sync inventory of 2 endpoints', '{inventory}', ARRAY[$1::integer, $2::integer], 'running', '2026-05-04T10:00:00Z', '2026-05-04T10:00:00Z', gen_random_uuid())`, w.prod, w.lab)
	w.exec(`INSERT INTO job_parts (job_id, endpoint_id, kind, endpoint_name, status, attempts, created, updated, unchanged, stale, reactivated, skipped, requests, duration, error_kind, error_text, remedy, missing_privilege, started, completed)
		VALUES ($1, 5, 'replication', 'prod-proxmox', 'completed', 1, 1, 2, 3, 4, 5, 6, 7, '1.2345 seconds', '', '', '', '', '2026-05-01T10:00:01Z', '2026-05-01T10:00:03Z'),
			($1, 5, 'inventory', 'prod-proxmox', 'partial', 2, 0, 0, 0, 0, 0, 0, 8, '0.5 seconds', 'permission', 'no', 'grant it', 'Sys.Audit', '2026-05-01T10:00:01Z', '2026-05-01T10:00:03.25Z'),
			($1, 5, 'backup_routine', 'prod-proxmox', 'completed', 1, 10, 20, 30, 40, 50, 60, 7, '0', '', '', '', '', NULL, NULL),
			($1, 4, 'inventory', 'alpha', 'pending', 0, 0, 0, 0, 0, 0, 0, 0, '0', '', '', '', '', NULL, NULL)`, done)
	w.exec(`INSERT INTO job_logs (job_id, time, level, message) VALUES ($1, '2026-05-01T10:00:02Z', 'info', 'first'), ($1, '2026-05-01T10:00:01.5Z', 'warning', 'second "line"')`, done)
	return done, failed, planned, running
}

func TestSyncJobsLookAsThoseOfNetBox(t *testing.T) {
	w := newWorld(t)
	done, _, planned, _ := w.plantSyncJobs()
	u := w.http.URL
	counts := func(n int) string {
		return fmt.Sprintf(`"created":%d,"updated":%d,"unchanged":%d,"stale":%d,"reactivated":%d,"skipped":%d`, n, 2*n, 3*n, 4*n, 5*n, 6*n)
	}
	part := func(id int, name, kind, status, counts string, more string) string {
		return fmt.Sprintf(`{"endpoint_id":%d,"endpoint_name":%q,"type":%q,"status":%q,%s,%s}`, id, name, kind, status, counts, more)
	}
	clean := `"error_kind":"","error":"","remedy":"","missing_privilege":"",`
	results := strings.Join([]string{
		part(4, "alpha", "inventory", "pending", counts(0), `"requests":0,"duration_ms":0,`+clean+`"attempts":0,"started":null,"completed":null`),
		part(5, "prod-proxmox", "backup-routines", "completed", counts(10), `"requests":7,"duration_ms":0,`+clean+`"attempts":1,"started":null,"completed":null`),
		part(5, "prod-proxmox", "replications", "completed", counts(1), `"requests":7,"duration_ms":1235,`+clean+`"attempts":1,"started":"2026-05-01T10:00:01Z","completed":"2026-05-01T10:00:03Z"`),
		part(5, "prod-proxmox", "inventory", "partial", counts(0), `"requests":8,"duration_ms":500,"error_kind":"permission","error":"no","remedy":"grant it","missing_privilege":"Sys.Audit",`+
			`"attempts":2,"started":"2026-05-01T10:00:01Z","completed":"2026-05-01T10:00:03.250000Z"`),
	}, ",")
	want := fmt.Sprintf(`{"id":%d,"url":"%s/api/core/jobs/%[1]d/","display_url":"%[2]s/core/jobs/%[1]d/","display":"Sync all of prod-proxmox","object_type":"netbox_proxbox.proxmoxendpoint","object_id":%[3]d,`+
		`"object":{"id":%[3]d,"url":"%[2]s/api/plugins/proxbox/endpoints/proxmox/%[3]d/","display":"prod-proxmox (proxmox.example.com)","name":"prod-proxmox"},"name":"Sync all of prod-proxmox",`+
		`"status":{"value":"completed","label":"Completed"},"created":"2026-05-01T10:00:00Z","scheduled":null,"interval":null,"started":"2026-05-01T10:00:01Z","completed":"2026-05-01T10:00:03.500000Z",`+
		`"user":{"id":1,"url":"%[2]s/api/users/users/1/","display":"admin","username":"admin"},"data":{"types":["backup-routines","replications","inventory"],"endpoints":[%[3]d],"counts":{`+counts(11)+`},`+
		`"results":[`+results+`],"proxbox_sync":{"params":{"sync_types":["all"],"proxmox_endpoint_ids":["%[3]d"]}}},"error":"","job_id":"e39c84bc-f169-4d5f-bc1c-94487a1b18b5","queue_name":"",`+
		`"log_entries":[{"timestamp":"2026-05-01T10:00:02Z","level":"info","message":"first"},{"timestamp":"2026-05-01T10:00:01.500000Z","level":"warning","message":"second \"line\""}],"schedule":null}`,
		done, u, w.prod)
	one := w.get(path(syncJobsPath, done))
	one.want(t, 200, want)
	w.get(path(syncJobsAlias, done)).want(t, 200, want)
	if one.header.Get("ETag") != "" || one.header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("headers %v", one.header)
	}
	next := w.get(path(syncJobsPath, planned)).json(t)
	for name, want := range map[string]any{"data": nil, "object": nil, "object_type": nil, "object_id": nil, "scheduled": "2026-06-01T00:00:00Z", "interval": 90.0, "schedule": 7.0, "started": nil} {
		if next[name] != want {
			t.Errorf("of the planned one %s is %v, want %v", name, next[name], want)
		}
	}
	if got := fmt.Sprint(next["log_entries"]); got != "[]" {
		t.Errorf("log entries %s", got)
	}
}

// names returns the names of the jobs that a list finds.
func (w *world) names(path string) string {
	w.t.Helper()
	var out []string
	for _, o := range w.get(path).results(w.t) {
		out = append(out, strings.Fields(o["name"].(string))[0]+map[bool]string{true: "*"}[o["name"] == "Sync all of prod-proxmox"])
	}
	return strings.Join(out, " ")
}

func TestSyncJobsAreFoundAsInNetBoxAndThePlugin(t *testing.T) {
	w := newWorld(t)
	done, failed, _, _ := w.plantSyncJobs()
	const ran, fail, plan, run = "Sync*", "Nightly", "Weekly", "Sync"
	all := strings.Join([]string{run, plan, fail, ran}, " ") // the newest first
	for query, want := range map[string]string{
		"": all, "q=NIGHT": fail, "q=admin": strings.Join([]string{plan, fail, ran}, " "), "ordering=name": strings.Join([]string{fail, ran, run, plan}, " "), "ordering=created": strings.Join([]string{ran, fail, plan, run}, " "),
		fmt.Sprintf("id=%d&id=%d", done, failed): fail + " " + ran, "object_type=netbox_proxbox.proxmoxendpoint": ran, "object_type_id=3": ran, fmt.Sprintf("object_id=%d&object_type_id=3", w.prod): ran, "object_id=999": "",
		"name=Nightly": fail, "name__ic=sync": run + " " + ran, "interval=90": plan, "interval__gt=90": "", "schedule=7": plan, "user_id=1": strings.Join([]string{plan, fail, ran}, " "), "user=admin&status=failed": fail,
		"status=failed&status=running": run + " " + fail, "job_id=e39c84bc-f169-4d5f-bc1c-94487a1b18b5": ran, "queue_name=default": "",
		"created__after=2026-05-03": run + " " + plan, "created__before=2026-05-02T10:00:00Z": fail + " " + ran, "created_after=2026-05-03T10:00:00Z": run + " " + plan, "created__before=2026-05-03&created__after=2026-05-02": fail,
		"scheduled__after=2026-05-31": plan, "scheduled_before=2026-05-31": "", "started__before=2026-05-02": ran, "started__after=2026-05-02": run, "completed__after=2026-05-02": fail, "completed_before=2026-05-02": ran,
		"completed__empty=true": run + " " + plan, "created__gte=2026-05-04": run,
		"sync_type=replications": fail + " " + ran, "sync_type=inventory": strings.Join([]string{run, plan, ran}, " "), "sync_type=backup-routines": ran, "sync_type=all": ran, "sync_type=replications&sync_type=inventory": all,
		fmt.Sprintf("proxmox_endpoint_id=%d", w.prod): strings.Join([]string{run, fail, ran}, " "), fmt.Sprintf("proxmox_endpoint_id=%d", w.lab): strings.Join([]string{run, plan, fail}, " "), "proxmox_endpoint_id=999": fail,
		fmt.Sprintf("proxmox_endpoint_id=%d&proxmox_endpoint_id=999&sync_type=inventory", w.lab): run + " " + plan, "errored=true": fail, "errored=False": strings.Join([]string{run, plan, ran}, " "), "errored=1": all,
	} {
		for _, list := range []string{syncJobsPath, syncJobsAlias} {
			if got := w.names(list + "?" + query); got != want {
				t.Errorf("%s?%s: %q, want %q", list, query, got, want)
			}
			if ignored := w.get(list + "?" + query).header.Get("X-Ignored-Parameters"); ignored != "" {
				t.Errorf("?%s: ignored %s", query, ignored)
			}
		}
	}
	for query, want := range map[string]string{
		"status=zzz": `{"status":["Select a valid choice. zzz is not one of the available choices."]}`, "created__before=x": `{"created__before":["Enter a valid date/time."]}`,
		"created_before=x": `{"created":["Enter a valid date/time."]}`, "sync_type=x&sync_type=all&sync_type=y": `{"sync_type":["Select a valid choice. x is not one of the available choices.","Select a valid choice. y is not one of the available choices."]}`,
		"proxmox_endpoint_id=x": `{"proxmox_endpoint_id":["Enter a whole number."]}`, "job_id=x": `{"job_id":["Enter a valid UUID."]}`, "user_id=99": `{"user_id":["Select a valid choice. 99 is not one of the available choices."]}`,
		"object_type_id=99": `{"object_type_id":["Select a valid choice. 99 is not one of the available choices."]}`, "id=x": `{"id":["Enter a whole number."]}`,
	} {
		w.get(syncJobsPath+"?"+query).want(t, 400, want)
	}
}

func TestThePluginsListLeavesLogEntriesOut(t *testing.T) {
	w := newWorld(t)
	w.plantSyncJobs()
	for query, want := range map[string]bool{
		syncJobsPath: true, syncJobsPath + "?include_log_entries=false": true, syncJobsAlias: false, syncJobsAlias + "?include_log_entries=true": true, syncJobsAlias + "?include_log_entries=0": false,
		syncJobsAlias + "?include_log_entries=ON&limit=1": true, syncJobsAlias + "?fields=id,log_entries": true, syncJobsAlias + "?omit=data": false, syncJobsAlias + "?omit=data&include_log_entries=yes": true,
		syncJobsAlias + "?brief=1": false, syncJobsPath + "?brief=1": false,
	} {
		rows := w.get(query).results(t)
		_, shown := rows[0]["log_entries"]
		if shown != want {
			t.Errorf("%s: log entries shown is %v", query, shown)
		}
		if url, _ := rows[0]["url"].(string); url != "" && !strings.HasPrefix(url, w.http.URL+syncJobsPath) {
			t.Errorf("%s: url %s", query, url)
		}
	}
	if got := w.get(syncJobsAlias + "?brief=1&limit=1").body; !strings.Contains(got, `"results":[{"url":"`) || strings.Contains(got, `"id"`) {
		t.Errorf("brief: %s", got)
	}
	for path, want := range map[string]string{syncJobsAlias + "?include_log_entries=1": "", syncJobsPath + "?include_log_entries=1": "include_log_entries", syncJobsAlias + "?include_data=1": "include_data"} {
		if got := w.get(path).header.Get("X-Ignored-Parameters"); got != want {
			t.Errorf("%s: ignored %q, want %q", path, got, want)
		}
	}
	header, rows := w.get(syncJobsAlias + "?export=csv").table(t)
	if slices.Contains(header, "log_entries") || len(rows) != 4 {
		t.Errorf("CSV has %v", header)
	}
	next := w.get(syncJobsAlias + "?limit=1&include_log_entries=true").json(t)["next"]
	if next != w.http.URL+syncJobsAlias+"?include_log_entries=true&limit=1&offset=1" {
		t.Errorf("next %v", next)
	}
	for _, root := range []struct{ path, name, link string }{{"/api/core/", "jobs", syncJobsPath}, {"/api/plugins/proxbox/", "sync-jobs", syncJobsAlias}, {"/api/plugins/proxbox/", "sync", "/api/plugins/proxbox/sync/"}} {
		if got := w.get(root.path).json(t)[root.name]; got != w.http.URL+root.link {
			t.Errorf("%s: %s leads to %v", root.path, root.name, got)
		}
	}
}

func TestConstraintsNarrowWhichJobsAreSeen(t *testing.T) {
	w := newWorld(t)
	done, failed, _, _ := w.plantSyncJobs()
	for constraints, want := range map[string]string{
		"": "Sync Weekly Nightly Sync*", `{"user": "$user"}`: "Sync", `{"status__in": ["failed", "running"]}`: "Sync Nightly", `{"name__startswith": "Week"}`: "Weekly", `{"data__types__contains": ["replications"]}`: "Nightly Sync*",
		`{"data": null}`: "Weekly", `{"user__username": "admin", "interval__gt": 5}`: "Weekly",
	} {
		user := w.newUser("user"+constraints, false)
		w.exec("UPDATE jobs SET user_id = $1 WHERE status = 'running'", user)
		w.grant(user, change.Job, "view", constraints)
		w.token = w.newToken(user, false)
		if got := w.names(syncJobsPath); got != want {
			t.Errorf("%s: %q, want %q", constraints, got, want)
		}
	}
	user := w.newUser("one", false)
	w.grant(user, change.Job, "view", fmt.Sprintf(`{"id": %d}`, done))
	w.token = w.newToken(user, false)
	w.get(path(syncJobsPath, failed)).want(t, 404, `{"detail":"No Job matches the given query."}`)
	w.get(path(syncJobsAlias, done)).want(t, 200, "")
}

// Jobs outlive who asked for them, and the log says in words who it was.
func TestJobsOutliveTheirUsers(t *testing.T) {
	w := newWorld(t)
	w.plantSyncJobs()
	user := w.newUser("brief", false)
	w.exec("UPDATE jobs SET user_id = $1 WHERE name = 'Nightly'", user)
	w.ask("DELETE", fmt.Sprintf("/api/users/users/%d/", user), nil).want(t, 204, "")
	if job := w.get(syncJobsPath + "?name=Nightly").results(t)[0]; job["user"] != nil {
		t.Errorf("user %v", job["user"])
	}
}

// Jobs have results and a log of any length, so pages of them are short.
func TestPagesOfJobsAreShort(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO jobs (name, kinds, endpoint_ids, status, request_id) SELECT 'many', '{inventory}', '{}', 'completed', gen_random_uuid() FROM generate_series(1, 130)")
	first := w.get(syncJobsPath + "?limit=1000")
	if n := len(first.results(t)); n != 100 {
		t.Errorf("a page of %d", n)
	}
	next, _ := first.json(t)["next"].(string)
	if n := len(w.get(strings.TrimPrefix(next, w.http.URL)).results(t)); n != 30 {
		t.Errorf("%d on the next page, %s", n, next)
	}
}
