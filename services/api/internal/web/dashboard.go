package web

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// fleet is how everything is, as far as it was asked for and as who looks may see it. The rest is nil.
type fleet struct {
	endpoints              *endpointsNow
	worst                  *worstNow
	routines, replications *jobsNow
	running                *jobsRunning
	changes                *changesPerDay
	timeline               *timeline
}

// The parts of the dashboard, by the ids of their elements. Each is read by itself, and again when it is out of date.
const (
	endpointsPart    = "endpoints"
	worstPart        = "worst"
	routinesPart     = "routines"
	replicationsPart = "replications"
	runningPart      = "running"
	changesPart      = "changes"
	timelinePart     = "timeline"
)

// dashboardCard is what a part of the dashboard tells of, and when it is out of date.
type dashboardCard struct {
	resource string // whoever may view none of it does not have the part
	follow   follow
}

// dashboardCards are the parts of the dashboard. What is cheap follows soon. Readings that change nothing have no event, and data ages: endpoints are asked
// for now and then. What is computed of all jobs follows once in a minute.
var dashboardCards = map[string]dashboardCard{
	endpointsPart:    {catalog.Endpoints, follow{events: []string{syncEvents}, pause: 5 * time.Second, every: 30 * time.Second}},
	worstPart:        {catalog.Endpoints, follow{events: []string{syncEvents}, pause: 5 * time.Second, every: 30 * time.Second}},
	routinesPart:     {catalog.Routines, follow{events: []string{routineEvents}, pause: 5 * time.Second, every: 5 * time.Minute}},
	replicationsPart: {catalog.Replications, follow{events: []string{replicationEvents}, pause: 5 * time.Second, every: 5 * time.Minute}},
	runningPart:      {catalog.Jobs, follow{events: []string{syncEvents}, pause: 2 * time.Second, every: 30 * time.Second}},
	changesPart:      {"object-changes", follow{events: []string{routineEvents, replicationEvents}, pause: time.Minute, every: slotLength}},
	timelinePart:     {catalog.Routines, follow{events: []string{routineEvents}, pause: time.Minute, every: slotLength}},
}

// followsPart are the attributes of the element of a part of the dashboard.
func followsPart(name string) templ.Attributes {
	f := dashboardCards[name].follow
	f.at = "/"
	return f.live()
}

// endpointsNow are the endpoints by how reading them goes.
type endpointsNow struct {
	total  int
	states []tally
}

// worstNow are the endpoints that fare worst.
type worstNow struct {
	endpoints []object
	total     int
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
)

// dashboard is the first page: how everything is. A script asks for one of its parts.
func (w *Web) dashboard(ctx context.Context, p *page) (answer, error) {
	part := p.part()
	card, partial := dashboardCards[part]
	if !partial {
		part = ""
	} else if !p.sees(card.resource) {
		return answer{}, resource.ErrForbidden
	}
	f, err := p.fleet(ctx, part, time.Now().UTC())
	if err != nil {
		return answer{}, err
	}
	if partial {
		return answer{body: dashboardParts(p, f), bare: true}, nil
	}
	return answer{title: "Dashboard", body: dashboardPage(p, f)}, nil
}

// fleet reads a part of the dashboard, or all parts if none is named, in a fixed number of statements.
func (p *page) fleet(ctx context.Context, part string, now time.Time) (f fleet, err error) {
	for _, card := range []struct {
		name string
		read func() error
	}{
		{endpointsPart, func() (err error) { f.endpoints, err = p.endpointsNow(ctx); return err }},
		{worstPart, func() (err error) { f.worst, err = p.worstNow(ctx, f.endpoints); return err }},
		{routinesPart, func() (err error) { f.routines, err = p.jobsNow(ctx, catalog.Routines, "enabled", "true"); return err }},
		{replicationsPart, func() (err error) {
			f.replications, err = p.jobsNow(ctx, catalog.Replications, "disable", "false")
			return err
		}},
		{runningPart, func() (err error) { f.running, err = p.runningNow(ctx); return err }},
		{changesPart, func() (err error) { f.changes, err = p.changesPerDay(ctx, now); return err }},
		{timelinePart, func() (err error) { f.timeline, err = p.timeline(ctx, now); return err }},
	} {
		if (part == "" || part == card.name) && p.sees(dashboardCards[card.name].resource) {
			if err := card.read(); err != nil {
				return f, err
			}
		}
	}
	return f, nil
}

func (p *page) runningNow(ctx context.Context) (*jobsRunning, error) {
	list, err := p.read(ctx, catalog.Jobs, url.Values{"status": {"pending", "running"}, "limit": {strconv.Itoa(runningShown)}}, "id", "name", "status", "created", "started", "user", "error")
	if err != nil {
		return nil, err
	}
	return &jobsRunning{list.list("results"), int(list.number("count"))}, nil
}

// endpointsNow counts the endpoints by how reading them goes.
func (p *page) endpointsNow(ctx context.Context) (*endpointsNow, error) {
	r := p.Store.Set.Get(catalog.Endpoints)
	groups, err := p.Store.Tally(ctx, r, p.actor(), nil, len(catalog.SyncStatuses), resource.By{Field: "sync_status"})
	if err != nil {
		return nil, err
	}
	now := &endpointsNow{}
	counts := map[string]int{}
	for _, g := range groups {
		counts[g.Values[0]] = g.Count
		now.total += g.Count
	}
	for _, s := range catalog.SyncStatuses {
		now.states = append(now.states, tally{s.Value, s.Label, pathOf(r) + "?sync_status=" + s.Value, counts[s.Value]})
	}
	return now, nil
}

// worstNow finds the endpoints that fare worst, those with the oldest data first: of the worst states that have enough, and of no others. They are
// counted first unless that is done.
func (p *page) worstNow(ctx context.Context, now *endpointsNow) (*worstNow, error) {
	if now == nil {
		var err error
		if now, err = p.endpointsNow(ctx); err != nil {
			return nil, err
		}
	}
	worst := &worstNow{total: now.total}
	enough, states := 0, []string{}
	for _, s := range now.states {
		if s.count > 0 && enough < worstShown {
			enough += s.count
			states = append(states, s.value)
		}
	}
	// All but the last of these states are fewer than are shown, so two lists are all there is to read.
	for _, of := range [][]string{states[:max(0, len(states)-1)], states[max(0, len(states)-1):]} {
		if len(of) == 0 || len(worst.endpoints) >= worstShown { // as what was counted may have changed meanwhile
			continue
		}
		list, err := p.read(ctx, catalog.Endpoints, url.Values{"sync_status": of, "limit": {strconv.Itoa(worstShown - len(worst.endpoints))}, "ordering": {"-data_age"}},
			"id", "url", "display", "name", "enabled", "poll_interval", "sync_status", "data_age", "sync_state")
		if err != nil {
			return nil, err
		}
		worst.endpoints = append(worst.endpoints, list.list("results")...)
	}
	slices.SortStableFunc(worst.endpoints, func(a, b object) int { return cmp.Compare(badness(a), badness(b)) })
	return worst, nil
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
func (p *page) jobsNow(ctx context.Context, name, field, on string) (*jobsNow, error) {
	r := p.Store.Set.Get(name)
	groups, err := p.Store.Tally(ctx, r, p.actor(), nil, 4, resource.By{Field: "status"}, resource.By{Field: field})
	if err != nil {
		return nil, err
	}
	off := strconv.FormatBool(on != "true")
	to := func(query url.Values) string { return pathOf(r) + "?" + query.Encode() }
	now := &jobsNow{title: viewOf(r).title, to: pathOf(r), states: []tally{
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
