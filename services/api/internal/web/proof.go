package web

import (
	"context"
	"net/url"
	"slices"
	"strconv"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// proveStatus says of jobs of Proxmox how their status is known: by which complete reading of their endpoint. It says no more than is recorded, and
// nothing to those who may not view the endpoint.
func proveStatus(ctx context.Context, p *page, kind string, rows []object) error {
	var asked []string
	for _, o := range rows {
		if id := o.sub("endpoint").id(); id != "" && o["status"] != nil && !slices.Contains(asked, id) {
			asked = append(asked, id)
		}
	}
	if asked == nil || !p.may(p.Store.Set.Get(catalog.Endpoints), resource.View) {
		return nil
	}
	states := map[string]object{}
	for part := range slices.Chunk(asked, max(1, p.Store.Limits.Max)) {
		found, err := p.read(ctx, catalog.Endpoints, url.Values{"id": part, "limit": {strconv.Itoa(len(part))}}, "id", "sync_state")
		if err != nil {
			return err
		}
		for _, e := range found.list("results") {
			states[e.id()] = e.sub("sync_state").sub(kind)
		}
	}
	for _, o := range rows {
		if state := states[o.sub("endpoint").id()]; state != nil {
			o["proof"] = proofOf(o, state)
		}
	}
	return nil
}

// proofOf is how the status of a job is known. The number of jobs is that of the last complete list: of the list that a job was missing from first if
// that is the one, and of none that came between.
func proofOf(o, state object) string {
	read, known := parseMoment(state.text("last_seen"))
	if !known {
		return ""
	}
	list := "complete list of " + counted(state.number("object_count"), "job", "jobs")
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
