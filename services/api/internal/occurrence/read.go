package occurrence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
)

// kind is how jobs of a kind are found.
type kind struct {
	name     string
	resource string
	next     string            // the field of the next run that clusters tell, "" if they tell none
	on       string            // the field that says whether a job runs
	onValue  string            // what it is then
	fields   []string          // what Describe shows, beside the brief form
	aliases  map[string]string // names of filters of the other kind, with those of this one
	opposite map[string]string // the same, of filters that say the opposite
}

var kinds = []kind{
	{
		name: Routine, resource: catalog.Routines, next: "next_run", on: "enabled", onValue: "true", fields: []string{"storage"},
		aliases: map[string]string{"proxmox_node": "node", "proxmox_node_id": "node_id"}, opposite: map[string]string{"disable": "enabled"},
	},
	{
		name: Replication, resource: catalog.Replications, on: "disable", onValue: "false", fields: []string{"endpoint", "target"},
		aliases: map[string]string{"node": "proxmox_node", "node_id": "proxmox_node_id"}, opposite: map[string]string{"enabled": "disable"},
	},
}

// gathered is a group with the ids of its jobs.
type gathered struct {
	*Group

	ids  []int64
	zone string // the name of that of the cluster, "" if it is not known
}

// read reads the groups of jobs that a query is about, in the order in which plans show their jobs; more says that there are others.
func read(ctx context.Context, s *resource.Store, actor resource.Actor, q Query) (groups []gathered, more bool, err error) {
	known, err := knownFilters(ctx, s, q.Filters)
	if err != nil {
		return nil, false, err
	}
	allowed := false
	for _, k := range kinds {
		r := s.Set.Get(k.resource)
		if _, err := actor.Scope(r, resource.View); !q.wants(k.name) || errors.Is(err, resource.ErrForbidden) {
			continue
		}
		allowed = true
		filters, err := k.filters(ctx, s, q, known)
		if err != nil {
			return nil, false, err
		}
		seen := map[int64]bool{} // only needed where lists overlap
		for _, f := range filters {
			found, err := k.gather(ctx, s, r, actor, f)
			if err != nil {
				return nil, false, err
			}
			more = more || len(found) == maxGroups
			for _, g := range found {
				if len(filters) > 1 {
					g.ids = slices.DeleteFunc(g.ids, func(id int64) bool { return seen[id] })
					for _, id := range g.ids {
						seen[id] = true
					}
				}
				if len(g.ids) > 0 {
					groups = append(groups, g)
				}
			}
		}
	}
	if !allowed {
		return nil, false, resource.ErrForbidden
	}
	return groups, more, locate(ctx, s, groups)
}

// Filtered says which parameters are filters of any kind of jobs.
func Filtered(ctx context.Context, s *resource.Store, params url.Values) (map[string]bool, error) {
	known, err := knownFilters(ctx, s, params)
	return known[""], err
}

// knownFilters are the parameters of a query that filter each kind, and under "" those that filter any.
func knownFilters(ctx context.Context, s *resource.Store, params url.Values) (map[string]map[string]bool, error) {
	known := map[string]map[string]bool{"": {}}
	for _, k := range kinds {
		r := s.Set.Get(k.resource)
		of, err := s.CustomFiltered(ctx, r, params)
		if err != nil {
			return nil, fmt.Errorf("read the custom filters of %s: %w", k.resource, err)
		}
		for name := range params {
			of[name] = of[name] || name == "q" || r.Filtered(name)
			known[""][name] = known[""][name] || of[name]
		}
		known[k.name] = of
	}
	return known, nil
}

// gather groups the jobs of a list by all that says when they run.
func (k kind) gather(ctx context.Context, s *resource.Store, r *resource.Resource, actor resource.Actor, filters url.Values) ([]gathered, error) {
	by := []resource.By{{Field: "endpoint"}, {Field: "schedule"}, {Field: "status"}, {Field: k.on}}
	if k.next != "" {
		by = append(by, resource.By{Field: k.next})
	}
	found, err := s.Gather(ctx, r, actor, filters, maxGroups, by...)
	if err != nil {
		return nil, fmt.Errorf("group %s by when they run: %w", k.resource, err)
	}
	groups := make([]gathered, len(found))
	for i, f := range found {
		g := &Group{Kind: k.name, Schedule: f.Values[1], Stale: f.Values[2] == "stale", Disabled: f.Values[3] != k.onValue}
		g.EndpointID, _ = strconv.ParseInt(f.Values[0], 10, 64) // 0 where there is none
		if k.next != "" {
			g.next, _ = resource.ParseTime(f.Values[4])
		}
		groups[i] = gathered{Group: g, ids: f.IDs}
	}
	return groups, nil
}

// locate notes the zone of the cluster of each group, and sorts them by kind and by the names of their endpoints; those without one come last. Who may see a
// job may know where its clock is.
func locate(ctx context.Context, s *resource.Store, groups []gathered) error {
	asked := map[int64]bool{}
	var ids []int64
	for _, g := range groups {
		if g.EndpointID != 0 && !asked[g.EndpointID] {
			asked[g.EndpointID] = true
			ids = append(ids, g.EndpointID)
		}
	}
	rank, zones := map[int64]int{}, map[int64]string{}
	if ids != nil {
		rows, err := store.New(s.Pool).EndpointZones(ctx, ids)
		if err != nil {
			return fmt.Errorf("read the time zones of %d endpoints: %w", len(ids), err)
		}
		for i, row := range rows {
			rank[row.ID], zones[row.ID] = i, row.Zone
		}
	}
	for i := range groups {
		groups[i].zone = zones[groups[i].EndpointID]
	}
	last := len(rank)
	slices.SortFunc(groups, func(a, b gathered) int {
		rankOf := func(g gathered) int {
			if n, ok := rank[g.EndpointID]; ok {
				return n
			}
			return last
		}
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(rankOf(a), rankOf(b)), cmp.Compare(a.ids[0], b.ids[0]))
	})
	return nil
}
