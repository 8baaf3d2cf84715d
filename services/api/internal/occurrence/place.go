package occurrence

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/proxops/proxops/libs/calendar"
)

// settled is how far before a query its runs are counted, where that is possible: repetitions that count on across the end of an hour or a day have
// found their steps by then.
const settled = 36 * time.Hour

// never is what a search costs that ends without a run, in steps.
const never = 1000

// clock is a schedule in a zone.
type clock struct {
	schedule string
	event    calendar.Event
	err      error // why it cannot be read
	zone     *time.Location
	zoneOK   bool
	first    time.Time // the first run after now; zero if there is none
	words    string    // see text; "" until it is asked for
}

type clockKey struct{ schedule, zone string }

// lineKey is what jobs share that run at the same times. Those whose cluster tells another next run than their schedule count from that one.
type lineKey struct {
	kind string
	clockKey
	own int64
}

// planner makes a plan. Nothing is computed twice for the same schedule in the same zone.
type planner struct {
	Query
	plan   *Plan
	zones  map[string]*time.Location // nil where there is none of that name
	clocks map[clockKey]*clock
	lines  map[lineKey]*Line
	steps  int
}

func newPlanner(q Query, p *Plan) *planner {
	return &planner{Query: q, plan: p, zones: map[string]*time.Location{}, clocks: map[clockKey]*clock{}, lines: map[lineKey]*Line{}}
}

// place puts all jobs into the plan.
func (p *Plan) place(ctx context.Context, q Query, groups []gathered) error {
	if q.After.Before(q.Now) {
		q.After = q.Now
	}
	m := newPlanner(q, p)
	for _, g := range groups {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("place runs: %w", err)
		}
		m.add(g)
	}
	slices.SortStableFunc(p.Slots, func(a, b Slot) int { return a.At.Compare(b.At) })
	return nil
}

func (m *planner) add(g gathered) {
	if m.steps >= maxSteps {
		m.plan.Truncated = true
		return
	}
	key := clockKey{g.Schedule, g.zone}
	c := m.clock(key)
	own := g.next
	if g.Stale || !own.After(m.Now) {
		own = time.Time{}
	}
	if reason := c.reason(m.Now, own); reason != "" {
		for _, id := range g.ids {
			m.plan.Unplaced = append(m.plan.Unplaced, Unplaced{Ref{id, g.Group}, reason})
		}
		if own.IsZero() {
			return
		}
	}
	id := lineKey{kind: g.Kind, clockKey: key}
	if !own.IsZero() && !own.Equal(c.first) {
		id.own = own.Unix()
	} else {
		own = time.Time{}
	}
	line := m.lines[id]
	if line == nil {
		line = &Line{Kind: g.Kind, Text: m.text(c), Zone: c.zone, Assumed: !c.zoneOK, Off: true}
		m.lines[id] = line
		m.plan.Slots = append(m.plan.Slots, m.slots(line, c, own)...)
	}
	line.Off = line.Off && (g.Stale || g.Disabled)
	line.Jobs = slices.Grow(line.Jobs, len(g.ids))
	for _, id := range g.ids {
		line.Jobs = append(line.Jobs, Ref{id, g.Group})
	}
}

// location is the zone of a name, nil if there is none.
func (m *planner) location(name string) *time.Location {
	zone, known := m.zones[name]
	if !known {
		if location, err := time.LoadLocation(name); err == nil && name != "" && name != "Local" {
			zone = location
		}
		m.zones[name] = zone
	}
	return zone
}

// clock is that of a schedule in a zone.
func (m *planner) clock(key clockKey) *clock {
	if c := m.clocks[key]; c != nil {
		return c
	}
	c := &clock{zone: time.UTC, schedule: key.schedule}
	m.clocks[key] = c
	if zone := m.location(key.zone); zone != nil {
		c.zone, c.zoneOK = zone, true
	}
	if c.event, c.err = calendar.ParseAny(key.schedule); c.err == nil {
		c.first, _ = m.next(c, m.Now)
	}
	return c
}

// text is the schedule of a clock in words, where there are some.
func (m *planner) text(c *clock) string {
	switch {
	case c.first.IsZero():
		return c.schedule
	case c.words == "":
		c.words = words(c.event, c.first, func(after time.Time) (time.Time, bool) { m.steps++; return c.event.Next(after) })
	}
	return c.words
}

// reason says why not all runs of a job can be told; "" if they can. own is the next run that its cluster tells.
func (c *clock) reason(now, own time.Time) string {
	reason := ""
	switch {
	case c.schedule == "":
		reason = "It has no schedule."
	case c.err != nil:
		reason = "Its schedule cannot be read: " + c.err.Error() + "."
	case c.first.IsZero():
		reason = "Its schedule never runs after " + now.In(c.zone).Format(time.DateOnly) + "."
	default:
		return ""
	}
	if !own.IsZero() {
		reason += " Its next run is what the cluster tells."
	}
	return reason
}

// next is the next run after a time, if there is one and steps are left to look for it.
func (m *planner) next(c *clock, after time.Time) (time.Time, bool) {
	if m.steps >= maxSteps {
		m.plan.Truncated = true
		return time.Time{}, false
	}
	if c.err != nil {
		return time.Time{}, false
	}
	next, ok := c.event.Next(after.In(c.zone))
	if m.steps++; !ok {
		m.steps += never
	}
	return next, ok
}

// slots computes when a line runs. With a next run that the cluster tells, that is the first one.
func (m *planner) slots(line *Line, c *clock, own time.Time) []Slot {
	days := cmp.Or(m.Days, c.zone)
	var out []Slot
	var day int // of the last slots
	var most, runs int
	add := func(at time.Time) {
		local := at.In(days)
		if d := dayOf(local); d != day {
			day, runs = d, 0
		}
		runs++
		most = max(most, runs)
		if runs <= often {
			out = append(out, Slot{At: at.In(c.zone), Last: at.In(c.zone), Runs: 1, Line: line})
			out[len(out)-1].Hours[local.Hour()]++
			return
		}
		// The last of the day's slots holds what is too much: they become one below.
		last := &out[len(out)-1]
		last.Last, last.Runs = at.In(c.zone), last.Runs+1
		last.Hours[local.Hour()]++
	}
	at, ok := m.start(c, own)
	for ok && at.Before(m.Before) {
		if len(m.plan.Slots)+len(out) >= maxSlots {
			m.plan.Truncated = true
			break
		}
		if !at.Before(m.After) {
			add(at)
		}
		at, ok = m.following(c, at)
	}
	if most <= often {
		return out
	}
	return daily(out, days)
}

// start is a run from which to count: the own next run, if that is not long before what is asked for.
func (m *planner) start(c *clock, own time.Time) (time.Time, bool) {
	from := m.After.Add(-settled)
	if !own.IsZero() && !own.Before(from) {
		return own, true
	}
	if from.Before(m.Now) {
		from = m.Now
	}
	return m.next(c, from)
}

// following is the run after one. Clusters look once a minute, and start what is due once.
func (m *planner) following(c *clock, run time.Time) (time.Time, bool) {
	return m.next(c, run.Truncate(time.Minute).Add(time.Minute-time.Second))
}

// daily makes one of all slots of a day.
func daily(slots []Slot, zone *time.Location) []Slot {
	out := slots[:0]
	day := 0
	for _, s := range slots {
		d := dayOf(s.At.In(zone))
		if d != day {
			day = d
			out = append(out, s)
			continue
		}
		one := &out[len(out)-1]
		one.Last, one.Runs = s.Last, one.Runs+s.Runs
		for h, n := range s.Hours {
			one.Hours[h] += n
		}
	}
	return out
}

// dayOf is a number for the day that a clock shows.
func dayOf(t time.Time) int {
	year, month, day := t.Date()
	return (year*100+int(month))*100 + day
}
