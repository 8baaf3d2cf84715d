package occurrence

import "time"

// Coming are the next runs of one job.
type Coming struct {
	Runs    []time.Time // in the zone of the cluster
	Zone    *time.Location
	Assumed bool   // the zone is not known: UTC is assumed
	Text    string // the schedule in words where there are some
	Reason  string // why not all runs can be told, "" if they can
}

// Next computes the next runs of a schedule after now, up to n. The zone is the name of that of the cluster, "" if it is not known; own is the next run
// that the cluster tells, if it does.
func Next(schedule, zone string, own, now time.Time, n int) Coming {
	return coming(schedule, zone, own, now, func(runs int, _ time.Time) bool { return runs < n })
}

// Until computes the runs of a schedule after now and before a time, up to most. Else it is as Next.
func Until(schedule, zone string, own, now, before time.Time, most int) Coming {
	return coming(schedule, zone, own, now, func(runs int, at time.Time) bool { return runs < most && at.Before(before) })
}

// coming computes runs as long as one more is wanted at a time.
func coming(schedule, zone string, own, now time.Time, wanted func(runs int, at time.Time) bool) Coming {
	m := &planner{Query: Query{Now: now, After: now}, plan: &Plan{}}
	c := m.clock(clockKey{schedule, zone})
	if !own.After(now) {
		own = time.Time{}
	}
	out := Coming{Zone: c.zone, Assumed: !c.zoneOK, Text: c.text, Reason: c.reason(now, own)}
	for at, ok := m.start(c, own); ok && wanted(len(out.Runs), at); at, ok = m.following(c, at) {
		out.Runs = append(out.Runs, at.In(c.zone))
	}
	return out
}
