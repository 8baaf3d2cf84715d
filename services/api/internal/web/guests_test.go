package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// clusters are two, whose guests have the same VMIDs.
type clusters struct {
	*person
	prod, lab, prodCluster, labCluster int
	node, other                        int
	web, db, labWeb, lone              int
}

func newClusters(t *testing.T) *clusters {
	t.Helper()
	f := &clusters{person: serve(t)}
	f.prod, f.lab = f.endpoint("prod"), f.endpoint("lab")
	f.prodCluster = f.make(clustersPath, map[string]any{"name": "prod-cluster", "proxmox_endpoint": f.prod})
	f.labCluster = f.make(clustersPath, map[string]any{"name": "lab-cluster", "proxmox_endpoint": f.lab})
	f.node = f.make(nodesPath, map[string]any{"name": "pve-1", "endpoint": f.prod})
	f.other = f.make(nodesPath, map[string]any{"name": "pve-2", "endpoint": f.prod})
	f.web = f.make(vmsPath, map[string]any{"name": "web", "cluster": f.prodCluster, "vmid": 100, "node": f.node, "pool": "gold"})
	f.db = f.make(vmsPath, map[string]any{"name": "db", "cluster": f.prodCluster, "vmid": 101, "node": f.other})
	f.labWeb = f.make(vmsPath, map[string]any{"name": "lab-web", "cluster": f.labCluster, "vmid": 100})
	f.lone = f.make(vmsPath, map[string]any{"name": "lone", "cluster": f.prodCluster})
	return f
}

// routine makes a backup routine; what no request may set is set behind its back.
func (f *clusters) routine(name string, endpoint int, selection []int, more string) int {
	f.t.Helper()
	id := f.make(routinesPath, map[string]any{"job_id": name, "endpoint": endpoint, "selection": append([]int{}, selection...), "schedule": "02:00", "keep_last": 3, "keep_daily": 7})
	if more != "" {
		f.run("UPDATE backup_routines SET "+more+" WHERE id = $1", id)
	}
	return id
}

func TestTheTabOfAGuestShowsWhatIsDoneForItOnItsCluster(t *testing.T) {
	f := newClusters(t)
	f.routine("by-id", f.prod, []int{100}, "")
	f.routine("by-pool", f.prod, nil, "selection_mode = 'pool', pool = 'gold'")
	f.routine("all-of-them", f.prod, nil, "")
	f.routine("all-but-it", f.prod, nil, "exclude = '[100]'")
	f.routine("another", f.prod, []int{101}, "")
	f.routine("a-stale-one", f.prod, []int{100}, "status = 'stale', stale_since = now()")
	f.routine("an-idle-one", f.prod, []int{100}, "enabled = false")
	f.routine("elsewhere", f.lab, []int{100}, "")
	f.make(replsPath, map[string]any{"endpoint": f.prod, "replication_id": "100-0", "virtual_machine": f.web, "guest": 100, "jobnum": 0, "target": "pve-2", "schedule": "*/15"})
	f.make(replsPath, map[string]any{"endpoint": f.lab, "replication_id": "100-1", "virtual_machine": f.labWeb, "guest": 100, "jobnum": 1, "target": "x"})
	g := f.get(at(vmsPath, f.web, "proxbox/")).want(t, 200)
	var got []string
	for _, n := range g.all(tag("a"), with("data-open")) {
		got = append(got, textOf(n))
	}
	want := []string{"all-of-them (daily)", "by-id (daily)", "by-pool (daily)", "an-idle-one (daily)", "a-stale-one (daily)", "100-0 (web → pve-2)"}
	if !slices.Equal(got, want) {
		t.Errorf("it shows %q, want %q", got, want)
	}
	for _, text := range []string{"3 last, 7 daily", "*/15", "Backup routines that cover it 3 and 2 that are stale or disabled, and do not run"} {
		if !strings.Contains(g.text(), text) {
			t.Errorf("the page lacks %q", text)
		}
	}
	if !g.has(tag("a"), with("href", at(vmsPath, f.web, "proxbox/")), with("aria-current", "page")) {
		t.Error("the tab is not among the tabs")
	}
	for _, to := range g.links() {
		if strings.Contains(to, "covers=") {
			if n := len(f.get(to).want(t, 200).all(tag("tr"), with("data-row"))); n != 5 {
				t.Errorf("%s has %d rows", to, n)
			}
		}
	}
	if text := f.get(at(vmsPath, f.lone, "proxbox/")).want(t, 200).text(); !strings.Contains(text, "It has no VMID") || !strings.Contains(text, "This guest is not replicated") {
		t.Error(text)
	}
}

func TestTheTabOfAGuestKeepsToWhatItsViewerMaySee(t *testing.T) {
	f := newClusters(t)
	f.routine("prod-all", f.prod, nil, "")
	f.routine("prod-100", f.prod, []int{100}, "")
	f.make(replsPath, map[string]any{"endpoint": f.prod, "replication_id": "100-0", "virtual_machine": f.web, "guest": 100, "jobnum": 0, "target": "pve-2"})
	guests := permission{types: []string{"virtualization.virtualmachine", "virtualization.cluster"}, actions: []string{"view"}}
	some := f.limited("some", guests, permission{types: []string{"netbox_proxbox.backuproutine"}, actions: []string{"view"}, constraints: map[string]any{"job_id": "prod-100"}})
	g := some.get(at(vmsPath, f.web, "proxbox/")).want(t, 200)
	if text := g.text(); !strings.Contains(text, "prod-100") || strings.Contains(text, "prod-all") || strings.Contains(text, "100-0") {
		t.Error(text)
	}
	none := f.limited("none", guests)
	if text := none.get(at(vmsPath, f.web, "proxbox/")).want(t, 200).text(); !strings.Contains(text, "You may not see") || strings.Contains(text, "prod-") {
		t.Error(text)
	}
	lab := f.limited("lab", permission{types: []string{"virtualization.virtualmachine"}, actions: []string{"view"}, constraints: map[string]any{"id": f.labWeb}})
	lab.get(at(vmsPath, f.web, "proxbox/")).want(t, 404)
}

func TestARoutineShowsTheGuestsThatItCovers(t *testing.T) {
	f := newClusters(t)
	for name, c := range map[string]struct {
		selection []int
		more      string
		guests    []int
		says      []string
	}{
		"named":         {[]int{100, 101, 999}, "", []int{f.web, f.db}, []string{"Not in the inventory 999"}},
		"named on node": {[]int{100, 101}, fmt.Sprintf("node_id = %d", f.node), []int{f.web, f.db}, []string{"on pve-2 : not covered"}},
		"all":           {nil, "", []int{f.web, f.db}, []string{"All guests of the cluster"}},
		"all but one":   {nil, "exclude = '[101]'", []int{f.web}, []string{"All guests but 101"}},
		"all of a node": {nil, fmt.Sprintf("node_id = %d", f.other), []int{f.db}, []string{"of the node"}},
		"pool":          {nil, "selection_mode = 'pool', pool = 'gold'", []int{f.web}, []string{"the pool gold"}},
		"nothing":       {nil, "selection_mode = 'none'", nil, []string{"it backs up nothing"}},
	} {
		id := f.routine(name, f.prod, c.selection, c.more)
		g := f.get(at(routinesPath, id)).want(t, 200)
		card := g.one(t, tag("section"), with("aria-label", "Guests covered"))
		var got []string
		for _, n := range all(card, tag("li")) {
			to, _ := attr(all(n, tag("a"))[0], "href")
			got = append(got, to)
		}
		var want []string
		for _, id := range c.guests {
			want = append(want, at(vmsPath, id))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		for _, text := range c.says {
			if !strings.Contains(strings.ReplaceAll(textOf(card), " :", ":"), strings.ReplaceAll(text, " :", ":")) {
				t.Errorf("%s lacks %q: %s", name, text, textOf(card))
			}
		}
	}
}

func TestObjectsSayWhatRefersToThem(t *testing.T) {
	f := newClusters(t)
	store := f.make(storagePath, map[string]any{"name": "pbs", "cluster": f.prodCluster})
	f.routine("a", f.prod, nil, fmt.Sprintf("node_id = %d, storage_id = %d", f.node, store))
	f.routine("b", f.prod, nil, fmt.Sprintf("storage_id = %d", store))
	f.make(replsPath, map[string]any{"endpoint": f.prod, "replication_id": "100-0", "virtual_machine": f.web, "guest": 100, "jobnum": 0, "target": "pve-2", "proxmox_node": f.node, "target_node": f.other})
	for path, want := range map[string]string{
		at(nodesPath, f.node):           "Virtual machines on this node 1 Backup routines of this node 1 Replications from here 1 Replications to here 0",
		at(nodesPath, f.other):          "Virtual machines on this node 1 Backup routines of this node 0 Replications from here 0 Replications to here 1",
		at(storagePath, store):          "Backup routines that write here 2 Backup routines that use it for fleecing 0",
		at(clustersPath, f.prodCluster): "Virtual machines 3 Storage 1 Backup routines 2 Replications 1",
		at(clustersPath, f.labCluster):  "Virtual machines 1 Storage 0 Backup routines 0 Replications 0",
	} {
		card := f.get(path).want(t, 200).one(t, tag("section"), with("aria-label", "What refers to it"))
		if got := textOf(card); got != "Refers to it "+want {
			t.Errorf("%s: %s\nwant %s", path, got, want)
		}
		for _, n := range all(card, tag("a")) {
			to, _ := attr(n, "href")
			shown := textOf(n)
			if rows := len(f.get(to).want(t, 200).all(tag("tr"), with("data-row"))); !strings.HasSuffix(shown, fmt.Sprintf(" %d", rows)) {
				t.Errorf("%q leads to %s with %d rows", shown, to, rows)
			}
		}
	}
	limited := f.limited("limited", permission{types: []string{"netbox_proxbox.proxmoxnode"}, actions: []string{"view"}},
		permission{types: []string{"netbox_proxbox.backuproutine"}, actions: []string{"view"}, constraints: map[string]any{"job_id": "b"}})
	card := limited.get(at(nodesPath, f.node)).want(t, 200).one(t, tag("section"), with("aria-label", "What refers to it"))
	if got := textOf(card); got != "Refers to it Backup routines of this node 0" {
		t.Errorf("a limited user sees %s", got)
	}
}
