package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/pvesim"
)

// twins are two clusters with the same nodes, guests and jobs, of which only the name differs.
func twins(v string, jobs int) (changing, other *pvesim.Cluster) {
	world := pvesim.Generate("twin", 11, 3, 6, jobs)
	world.Backups = slices.Clone(world.Backups)
	return pvesim.New(v, pvesim.WithWorld(world), pvesim.WithName("changing")), pvesim.New(v, pvesim.WithWorld(world), pvesim.WithName("other"))
}

// The life of a job: created, changed, stale within one poll, and back under the same id. Its twin in another cluster hears nothing of it.
func TestAJobLivesThroughAllItsEvents(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var changing, others []*endpoint
	for _, v := range []string{"7.4", "8.4", "9.2"} { // 6.4 renames jobs at every edit: see TestNewNamesOfVersion6KeepTheirRows
		a, b := twins(v, 4)
		both := l.add(t, a, b)
		changing, others = append(changing, both[0]), append(others, both[1])
	}
	all := slices.Concat(changing, others)
	l.poll(t, all...)
	l.mustBe(t, "ok", all...)
	begin := len(l.events(t))
	ids := map[*endpoint][2]int{}
	routines, replications := map[*endpoint]map[string]object{}, map[*endpoint]map[string]object{}
	for _, e := range all {
		routines[e], replications[e] = l.rest.routines(t, e), l.rest.replications(t, e)
		w := e.cluster.World()
		ids[e] = [2]int{routines[e][w.Backups[1].ID].id(), replications[e][w.Replications[1].ID()].id()}
	}
	untouched := func() {
		t.Helper()
		for _, e := range others {
			if diff := cmp.Diff(still(routines[e]), still(l.rest.routines(t, e))); diff != "" {
				t.Fatalf("routines of %s, which did not change:\n%s", e.name, diff)
			}
			if diff := cmp.Diff(still(replications[e]), still(l.rest.replications(t, e))); diff != "" {
				t.Fatalf("replications of %s, which did not change:\n%s", e.name, diff)
			}
		}
	}
	look := func(e *endpoint) (routine, replication object) {
		t.Helper()
		return l.rest.get(t, fmt.Sprintf("%s%d/", routinesPath, ids[e][0])), l.rest.get(t, fmt.Sprintf("%s%d/", replicationsPath, ids[e][1]))
	}
	step := func(change func(w *pvesim.World), check func(e *endpoint, name string, o object)) {
		t.Helper()
		for _, e := range changing {
			e.cluster.Edit(change)
		}
		l.poll(t, all...)
		l.mustBe(t, "ok", all...)
		for _, e := range changing {
			routine, replication := look(e)
			check(e, e.name+" routine", routine)
			check(e, e.name+" replication", replication)
		}
		untouched()
	}
	var backup pvesim.BackupJob
	var replication pvesim.Replication

	step(func(w *pvesim.World) {
		w.Backups[1].Comment, w.Replications[1].Comment = "edited", "edited"
		backup, replication = w.Backups[1].Clone(), w.Replications[1].Clone()
	}, func(_ *endpoint, name string, o object) {
		if o.text("comment") != "edited" || o.number("version") != 2 || o.choice("status") != "active" {
			t.Errorf("%s after an edit: %v", name, o)
		}
	})
	step(func(w *pvesim.World) { w.DeleteBackup(backup.ID); w.DeleteReplication(replication.ID()) }, func(_ *endpoint, name string, o object) {
		if o.choice("status") != "stale" || o.number("version") != 3 || o.text("stale_since") == "" || o["next_run"] != nil || o.text("last_seen") >= o.text("stale_since") {
			t.Errorf("%s after one poll without it: %v", name, o)
		}
	})
	step(func(*pvesim.World) {}, func(_ *endpoint, name string, o object) {
		if o.choice("status") != "stale" || o.number("version") != 3 {
			t.Errorf("%s after another poll without it: %v", name, o)
		}
	})
	step(func(w *pvesim.World) {
		w.Backups, w.Replications = append(w.Backups, backup), append(w.Replications, replication)
	}, func(_ *endpoint, name string, o object) {
		if o.choice("status") != "active" || o.number("version") != 4 || o["stale_since"] != nil {
			t.Errorf("%s after it came back: %v", name, o)
		}
	})

	events := l.events(t)
	for _, e := range changing {
		for i, kind := range jobKinds {
			want := []string{"created 1", "updated 2", "stale 3", "reactivated 4"}
			if diff := cmp.Diff(want, story(events, kind, ids[e][i])); diff != "" {
				t.Errorf("events of the %s of %s (-want +got):\n%s", kind, e.name, diff)
			}
		}
	}
	if got, want := len(events)-begin, 3*2*len(changing); got != want {
		t.Errorf("%d events followed, want %d: other jobs changed too: %v", got, want, tell(after(events, begin)))
	}
	for _, ev := range after(events, begin) {
		name, _ := eventName(ev)
		want := map[string][]string{"updated": {"comment", "raw_config"}, "stale": {"status"}, "reactivated": {"status"}}[name]
		if ev.Data.Kind == "backup_routine" && !slices.Equal(ev.Data.Changed, want) || ev.Data.Cause != "sync" {
			t.Errorf("event %s of %s says changed %v by %s", ev.Type, ev.Subject, ev.Data.Changed, ev.Data.Cause)
		}
	}
}

// still is a list of jobs without what moves by itself.
func still(jobs map[string]object) map[string]object {
	out := map[string]object{}
	for key, o := range jobs {
		out[key] = object{}
		for name, v := range o {
			if name != "last_seen" && name != "next_run" {
				out[key][name] = v
			}
		}
	}
	return out
}

func tell(events []event) []string {
	var out []string
	for _, e := range events {
		out = append(out, fmt.Sprintf("%s %s of endpoint %d: %v", e.Type, e.Subject, e.Data.EndpointID, e.Data.Changed))
	}
	return out
}

// The last job of a cluster, and nearly all of many, become stale within one poll like any other, as a second reading confirms them.
func TestTheLastJobsBecomeStaleToo(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var all []*endpoint
	kept := map[*endpoint]int{}
	for _, v := range pvesim.Versions() {
		for _, jobs := range []int{1, 30} {
			e := l.add(t, pvesim.New(v, pvesim.WithWorld(pvesim.Generate(fmt.Sprintf("jobs-%d", jobs), 3, 3, 40, jobs))))[0]
			all = append(all, e)
			kept[e] = jobs / 10
		}
	}
	l.poll(t, all...)
	for _, e := range all {
		e.cluster.Edit(func(w *pvesim.World) { w.Backups, w.Replications = w.Backups[:kept[e]], w.Replications[:kept[e]] })
	}
	l.poll(t, all...)
	l.mustBe(t, "ok", all...)
	for _, e := range all {
		for kind, jobs := range map[string]map[string]object{"routine": l.rest.routines(t, e), "replication": l.rest.replications(t, e)} {
			active := 0
			for _, o := range jobs {
				if o.choice("status") == "active" {
					active++
				}
			}
			if active != kept[e] || len(jobs) == kept[e] {
				t.Errorf("%s: %d of %d %ss are active, want %d", e.name, active, len(jobs), kind, kept[e])
			}
		}
	}
	for _, e := range all {
		e.cluster.Edit(func(w *pvesim.World) { w.Backups, w.Replications = nil, nil })
	}
	before := len(l.events(t))
	l.poll(t, all...)
	l.poll(t, all...)
	l.mustBe(t, "ok", all...)
	for _, e := range all {
		for _, path := range []string{routinesPath, replicationsPath} {
			if n := len(l.rest.list(t, fmt.Sprintf("%s?endpoint_id=%d&status=active", path, e.id))); n != 0 {
				t.Errorf("%s: %d jobs under %s are active, and the cluster has none", e.name, n, path)
			}
		}
	}
	if got, want := len(l.events(t))-before, 2*3*len(pvesim.Versions()); got != want {
		t.Errorf("%d events followed, want %d", got, want)
	}
}

// After a migration to the replication's target, source and target have swapped under the same id, each within its own cluster.
func TestAMigrationTurnsAReplicationRound(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var moving, others []*endpoint
	for _, v := range pvesim.Versions() {
		a, b := twins(v, 3)
		both := l.add(t, a, b)
		moving, others = append(moving, both[0]), append(others, both[1])
	}
	all := slices.Concat(moving, others)
	l.poll(t, all...)
	before := map[*endpoint]map[string]object{}
	for _, e := range all {
		before[e] = l.rest.replications(t, e)
	}
	job := moving[0].cluster.World().Replications[0]
	for _, e := range moving {
		e.cluster.Edit(func(w *pvesim.World) { w.Migrate(job.Guest, job.Target) })
	}
	l.poll(t, all...)
	l.mustBe(t, "ok", all...)
	for _, e := range moving {
		old, now := before[e][job.ID()], l.rest.replications(t, e)[job.ID()]
		if now.id() != old.id() || now.text("source") != old.text("target") || now.text("target") != old.text("source") ||
			now.sub("proxmox_node").id() != old.sub("target_node").id() || now.sub("target_node").id() != old.sub("proxmox_node").id() {
			t.Errorf("%s: replication %s was %v and is %v", e.name, job.ID(), old, now)
		}
		if want := fmt.Sprintf("→ %s)", job.Source); !strings.HasSuffix(now.text("display"), want) {
			t.Errorf("%s: display %q, want %q at its end", e.name, now.text("display"), want)
		}
		if guest := l.rest.get(t, now.sub("virtual_machine").text("url")); guest.sub("node").text("name") != job.Target {
			t.Errorf("%s: guest %s is on node %v, want %s", e.name, guest.text("name"), guest["node"], job.Target)
		}
	}
	for _, e := range others {
		if diff := cmp.Diff(still(before[e]), still(l.rest.replications(t, e))); diff != "" {
			t.Errorf("replications of %s, where nothing moved:\n%s", e.name, diff)
		}
	}
	for _, e := range all {
		for _, o := range l.rest.replications(t, e) {
			for _, field := range []string{"proxmox_node", "target_node"} {
				if node := l.rest.get(t, o.sub(field).text("url")); node.sub("endpoint").id() != e.id {
					t.Errorf("%s: %s of %s belongs to endpoint %v", e.name, field, o.text("display"), node["endpoint"])
				}
			}
			guest := l.rest.get(t, o.sub("virtual_machine").text("url"))
			if cluster := l.rest.get(t, guest.sub("cluster").text("url")); cluster.sub("proxmox_endpoint").id() != e.id {
				t.Errorf("%s: the guest of %s belongs to cluster %v", e.name, o.text("display"), cluster)
			}
		}
	}
}

// A replication of a guest that nobody knows is kept with a placeholder, which the inventory fills when the guest appears.
func TestAnUnknownGuestIsFilledLater(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var clusters []*pvesim.Cluster
	for _, v := range pvesim.Versions() {
		clusters = append(clusters, pvesim.New(v))
	}
	all := l.add(t, clusters...)
	l.poll(t, all...)
	placeholders := map[*endpoint]object{}
	for _, e := range all {
		o := l.rest.replications(t, e)["999-0"]
		guest := l.rest.get(t, o.sub("virtual_machine").text("url"))
		placeholders[e] = guest
		if guest.text("name") != "VM 999" || guest["placeholder"] != true || guest["present"] != false || guest.number("vmid") != 999 {
			t.Errorf("%s: the guest of 999-0 is %v, want a placeholder", e.name, guest)
		}
		e.cluster.Edit(func(w *pvesim.World) {
			w.Guests = append(w.Guests, pvesim.Guest{VMID: 999, Type: "lxc", Name: "found", Node: "pve1", CPUs: 1, Memory: 1 << 30, Disk: 1 << 30})
		})
	}
	l.poll(t, all...)
	for _, e := range all {
		o := l.rest.replications(t, e)["999-0"]
		guest := l.rest.get(t, o.sub("virtual_machine").text("url"))
		if guest.id() != placeholders[e].id() || guest.text("name") != "found" || guest["placeholder"] != false || guest["present"] != true ||
			guest.choice("vm_type") != "lxc" || guest.sub("node").text("name") != "pve1" {
			t.Errorf("%s: the guest of 999-0 is %v, want the one that was found, as %d", e.name, guest, placeholders[e].id())
		}
		if !strings.Contains(o.text("display"), "found") {
			t.Errorf("%s: the replication is shown as %q", e.name, o.text("display"))
		}
	}
}

// On 6.4 every edit of a job gives all jobs new ids. They are the same jobs all the same.
func TestNewNamesOfVersion6KeepTheirRows(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.add(t, pvesim.New("6.4", pvesim.WithWorld(pvesim.Generate("old", 5, 3, 20, 12))))[0]
	l.poll(t, e)
	ids := func() (byLine []int, names []string) {
		t.Helper()
		jobs := l.rest.routines(t, e)
		names = e.cluster.BackupIDs()
		for _, name := range names {
			if jobs[name].choice("status") != "active" {
				t.Errorf("%s is %v", name, jobs[name])
			}
			byLine = append(byLine, jobs[name].id())
		}
		return byLine, names
	}
	first, names := ids()
	e.cluster.Edit(func(w *pvesim.World) { w.Backups[3].Storage, w.Backups[3].BWLimit = "local-zfs", new(77) })
	l.poll(t, e)
	second, renamed := ids()
	if !slices.Equal(first, second) {
		t.Errorf("after an edit the jobs are in the rows %v, before they were in %v", second, first)
	}
	if slices.Equal(names, renamed) {
		t.Fatal("the simulator did not rename jobs, so nothing was proved")
	}
	if o := l.rest.get(t, fmt.Sprintf("%s%d/", routinesPath, second[3])); o.sub("storage").text("name") != "local-zfs" || o.number("bwlimit") != 77 {
		t.Errorf("the edited job is %v", o)
	}
	e.cluster.Edit(func(w *pvesim.World) { w.Backups = slices.Delete(w.Backups, 5, 6) })
	l.poll(t, e)
	third, _ := ids()
	if want := slices.Delete(slices.Clone(first), 5, 6); !slices.Equal(third, want) {
		t.Errorf("after a deletion the jobs are in the rows %v, want %v", third, want)
	}
	if o := l.rest.get(t, fmt.Sprintf("%s%d/", routinesPath, first[5])); o.choice("status") != "stale" {
		t.Errorf("the deleted job is %v", o)
	}
	e.cluster.Edit(func(w *pvesim.World) {
		w.Backups[8].Storage, w.Backups[8].BWLimit = "local-zfs", new(88)
		w.Backups = slices.Delete(w.Backups, 1, 2)
	})
	l.poll(t, e)
	fourth, _ := ids()
	if want := slices.Delete(slices.Clone(third), 1, 2); !slices.Equal(fourth, want) {
		t.Errorf("after an edit below a deletion the jobs are in the rows %v, want %v", fourth, want)
	}
	if o := l.rest.get(t, fmt.Sprintf("%s%d/", routinesPath, third[8])); o.number("bwlimit") != 88 {
		t.Errorf("the job that was edited below a deletion is %v", o)
	}
	events := l.events(t)
	for i, id := range first {
		want := []string{"created 1", "updated 2", "updated 3", "updated 4"}
		switch i {
		case 1:
			want[3] = "stale 4"
		case 5:
			want = []string{"created 1", "updated 2", "stale 3"}
		}
		if diff := cmp.Diff(want, story(events, "backup_routine", id)); diff != "" {
			t.Errorf("events of row %d (-want +got):\n%s", id, diff)
		}
	}
}
