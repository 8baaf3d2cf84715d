package project

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// scope is the cluster in which the names and numbers of an endpoint's jobs are looked up. Two endpoints never share one.
type scope struct {
	proxmoxCluster, cluster int32
}

// ensureScope returns the cluster of the endpoint, and makes its rows at the first reading.
func (r *run) ensureScope(ctx context.Context) (scope, error) {
	if r.scope != nil {
		return *r.scope, nil
	}
	row, err := r.q.ScopeGet(ctx, r.endpoint)
	sc := scope{row.ProxmoxClusterID, row.ClusterID}
	if errors.Is(err, pgx.ErrNoRows) {
		sc, err = r.makeScope(ctx)
	}
	if err != nil {
		return scope{}, fmt.Errorf("find the cluster: %w", err)
	}
	r.scope = &sc
	return sc, nil
}

func (r *run) makeScope(ctx context.Context) (sc scope, err error) {
	name := text(r.snapshot.GetIdentity().GetName())
	if sc.cluster, err = r.q.ClusterCreate(ctx, name, r.endpoint); err != nil {
		return sc, fmt.Errorf("make the cluster %s: %w", name, err)
	}
	if sc.proxmoxCluster, err = r.q.ProxmoxClusterPut(ctx, r.endpoint, sc.cluster, name, r.mode()); err != nil {
		return sc, fmt.Errorf("make the Proxmox cluster %s: %w", name, err)
	}
	return sc, nil
}

func (r *run) mode() string {
	if r.snapshot.GetIdentity().GetStandalone() {
		return "standalone"
	}
	return "cluster"
}

// references are the names and numbers that jobs refer to. Empty names refer to nothing.
type references struct {
	nodes, storages map[string]bool
	guests          map[int64]bool
}

func (w *references) node(name string)    { want(&w.nodes, text(name)) }
func (w *references) storage(name string) { want(&w.storages, text(name)) }

func (w *references) guest(vmid int64) {
	if w.guests == nil {
		w.guests = map[int64]bool{}
	}
	w.guests[vmid] = true
}

func want(set *map[string]bool, name string) {
	if name == "" {
		return
	}
	if *set == nil {
		*set = map[string]bool{}
	}
	(*set)[name] = true
}

// refs are the rows behind references.
type refs struct {
	nodes, storages map[string]int32
	guests          map[int64]guestRef
}

type guestRef struct {
	id   int32
	name string
	node *int32
}

func (f refs) node(name string) *int32    { return lookup(f.nodes, text(name)) }
func (f refs) storage(name string) *int32 { return lookup(f.storages, text(name)) }

func lookup(ids map[string]int32, name string) *int32 {
	id, ok := ids[name]
	if !ok {
		return nil
	}
	return &id
}

// resolve finds the rows behind references, all within the cluster of the endpoint. What the inventory does not know gets a row that it
// may fill later.
func (r *run) resolve(ctx context.Context, want references) (f refs, err error) {
	if len(want.nodes)+len(want.storages)+len(want.guests) == 0 {
		return f, nil
	}
	sc, err := r.ensureScope(ctx)
	if err != nil {
		return f, err
	}
	if f.nodes, err = r.resolveNodes(ctx, sc, want.nodes); err != nil {
		return f, fmt.Errorf("find the nodes: %w", err)
	}
	if f.storages, err = r.resolveStorages(ctx, sc, want.storages); err != nil {
		return f, fmt.Errorf("find the storages: %w", err)
	}
	if f.guests, err = r.resolveGuests(ctx, sc, want.guests); err != nil {
		return f, fmt.Errorf("find the guests: %w", err)
	}
	return f, nil
}

func (r *run) resolveNodes(ctx context.Context, sc scope, want map[string]bool) (map[string]int32, error) {
	if len(want) == 0 {
		return nil, nil
	}
	rows, err := r.q.NodeNames(ctx, r.endpoint)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]int32, len(rows))
	for _, row := range rows {
		ids[row.Name] = row.ID
	}
	missing := lacking(want, ids)
	if len(missing) == 0 {
		return ids, nil
	}
	made, err := r.q.NodePlaceholders(ctx, r.endpoint, sc.proxmoxCluster, missing)
	for _, row := range made {
		ids[row.Name] = row.ID
	}
	return ids, err
}

func (r *run) resolveStorages(ctx context.Context, sc scope, want map[string]bool) (map[string]int32, error) {
	if len(want) == 0 {
		return nil, nil
	}
	rows, err := r.q.StorageNames(ctx, sc.cluster)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]int32, len(rows))
	for _, row := range rows {
		ids[row.Name] = row.ID
	}
	missing := lacking(want, ids)
	if len(missing) == 0 {
		return ids, nil
	}
	made, err := r.q.StoragePlaceholders(ctx, sc.cluster, missing)
	for _, row := range made {
		ids[row.Name] = row.ID
	}
	return ids, err
}

func (r *run) resolveGuests(ctx context.Context, sc scope, want map[int64]bool) (map[int64]guestRef, error) {
	if len(want) == 0 {
		return nil, nil
	}
	rows, err := r.q.GuestsByVmid(ctx, sc.cluster, slices.Collect(maps.Keys(want)))
	if err != nil {
		return nil, err
	}
	guests := make(map[int64]guestRef, len(want))
	for _, row := range rows {
		guests[*row.Vmid] = guestRef{row.ID, row.Name, row.NodeID}
	}
	missing := lacking(want, guests)
	if len(missing) == 0 {
		return guests, nil
	}
	made, err := r.q.GuestPlaceholders(ctx, sc.cluster, missing)
	for _, row := range made {
		guests[*row.Vmid] = guestRef{row.ID, row.Name, nil}
	}
	return guests, err
}

// lacking lists what is wanted and not there, in order.
func lacking[K int64 | string, V any](want map[K]bool, have map[K]V) []K {
	var missing []K
	for key := range want {
		if _, ok := have[key]; !ok {
			missing = append(missing, key)
		}
	}
	slices.Sort(missing)
	return missing
}
