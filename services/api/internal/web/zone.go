package web

import (
	"strings"
	"time"

	"github.com/proxops/proxops/services/api/internal/store"
)

// zoneCookie is where a browser says in which time zone it is. It is set by theme.js.
const zoneCookie = "proxops_tz"

// zone is the time zone of who looks, or UTC if the browser does not say one.
func (p *page) zone() *time.Location {
	if p.clock == nil {
		p.clock = time.UTC
		if c, err := p.http.Cookie(zoneCookie); err == nil && c.Value != "Local" && len(c.Value) <= 64 {
			if zone, err := time.LoadLocation(c.Value); err == nil {
				p.clock = zone
			}
		}
	}
	return p.clock
}

// place is what a time zone is called where there is little room: its city.
func place(zone string) string {
	return strings.ReplaceAll(zone[strings.LastIndexByte(zone, '/')+1:], "_", " ")
}

// sameClock says whether two zones show the same time all year, as those of neighbours do.
func sameClock(a, b *time.Location, now time.Time) bool {
	for at, end := now, now.AddDate(1, 0, 0); at.Before(end); {
		_, one := at.In(a).Zone()
		if _, other := at.In(b).Zone(); one != other {
			return false
		}
		next := end // when a clock is moved
		for _, zone := range []*time.Location{a, b} {
			if _, moved := at.In(zone).ZoneBounds(); !moved.IsZero() && moved.Before(next) {
				next = moved
			}
		}
		at = next
	}
	return true
}

// tellClocks says of jobs of Proxmox by whose clock they run: "zone" is that of the cluster, "clock" what the schedule is shown with unless the clock is
// that of who looks. Whoever may see a job may know when it runs, if not all of its endpoint.
func tellClocks(p *page, rows []object, endpoints map[int64]store.JobEndpointsRow) {
	clocks, now := map[string]string{}, time.Now()
	for _, o := range rows {
		e, known := endpoints[o.sub("endpoint").number("id")]
		if !known {
			continue
		}
		if _, told := clocks[e.Zone]; !told {
			clocks[e.Zone] = p.clockOf(e.Zone, now)
		}
		o["zone"], o["clock"] = e.Zone, clocks[e.Zone]
	}
}

// clockOf names the clock of a zone; "" if it is that of who looks. Nothing known stands for UTC.
func (p *page) clockOf(zone string, now time.Time) string {
	location, err := time.LoadLocation(zone)
	switch {
	case zone == "" || err != nil:
		return "≈ UTC"
	case sameClock(location, p.zone(), now):
		return ""
	}
	return place(zone)
}

// sinceText is a time in the past with as little as tells it from others: the hour of today, the day of this year.
func (p *page) sinceText(at string) string {
	t, ok := parseMoment(at)
	if !ok {
		return at
	}
	t = t.In(p.zone())
	switch now := time.Now().In(p.zone()); {
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format("15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan")
	}
	return t.Format(time.DateOnly)
}
