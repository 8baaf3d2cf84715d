package e2e

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/pvesim"
)

// A cluster that answers under another name is not read until a person accepts it. Its jobs are kept, or become stale and come back with the next
// reading, under the same ids.
func TestARenamedClusterIsReadOnceAPersonAcceptsIt(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var all []*endpoint
	for _, name := range []string{"keep", "stale"} {
		world := pvesim.Generate(name, 17, 3, 6, 5)
		all = append(all, l.add(t, pvesim.New("9.2", pvesim.WithWorld(world), pvesim.WithName(name), pvesim.WithClock(newClock().read)))...)
	}
	test := func(e *endpoint, want string) {
		t.Helper()
		o := l.rest.post(t, fmt.Sprintf("%s%d/test/", endpointsPath, e.id), object{})
		got := fmt.Sprintf("%v %v %s, pinned %s; %s", o["ok"], o["identity"], o.sub("cluster").text("name"), o.text("pinned_cluster"), o.sub("error").text("kind"))
		if o.text("version") == "" || o.number("requests") == 0 || o["trusted"] != true || got != want {
			t.Errorf("%s: a test says %s, want %s: %v", e.name, got, want, o)
		}
	}
	for _, e := range all {
		test(e, fmt.Sprintf("true new %s, pinned ; ", e.cluster.Name()))
	}
	l.poll(t, all...)
	l.mustBe(t, "ok", all...)
	before := map[*endpoint]tuples{}
	routines, replications := map[*endpoint]map[string]object{}, map[*endpoint]map[string]object{}
	for _, e := range all {
		test(e, fmt.Sprintf("true same %s, pinned cluster %s; ", e.cluster.Name(), e.cluster.Name()))
		before[e], routines[e], replications[e] = l.tuples(t, e), l.rest.routines(t, e), l.rest.replications(t, e)
		e.cluster.Rename(e.name + "-renamed")
	}
	l.poll(t, all...)
	for _, e := range all {
		test(e, fmt.Sprintf("false other %s-renamed, pinned cluster %s; identity", e.name, e.cluster.World().Name))
		states := l.rest.syncState(t, e)
		for _, kind := range jobKinds {
			if s := states.sub(kind); s.text("status") != "failing" || s.text("error_kind") != "identity" {
				t.Errorf("%s: %s is %s, %s", e.name, kind, s.text("status"), s.text("error_kind"))
			}
		}
		if other := states.sub("other_cluster"); other.text("name") != e.name+"-renamed" || other.text("seen") == "" || other["standalone"] != false {
			t.Errorf("%s: the other cluster is %v", e.name, other)
		}
		if diff := cmp.Diff(before[e], l.tuples(t, e), cmp.AllowUnexported(tuples{})); diff != "" {
			t.Errorf("%s: jobs or changes were written:\n%s", e.name, diff)
		}
	}

	// Of one cluster a job is deleted meanwhile: only that is found to be gone.
	keep, stale := all[0], all[1]
	gone := keep.cluster.World().Backups[1].ID
	keep.cluster.Edit(func(w *pvesim.World) { w.DeleteBackup(gone) })
	accept := func(e *endpoint, jobs string) {
		t.Helper()
		o := l.rest.post(t, fmt.Sprintf("%s%d/accept-identity/", endpointsPath, e.id), object{"existing_jobs": jobs, "cluster_name": e.name + "-renamed", "changelog_message": "renamed"})
		if s := o.sub("sync_state"); o.id() != e.id || s.text("cluster_name") != e.name+"-renamed" || s["other_cluster"] != nil || s["next_attempt"] != nil {
			t.Errorf("%s was accepted as %v", e.name, s)
		}
	}
	accept(keep, "keep")
	if diff := cmp.Diff(before[keep], l.tuples(t, keep), cmp.AllowUnexported(tuples{})); diff != "" {
		t.Errorf("jobs that are kept were written:\n%s", diff)
	}
	accept(stale, "stale")
	for _, jobs := range []map[string]object{l.rest.routines(t, stale), l.rest.replications(t, stale)} {
		for key, o := range jobs {
			if o.choice("status") != "stale" || o.text("stale_since") == "" || o["next_run"] != nil || o["last_seen"] == nil || o.text("last_seen") >= o.text("stale_since") || o.number("version") != 2 {
				t.Errorf("%s is %s in version %d, last seen %v, stale since %v, next run %v", key, o.choice("status"), o.number("version"), o["last_seen"], o["stale_since"], o["next_run"])
			}
		}
	}
	l.poll(t, all...)
	l.mustBe(t, "ok", all...)
	for _, e := range all {
		test(e, fmt.Sprintf("true same %s-renamed, pinned cluster %s-renamed; ", e.name, e.name))
	}

	events := l.events(t)
	for _, e := range all {
		for kind, pair := range map[string][2]map[string]object{
			"backup_routine": {routines[e], l.rest.routines(t, e)}, "replication": {replications[e], l.rest.replications(t, e)},
		} {
			was, is := pair[0], pair[1]
			if len(is) != len(was) {
				t.Errorf("%s: %d jobs of kind %s, want %d", e.name, len(is), kind, len(was))
			}
			for key, o := range is {
				want, status := []string{"created 1"}, "active"
				switch {
				case e == stale:
					want = []string{"created 1", "stale 2", "reactivated 3"}
				case key == gone:
					want, status = []string{"created 1", "stale 2"}, "stale"
				}
				if got := story(events, kind, o.id()); o.id() != was[key].id() || o.choice("status") != status || !slices.Equal(got, want) {
					t.Errorf("%s: %s was %d and is %d, %s: %v", e.name, key, was[key].id(), o.id(), o.choice("status"), got)
				}
			}
		}
		// The names of the inventory follow with the next reading of it.
		clusters := l.rest.list(t, fmt.Sprintf("%sproxmox-clusters/?endpoint_id=%d", pluginPath, e.id))
		if len(clusters) != 1 || clusters[0].text("name") != e.name+"-renamed" {
			t.Errorf("%s: clusters %v", e.name, clusters)
		}
		changes := l.rest.list(t, fmt.Sprintf("/api/core/object-changes/?changed_object_type=netbox_proxbox.proxmoxendpoint&changed_object_id=%d", e.id))
		if last := changes[0]; last.text("message") != "renamed" || last.sub("prechange_data").text("cluster_identity") != "cluster "+e.cluster.World().Name ||
			last.sub("postchange_data").text("cluster_identity") != "cluster "+e.name+"-renamed" {
			t.Errorf("%s: the change log says %v", e.name, last)
		}
	}
	for _, ev := range events {
		if name, _ := eventName(ev); name == "stale" && ev.Data.Cause != map[bool]string{true: "api", false: "sync"}[ev.Data.EndpointID == stale.id] {
			t.Errorf("event %s of %s is caused by %s", ev.Type, ev.Subject, ev.Data.Cause)
		}
	}
}
