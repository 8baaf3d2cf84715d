package project

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/proxops/proxops/libs/change"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/projector/internal/store"
)

// writeInventory makes nodes, storages and guests what the snapshot says, and writes no row that says so already. What is listed no more
// stays, as absent: its tags and notes are the user's, and jobs may refer to it. The inventory is no job, so it has no change rows.
func (r *run) writeInventory(ctx context.Context) error {
	sc, err := r.ensureScope(ctx)
	if err != nil {
		return err
	}
	if err := r.writeCluster(ctx, sc); err != nil {
		return err
	}
	nodes, err := r.writeNodes(ctx, sc)
	if err != nil {
		return fmt.Errorf("write the nodes: %w", err)
	}
	if err := r.writeStorages(ctx, sc); err != nil {
		return fmt.Errorf("write the storages: %w", err)
	}
	if err := r.writeGuests(ctx, sc, nodes); err != nil {
		return fmt.Errorf("write the guests: %w", err)
	}
	return r.relink(ctx)
}

// writeCluster writes what the endpoint says about the whole cluster.
func (r *run) writeCluster(ctx context.Context, sc scope) error {
	inv, name := r.snapshot.GetInventory(), text(r.snapshot.GetIdentity().GetName())
	if err := r.q.ClusterRename(ctx, name, r.now, sc.cluster); err != nil {
		return fmt.Errorf("name the cluster: %w", err)
	}
	err := r.q.ProxmoxClusterUpdate(ctx, store.ProxmoxClusterUpdateParams{
		ID: sc.proxmoxCluster, Name: name, Mode: r.mode(), Version: text(inv.GetVersion()), At: r.now,
	})
	if err != nil {
		return fmt.Errorf("write the Proxmox cluster: %w", err)
	}
	zone := text(inv.GetTimeZone())
	if zone == r.state.TimeZone && text(inv.GetVersion()) == r.state.PveVersion {
		return nil
	}
	if err := r.q.EndpointTold(ctx, text(inv.GetVersion()), zone, r.endpoint); err != nil {
		return fmt.Errorf("write version and time zone: %w", err)
	}
	before := r.zone
	if r.zone = location(r.zoneByHand, zone); r.zone.String() == before.String() {
		return nil
	}
	return r.recomputeNextRuns(ctx)
}

// objects collects what is to be written of one kind of object.
type objects[R any] struct {
	fresh, changed []R
}

// put compares a row with what it is to be. The row of an object that is new has no id.
func (o *objects[R]) put(r *run, isNew bool, before, after R, stamp func(*R) *time.Time, present func(*R) bool) {
	switch {
	case isNew:
		o.fresh = append(o.fresh, after)
		r.result.Created++
	case reflect.DeepEqual(before, after):
		r.result.Unchanged++
	default:
		*stamp(&after) = r.now
		o.changed = append(o.changed, after)
		switch {
		case present(&before) && !present(&after):
			r.result.Stale++
		case !present(&before) && present(&after):
			r.result.Reactivated++
		default:
			r.result.Updated++
		}
	}
}

// writeNodes returns the ids of all nodes by name, with a placeholder for each that only a guest names.
func (r *run) writeNodes(ctx context.Context, sc scope) (map[string]int32, error) {
	rows, err := r.q.NodeRows(ctx, r.endpoint)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]int32, len(rows))
	byName := make(map[string]store.Node, len(rows))
	for _, row := range rows {
		ids[row.Name], byName[row.Name] = row.ID, row
	}
	var o objects[store.Node]
	put := func(before, after store.Node) {
		o.put(r, before.ID == 0, before, after, func(n *store.Node) *time.Time { return &n.LastUpdated }, func(n *store.Node) bool { return n.Present })
	}
	for _, n := range r.snapshot.GetInventory().GetNodes() {
		before := byName[text(n.GetName())]
		delete(byName, text(n.GetName()))
		after, err := r.node(before, sc, n)
		if err != nil {
			return nil, err
		}
		put(before, after)
	}
	for _, before := range byName {
		after := before
		after.Present, after.Online = false, false
		if before.Present {
			put(before, after)
		}
	}
	if err := r.saveNodes(ctx, o, ids); err != nil {
		return nil, err
	}
	want := references{}
	for _, g := range r.snapshot.GetInventory().GetGuests() {
		want.node(g.GetNode())
	}
	missing := lacking(want.nodes, ids)
	if len(missing) == 0 {
		return ids, nil
	}
	made, err := r.q.NodePlaceholders(ctx, r.endpoint, sc.proxmoxCluster, missing)
	for _, row := range made {
		ids[row.Name] = row.ID
	}
	return ids, err
}

func (r *run) node(row store.Node, sc scope, n *proxopsv1.Node) (store.Node, error) {
	row.EndpointID, row.ProxmoxClusterID, row.Name = r.endpoint, &sc.proxmoxCluster, text(n.GetName())
	row.Online, row.IpAddress, row.SslFingerprint = n.GetOnline(), text(n.GetIpAddress()), text(n.GetSslFingerprint())
	row.Present = true
	var err error
	if row.NodeID, err = known("node_id", n.GetNodeId()); err != nil {
		return row, err
	}
	// A node that is offline does not say what it has: that stays.
	if n.GetMaxCpu() > 0 {
		if row.MaxCpu, err = known("max_cpu", n.GetMaxCpu()); err != nil {
			return row, err
		}
	}
	if n.GetMaxMemory() > 0 {
		row.MaxMemory = new(n.GetMaxMemory())
	}
	return row, nil
}

// known is a number of which zero means that nobody said it.
func known(field string, n int64) (*int32, error) {
	if n == 0 {
		return nil, nil
	}
	v, err := integer(field, n)
	return &v, err
}

func (r *run) saveNodes(ctx context.Context, o objects[store.Node], ids map[string]int32) error {
	var failed error
	if len(o.fresh) > 0 {
		params := make([]store.NodeInsertParams, len(o.fresh))
		for i, n := range o.fresh {
			params[i] = store.NodeInsertParams{
				EndpointID: n.EndpointID, ProxmoxClusterID: n.ProxmoxClusterID, Name: n.Name, NodeID: n.NodeID, Online: n.Online,
				IpAddress: n.IpAddress, SslFingerprint: n.SslFingerprint, MaxCpu: n.MaxCpu, MaxMemory: n.MaxMemory, Present: n.Present,
			}
		}
		r.q.NodeInsert(ctx, params).QueryRow(func(i int, id int32, err error) {
			failed = first(failed, err)
			ids[o.fresh[i].Name] = id
		})
	}
	if failed != nil || len(o.changed) == 0 {
		return failed
	}
	params := make([]store.NodeUpdateParams, len(o.changed))
	for i, n := range o.changed {
		params[i] = store.NodeUpdateParams{
			ID: n.ID, ProxmoxClusterID: n.ProxmoxClusterID, NodeID: n.NodeID, Online: n.Online, IpAddress: n.IpAddress,
			SslFingerprint: n.SslFingerprint, MaxCpu: n.MaxCpu, MaxMemory: n.MaxMemory, Present: n.Present, LastUpdated: n.LastUpdated,
		}
	}
	r.q.NodeUpdate(ctx, params).Exec(func(_ int, err error) { failed = first(failed, err) })
	return failed
}

func (r *run) writeStorages(ctx context.Context, sc scope) error {
	rows, err := r.q.StorageRows(ctx, sc.cluster)
	if err != nil {
		return err
	}
	byName := make(map[string]store.Storage, len(rows))
	for _, row := range rows {
		byName[row.Name] = row
	}
	var o objects[store.Storage]
	put := func(before, after store.Storage) {
		o.put(r, before.ID == 0, before, after, func(s *store.Storage) *time.Time { return &s.LastUpdated }, func(s *store.Storage) bool { return s.Present })
	}
	for _, s := range r.snapshot.GetInventory().GetStorages() {
		before := byName[text(s.GetName())]
		delete(byName, text(s.GetName()))
		after := before
		after.ClusterID, after.Name, after.StorageType = sc.cluster, text(s.GetName()), text(s.GetStorageType())
		after.Content, after.Nodes = text(strings.Join(s.GetContent(), ",")), text(strings.Join(s.GetNodes(), ","))
		after.Shared, after.Enabled, after.Present = s.GetShared(), s.GetEnabled(), true
		config, err := object(s.GetRawConfig())
		if err != nil {
			return fmt.Errorf("storage %s: %w", after.Name, err)
		}
		if same, err := change.Same(before.RawConfig, config); err != nil || !same {
			after.RawConfig = config
		}
		put(before, after)
	}
	for _, before := range byName {
		after := before
		after.Present = false
		if before.Present {
			put(before, after)
		}
	}
	return r.saveStorages(ctx, o)
}

func (r *run) saveStorages(ctx context.Context, o objects[store.Storage]) error {
	if len(o.fresh) > 0 {
		params := make([]store.StorageCopyParams, len(o.fresh))
		for i, s := range o.fresh {
			params[i] = store.StorageCopyParams{
				ClusterID: s.ClusterID, Name: s.Name, StorageType: s.StorageType, Content: s.Content, Nodes: s.Nodes, Shared: s.Shared,
				Enabled: s.Enabled, Present: s.Present, RawConfig: s.RawConfig,
			}
		}
		if _, err := r.q.StorageCopy(ctx, params); err != nil {
			return err
		}
	}
	if len(o.changed) == 0 {
		return nil
	}
	params := make([]store.StorageUpdateParams, len(o.changed))
	for i, s := range o.changed {
		params[i] = store.StorageUpdateParams{
			ID: s.ID, StorageType: s.StorageType, Content: s.Content, Nodes: s.Nodes, Shared: s.Shared, Enabled: s.Enabled, Present: s.Present,
			RawConfig: s.RawConfig, LastUpdated: s.LastUpdated,
		}
	}
	var failed error
	r.q.StorageUpdate(ctx, params).Exec(func(_ int, err error) { failed = first(failed, err) })
	return failed
}

// relink follows guests whose replications do not say where they run. Such a link is a field of the job, so it has a change row.
func (r *run) relink(ctx context.Context) error {
	ids, err := r.q.ReplicationsWithoutSource(ctx, r.endpoint)
	if err != nil || len(ids) == 0 {
		return wrap(err, "list the replications without a source")
	}
	t := newReplications(r)
	rows, err := t.rows(ctx, ids)
	if err != nil {
		return fmt.Errorf("read %d replications: %w", len(ids), err)
	}
	nodes, err := r.q.GuestNodes(ctx, ids)
	if err != nil {
		return fmt.Errorf("read where %d guests run: %w", len(ids), err)
	}
	// The counts of the result are those of the inventory.
	counted := r.result
	w := &writer[store.Replication, change.ReplicationState]{run: r, table: t}
	changed := make([]store.Replication, 0, len(ids))
	for _, n := range nodes {
		old := rows[n.ID]
		row := old.row
		row.ProxmoxNodeID, row.LastUpdated = n.NodeID, r.now
		if _, err := w.changed(&old.row, &row, old.tags); err != nil {
			return fmt.Errorf("compare replication %s: %w", row.ReplicationID, err)
		}
		changed = append(changed, row)
	}
	r.result = counted
	if err := t.update(ctx, changed); err != nil {
		return fmt.Errorf("link %d replications to nodes: %w", len(changed), err)
	}
	return change.Write(ctx, r.tx, r.origin(), w.changes)
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
