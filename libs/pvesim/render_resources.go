package pvesim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// resources lists guests, pools, nodes and storages, each only as far as one may see it.
func resources(x *exchange) answer {
	kind := x.query.Get("type")
	kinds := []string{"vm", "storage", "node", "sdn"}
	if kind != "" && !slices.Contains(kinds, kind) {
		return x.invalid("type", fmt.Sprintf("value '%s' does not have a value in the enumeration '%s'", kind, strings.Join(kinds, ", ")))
	}
	rows := []object{}
	if kind == "" {
		rows = append(rows, poolRows(x)...)
	}
	if kind == "" || kind == "vm" {
		rows = append(rows, guestRows(x)...)
	}
	if kind == "" || kind == "node" {
		for i := range x.world.Nodes {
			rows = append(rows, resourceNode(x, i))
		}
	}
	if kind == "" || kind == "storage" {
		rows = append(rows, storageRows(x)...)
	}
	return x.data(rows)
}

func poolRows(x *exchange) []object {
	var rows []object
	for _, p := range x.world.Pools {
		if x.maySeePool(p) {
			rows = append(rows, object{"id": "/pool/" + p, "type": "pool", "pool": p})
		}
	}
	return rows
}

func (x *exchange) maySeePool(pool string) bool {
	return !x.dialect.has(poolAudit) || x.may("Pool.Audit", "/pool/"+pool)
}

func guestRows(x *exchange) []object {
	rows := make([]object, 0, len(x.world.Guests))
	up := map[string]bool{}
	for i, n := range x.world.Nodes {
		up[n.Name] = x.world.online(i)
	}
	for i := range x.world.Guests {
		if g := &x.world.Guests[i]; x.may("VM.Audit", vmPath(g.VMID)) {
			rows = append(rows, guestRow(x, g, up[g.Node]))
		}
	}
	return rows
}

// guestRow knows no more than the place of a guest whose node does not report.
func guestRow(x *exchange, g *Guest, reported bool) object {
	row := object{
		"id": fmt.Sprintf("%s/%d", g.Type, g.VMID), "vmid": g.VMID, "node": g.Node, "type": g.Type, "status": "unknown",
	}
	if g.Pool != "" && x.maySeePool(g.Pool) {
		row["pool"] = g.Pool
	}
	if g.HAState != "" {
		row["hastate"] = g.HAState
	}
	if g.Tags != "" && x.dialect.has(guestTags) {
		row["tags"] = g.Tags
	}
	if !reported {
		return row
	}
	name := g.Name
	if name == "" {
		name = fmt.Sprintf("%s%d", map[string]string{"qemu": "VM ", "lxc": "CT"}[g.Type], g.VMID)
	}
	row["name"], row["template"], row["status"] = name, number(g.Template), "stopped"
	row["maxcpu"], row["maxmem"], row["maxdisk"] = g.CPUs, g.Memory, g.Disk
	for _, k := range []string{"uptime", "cpu", "mem", "disk", "netin", "netout", "diskread", "diskwrite"} {
		row[k] = 0
	}
	if g.Stopped || g.Template {
		return row
	}
	mem := g.Memory / 2
	row["status"], row["uptime"], row["cpu"], row["mem"] = "running", 86400, 0.0121, mem
	row["netin"], row["netout"], row["diskread"], row["diskwrite"] = 1234567, 7654321, 111, 222
	if x.dialect.has(hostMemory) {
		row["memhost"] = mem + 4096
	}
	return row
}

func resourceNode(x *exchange, i int) object {
	row := nodeRow(x, i)
	if x.dialect.has(cgroupMode) {
		row["cgroup-mode"] = 2
	}
	if x.dialect.has(hostArch) {
		row["host-arch"] = "x86_64"
	}
	return row
}

// storageRows has a row per enabled storage and node. Of a node that is down only the directory storages are known.
func storageRows(x *exchange) []object {
	var rows []object
	for i, n := range x.world.Nodes {
		for _, s := range x.world.Storages {
			elsewhere := len(s.Nodes) > 0 && !slices.Contains(s.Nodes, n.Name)
			up := x.world.online(i)
			if s.Disabled || elsewhere || !up && s.Type != "dir" || !x.may("Datastore.Audit", "/storage/"+s.ID) {
				continue
			}
			row := object{
				"id": "storage/" + n.Name + "/" + s.ID, "storage": s.ID, "node": n.Name, "type": "storage", "plugintype": s.Type,
				"status": "unknown", "shared": number(s.Shared != nil && *s.Shared), "content": x.shuffled(s.Content),
			}
			if up {
				row["status"], row["maxdisk"], row["disk"] = "available", int64(500<<30), int64(100<<30)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// shuffled joins the keys of a Perl hash: in a new order each time.
func (x *exchange) shuffled(items []string) string {
	items = slices.Clone(items)
	x.cluster.rand.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	return strings.Join(items, ",")
}

// storage is the configuration, disabled storages included.
func storage(x *exchange) answer {
	rows := []object{}
	for i := range x.world.Storages {
		s := &x.world.Storages[i]
		if !x.may("Datastore.Audit", "/storage/"+s.ID) && !x.may("Datastore.AllocateSpace", "/storage/"+s.ID) {
			continue
		}
		row := object{"storage": s.ID, "type": s.Type, "content": x.shuffled(s.Content), "digest": storageDigest(x.world, s)}
		for k, v := range s.Options {
			row[k] = v
		}
		if s.Shared != nil {
			row["shared"] = number(*s.Shared)
		}
		if s.Disabled {
			row["disable"] = 1
		}
		if len(s.Nodes) > 0 {
			row["nodes"] = x.shuffled(s.Nodes)
		}
		if v, ok := wire(x.dialect, false, s.MaxFiles); ok {
			row["maxfiles"] = v
		}
		if s.Prune != "" {
			row["prune-backups"] = s.Prune
		}
		rows = append(rows, row)
	}
	return x.data(rows)
}

// storageDigest is the SHA-1 of storage.cfg, which every row repeats.
func storageDigest(w *World, s *Storage) string {
	if s.Digest != "" {
		return s.Digest
	}
	var b strings.Builder
	for _, s := range w.Storages {
		fmt.Fprintf(&b, "%s: %s\n\tcontent %s\n", s.Type, s.ID, strings.Join(s.Content, ","))
		for _, k := range slices.Sorted(maps.Keys(s.Options)) {
			option(&b, k, s.Options[k])
		}
		option(&b, "nodes", strings.Join(s.Nodes, ","))
		option(&b, "prune-backups", s.Prune)
		if s.Disabled {
			option(&b, "disable", "1")
		}
	}
	return sha1Hex(b.String())
}
