package web_test

import (
	"fmt"
	"testing"
)

// What a page follows, as its parts say it: events, address, objects, endpoints.
func TestPartsSayWhatPutsThemOutOfDate(t *testing.T) {
	f := newClusters(t)
	routine := f.routine("nightly", f.lab, []int{100}, "")
	schedule := f.make(schedulesPath, map[string]any{"name": "hourly", "types": []string{"replications"}, "interval": 60})
	of := fmt.Sprintf("%d 0", f.lab)
	for _, c := range []struct{ path, part, events, url, objects, endpoints string }{
		{"/", "replications", "replication", "/", "", ""},
		{"/", "running", "sync", "/", "", ""},
		{"/", "timeline", "backup_routine", "/", "", ""},
		{at(endpointsPath, f.lab), "sync-state", "backup_routine replication sync", at(endpointsPath, f.lab), "", of},
		{at(endpointsPath, f.lab), "history", "sync", at(endpointsPath, f.lab), "", of},
		{at(routinesPath, routine), "object", "backup_routine", at(routinesPath, routine), fmt.Sprint(routine), ""},
		{at(schedulesPath, schedule), "object", "sync", at(schedulesPath, schedule), "", ""},
		{routinesPath, "results", "backup_routine", routinesPath, "", ""},
		{endpointsPath, "results", "sync", endpointsPath, "", ""},
		{calendarPath, "calendar", "backup_routine replication", calendarPath, "", ""},
		{calendarPath + "?id=7&kind=replication", "calendar", "replication", calendarPath + "?id=7&kind=replication", "7", ""},
		{calendarPath + "?endpoint_id=null", "calendar", "backup_routine replication", calendarPath + "?endpoint_id=null", "", ""},
		{calendarPath + "?id=9999999999999999999&kind=replication", "calendar", "replication", calendarPath + "?id=9999999999999999999&kind=replication", "", ""},
		{calendarPath + "?endpoint_id=1&endpoint_id=2&id=7&tab=filters", "calendar", "backup_routine replication", calendarPath + "?endpoint_id=1&endpoint_id=2&id=7", "", "1 2"},
	} {
		box := f.get(c.path).want(t, 200).one(t, with("id", c.part))
		for name, want := range map[string]string{"data-live": c.events, "data-live-url": c.url, "data-live-object": c.objects, "data-live-endpoint": c.endpoints} {
			if got, _ := attr(box, name); got != want {
				t.Errorf("%s: %s of %s is %q, want %q", c.path, name, c.part, got, want)
			}
		}
		if piece := f.piece(c.url, c.part).want(t, 200); !piece.has(with("id", c.part)) || piece.has(with("id", "main")) {
			t.Errorf("%s is not asked for alone by %s", c.part, c.url)
		}
	}
}

// What is computed of all jobs rests for long between two times, however many events come.
func TestPartsRestAndAge(t *testing.T) {
	f := newClusters(t)
	for _, c := range []struct{ path, part, pause, every string }{
		{"/", "timeline", "60", "900"},
		{"/", "changes", "60", "900"},
		{"/", "running", "2", "30"},
		{"/", "endpoints", "5", "30"},
		{"/", "replications", "5", "300"},
		{calendarPath, "calendar", "10", "900"},
		{routinesPath, "results", "2", ""},
		{at(endpointsPath, f.lab), "sync-state", "5", "30"},
		{at(endpointsPath, f.lab), "history", "2", "120"},
		{endpointsPath, "results", "2", "30"},
	} {
		box := f.get(c.path).want(t, 200).one(t, with("id", c.part))
		for name, want := range map[string]string{"data-live-pause": c.pause, "data-live-every": c.every} {
			if got, _ := attr(box, name); got != want {
				t.Errorf("%s of %s is %q seconds, want %s", name, c.part, got, want)
			}
		}
	}
}

func TestPagesListenToNothingThatIsRefused(t *testing.T) {
	admin := serve(t)
	tagger := permission{types: []string{"extras.tag", "netbox_proxbox.proxmoxendpoint"}, actions: []string{"view"}}
	for name, c := range map[string]struct {
		who  *person
		want string
	}{
		"admin": {admin, "/api/plugins/proxbox/events/"}, "tagger": {admin.limited("tagger", tagger), ""},
		"watcher": {admin.limited("watcher", permission{types: []string{"core.job"}, actions: []string{"view"}}), "/api/plugins/proxbox/events/"},
	} {
		if got, _ := attr(c.who.get("/").want(t, 200).one(t, tag("body")), "data-events"); got != c.want {
			t.Errorf("%s listens to %q, want %q", name, got, c.want)
		}
	}
}
