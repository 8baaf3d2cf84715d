package web

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"github.com/proxops/proxops/services/api/internal/occurrence"
	"github.com/proxops/proxops/services/api/internal/resource"
)

const (
	calendarPath    = "/plugins/proxbox/calendar/"
	occurrencesPath = "/api/plugins/proxbox/occurrences/"
	// agendaEntries is how many entries one page of the agenda shows.
	agendaEntries = 200
	agendaDays    = 7
	maxAgendaDays = 31
)

// The views of the calendar.
const (
	monthView  = "month"
	weekView   = "week"
	agendaView = "agenda"
)

func (w *Web) calendarRoutes(e *gin.Engine) {
	e.GET(calendarPath, w.page(w.calendar))
}

// almanac is the page of the coming runs. The address says everything about it.
type almanac struct {
	view     string
	zone     *time.Location
	today    time.Time // its midnight
	date     time.Time // the midnight of the day that the view is about
	from, to time.Time
	length   int // days of the agenda
	params   url.Values
	query    occurrence.Query
	plan     *occurrence.Plan
	jobs     map[occurrence.Ref]*occurrence.Job // those that are shown
	often    map[*occurrence.Line]string        // how often what repeats does so
	days     []calendarDay
	offset   int
	count    int // of entries
	entries  []agendaDay
	assumed  []occurrence.Ref // a job of each endpoint whose zone is not known
	filters  []filterControl
	active   []filterChip
	wrong    map[string][]string
	unread   []string // what the address says that cannot be, as messages
}

// calendarParameters are those of the address that are no filters.
var calendarParameters = []string{"view", "date", "days", "kind", "include", "tab", "offset"}

func (w *Web) calendar(ctx context.Context, p *page) (answer, error) {
	c := p.readCalendar(time.Now())
	plan, err := occurrence.Find(ctx, w.Store, p.actor(), p.at(), c.query)
	if wrong, ok := errors.AsType[resource.Errors](err); ok {
		c.wrong, plan = messages(wrong), &occurrence.Plan{}
	} else if err != nil {
		return answer{}, err
	}
	if c.params.Has("kind") && c.query.Kinds == nil { // there are no jobs of that kind
		plan = &occurrence.Plan{}
	}
	if err := c.fill(ctx, plan); err != nil {
		return answer{}, err
	}
	if c.filters, c.active, err = p.calendarFilters(ctx, c); err != nil {
		return answer{}, err
	}
	if p.part() == calendarPart {
		return answer{body: templ.Join(calendarRuns(p, c), calendarCount(c)), bare: true}, nil
	}
	return answer{title: c.title() + " – Calendar", body: calendarPage(p, c)}, nil
}

// calendarPart is the part of the page that follows what becomes of the jobs.
const calendarPart = "calendar"

// follows says when the runs are out of date: after events of jobs that may be among them. Days go by, too.
func (c *almanac) follows() templ.Attributes {
	f := follow{at: c.with("offset", offsetText(c.offset)), events: []string{routineEvents, replicationEvents}, pause: 10 * time.Second, every: 15 * time.Minute}
	switch c.kind() {
	case occurrence.Routine:
		f.events = []string{routineEvents}
	case occurrence.Replication:
		f.events = []string{replicationEvents}
	}
	filters := c.filtering()
	f.endpoints = numbers(filters["endpoint_id"])
	if len(f.events) == 1 { // the ids of both kinds of jobs are not the same
		f.objects = numbers(filters["id"])
	}
	return f.live()
}

// numbers are ids as the stream of events takes them; nil, which narrows nothing, if anything else is among them, such as "null".
func numbers(ids []string) []string {
	for _, id := range ids {
		if _, err := strconv.ParseInt(id, 10, 64); err != nil {
			return nil
		}
	}
	return ids
}

// readCalendar reads the address. What cannot be is as if it was not said, but for filters, and is told.
func (p *page) readCalendar(now time.Time) *almanac {
	c := &almanac{zone: p.zone(), view: monthView, params: url.Values{}}
	for name, values := range p.http.URL.Query() {
		if values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" }); len(values) > 0 {
			c.params[name] = values
		}
	}
	for _, name := range jobResources {
		spread(p.filterControls(p.Store.Set.Get(name)), c.params)
	}
	c.today = midnight(now.In(c.zone))
	c.date, c.length = c.today, agendaDays
	c.read("view", "There are month, week and agenda.", func(v string) bool {
		c.view = v
		return v == monthView || v == weekView || v == agendaView
	})
	c.read("date", "Give it as 2026-01-31.", func(v string) bool {
		at, err := time.Parse(time.DateOnly, v)
		if err != nil || at.Year() <= 1970 || at.Year() >= 2200 {
			return false
		}
		c.date = dayAt(at.Year(), at.Month(), at.Day(), c.zone)
		return true
	})
	c.read("days", fmt.Sprintf("Give a number from 1 to %d.", maxAgendaDays), func(v string) bool {
		n, err := strconv.Atoi(v)
		c.length = max(1, min(n, maxAgendaDays))
		return err == nil && c.length == n
	})
	c.read("include", "Give disabled, stale, or both with a comma between them.", func(v string) bool {
		return !strings.ContainsFunc(v, unicode.IsSpace) && !slices.ContainsFunc(strings.Split(v, ","), func(each string) bool { return !slices.Contains(included, each) })
	})
	c.offset, _ = strconv.Atoi(c.params.Get("offset"))
	c.offset = max(0, c.offset)
	c.from, c.to = c.span()
	c.query = occurrence.Query{Now: now, After: c.from, Before: c.to, Days: c.zone, Stale: c.includes("stale"), Disabled: c.includes("disabled"), Filters: c.filtering()}
	if k := c.params.Get("kind"); slices.Contains(occurrence.Kinds, k) {
		c.query.Kinds = []string{k}
	} else if k != "" {
		c.unread = append(c.unread, notRead("kind", k, "There are "+strings.Join(occurrence.Kinds, " and ")+"."))
	}
	return c
}

// read reads a parameter of the address. One that cannot be is told, and forgotten.
func (c *almanac) read(name, hint string, take func(value string) bool) {
	v := c.params.Get(name)
	was := *c
	if v != "" && !take(v) {
		*c = was
		c.params.Del(name)
		c.unread = append(c.unread, notRead(name, v, hint))
	}
}

func notRead(name, value, hint string) string {
	return fmt.Sprintf("%s: %q cannot be. %s", words(name), visible(value), hint)
}

// included are the jobs that can be shown too.
var included = []string{"disabled", "stale"}

// rolling says that the view is that of the weeks to come, not of a month of the calendar: of that, most may be over.
func (c *almanac) rolling() bool { return c.view == monthView && !c.params.Has("date") }

// comingWeeks are shown at least from this week on.
const comingWeeks = 5

// span is what the view shows: whole weeks of a month, those to come, a week, or some days.
func (c *almanac) span() (from, to time.Time) {
	switch c.view {
	case weekView:
		// Without a date it is the week that comes: the days before are over.
		from = monday(c.date)
		if !c.params.Has("date") {
			from = c.today
		}
		return from, dayAfter(from, 7)
	case agendaView:
		return c.date, dayAfter(c.date, c.length)
	}
	last := dayAt(c.date.Year(), c.date.Month()+1, 0, c.zone)
	to = dayAfter(monday(last), 7)
	if c.rolling() {
		from = monday(c.today)
		if enough := dayAfter(from, 7*comingWeeks); to.Before(enough) {
			to = enough
		}
		return from, to
	}
	return monday(dayAfter(c.date, 1-c.date.Day())), to
}

// dayAt is the first moment of a day, which is not midnight where clocks skip that.
func dayAt(year int, month time.Month, day int, zone *time.Location) time.Time {
	noon := time.Date(year, month, day, 12, 0, 0, 0, zone)
	start := time.Date(noon.Year(), noon.Month(), noon.Day(), 0, 0, 0, 0, zone)
	if start.Day() != noon.Day() {
		_, start = start.ZoneBounds()
	}
	return start
}

// midnight is the first moment of the day of a time, and dayAfter that of some days later.
func midnight(t time.Time) time.Time { return dayAfter(t, 0) }

func dayAfter(t time.Time, days int) time.Time {
	return dayAt(t.Year(), t.Month(), t.Day()+days, t.Location())
}

// monday is that of the week of a day.
func monday(t time.Time) time.Time { return dayAfter(t, -(int(t.Weekday())+6)%7) }

// filtering are the parameters that are filters.
func (c *almanac) filtering() url.Values {
	out := url.Values{}
	for name, values := range c.params {
		if !slices.Contains(calendarParameters, name) {
			out[name] = values
		}
	}
	return out
}

func (c *almanac) includes(what string) bool {
	return slices.Contains(strings.Split(strings.Join(c.params["include"], ","), ","), what)
}

// kind is the one kind of jobs that is shown, or "".
func (c *almanac) kind() string { return strings.Join(c.query.Kinds, "") }

// title says what time the view shows.
func (c *almanac) title() string {
	if c.view == monthView && !c.rolling() {
		return c.date.Format("January 2006")
	}
	last := dayAfter(c.to, -1)
	switch {
	case last.Equal(c.from):
		return c.from.Format("Monday, 2 January 2006")
	case last.Year() != c.from.Year():
		return c.from.Format("2 Jan 2006") + " – " + last.Format("2 Jan 2006")
	case last.Month() != c.from.Month():
		return c.from.Format("2 Jan") + " – " + last.Format("2 Jan 2006")
	}
	return c.from.Format("2") + " – " + last.Format("2 January 2006")
}

// with is the address of the calendar with some parameters changed; an empty value takes one away.
func (c *almanac) with(changes ...string) string {
	v := cloneValues(c.params)
	v.Del("offset")
	v.Del("tab")
	for change := range slices.Chunk(changes, 2) {
		if v.Set(change[0], change[1]); change[1] == "" {
			v.Del(change[0])
		}
	}
	if q := v.Encode(); q != "" {
		return calendarPath + "?" + q
	}
	return calendarPath
}

// step is the address of the view before or after this one.
func (c *almanac) step(by int) string {
	var to time.Time
	switch {
	case c.rolling() && by > 0: // the month whose end it does not show, if not whose beginning
		to = dayAt(c.to.Year(), c.to.Month(), 1, c.zone)
	case c.rolling():
		before := dayAfter(c.from, -1)
		to = dayAt(before.Year(), before.Month(), 1, c.zone)
	case c.view == monthView:
		to = dayAt(c.date.Year(), c.date.Month()+time.Month(by), 1, c.zone)
	case c.view == weekView:
		to = dayAfter(c.from, 7*by)
	default:
		to = dayAfter(c.date, c.length*by)
	}
	return c.with("date", to.Format(time.DateOnly))
}

// day is the address of the agenda of one day.
func (c *almanac) day(at time.Time) string {
	return c.with("view", agendaView, "date", at.In(c.zone).Format(time.DateOnly), "days", "1")
}

// as is the address of another view of the same time.
func (c *almanac) as(view string) string {
	if view == monthView {
		view = "" // that is what the page shows if nothing is said
	}
	return c.with("view", view, "days", "")
}

// toggled is the address with jobs included, or left out again.
func (c *almanac) toggled(what string) string {
	var out []string
	for _, each := range included {
		if c.includes(each) != (each == what) {
			out = append(out, each)
		}
	}
	return c.with("include", strings.Join(out, ","))
}

// feed is the address for programs that subscribe to calendars.
func (c *almanac) feed(p *page) string {
	v := c.filtering()
	v.Set("format", "ics")
	for _, name := range []string{"kind", "include"} {
		if set := c.params[name]; len(set) > 0 {
			v[name] = set
		}
	}
	return p.origin + occurrencesPath + "?" + v.Encode()
}
