package web

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// daysShown is how many days of changes the dashboard shows, with today.
const daysShown = 14

// changesPerDay are the changes of the last days. Days are those of UTC, as is the change log.
type changesPerDay struct {
	days  []dayOfChanges
	most  int
	total int
}

// dayOfChanges are the changes of a day.
type dayOfChanges struct {
	day                       time.Time
	created, updated, deleted int
	to                        string
}

func (d dayOfChanges) total() int { return d.created + d.updated + d.deleted }

func (p *page) changesPerDay(ctx context.Context, now time.Time) (*changesPerDay, error) {
	r := p.Store.Set.Get("object-changes")
	today := now.Truncate(24 * time.Hour)
	since := today.AddDate(0, 0, 1-daysShown)
	groups, err := p.Store.Tally(ctx, r, p.actor(), url.Values{"time__gte": {since.Format(time.RFC3339)}}, 4*(daysShown+1), resource.By{Field: "time", Day: true}, resource.By{Field: "action"})
	if err != nil {
		return nil, err
	}
	c := &changesPerDay{}
	for day := since; !day.After(today); day = day.AddDate(0, 0, 1) {
		query := url.Values{"time__gte": {day.Format(time.RFC3339)}, "time__lt": {day.AddDate(0, 0, 1).Format(time.RFC3339)}}
		c.days = append(c.days, dayOfChanges{day: day, to: pathOf(r) + "?" + query.Encode()})
	}
	for _, g := range groups {
		at := slices.IndexFunc(c.days, func(d dayOfChanges) bool { return d.day.Format(time.DateOnly) == g.Values[0] })
		if at < 0 { // of a clock that is ahead of ours
			continue
		}
		switch g.Values[1] {
		case "create":
			c.days[at].created += g.Count
		case "delete":
			c.days[at].deleted += g.Count
		default:
			c.days[at].updated += g.Count
		}
		c.total += g.Count
	}
	for _, d := range c.days {
		c.most = max(c.most, d.total())
	}
	return c, nil
}

// stack is one part of a bar of the picture of changes.
type stack struct {
	class   string
	y, tall float64
}

// chartTall is the height of the tallest bar.
const chartTall = 90.0

// stacks are the parts of the bar of a day, from the bottom. What is there at all can be seen.
func (c *changesPerDay) stacks(d dayOfChanges) []stack {
	var out []stack
	y := chartTall
	for _, part := range []struct {
		class string
		n     int
	}{{"created", d.created}, {"updated", d.updated}, {"deleted", d.deleted}} {
		if part.n > 0 {
			tall := max(1.5, chartTall*float64(part.n)/float64(c.most))
			y -= tall
			out = append(out, stack{part.class, max(y, -4), tall})
		}
	}
	return out
}
