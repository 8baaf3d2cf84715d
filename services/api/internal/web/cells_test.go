package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestListsSayWhoseClockTimesGoBy(t *testing.T) {
	f := newClusters(t)
	f.run("UPDATE endpoints SET time_zone = 'Asia/Tokyo' WHERE id = $1", f.prod)
	f.routine("nightly", f.prod, nil, "next_run = '2026-11-29T17:00:00Z'")
	schedule := func() string {
		return textOf(cellOf(f.get(routinesPath).want(t, 200).one(t, with("data-row")), "schedule"))
	}
	head := func() string {
		for _, h := range f.get(routinesPath).heads() {
			if strings.HasPrefix(h, "Next run") {
				return h
			}
		}
		return ""
	}
	for _, c := range []struct{ viewer, cluster, schedule, head string }{
		{"Europe/Berlin", "Asia/Tokyo", "02:00 Tokyo", "Next run Berlin"},
		{"Asia/Tokyo", "Asia/Tokyo", "02:00", "Next run Tokyo"},
		{"Europe/Berlin", "Europe/Vienna", "02:00", "Next run Berlin"}, // the same clock all year
		{"America/Argentina/Buenos_Aires", "Africa/Lagos", "02:00 Lagos", "Next run Buenos Aires"},
		{"Africa/Lagos", "Europe/Berlin", "02:00 Berlin", "Next run Lagos"}, // the same in winter alone
		{"Etc/UTC", "", "02:00 ≈ UTC", "Next run UTC"},
	} {
		f.from(c.viewer)
		f.run("UPDATE endpoints SET time_zone = $2 WHERE id = $1", f.prod, c.cluster)
		if got := schedule(); got != c.schedule {
			t.Errorf("%+v: the schedule is %q", c, got)
		}
		if got := head(); got != c.head {
			t.Errorf("%+v: the head is %q", c, got)
		}
	}
	// Whoever may see the job may know by which clock it runs.
	f.run("UPDATE endpoints SET time_zone = 'Asia/Tokyo' WHERE id = $1", f.prod)
	u := f.limited("some", permission{types: []string{"netbox_proxbox.backuproutine"}, actions: []string{"view"}})
	if got := textOf(cellOf(u.get(routinesPath).want(t, 200).one(t, with("data-row")), "schedule")); got != "02:00 Tokyo" {
		t.Errorf("without the right to see the endpoint the schedule is %q", got)
	}
}

func TestTheRunThatAClusterTellsIsByItsClock(t *testing.T) {
	f := newClusters(t)
	f.run("UPDATE endpoints SET time_zone = 'Asia/Tokyo' WHERE id = $1", f.prod)
	id := f.routine("told", f.prod, nil, "schedule = '', next_run = now() + interval '1 hour'")
	card := textOf(f.get(at(routinesPath, id)).want(t, 200).one(t, tag("section"), with("aria-labelledby", "coming")))
	if !strings.Contains(card, "Clock of the cluster (Asia/Tokyo) Your clock") || !strings.Contains(card, "JST") {
		t.Errorf("it says %s", card)
	}
	if got := textOf(cellOf(f.get(routinesPath).want(t, 200).one(t, with("data-row")), "schedule")); got != "—" {
		t.Errorf("without a schedule the list says %q", got)
	}
}

func TestStaleIsSaidOnOneLine(t *testing.T) {
	f := newClusters(t)
	id := f.routine("nightly", f.prod, nil, "status = 'stale'")
	f.from("Asia/Tokyo")
	f.run("INSERT INTO sync_states (endpoint_id, kind, object_count, last_seen, status, since) VALUES ($1, 'backup_routine', 41, now() + interval '1 minute', 'ok', now())", f.prod)
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().In(tokyo)
	old := time.Date(2025, 3, 4, 20, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		at   time.Time
		want string
	}{{now, now.Format("15:04")}, {old, "2025-03-05"}} {
		f.run("UPDATE backup_routines SET stale_since = $2 WHERE id = $1", id, c.at)
		cell := page{root: cellOf(f.get(routinesPath).one(t, with("data-row")), "status")}
		line := cell.one(t, class("text-nowrap"))
		if got := textOf(line); got != "Stale since "+c.want {
			t.Errorf("it says %q, want since %s", got, c.want)
		}
		exact, _ := attr(cell.one(t, tag("time")), "title")
		if !strings.HasPrefix(exact, c.at.UTC().Format("2006-01-02 15:04:05")) {
			t.Errorf("the exact time is %q", exact)
		}
		proof := textOf(cell.one(t, class("why")))
		if title, _ := attr(line, "title"); title != proof || !strings.Contains(proof, "complete list of 41 jobs") {
			t.Errorf("the proof is %q, pointed at %q", proof, title)
		}
	}
}

func TestFlagsLookLikeWhatTheyMean(t *testing.T) {
	f := newClusters(t)
	f.routine("on", f.prod, nil, "repeat_missed = true")
	f.routine("off", f.prod, nil, "enabled = false")
	f.make(replsPath, map[string]any{"endpoint": f.prod, "replication_id": "100-0", "virtual_machine": f.web, "guest": 100, "jobnum": 0, "target": "b", "disable": true})
	f.make(replsPath, map[string]any{"endpoint": f.prod, "replication_id": "100-1", "virtual_machine": f.web, "guest": 100, "jobnum": 1, "target": "b", "disable": false})
	f.run("UPDATE nodes SET online = (name = 'pve-1')")
	for _, c := range []struct{ path, column, says, looks string }{
		{routinesPath + "?job_id=on", "enabled", "Yes", "good"},
		{routinesPath + "?job_id=off", "enabled", "No", "off"},
		{replsPath + "?replication_id=100-0", "disable", "Yes", "off"},
		{replsPath + "?replication_id=100-1", "disable", "No", "plain"},
		{nodesPath + "?name=pve-1", "online", "Yes", "good"},
		{nodesPath + "?name=pve-2", "online", "No", "bad"},
	} {
		flag := page{root: cellOf(f.get(c.path).one(t, with("data-row")), c.column)}.one(t, class("flag"))
		if textOf(flag) != c.says || !class(c.looks)(flag) || len(all(flag, tag("use"))) != 1 {
			looks, _ := attr(flag, "class")
			t.Errorf("%s: %s is %q and looks %s, want %+v", c.path, c.column, textOf(flag), looks, c)
		}
	}
}

func TestAMachineThatIsOffIsNoAlarm(t *testing.T) {
	admin := serve(t)
	cluster := admin.make(clustersPath, map[string]any{"name": "lab"})
	for status, looks := range map[string]string{"active": "is-good", "offline": "is-neutral", "paused": "is-neutral", "planned": "is-info", "staged": "is-info", "failed": "is-bad"} {
		admin.make(vmsPath, map[string]any{"name": status, "cluster": cluster, "status": status})
		if row := admin.get(vmsPath+"?name="+status).one(t, with("data-row")); len(all(row, class("badge"), class(looks))) != 1 {
			t.Errorf("%s does not look as %s", status, looks)
		}
	}
}

func TestMemoryIsSaidInTheUnitThatPeopleKnowItIn(t *testing.T) {
	admin := serve(t)
	cluster := admin.make(clustersPath, map[string]any{"name": "lab"})
	for megabytes, want := range map[int]string{537: "512.1 MiB", 1073: "1 GiB", 1074: "1 GiB", 2048: "1.9 GiB", 17180: "16 GiB"} {
		id := admin.make(vmsPath, map[string]any{"name": "guest", "cluster": cluster, "memory": megabytes})
		if got := textOf(cellOf(admin.get(fmt.Sprintf("%s?id=%d", vmsPath, id)).one(t, with("data-row")), "memory")); got != want {
			t.Errorf("%d MB are %q, want %q", megabytes, got, want)
		}
	}
}

func TestListsSayHowManyMoreThereAre(t *testing.T) {
	admin := serve(t)
	var tags []int
	for _, name := range []string{"a", "b", "c", "d"} {
		tags = append(tags, admin.make(tagsPath, map[string]any{"name": name, "slug": name}))
	}
	for n, want := range []string{"—", "a", "a b +1", "a b +2 +1", "a b +3 +2"} { // after the first, where there is no room for two, and after both
		name := fmt.Sprint("with", n)
		admin.make(clustersPath, map[string]any{"name": name, "tags": tags[:n]})
		cell := cellOf(admin.get(clustersPath+"?name="+name).one(t, with("data-row")), "tags")
		if got := textOf(cell); got != want {
			t.Errorf("%d tags are shown as %q, want %q", n, got, want)
		}
	}
}

func TestTypesOfObjectsAreNamedAsPeopleDo(t *testing.T) {
	admin := serve(t)
	admin.note(admin.make(clustersPath, map[string]any{"name": "lab"}), "a note")
	admin.make(tagsPath, map[string]any{"name": "any", "slug": "any"})
	admin.run("INSERT INTO user_preferences (user_id, data) VALUES ($1, $2)", admin.id, `{"columns": {"tags": ["name", "object_types"]}}`)
	admin.make("/users/permissions/", map[string]any{"name": "some", "actions": []string{"view"}, "object_types": []string{"netbox_proxbox.backuproutine", "extras.tag"}})
	for _, c := range []struct{ path, column, want string }{
		{journalPath, "assigned_object_type", "Cluster"},
		{tagsPath, "object_types", "—"},
		{"/users/permissions/", "object_types", "Tags, Backup Routines"},
	} {
		if got := textOf(cellOf(admin.get(c.path).one(t, with("data-row")), c.column)); got != c.want {
			t.Errorf("%s names %q, want %q", c.path, got, c.want)
		}
	}
}
