package rest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
)

func TestSchedulesThatNeverRunOrMakeNoSenseAreRefused(t *testing.T) {
	w := newWorld(t)
	const hourly, past = 60, "2020-01-01T00:00:00Z"
	w.make(schedulesPath, object{"name": "taken", "interval": hourly})
	for _, c := range []struct {
		body object
		want string
	}{
		{object{}, `{"name":["This field is required."]}`},
		{object{"name": "x"}, `{"__all__":["Give first_run, interval or calendar: without any of them it would never run."]}`},
		{object{"name": "x", "calendar": "", "interval": nil, "first_run": nil}, `{"__all__":["Give first_run, interval or calendar: without any of them it would never run."]}`},
		{object{"name": "taken", "interval": hourly}, `{"name":["sync schedule with this name already exists."]}`},
		{object{"name": strings.Repeat("x", 101), "interval": hourly}, `{"name":["Ensure this field has no more than 100 characters."]}`},
		{object{"name": "x", "interval": hourly, "calendar": "daily"}, `{"calendar":["Give interval or calendar, not both: set the other to null."]}`},
		{object{"name": "x", "interval": 0}, `{"interval":["Ensure this value is greater than or equal to 1."]}`},
		{object{"name": "x", "interval": 5256001}, `{"interval":["Ensure this value is less than or equal to 5256000."]}`},
		{object{"name": "x", "interval": "often"}, `{"interval":["A valid integer is required."]}`},
		{object{"name": "x", "first_run": past}, `{"first_run":["Scheduled time must be in the future."]}`},
		{object{"name": "x", "first_run": "soon"}, `{"first_run":["Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."]}`},
		{object{"name": "x", "calendar": "02-30", "first_run": "2099-01-01"}, `{"calendar":["\"02-30\" never runs after 2099-01-01T00:00:00Z."]}`},
		{object{"name": "x", "calendar": "*:*:0/20", "first_run": "2099-01-01"}, `{"calendar":["It would run at 2099-01-01T00:00:00Z and again at 2099-01-01T00:00:20Z: at most once a minute."]}`},
		{object{"name": "x", "calendar": "at noon"}, `{"calendar":["Calendar event \"at noon\": unknown weekday or keyword \"at\", expected mon..sun, monday..sunday, or minutely..yearly."]}`},
		{object{"name": "x", "calendar": "61 * * * *"}, `{"calendar":["Cron schedule \"61 * * * *\": minute \"61\" is not valid, expected \"*\" or 0..59."]}`},
		{object{"name": "x", "calendar": strings.Repeat("1", 129)}, `{"calendar":["Ensure this field has no more than 128 characters."]}`},
		{object{"name": "x", "calendar": "daily", "time_zone": "Berlin"}, `{"time_zone":["\"Berlin\" is not the name of a time zone, like Europe/Berlin."]}`},
		{object{"name": "x", "calendar": "daily", "missed": "catch up"}, `{"missed":["catch up is not a valid choice."]}`},
		{object{"name": "x", "interval": hourly, "types": "all"}, `{"types":["Expected a list of items but got type \"str\"."]}`},
		{object{"name": "x", "interval": hourly, "types": []any{"vms", 5, "inventory"}}, `{"types":["vms is not a valid choice. Choices are: backup-routines, replications, inventory, all.","5 is not a valid choice. Choices are: backup-routines, replications, inventory, all."]}`},
		{object{"name": "x", "interval": hourly, "types": []string{"all", "inventory"}}, `{"types":["Cannot combine \"all\" with other sync types."]}`},
		{object{"name": "x", "interval": hourly, "endpoints": []int{w.lab, 99}}, `{"endpoints":["Invalid pk \"99\" - object does not exist."]}`},
	} {
		w.ask("POST", schedulesPath, c.body).want(t, 400, c.want)
	}
	never := w.ask("POST", schedulesPath, object{"name": "x", "calendar": "02-30"})
	if never.status != 400 || !strings.HasPrefix(never.body, `{"calendar":["\"02-30\" never runs after 20`) {
		t.Errorf("a day that there is not: %d %s", never.status, never.body)
	}
	if n := w.exec("SELECT count(*) FROM jobs"); n != 1 {
		t.Errorf("%d jobs, want that of the one schedule", n)
	}
	// What has run out may be edited still.
	id := w.make(schedulesPath, object{"name": "once", "first_run": time.Now().Add(time.Hour)})
	w.exec("UPDATE sync_schedules SET first_run = '2020-01-01', next_run = NULL WHERE id = $1", id)
	w.ask("PATCH", path(schedulesPath, id), object{"description": "x", "first_run": past}).want(t, 200, "")
	w.ask("PATCH", path(schedulesPath, id), object{"enabled": false, "interval": nil}).want(t, 400, `{"first_run":["Scheduled time must be in the future."]}`)
}

// plannedJobs are the jobs that stand for runs of a schedule, in words.
func (w *world) plannedJobs(schedule int) []string {
	w.t.Helper()
	rows, err := w.pool.Query(w.t.Context(), `SELECT format('%s %s %s %s %s %s', name, kinds, endpoint_ids, to_char(scheduled, 'YYYY-MM-DD HH24:MI'), interval_minutes, user_name)
		FROM jobs WHERE schedule_id = $1 AND status = 'scheduled'`, schedule)
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func TestASchedulePlansItsNextRunAndTheJobOfIt(t *testing.T) {
	w := newWorld(t)
	hints := w.jobHints.Load()
	a := w.ask("POST", schedulesPath, object{
		"name": "nightly", "types": []string{"replications", "inventory", "replications"}, "endpoints": []int{w.prod}, "first_run": "2099-07-01", "calendar": "mon..fri 02:00", "time_zone": "Europe/Berlin",
	})
	a.want(t, 201, "")
	o := a.json(t)
	id := int(o["id"].(float64))
	if user, _ := o["user"].(map[string]any); o["next_run"] != "2099-07-01T00:00:00Z" || o["last_run"] != nil || fmt.Sprint(o["types"]) != "[replications inventory]" || user["username"] != "admin" {
		t.Errorf("%s", a.body)
	}
	expect := func(jobs ...string) {
		t.Helper()
		if got := w.plannedJobs(id); !slices.Equal(got, jobs) {
			t.Errorf("planned are %q, want %q", got, jobs)
		}
		if hints++; w.jobHints.Load() != hints {
			t.Errorf("%d hints, want %d", w.jobHints.Load(), hints)
		}
	}
	expect(fmt.Sprintf("nightly {replication,inventory} {%d} 2099-07-01 00:00  admin", w.prod))
	patch := func(body object) map[string]any {
		t.Helper()
		a := w.ask("PATCH", path(schedulesPath, id), body)
		a.want(t, 200, "")
		return a.json(t)
	}
	const all = "{backup_routine,replication,inventory}"
	if o := patch(object{"types": []string{"all"}, "endpoints": []int{}, "name": "weekly"}); fmt.Sprintf("%v %v %v", o["types"], o["endpoints"], o["next_run"]) != "[] [] 2099-07-01T00:00:00Z" {
		t.Errorf("%v", o)
	}
	expect("weekly " + all + " {} 2099-07-01 00:00  admin")
	if o := patch(object{"calendar": "", "interval": 90}); o["next_run"] != "2099-07-01T00:00:00Z" || o["interval"] != 90.0 {
		t.Errorf("%v", o)
	}
	expect("weekly " + all + " {} 2099-07-01 00:00 90 admin")
	if o := patch(object{"enabled": false}); o["next_run"] != nil {
		t.Errorf("%v", o)
	}
	expect()
	patch(object{"enabled": true, "first_run": "2098-07-01"})
	expect("weekly " + all + " {} 2098-07-01 00:00 90 admin")
	w.ask("DELETE", path(schedulesPath, id), nil).want(t, 204, "")
	expect()
	if n := w.exec("SELECT count(*) FROM jobs") + w.exec("SELECT count(*) FROM sync_schedule_endpoints"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func TestARunThatIsOverdueIsNotMovedByAnEditOfSomethingElse(t *testing.T) {
	w := newWorld(t)
	id := w.make(schedulesPath, object{"name": "hourly", "interval": 60})
	w.exec("UPDATE sync_schedules SET next_run = '2026-01-01 10:00Z' WHERE id = $1", id)
	w.ask("PATCH", path(schedulesPath, id), object{"name": "renamed", "types": []string{"inventory"}}).want(t, 200, "")
	w.ask("PATCH", path(schedulesPath, id), object{"description": "x", "missed": "skip"}).want(t, 200, "")
	if o := w.get(path(schedulesPath, id)).json(t); o["next_run"] != "2026-01-01T10:00:00Z" {
		t.Errorf("the run moved to %v", o["next_run"])
	}
	if got := w.plannedJobs(id); !slices.Equal(got, []string{"renamed {inventory} {} 2026-01-01 10:00 60 admin"}) {
		t.Errorf("planned are %q", got)
	}
}

// "Now, and then every hour": a first run that was set a moment ago counts, one that lies further back does not.
func TestAFirstRunThatIsNowRunsNow(t *testing.T) {
	w := newWorld(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	next := func(a answer) time.Duration {
		t.Helper()
		at, err := time.Parse(time.RFC3339, fmt.Sprint(a.json(t)["next_run"]))
		if err != nil {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return at.Sub(now)
	}
	const moment = 40 * time.Second
	a := w.ask("POST", schedulesPath, object{"name": "recent", "interval": 60, "first_run": now.Add(-moment)})
	if got := next(a); got != -moment {
		t.Errorf("first run %s ago: the next is in %s", moment, got)
	}
	id := int(a.json(t)["id"].(float64))
	w.exec("UPDATE sync_schedules SET last_run = next_run, next_run = next_run + interval '1 hour'") // it ran
	for _, body := range []object{{"first_run": now.Add(-moment)}, {"first_run": now.Add(-moment), "interval": 60, "enabled": true}, {"description": "x"}} {
		if got := next(w.ask("PATCH", path(schedulesPath, id), body)); got != time.Hour-moment {
			t.Errorf("%v once more: the next run is in %s", body, got)
		}
	}
	if got := next(w.ask("PATCH", path(schedulesPath, id), object{"interval": 30})); got != 30*time.Minute-moment {
		t.Errorf("another interval: the next run is in %s", got)
	}
	if got := next(w.ask("POST", schedulesPath, object{"name": "past", "interval": 60, "first_run": now.Add(-2 * time.Minute)})); got != 58*time.Minute {
		t.Errorf("first run two minutes ago: the next is in %s", got)
	}
	if got := next(w.ask("POST", schedulesPath, object{"name": "once", "first_run": now.Add(-moment)})); got != -moment {
		t.Errorf("the only run %s ago: the next is in %s", moment, got)
	}
}

// Ticks are no edits: they change neither the ETag nor the change log.
func TestATickIsNoChangeOfASchedule(t *testing.T) {
	w := newWorld(t)
	id := w.make(schedulesPath, object{"name": "hourly", "interval": 60})
	before, changes := w.get(path(schedulesPath, id)), w.exec("SELECT count(*) FROM changes")
	err := postgres.InTx(t.Context(), w.pool, func(tx pgx.Tx) error {
		_, _, err := syncjob.Tick(t.Context(), tx, int32(id), time.Now().Add(2*time.Hour), time.Minute)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	after := w.get(path(schedulesPath, id))
	if after.json(t)["last_run"] == nil || after.json(t)["next_run"] == before.json(t)["next_run"] {
		t.Errorf("nothing ticked: %s", after.body)
	}
	if before.header.Get("ETag") != after.header.Get("ETag") || w.exec("SELECT count(*) FROM changes") != changes {
		t.Errorf("ETag %s, then %s; %d change rows, then %d", before.header.Get("ETag"), after.header.Get("ETag"), changes, w.exec("SELECT count(*) FROM changes"))
	}
	w.ask("PATCH", path(schedulesPath, id), object{"last_run": nil, "next_run": nil, "user": nil}).want(t, 200, "")
	if o := w.get(path(schedulesPath, id)).json(t); o["last_run"] == nil || o["next_run"] == nil || o["user"] == nil {
		t.Errorf("what is read-only was written: %v", o)
	}
}

func TestSchedulesAreFoundByWhatTheySync(t *testing.T) {
	w := newWorld(t)
	everything := w.make(schedulesPath, object{"name": "everything", "interval": 60, "description": "All of it"})
	prod := w.make(schedulesPath, object{"name": "prod", "calendar": "daily", "endpoints": []int{w.prod}, "enabled": false})
	both := w.make(schedulesPath, object{"name": "both", "calendar": "daily", "endpoints": []any{w.prod, object{"name": "lab"}}, "missed": "skip"})
	for query, want := range map[string][]int{
		"": {both, everything, prod}, "endpoint=lab": {both}, "endpoint=prod-proxmox": {both, prod}, fmt.Sprint("endpoint_id=", w.lab): {both}, fmt.Sprint("endpoint_id__n=", w.lab): {everything, prod},
		"endpoint_id=null": {everything}, "enabled=false": {prod}, "calendar=daily": {both, prod}, "interval=60": {everything}, "interval__empty=true": {both, prod}, "missed=skip": {both}, "q=all": {everything},
		"user=admin": {both, everything, prod}, "next_run__empty=true": {prod}, "name__ic=O": {both, prod}, "ordering=-name": {prod, everything, both},
	} {
		got := []int{}
		for _, o := range w.get(schedulesPath + "?" + query).results(t) {
			got = append(got, int(o["id"].(float64)))
		}
		if !slices.Equal(got, want) {
			t.Errorf("?%s: %v, want %v", query, got, want)
		}
	}
	w.get(schedulesPath+"?endpoint_id=99").want(t, 400, `{"endpoint_id":["Select a valid choice. 99 is not one of the available choices."]}`)
}
