package project_test

import (
	"testing"

	"github.com/proxops/proxops/libs/change"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/projector/internal/project"
)

func smallInventory(edit ...func(*proxopsv1.Inventory)) *proxopsv1.Inventory {
	inv := &proxopsv1.Inventory{
		Version: "8.4.5", TimeZone: "Europe/Berlin",
		Nodes: []*proxopsv1.Node{
			{Name: "pve1", NodeId: 1, Online: true, IpAddress: "192.0.2.1", SslFingerprint: "AA", MaxCpu: 8, MaxMemory: 64 << 30},
			{Name: "pve2", NodeId: 2, Online: false},
		},
		Storages: []*proxopsv1.Storage{{
			Name: "pbs", StorageType: "pbs", Content: []string{"backup"}, Nodes: []string{"pve1", "pve2"}, Shared: true, Enabled: true,
			RawConfig: []byte(`{"server":"192.0.2.9","port":8007}`),
		}},
		Guests: []*proxopsv1.Guest{
			{Vmid: 100, Name: "web", GuestType: "qemu", Node: "pve1", Status: "running", Pool: "prod", Tags: []string{"a", "b"}, MaxCpu: 4, MaxMemory: 4 << 30, MaxDisk: 32 << 30},
			{Vmid: 101, GuestType: "lxc", Node: "pve2", Status: "unknown"},
			{Vmid: 102, Name: "t", GuestType: "qemu", Node: "pve1", Status: "stopped", Template: true},
		},
	}
	for _, e := range edit {
		e(inv)
	}
	return inv
}

const (
	guestRows = `SELECT concat_ws('|', vmid, v.name, vm_type, n.name, v.status, template, pool, proxmox_tags, vcpus, memory, disk, v.present, placeholder)
		FROM virtual_machines v LEFT JOIN nodes n ON n.id = v.node_id ORDER BY vmid`
	nodeRows    = `SELECT concat_ws('|', name, node_id, online, ip_address, ssl_fingerprint, max_cpu, max_memory, present) FROM nodes ORDER BY name`
	storageRows = `SELECT concat_ws('|', name, storage_type, content, nodes, shared, enabled, present, raw_config) FROM storages ORDER BY name`
)

func TestTheInventoryIsWhatTheClusterSays(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	if r := l.apply(inventoryOf(e, smallInventory())); counts(r) != [5]int{6, 0, 0, 0, 0} {
		t.Errorf("%v", r)
	}
	equal(l, "nodes", all[string](l, nodeRows), []string{"pve1|1|t|192.0.2.1|AA|8|68719476736|t", "pve2|2|f|||t"})
	equal(l, "storages", all[string](l, storageRows), []string{`pbs|pbs|backup|pve1,pve2|t|t|t|{"port": 8007, "server": "192.0.2.9"}`})
	equal(l, "guests", all[string](l, guestRows), []string{
		"100|web|qemu|pve1|active|f|prod|a,b|4|4294|34359|t|f", "101|VM 101|lxc|pve2|offline|f|||t|f", "102|t|qemu|pve1|offline|t|||t|f",
	})
	cluster := one[string](l, `SELECT concat_ws('|', c.name, p.name, mode, version, pve_version, time_zone, cluster_name, p.endpoint_id = c.endpoint_id)
		FROM clusters c JOIN proxmox_clusters p ON p.cluster_id = c.id JOIN endpoint_states s ON s.endpoint_id = c.endpoint_id`)
	equal(l, "cluster", cluster, "lab|lab|cluster|8.4.5|8.4.5|Europe/Berlin|lab|t")
	if n := one[int](l, `SELECT count(*) FROM changes`); n != 0 {
		t.Errorf("the inventory wrote %d change rows", n)
	}
}

func TestAnUnchangedInventoryWritesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	l.apply(inventoryOf(e, smallInventory()))
	before := l.dump()
	l.exec(`UPDATE sync_states SET digest = NULL`)
	if r := l.apply(inventoryOf(e, smallInventory())); r.Outcome != project.Applied || counts(r) != [5]int{0, 0, 6, 0, 0} {
		t.Errorf("%v", r)
	}
	after := l.dump()
	for _, table := range []string{"nodes", "storages", "virtual_machines", "clusters", "proxmox_clusters"} {
		equal(l, table, after[table], before[table])
	}
}

func TestWhatTheInventoryLacksStaysAsAbsent(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	l.apply(inventoryOf(e, smallInventory()))
	ids := all[int32](l, `SELECT id FROM virtual_machines ORDER BY vmid`)
	r := l.apply(inventoryOf(e, &proxopsv1.Inventory{Version: "8.4.5", Nodes: []*proxopsv1.Node{{Name: "pve1", Online: true}}}))
	if counts(r) != [5]int{0, 1, 0, 5, 0} {
		t.Errorf("%v", r)
	}
	equal(l, "nodes", all[string](l, nodeRows), []string{"pve1|t|||8|68719476736|t", "pve2|2|f|||f"})
	if n := one[int](l, `SELECT count(*) FROM virtual_machines WHERE NOT present`); n != 3 {
		t.Errorf("%d of 3 guests are absent", n)
	}
	if r := l.apply(inventoryOf(e, smallInventory())); counts(r) != [5]int{0, 1, 0, 0, 5} {
		t.Errorf("%v", r)
	}
	equal(l, "ids", all[int32](l, `SELECT id FROM virtual_machines ORDER BY vmid`), ids)
}

func TestTheInventoryFillsPlaceholdersInItsOwnCluster(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, b := l.endpoint("a"), l.endpoint("b")
	for _, e := range []int32{a, b} {
		l.apply(replicationsOf(e, replication(100, 0)))
		l.apply(routinesOf(e, routine("job")))
	}
	equal(l, "placeholders", all[string](l, guestRows), []string{"100|VM 100||offline|f|||f|t", "100|VM 100||offline|f|||f|t"})
	equal(l, "versions", l.changes(change.Replication, a, "100-0"), []string{"1 created"})
	vm := one[int32](l, `SELECT virtual_machine_id FROM replications WHERE endpoint_id = $1`, a)
	l.apply(inventoryOf(a, smallInventory()))
	filled := one[string](l, `SELECT concat_ws('|', v.name, v.status, v.placeholder, v.present, n.name, n.endpoint_id = $2)
		FROM virtual_machines v JOIN nodes n ON n.id = v.node_id WHERE v.id = $1`, vm, a)
	equal(l, "the guest of a", filled, "web|active|f|t|pve1|t")
	if n := one[int](l, `SELECT count(*) FROM virtual_machines v JOIN clusters c ON c.id = v.cluster_id WHERE c.endpoint_id = $1 AND placeholder`, b); n != 1 {
		t.Errorf("the guest of b is no placeholder any more")
	}
	nodes := all[string](l, `SELECT concat_ws(' ', e.name, n.name, n.present) FROM nodes n JOIN endpoints e ON e.id = n.endpoint_id ORDER BY 1`)
	equal(l, "nodes", nodes, []string{"a pve1 t", "a pve2 t", "b pve1 f", "b pve2 f"})
	storages := all[string](l, `SELECT concat_ws(' ', c.endpoint_id = $1, s.name, s.present) FROM storages s JOIN clusters c ON c.id = s.cluster_id ORDER BY 1`, a)
	equal(l, "storages", storages, []string{"f local-lvm f", "f pbs f", "t local-lvm f", "t pbs t"})
	// The placeholder is filled, the job is not changed: its reference is the same.
	l.exec(`UPDATE sync_states SET digest = NULL`)
	if r := l.apply(replicationsOf(a, replication(100, 0))); counts(r) != [5]int{0, 0, 1, 0, 0} {
		t.Errorf("%v", r)
	}
}

func TestAGuestMovesBetweenNodes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	l.apply(inventoryOf(e, smallInventory()))
	r := l.apply(inventoryOf(e, smallInventory(func(i *proxopsv1.Inventory) {
		i.Guests[0].Node, i.Guests[0].Status = "pve3", "paused"
		i.Guests[1].Status, i.Guests[1].Name = "running", "ct"
		i.Guests[2].Status, i.Guests[2].Name = "unknown", ""
	})))
	if counts(r) != [5]int{0, 2, 4, 0, 0} {
		t.Errorf("%v", r)
	}
	equal(l, "guests", all[string](l, guestRows), []string{
		"100|web|qemu|pve3|paused|f|prod|a,b|4|4294|34359|t|f", "101|ct|lxc|pve2|active|f|||t|f", "102|t|qemu|pve1|offline|t|||t|f",
	})
	if n := one[int](l, `SELECT count(*) FROM nodes WHERE name = 'pve3' AND NOT present`); n != 1 {
		t.Error("a node that only a guest names is missing")
	}
}

func TestAReplicationWithoutSourceFollowsItsGuest(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	silent := func(j *proxopsv1.Replication) { j.Source = "" }
	l.apply(replicationsOf(e, replication(100, 0, silent), replication(101, 0)))
	node := func() string {
		return one[string](l, `SELECT coalesce(n.name, '') FROM replications r LEFT JOIN nodes n ON n.id = r.proxmox_node_id WHERE guest = 100`)
	}
	equal(l, "unknown", node(), "")
	l.apply(inventoryOf(e, smallInventory()))
	equal(l, "known", node(), "pve1")
	before := l.dump()["replications"]
	l.exec(`UPDATE sync_states SET digest = NULL`)
	l.apply(inventoryOf(e, smallInventory()))
	l.apply(replicationsOf(e, replication(100, 0, silent), replication(101, 0)))
	equal(l, "nothing moved", l.dump()["replications"], before)
	l.apply(inventoryOf(e, smallInventory(func(i *proxopsv1.Inventory) { i.Guests[0].Node = "pve2" })))
	equal(l, "moved", node(), "pve2")
	equal(l, "changes", l.changes(change.Replication, e, "100-0"), []string{"1 created", "2 updated proxmox_node", "3 updated proxmox_node"})
	equal(l, "other", l.changes(change.Replication, e, "101-0"), []string{"1 created"})
}
