package web

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/occurrence"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
)

// The timeline shows the backup runs of the next day, one lane for each target storage, in slots: what begins in the same one is one mark. However
// many routines there are, it has at most maxLanes × slots marks, made of at most maxGroups groups of routines that run at the same times.
const (
	timelineSpan = 24 * time.Hour
	slotLength   = 15 * time.Minute
	slots        = int(timelineSpan/slotLength) + 1 // the first and the last are in it in part
	maxLanes     = 40
	maxGroups    = 50_000
	// maxRuns bounds how many runs are computed of one schedule: every minute of the day.
	maxRuns = 24 * 60
	// maxComputed bounds how many runs are computed of all schedules.
	maxComputed = 200_000
	// computing is what a schedule costs by itself, in runs.
	computing = 50
	// maxNamed is how many schedules or endpoints the link of a mark names.
	maxNamed = 25
)

// timeline is the backup runs of the next day.
type timeline struct {
	from, to time.Time
	lanes    []*lane
	runs     int
	soonest  []upcoming // the next marks of all lanes
	hidden   int        // lanes that are not shown
	assumed  bool       // some zone is not known
	unread   bool       // there are more schedules than were looked at
	unplaced int        // routines whose runs cannot be told, or not all of them
}

// lane is the runs of one target storage.
type lane struct {
	storage, name, endpoint string // the id of the storage, "" for none
	marks                   []*mark
	slots                   [slots]*mark
	runs, routines          int
	busiest                 *mark
}

// mark is the runs that begin in one slot of a lane.
type mark struct {
	slot                 int
	at                   time.Time // the first of them
	runs                 int
	schedules, endpoints []string
}

// upcoming is a mark with its lane.
type upcoming struct {
	*mark
	lane *lane
}

// timeline computes the next runs of the routines that who looks may see, each by the clock of its cluster.
func (p *page) timeline(ctx context.Context, now time.Time) (*timeline, error) {
	from := now.Truncate(slotLength)
	t := &timeline{from: from, to: now.Add(timelineSpan)}
	r := p.Store.Set.Get(catalog.Routines)
	groups, err := p.Store.Tally(ctx, r, p.actor(), url.Values{"status": {"active"}, "enabled": {"true"}}, maxGroups,
		resource.By{Field: "storage"}, resource.By{Field: "endpoint"}, resource.By{Field: "schedule"}, resource.By{Field: "next_run"})
	if err != nil {
		return nil, err
	}
	t.unread = len(groups) == maxGroups
	endpoints, err := p.endpointsOf(ctx, groups)
	if err != nil {
		return nil, err
	}
	type shared struct{ schedule, next, zone string }
	lanes, known := map[string]*lane{}, map[shared]*runsOfDay{}
	spent, clocks := 0, occurrence.NewClocks(now)
	for _, g := range groups {
		storage, endpoint, schedule, next := g.Values[0], g.Values[1], g.Values[2], g.Values[3]
		key := shared{schedule, next, endpoints[endpoint].Zone}
		runs := known[key]
		if runs == nil {
			if spent > maxComputed {
				t.unread = true
				continue
			}
			own, _ := parseMoment(next)
			coming := clocks.Until(schedule, key.zone, own, t.to, maxRuns)
			runs = slotted(coming, from)
			known[key] = runs
			spent += len(coming.Runs) + computing
		}
		if runs.unplaced {
			t.unplaced += g.Count
		}
		if len(runs.slots) == 0 {
			continue
		}
		t.assumed = t.assumed || runs.assumed
		l := lanes[storage]
		if l == nil {
			l = &lane{storage: storage, endpoint: endpoints[endpoint].Name}
			lanes[storage] = l
			t.lanes = append(t.lanes, l)
		}
		l.routines += g.Count
		for _, s := range runs.slots {
			l.add(s.slot, s.first, s.runs*g.Count, schedule, endpoint)
			t.runs += s.runs * g.Count
		}
	}
	t.arrange()
	return t, p.nameLanes(ctx, t.lanes)
}

// runsOfDay are the runs of one routine in the time of the picture.
type runsOfDay struct {
	slots             []slotRuns
	assumed, unplaced bool
}

type slotRuns struct {
	slot, runs int
	first      time.Time
}

func slotted(c occurrence.Coming, from time.Time) *runsOfDay {
	out := &runsOfDay{assumed: c.Assumed, unplaced: c.Reason != ""}
	for _, at := range c.Runs {
		slot := int(at.Sub(from) / slotLength)
		if n := len(out.slots); n > 0 && out.slots[n-1].slot == slot {
			out.slots[n-1].runs++
			continue
		}
		if slot >= 0 && slot < slots {
			out.slots = append(out.slots, slotRuns{slot: slot, runs: 1, first: at.UTC()})
		}
	}
	return out
}

// endpointsOf returns the names and the time zones of the endpoints of groups, by id. Whoever may see a routine may know where and when it runs, if not
// all of its endpoint.
func (p *page) endpointsOf(ctx context.Context, groups []resource.Group) (map[string]store.EndpointZonesRow, error) {
	found := map[string]store.EndpointZonesRow{}
	var ids []int64
	for _, g := range groups {
		text := g.Values[1]
		id, err := strconv.ParseInt(text, 10, 64)
		if _, asked := found[text]; err == nil && !asked {
			found[text] = store.EndpointZonesRow{}
			ids = append(ids, id)
		}
	}
	rows, err := p.Queries.EndpointZones(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read the time zones of endpoints: %w", err)
	}
	for _, row := range rows {
		found[strconv.FormatInt(row.ID, 10)] = row
	}
	return found, nil
}

// nameLanes reads what the storages of lanes are called.
func (p *page) nameLanes(ctx context.Context, lanes []*lane) error {
	var ids []int64
	for _, l := range lanes {
		if id, err := strconv.ParseInt(l.storage, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	rows, err := p.Queries.StorageNames(ctx, ids)
	if err != nil {
		return fmt.Errorf("read the names of %d storages: %w", len(ids), err)
	}
	names := make(map[string]string, len(rows))
	for _, row := range rows {
		names[strconv.FormatInt(row.ID, 10)] = row.Name
	}
	for _, l := range lanes {
		l.name = names[l.storage]
	}
	return nil
}

func (l *lane) add(slot int, at time.Time, count int, schedule, endpoint string) {
	m := l.slots[slot]
	if m == nil {
		m = &mark{slot: slot, at: at}
		l.slots[slot] = m
		l.marks = append(l.marks, m)
	}
	if at.Before(m.at) {
		m.at = at
	}
	m.runs += count
	l.runs += count
	m.schedules, m.endpoints = named(m.schedules, schedule), named(m.endpoints, endpoint)
}

// named adds a name to those that a link names, if it is another one. One too many says that there are too many.
func named(all []string, name string) []string {
	if len(all) > maxNamed || slices.Contains(all, name) {
		return all
	}
	return append(all, name)
}

// arrange puts lanes with the most runs first, and forgets those that are too many for a picture.
func (t *timeline) arrange() {
	slices.SortFunc(t.lanes, func(a, b *lane) int {
		return cmp.Or(cmp.Compare(b.runs, a.runs), cmp.Compare(a.endpoint, b.endpoint), cmp.Compare(a.storage, b.storage))
	})
	for _, l := range t.lanes {
		slices.SortFunc(l.marks, func(a, b *mark) int { return cmp.Compare(a.slot, b.slot) })
		for _, m := range l.marks {
			if l.busiest == nil || m.runs > l.busiest.runs {
				l.busiest = m
			}
		}
		for _, m := range l.marks[:min(len(l.marks), soonestShown)] {
			t.soonest = append(t.soonest, upcoming{m, l})
		}
	}
	slices.SortStableFunc(t.soonest, func(a, b upcoming) int { return a.at.Compare(b.at) })
	t.soonest = t.soonest[:min(len(t.soonest), soonestShown)]
	if len(t.lanes) > maxLanes {
		t.hidden = len(t.lanes) - maxLanes
		t.lanes = t.lanes[:maxLanes]
	}
}

// soonestShown is how many of the next marks the table shows.
const soonestShown = 12

// link is the list of the routines of a mark, or of the lane if it is nil.
func (l *lane) link(m *mark) string {
	query := url.Values{"status": {"active"}, "enabled": {"true"}}
	if l.storage != "" {
		query.Set("storage_id", l.storage)
	}
	if m != nil && len(m.schedules) <= maxNamed {
		query["schedule"] = m.schedules
	}
	if m != nil && len(m.endpoints) <= maxNamed {
		query["endpoint_id"] = m.endpoints
	}
	return "/plugins/proxbox/backup-routines/?" + query.Encode()
}

// title names the lane.
func (l *lane) title() string {
	if l.storage == "" {
		return "No storage"
	}
	return visible(l.name)
}

// say tells what a mark is to those who do not see it.
func (m *mark) say(l *lane) string {
	what := " backup runs"
	if m.runs == 1 {
		what = " backup run"
	}
	return m.at.Format("15:04 UTC") + ": " + count(m.runs) + what + " to " + l.title()
}

// The measures of the picture.
const (
	laneTall, laneLeft, slotWide = 26, 190, 11
	laneTop                      = 22
)

func (t *timeline) wide() int { return laneLeft + slots*slotWide + 12 }
func (t *timeline) tall() int { return laneTop + len(t.lanes)*laneTall + 6 }

// hours are the whole hours of the picture, every second one.
func (t *timeline) hours() []time.Time {
	var out []time.Time
	for at := t.from.Truncate(time.Hour).Add(time.Hour); at.Before(t.to); at = at.Add(2 * time.Hour) {
		out = append(out, at)
	}
	return out
}

// x is where a time is.
func (t *timeline) x(at time.Time) int {
	return laneLeft + int(at.Sub(t.from)*time.Duration(slotWide)/slotLength)
}

// tall is how high a mark is: one run is half of a lane, and many fill it.
func (m *mark) tall() int {
	switch {
	case m.runs == 1:
		return 10
	case m.runs < 4:
		return 14
	case m.runs < 10:
		return 18
	}
	return laneTall - 6
}

// density is how many runs a mark stands for, as a class.
func (m *mark) density() string {
	switch {
	case m.runs == 1:
		return "one"
	case m.runs < 10:
		return "some"
	}
	return "many"
}

// digits is the number that a mark shows, "" where it would not fit.
func (m *mark) digits() string {
	if m.runs < 2 || m.runs > 99 {
		return ""
	}
	return strconv.Itoa(m.runs)
}
