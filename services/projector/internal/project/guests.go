package project

import (
	"context"
	"fmt"
	"strings"
	"time"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/projector/internal/store"
)

func (r *run) writeGuests(ctx context.Context, sc scope, nodes map[string]int32) error {
	rows, err := r.q.GuestRows(ctx, sc.cluster)
	if err != nil {
		return err
	}
	byVmid := make(map[int64]store.VirtualMachine, len(rows))
	for _, row := range rows {
		byVmid[*row.Vmid] = row
	}
	var o objects[store.VirtualMachine]
	put := func(before, after store.VirtualMachine) {
		o.put(r, before.ID == 0, before, after, func(v *store.VirtualMachine) *time.Time { return &v.LastUpdated },
			func(v *store.VirtualMachine) bool { return v.Present })
	}
	for _, g := range r.snapshot.GetInventory().GetGuests() {
		before := byVmid[g.GetVmid()]
		delete(byVmid, g.GetVmid())
		put(before, guest(before, sc, nodes, g))
	}
	for _, before := range byVmid {
		after := before
		after.Present = false
		if before.Present {
			put(before, after)
		}
	}
	return r.saveGuests(ctx, o)
}

// guest is the row of a guest as the cluster tells it. What the cluster does not know at the moment, as for a guest of a node that is
// offline, stays as it was.
func guest(row store.VirtualMachine, sc scope, nodes map[string]int32, g *proxopsv1.Guest) store.VirtualMachine {
	isNew := row.ID == 0
	row.ClusterID, row.Vmid, row.Present, row.Placeholder = sc.cluster, new(g.GetVmid()), true, false
	if name := text(g.GetName()); name != "" {
		row.Name = name
	} else if isNew {
		row.Name = fmt.Sprintf("VM %d", g.GetVmid())
	}
	if t := g.GetGuestType(); t == "qemu" || t == "lxc" {
		row.VmType = t
	}
	row.NodeID = lookup(nodes, text(g.GetNode()))
	row.Status = guestStatus(row.Status, g.GetStatus())
	row.Template = g.GetTemplate()
	row.Pool = text(g.GetPool())
	row.ProxmoxTags = text(strings.Join(g.GetTags(), ","))
	if cpus := finite(g.GetMaxCpu()); cpus != nil && *cpus > 0 {
		row.Vcpus = cpus
	}
	row.Memory = megabytes(row.Memory, g.GetMaxMemory())
	row.Disk = megabytes(row.Disk, g.GetMaxDisk())
	return row
}

// guestStatus says Proxmox's states in NetBox's words. One that means nothing to NetBox, such as "unknown" while the node of a guest is
// offline, leaves what was known; a guest of which nothing was known is offline.
func guestStatus(before, proxmox string) string {
	switch proxmox {
	case "running":
		return "active"
	case "stopped":
		return "offline"
	case "paused", "suspended":
		return "paused"
	}
	if before == "" {
		return "offline"
	}
	return before
}

// megabytes counts as NetBox does, in 10^6 bytes. Zero bytes mean that nobody said it.
func megabytes(before *int64, bytes int64) *int64 {
	if bytes <= 0 {
		return before
	}
	return new(bytes / 1_000_000)
}

func (r *run) saveGuests(ctx context.Context, o objects[store.VirtualMachine]) error {
	if len(o.fresh) > 0 {
		params := make([]store.GuestCopyParams, len(o.fresh))
		for i, v := range o.fresh {
			params[i] = store.GuestCopyParams{
				Name: v.Name, ClusterID: v.ClusterID, Vmid: v.Vmid, VmType: v.VmType, NodeID: v.NodeID, Status: v.Status, Template: v.Template,
				Pool: v.Pool, ProxmoxTags: v.ProxmoxTags, Vcpus: v.Vcpus, Memory: v.Memory, Disk: v.Disk, Present: v.Present,
			}
		}
		if _, err := r.q.GuestCopy(ctx, params); err != nil {
			return err
		}
	}
	if len(o.changed) == 0 {
		return nil
	}
	params := make([]store.GuestUpdateParams, len(o.changed))
	for i, v := range o.changed {
		params[i] = store.GuestUpdateParams{
			ID: v.ID, Name: v.Name, VmType: v.VmType, NodeID: v.NodeID, Status: v.Status, Template: v.Template, Pool: v.Pool,
			ProxmoxTags: v.ProxmoxTags, Vcpus: v.Vcpus, Memory: v.Memory, Disk: v.Disk, Present: v.Present, Placeholder: v.Placeholder,
			LastUpdated: v.LastUpdated,
		}
	}
	var failed error
	r.q.GuestUpdate(ctx, params).Exec(func(_ int, err error) { failed = first(failed, err) })
	return failed
}
