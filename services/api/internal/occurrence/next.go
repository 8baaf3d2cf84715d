package occurrence

import "time"

// Coming are the next runs of one job.
type Coming struct {
	Runs    []time.Time // in the zone of the cluster
	Zone    *time.Location
	Assumed bool   // the zone is not known: UTC is assumed
	Text    string // the schedule in words where there are some; only Next says so
	Reason  string // why not all runs can be told, "" if they can
}

// Next computes the next runs of a schedule after now, up to n. The zone is the name of that of the cluster, "" if it is not known; own is the next run
// that the cluster tells, if it does.
func Next(schedule, zone string, own, now time.Time, n int) Coming {
	m := newPlanner(Query{Now: now, After: now}, &Plan{})
	c := m.clock(clockKey{schedule, zone})
	out := m.coming(c, own, func(runs int, _ time.Time) bool { return runs < n })
	out.Text = m.text(c)
	return out
}

// Clocks compute runs of many schedules after a time. Each schedule is read once, and each zone. They are not for concurrent use.
type Clocks struct{ m *planner }

// NewClocks returns clocks that begin at a time.
func NewClocks(now time.Time) *Clocks {
	return &Clocks{newPlanner(Query{Now: now, After: now}, &Plan{})}
}

// Until computes the runs before a time, up to most. Else it is as [Next].
func (c *Clocks) Until(schedule, zone string, own, before time.Time, most int) Coming {
	c.m.steps = 0 // most bounds each schedule, and whoever asks bounds how many there are
	return c.m.coming(c.m.clock(clockKey{schedule, zone}), own, func(runs int, at time.Time) bool { return runs < most && at.Before(before) })
}

// coming computes runs as long as one more is wanted at a time.
func (m *planner) coming(c *clock, own time.Time, wanted func(runs int, at time.Time) bool) Coming {
	if !own.After(m.Now) {
		own = time.Time{}
	}
	out := Coming{Zone: c.zone, Assumed: !c.zoneOK, Reason: c.reason(m.Now, own)}
	for at, ok := m.start(c, own); ok && wanted(len(out.Runs), at); at, ok = m.following(c, at) {
		out.Runs = append(out.Runs, at.In(c.zone))
	}
	return out
}
