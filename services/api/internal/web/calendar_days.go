package web

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/proxops/proxops/services/api/internal/occurrence"
)

// calendarDay is one day of the calendar, as clocks of who looks show it.
type calendarDay struct {
	date  time.Time
	runs  int // of all jobs
	jobs  int // entries
	hours [24]int
	marks []calendarMark
}

// calendarMark is jobs of a kind that run at the same time.
type calendarMark struct {
	*occurrence.Slot

	jobs []*occurrence.Job
}

// agendaDay is the part of the agenda that is of one day.
type agendaDay struct {
	date     time.Time
	once     []occurrence.Entry
	repeated []occurrence.Entry
}

// fill takes over what was found.
func (c *almanac) fill(plan *occurrence.Plan) {
	c.plan, c.count = plan, plan.Count()
	for at := c.from; at.Before(c.to); at = dayAfter(at, 1) {
		c.days = append(c.days, calendarDay{date: at})
	}
	var unknown []string
	for i := range plan.Slots {
		s := &plan.Slots[i]
		if s.Assumed {
			for _, j := range s.Jobs {
				unknown = append(unknown, j.Endpoint)
			}
		}
		if d := c.dayOf(s.At); d != nil {
			d.add(s)
		}
	}
	slices.Sort(unknown)
	c.assumed = slices.Compact(unknown)
	if c.view == agendaView {
		c.agenda()
	}
}

// agenda takes a page of entries: on each day, what happens once comes before what repeats.
func (c *almanac) agenda() {
	ordered := occurrence.Plan{}
	for i := range c.days {
		for _, m := range slices.Concat(c.days[i].once(), c.days[i].repeated()) {
			s := *m.Slot
			line := *s.Line
			line.Jobs, s.Line = m.jobs, &line
			ordered.Slots = append(ordered.Slots, s)
		}
	}
	for _, e := range ordered.Entries(c.offset, agendaEntries) {
		date := midnight(e.At.In(c.zone))
		if n := len(c.entries); n == 0 || !c.entries[n-1].date.Equal(date) {
			c.entries = append(c.entries, agendaDay{date: date})
		}
		last := &c.entries[len(c.entries)-1]
		if e.Repeats() {
			last.repeated = append(last.repeated, e)
		} else {
			last.once = append(last.once, e)
		}
	}
}

// dayOf is the day of the view in which a time is.
func (c *almanac) dayOf(at time.Time) *calendarDay {
	local := midnight(at.In(c.zone))
	i, found := slices.BinarySearchFunc(c.days, local, func(d calendarDay, t time.Time) int { return d.date.Compare(t) })
	if !found {
		return nil
	}
	return &c.days[i]
}

// add adds a slot. Those of the same kind and time are one mark; what repeats comes after what does not.
func (d *calendarDay) add(s *occurrence.Slot) {
	d.runs += s.Total()
	d.jobs += len(s.Jobs)
	for h, n := range s.Hours {
		d.hours[h] += int(n) * len(s.Jobs)
	}
	// Slots come in the order of time.
	minute := s.At.Truncate(time.Minute)
	for i := len(d.marks) - 1; i >= 0 && !d.marks[i].At.Before(minute); i-- {
		m := &d.marks[i]
		if m.Kind == s.Kind && m.Repeats() == s.Repeats() && m.Assumed == s.Assumed && (!s.Repeats() || m.Text == s.Text) {
			m.jobs = append(slices.Clip(m.jobs), s.Jobs...)
			return
		}
	}
	d.marks = append(d.marks, calendarMark{s, s.Jobs})
}

// top are the first marks of a day, what happens once before what repeats, and how many entries are not in them.
func (d *calendarDay) top(n int) (marks []calendarMark, more int) {
	marks = append(d.once(), d.repeated()...)
	marks = marks[:min(n, len(marks))]
	more = d.jobs
	for _, m := range marks {
		more -= len(m.jobs)
	}
	return marks, more
}

func (d *calendarDay) once() []calendarMark {
	return slices.DeleteFunc(slices.Clone(d.marks), func(m calendarMark) bool { return m.Repeats() })
}

func (d *calendarDay) repeated() []calendarMark {
	return slices.DeleteFunc(slices.Clone(d.marks), func(m calendarMark) bool { return !m.Repeats() })
}

// at are the marks of an hour, without what repeats.
func (d *calendarDay) at(hour int, zone *time.Location) []calendarMark {
	return slices.DeleteFunc(d.once(), func(m calendarMark) bool { return m.At.In(zone).Hour() != hour })
}

// text says what a mark is: the job, or how many there are.
func (m calendarMark) text() string {
	if len(m.jobs) == 1 {
		return visible(m.jobs[0].Display)
	}
	return grouped(int64(len(m.jobs))) + " " + manyRuns[m.Kind]
}

// when is the time of a mark, or how often it repeats.
func (m calendarMark) when(zone *time.Location) string {
	if m.Repeats() {
		return m.Text
	}
	return m.At.In(zone).Format("15:04")
}

// hint says everything about a mark.
func (m calendarMark) hint(zone *time.Location) string {
	text := m.when(zone)
	for i, j := range m.jobs {
		if i == maxShown {
			return fmt.Sprintf("%s\nand %d more", text, len(m.jobs)-maxShown)
		}
		text += "\n" + visible(j.Display)
	}
	return text
}

// to is where a mark leads: to its job, or to the agenda of its day.
func (m calendarMark) to(p *page, c *almanac) string {
	if len(m.jobs) == 1 {
		return p.local(m.jobs[0].URL)
	}
	return c.day(m.At) + "#" + c.anchor(occurrence.Entry{Slot: m.Slot})
}

// manyRuns name many jobs of a kind, and oneRun one.
var (
	manyRuns  = map[string]string{occurrence.Routine: "backups", occurrence.Replication: "replications"}
	oneRun    = map[string]string{occurrence.Routine: "Backup", occurrence.Replication: "Replication"}
	kindIcons = map[string]string{occurrence.Routine: "backup", occurrence.Replication: "replication"}
)

// anchor is where the agenda has what happens at a time.
func (c *almanac) anchor(e occurrence.Entry) string {
	id := "t" + e.At.In(c.zone).Format("0102-1504")
	if e.Repeats() {
		id += "-often"
	}
	return id
}

// often says how much of a day repeats.
func often(entries []occurrence.Entry) string {
	runs := 0
	for _, e := range entries {
		runs += e.Runs
	}
	jobs := grouped(int64(len(entries))) + " jobs run"
	if len(entries) == 1 {
		jobs = "1 job runs"
	}
	return jobs + " often: " + grouped(int64(runs)) + " times"
}

// exactIn is a time in UTC, and as the clocks of its cluster show it.
func exactIn(at time.Time) string {
	return at.UTC().Format("2006-01-02 15:04:05 UTC") + " · " + at.Format("15:04 MST") + " in " + at.Location().String()
}

// busiest is the most runs of an hour in the view.
func (c *almanac) busiest() int {
	most := 0
	for i := range c.days {
		most = max(most, slices.Max(c.days[i].hours[:]))
	}
	return most
}

// heat is how much happens in an hour, from 0 to 4, beside the busiest one.
func heat(n, most int) string {
	if n == 0 || most == 0 {
		return "0"
	}
	return strconv.Itoa(min(4, 1+4*(n-1)/max(most, 4)))
}

// bar is a column of the picture of a day.
type bar struct{ x, y, height string }

// bars are the hours of a day as columns, beside the busiest one of the view.
func (d *calendarDay) bars(most int) (out []bar) {
	for h, n := range d.hours {
		if n > 0 {
			height := max(2, 14*n/max(most, 1))
			out = append(out, bar{strconv.Itoa(4 * h), strconv.Itoa(14 - height), strconv.Itoa(height)})
		}
	}
	return out
}

// load says of a day what its picture shows.
func (d *calendarDay) load(zone *time.Location) string {
	if d.runs == 0 {
		return "no runs"
	}
	most := slices.Max(d.hours[:])
	hour := slices.Index(d.hours[:], most)
	return fmt.Sprintf("%s runs, most from %02d:00 to %02d:00 (%s)", grouped(int64(d.runs)), hour, hour+1, grouped(int64(most)))
}

// off says that none of the jobs of a mark really runs.
func (m calendarMark) off() bool {
	return !slices.ContainsFunc(m.jobs, func(j *occurrence.Job) bool { return !j.Disabled && !j.Stale })
}

func entriesOf(marks []calendarMark) (n int) {
	for _, m := range marks {
		n += len(m.jobs)
	}
	return n
}

func twoDigits(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// compact is a number that fits into a narrow column.
func compact(n int) string {
	if n >= 10_000 {
		return strconv.Itoa(n/1000) + "k"
	}
	return strconv.Itoa(n)
}
