package web

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
)

// proveStatus says of jobs of Proxmox how their status is known: by which complete reading of their endpoint. It says no more than is recorded, and
// nothing to those who may not view the endpoint.
func proveStatus(ctx context.Context, p *page, rows []object, endpoints map[int64]store.JobEndpointsRow) error {
	seen, err := p.viewable(ctx, catalog.Endpoints, slices.Sorted(maps.Keys(endpoints)))
	if err != nil {
		return err
	}
	for _, o := range rows {
		if id := o.sub("endpoint").number("id"); slices.Contains(seen, id) {
			o["proof"] = proofOf(o, endpoints[id])
		}
	}
	return nil
}

// viewable are those of some objects that who looks may view. It asks the database only of those who may not view all.
func (p *page) viewable(ctx context.Context, name string, ids []int64) ([]int64, error) {
	scope, err := p.actor().Scope(p.Store.Set.Get(name), resource.View)
	if err != nil {
		return nil, nil //nolint:nilerr // who may view none is told of none
	}
	if scope.All || len(ids) == 0 {
		return ids, nil
	}
	var out []int64
	for part := range slices.Chunk(ids, max(1, p.Store.Limits.Max)) {
		query := url.Values{"limit": {strconv.Itoa(len(part))}}
		for _, id := range part {
			query.Add("id", strconv.FormatInt(id, 10))
		}
		found, err := p.read(ctx, name, query, "id")
		if err != nil {
			return nil, err
		}
		for _, o := range found.list("results") {
			out = append(out, o.number("id"))
		}
	}
	return out, nil
}

// proofOf is how the status of a job is known. The number of jobs is that of the last complete list: of the list that a job was missing from first if
// that is the one, and of none that came between.
func proofOf(o object, last store.JobEndpointsRow) string {
	if last.LastSeen == nil {
		return ""
	}
	read := *last.LastSeen
	list := "complete list of " + counted(int64(last.ObjectCount), "job", "jobs")
	switch o.choice("status") {
	case "stale":
		since, ok := parseMoment(o.text("stale_since"))
		switch {
		case !ok || read.Before(since): // nobody has read it since: it was set by hand
			return ""
		case read.Equal(since):
			return "missing from a " + list
		}
		return "missing from the last " + list
	case "active":
		if seen, ok := parseMoment(o.text("last_seen")); ok && seen.Equal(read) {
			return "in the last " + list
		}
	}
	return ""
}
