package web

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// fleet is how everything is, as far as who looks may see it. What they may not see at all is nil.
type fleet struct {
	endpoints *endpointsNow
	kinds     []jobsNow
	running   *jobsRunning
	changes   *changesPerDay
	timeline  *timeline
}

// endpointsNow are the endpoints by how reading them goes.
type endpointsNow struct {
	total  int
	states []tally
	worst  []object
}

// tally is how many objects there are of some sort, and where their list is.
type tally struct {
	value, label, to string
	count            int
}

// jobsNow are the jobs of a kind by how they are.
type jobsNow struct {
	title, to string
	total     int
	states    []tally
}

type jobsRunning struct {
	jobs  []object
	total int
}

// The dashboard shows at most so many of each.
const (
	worstShown   = 8
	runningShown = 6
	// maxEndpoints are read at most; the counts are of all.
	maxEndpoints = 1000
)

// dashboard is the first page: how everything is.
func (w *Web) dashboard(ctx context.Context, p *page) (answer, error) {
	f, err := p.fleet(ctx, time.Now().UTC())
	if err != nil {
		return answer{}, err
	}
	return answer{title: "Dashboard", body: dashboardPage(p, f)}, nil
}

// fleet reads how everything is, in a fixed number of statements.
func (p *page) fleet(ctx context.Context, now time.Time) (f fleet, err error) {
	if p.sees(catalog.Endpoints) {
		if f.endpoints, err = p.endpointsNow(ctx); err != nil {
			return f, err
		}
	}
	if p.sees("backup-routines") {
		jobs, err := p.jobsNow(ctx, "backup-routines", "enabled", "true")
		if err != nil {
			return f, err
		}
		f.kinds = append(f.kinds, jobs)
		if f.timeline, err = p.timeline(ctx, now); err != nil {
			return f, err
		}
	}
	if p.sees("replications") {
		jobs, err := p.jobsNow(ctx, "replications", "disable", "false")
		if err != nil {
			return f, err
		}
		f.kinds = append(f.kinds, jobs)
	}
	if p.sees(catalog.Jobs) {
		list, err := p.read(ctx, catalog.Jobs, url.Values{"status": {"pending", "running"}, "limit": {strconv.Itoa(runningShown)}}, "id", "name", "status", "created", "started", "user", "error")
		if err != nil {
			return f, err
		}
		f.running = &jobsRunning{list.list("results"), int(list.number("count"))}
	}
	if p.sees("object-changes") {
		f.changes, err = p.changesPerDay(ctx, now)
	}
	return f, err
}

// sees says whether who looks may view objects of a resource at all.
func (p *page) sees(name string) bool { return p.may(p.Store.Set.Get(name), resource.View) }

// endpointsNow counts the endpoints by how reading them goes, finds those that fare worst, and the time zone of each.
func (p *page) endpointsNow(ctx context.Context) (*endpointsNow, error) {
	r := p.Store.Set.Get(catalog.Endpoints)
	groups, err := p.Store.Tally(ctx, r, p.actor(), nil, len(catalog.SyncStatuses), resource.By{Field: "sync_status"})
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	now := &endpointsNow{}
	for _, g := range groups {
		counts[g.Values[0]] = g.Count
		now.total += g.Count
	}
	for _, s := range catalog.SyncStatuses {
		now.states = append(now.states, tally{s.Value, s.Label, pathOf(r) + "?sync_status=" + s.Value, counts[s.Value]})
	}
	list, err := p.read(ctx, catalog.Endpoints, url.Values{"limit": {strconv.Itoa(maxEndpoints)}, "ordering": {"-data_age"}},
		"id", "url", "display", "name", "enabled", "poll_interval", "sync_status", "data_age", "sync_state")
	if err != nil {
		return nil, err
	}
	all := list.list("results")
	slices.SortStableFunc(all, func(a, b object) int { return cmp.Compare(badness(a), badness(b)) })
	now.worst = all[:min(worstShown, len(all))]
	return now, nil
}

// badness orders endpoints, the worst first.
func badness(endpoint object) int {
	return slices.IndexFunc(catalog.SyncStatuses, func(s resource.Option) bool { return s.Value == endpoint.choice("sync_status") })
}

// trouble is what is wrong with an endpoint, in short.
func trouble(endpoint object) string {
	for _, k := range syncKinds {
		if text := endpoint.sub("sync_state").sub(k.kind).text("error"); text != "" {
			return text
		}
	}
	for _, k := range syncKinds {
		if all := endpoint.sub("sync_state").sub(k.kind).items("warnings"); len(all) > 0 {
			return all[0]
		}
	}
	return ""
}

// jobsNow counts the jobs of a kind: active ones that run, active ones that are switched off, and stale ones. The field and its value say which run.
func (p *page) jobsNow(ctx context.Context, name, field, on string) (jobsNow, error) {
	r := p.Store.Set.Get(name)
	groups, err := p.Store.Tally(ctx, r, p.actor(), nil, 4, resource.By{Field: "status"}, resource.By{Field: field})
	if err != nil {
		return jobsNow{}, err
	}
	off := strconv.FormatBool(on != "true")
	to := func(query url.Values) string { return pathOf(r) + "?" + query.Encode() }
	now := jobsNow{title: viewOf(r).title, to: pathOf(r), states: []tally{
		{value: "active", label: "Active", to: to(url.Values{"status": {"active"}, field: {on}})},
		{value: "stale", label: "Stale", to: to(url.Values{"status": {"stale"}})},
		{value: "disabled", label: "Disabled", to: to(url.Values{"status": {"active"}, field: {off}})},
	}}
	for _, g := range groups {
		at := 0
		switch {
		case g.Values[0] == "stale":
			at = 1
		case g.Values[1] == off:
			at = 2
		}
		now.states[at].count += g.Count
		now.total += g.Count
	}
	return now, nil
}
