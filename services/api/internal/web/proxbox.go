package web

import (
	"context"
	"maps"
	"net/url"
	"strconv"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// maxOfGuest is how many jobs the page of a guest shows of each kind.
const maxOfGuest = 50

// guestJobs are jobs of one kind that are about a guest.
type guestJobs struct {
	r       *resource.Resource
	rows    []object
	count   int
	running int // those that are neither stale nor disabled
	to      string
}

// proxbox shows what is done for a guest: its replications, and the backup routines that cover it.
func (w *Web) proxbox(ctx context.Context, p *page) (answer, error) {
	vms := w.Store.Set.Get("virtual-machines")
	o, err := p.get(ctx, vms)
	if err != nil {
		return answer{}, err
	}
	s := p.sheet(vms, o, "proxbox/")
	// A VMID is that of its cluster alone.
	var routines *guestJobs
	if vmid := o.text("vmid"); vmid != "" {
		routines, err = p.guestJobs(ctx, catalog.Routines, url.Values{"covers": {vmid}, "cluster_id": {o.sub("cluster").id()}},
			url.Values{"status": {"active"}, "enabled": {"true"}}, "status,-enabled,job_id",
			"job_id", "endpoint", "enabled", "schedule", "schedule_text", "next_run", "storage", "selection", "selection_mode", "exclude", "pool", "status", "stale_since", "last_seen",
			"keep_all", "keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly", "raw_config")
		if err != nil {
			return answer{}, err
		}
	}
	repls, err := p.guestJobs(ctx, catalog.Replications, url.Values{"virtual_machine_id": {o.id()}},
		url.Values{"status": {"active"}, "disable": {"false"}}, "status,disable,replication_id",
		"replication_id", "endpoint", "disable", "schedule", "schedule_text", "proxmox_node", "target", "target_node", "rate", "status", "stale_since", "last_seen")
	if err != nil {
		return answer{}, err
	}
	return answer{title: "Proxbox of " + o.name(), body: proxboxPage(p, s, routines, repls)}, nil
}

// guestJobs reads jobs that are about a guest, and how many of them run; nil if who looks may not see any.
func (p *page) guestJobs(ctx context.Context, name string, query, run url.Values, order string, fields ...string) (*guestJobs, error) {
	r := p.Store.Set.Get(name)
	if !p.may(r, resource.View) {
		return nil, nil
	}
	to := pathOf(r) + "?" + query.Encode()
	query = cloneValues(query)
	query.Set("limit", strconv.Itoa(maxOfGuest))
	query.Set("ordering", order)
	found, err := p.read(ctx, name, query, append([]string{"id", "url", "display"}, fields...)...)
	if err != nil {
		return nil, err
	}
	g := &guestJobs{r: r, rows: found.list("results"), count: int(found.number("count")), to: to}
	maps.Copy(query, run)
	query.Set("limit", "1")
	running, err := p.read(ctx, name, query, "id")
	if err != nil {
		return nil, err
	}
	g.running = int(running.number("count"))
	return g, enrich[name](ctx, p, g.rows)
}
