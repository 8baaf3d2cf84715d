package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/pvesim"
)

// Nodes, storages and guests are as the clusters have them; what vanishes stays as absent.
func TestTheInventoryIsTheCluster(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var all []*endpoint
	for _, v := range pvesim.Versions() {
		all = append(all, l.add(t, pvesim.New(v), pvesim.New(v, pvesim.WithWorld(pvesim.Generate("single-"+strings.ReplaceAll(v, ".", "-"), 3, 1, 10, 4))))...)
	}
	l.poll(t, all...)
	for _, e := range all {
		l.holdInventory(t, e)
	}
	for _, e := range all {
		e.cluster.Edit(func(w *pvesim.World) {
			w.Guests = w.Guests[1:]
			w.Guests[0].Name, w.Guests[0].Stopped = "renamed", true
			w.Storages = w.Storages[:len(w.Storages)-1]
			w.Storages[0].Content = []string{"backup"}
		})
	}
	gone := map[*endpoint]string{}
	for _, e := range all {
		gone[e] = l.vmids(t, e)[0]
	}
	l.poll(t, all...)
	for _, e := range all {
		l.holdInventory(t, e)
		guest := l.guests(t, e)[gone[e]]
		if guest == nil || guest["present"] != false {
			t.Errorf("%s: guest %s, which is gone, is %v", e.name, gone[e], guest)
		}
	}
}

// guests are those of an endpoint's cluster, by vmid.
func (l *lab) guests(t *testing.T, e *endpoint) map[string]object {
	t.Helper()
	out := map[string]object{}
	for _, o := range l.rest.list(t, fmt.Sprintf("%s?cluster_id=%d", guestsPath, l.clusterOf(t, e))) {
		out[strconv.Itoa(o.number("vmid"))] = o
	}
	return out
}

func (l *lab) vmids(t *testing.T, e *endpoint) []string {
	t.Helper()
	var out []string
	for vmid, o := range l.guests(t, e) {
		if o["present"] == true {
			out = append(out, vmid)
		}
	}
	slices.Sort(out)
	return out
}

func (l *lab) clusterOf(t *testing.T, e *endpoint) int {
	t.Helper()
	list := l.rest.list(t, fmt.Sprintf("%sproxmox-clusters/?endpoint_id=%d", pluginPath, e.id))
	if len(list) != 1 {
		t.Fatalf("%s has %d clusters", e.name, len(list))
	}
	return list[0].sub("cluster").id()
}

func (l *lab) holdInventory(t *testing.T, e *endpoint) {
	t.Helper()
	w := e.cluster.World()
	name, mode := w.Name, "cluster"
	if w.Standalone {
		name, mode = w.Nodes[0].Name, "standalone"
	}
	cluster := l.rest.list(t, fmt.Sprintf("%sproxmox-clusters/?endpoint_id=%d", pluginPath, e.id))[0]
	if cluster.text("name") != name || cluster.choice("mode") != mode || !strings.HasPrefix(cluster.text("version"), e.cluster.Version()) {
		t.Errorf("%s: the cluster is %v", e.name, cluster)
	}
	offline := map[string]bool{}
	var want, got []object
	for i, n := range w.Nodes {
		offline[n.Name] = n.Offline
		id := any(number(new(i + 1)))
		if w.Standalone {
			id = nil
		}
		want = append(want, object{"name": n.Name, "online": !n.Offline, "ip_address": n.IP, "node_id": id, "max_cpu": number(&n.CPUs), "present": true})
	}
	for _, o := range l.rest.list(t, fmt.Sprintf("%s?endpoint_id=%d&present=true", nodesPath, e.id)) {
		got = append(got, some(o, "name", "online", "ip_address", "node_id", "max_cpu", "present"))
	}
	hold(t, e, "nodes", want, got)

	want, got = nil, nil
	for _, s := range w.Storages {
		shared := s.Shared != nil && *s.Shared
		want = append(want, object{
			"name": s.ID, "storage_type": s.Type, "content": sorted(s.Content), "nodes": sorted(s.Nodes), "shared": shared, "enabled": !s.Disabled, "present": true,
		})
	}
	for _, o := range l.rest.list(t, fmt.Sprintf("%s?cluster_id=%d&present=true", storagesPath, l.clusterOf(t, e))) {
		got = append(got, some(o, "name", "storage_type", "content", "nodes", "shared", "enabled", "present"))
	}
	hold(t, e, "storages", want, got)

	want, got = nil, nil
	for _, g := range w.Guests {
		if offline[g.Node] {
			continue // nobody knows more than where they are
		}
		status := "active"
		if g.Stopped || g.Template {
			status = "offline"
		}
		o := object{
			"name": g.Name, "vmid": json.Number(strconv.Itoa(g.VMID)), "vm_type": g.Type, "node": g.Node, "status": status, "template": g.Template, "pool": g.Pool,
			"memory": json.Number(strconv.FormatInt(g.Memory/1_000_000, 10)), "placeholder": false, "proxmox_tags": sorted(strings.Split(g.Tags, ";")),
		}
		if version(t, e) < 7 {
			o["proxmox_tags"] = ""
		}
		want = append(want, o)
	}
	for _, o := range l.guests(t, e) {
		if o["present"] == true && !offline[o.sub("node").text("name")] {
			got = append(got, some(o, "name", "vmid", "vm_type", "node", "status", "template", "pool", "memory", "placeholder", "proxmox_tags"))
		}
	}
	hold(t, e, "guests", want, got)
}

// some are named fields of an object, references as names and choices as values.
func some(o object, names ...string) object {
	out, flat := object{}, plain(o)
	for _, name := range names {
		out[name] = flat[name]
	}
	return out
}

func sorted(words []string) string {
	words = slices.Clone(words)
	slices.Sort(words)
	return strings.Join(words, ",")
}

func hold(t *testing.T, e *endpoint, what string, want, got []object) {
	t.Helper()
	byName := func(a, b object) int { return strings.Compare(a.text("name"), b.text("name")) }
	slices.SortFunc(want, byName)
	slices.SortFunc(got, byName)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s (-world +REST):\n%s", e.name, what, diff)
	}
}
