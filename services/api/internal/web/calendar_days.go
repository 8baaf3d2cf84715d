package web

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	*occurrence.Slot // the first of them

	slots []*occurrence.Slot
	jobs  int
	off   bool // none of the jobs really runs
}

// The marks that a day of the month, an hour of the week, and what repeats on a day of the week show.
const (
	monthMarks  = 4
	hourMarks   = 3
	repeatMarks = 4
)

// agendaDay is the part of the agenda that is of one day.
type agendaDay struct {
	date     time.Time
	once     []occurrence.Entry
	repeated []occurrence.Entry
}

// fill takes over what was found, and reads what is shown of it.
func (c *almanac) fill(ctx context.Context, plan *occurrence.Plan) (err error) {
	c.plan, c.count = plan, plan.Count()
	for at := c.from; at.Before(c.to); at = dayAfter(at, 1) {
		c.days = append(c.days, calendarDay{date: at})
	}
	c.often = map[*occurrence.Line]string{}
	lines, endpoints := map[*occurrence.Line]bool{}, map[int64]bool{}
	for i := range plan.Slots {
		s := &plan.Slots[i]
		if d := c.dayOf(s.At); d != nil {
			c.add(d, s)
		}
		if !s.Assumed || lines[s.Line] {
			continue
		}
		lines[s.Line] = true
		for _, ref := range s.Jobs {
			if !endpoints[ref.EndpointID] {
				endpoints[ref.EndpointID] = true
				c.assumed = append(c.assumed, ref)
			}
		}
	}
	if c.view == agendaView {
		if err := c.agenda(ctx); err != nil {
			return err
		}
	}
	c.jobs, err = plan.Describe(ctx, c.named())
	return err
}

// named are the jobs whose names the view shows, but for those of the agenda.
func (c *almanac) named() (refs []occurrence.Ref) {
	add := func(marks []calendarMark, shown int) {
		for _, m := range marks[:min(shown, len(marks))] {
			refs = append(refs, m.first(maxShown)...)
		}
	}
	for i := range c.days {
		d := &c.days[i]
		switch c.view {
		case monthView:
			marks, _, _, _ := d.top(monthMarks)
			add(marks, len(marks))
		case weekView:
			add(d.repeated(), repeatMarks)
			for hour := range 24 {
				add(d.at(hour, c.zone), hourMarks)
			}
		}
	}
	for _, u := range c.plan.Unplaced[:min(len(c.plan.Unplaced), maxUnplaced)] {
		refs = append(refs, u.Ref)
	}
	return append(refs, c.assumed[:min(len(c.assumed), maxAssumed)]...)
}

// agenda takes a page of entries: on each day, what happens once comes before what repeats.
func (c *almanac) agenda(ctx context.Context) error {
	ordered := *c.plan
	ordered.Slots = nil
	for i := range c.days {
		for _, m := range slices.Concat(c.days[i].once(), c.days[i].repeated()) {
			for _, s := range m.slots {
				ordered.Slots = append(ordered.Slots, *s)
			}
		}
	}
	entries, err := ordered.Entries(ctx, c.offset, agendaEntries)
	if err != nil {
		return err
	}
	for _, e := range entries {
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
	return nil
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
func (c *almanac) add(d *calendarDay, s *occurrence.Slot) {
	d.runs += s.Total()
	d.jobs += len(s.Jobs)
	for h, n := range s.Hours {
		d.hours[h] += int(n) * len(s.Jobs)
	}
	// Slots come in the order of time.
	minute := s.At.Truncate(time.Minute)
	for i := len(d.marks) - 1; i >= 0 && !d.marks[i].At.Before(minute); i-- {
		m := &d.marks[i]
		if m.Kind == s.Kind && m.Repeats() == s.Repeats() && m.Assumed == s.Assumed && (!s.Repeats() || c.when(m.Slot) == c.when(s)) {
			m.slots, m.jobs, m.off = append(m.slots, s), m.jobs+len(s.Jobs), m.off && s.Off
			return
		}
	}
	d.marks = append(d.marks, calendarMark{s, []*occurrence.Slot{s}, len(s.Jobs), s.Off})
}

// top are the first marks of a day, what happens once before what repeats, with what is not in them: how many entries that happen once, how many that
// repeat, and the runs of these. What repeats has a line of its own, so that the runs of a day add up.
func (d *calendarDay) top(n int) (marks []calendarMark, more, often, runs int) {
	once, repeated := d.once(), d.repeated()
	if len(once)+len(repeated) > n && len(repeated) > 0 {
		n--
	}
	shown := min(n, len(once))
	also := min(n-shown, len(repeated))
	for _, m := range repeated[also:] {
		often += m.jobs
		for _, s := range m.slots {
			runs += s.Total()
		}
	}
	return append(once[:shown:shown], repeated[:also]...), entriesOf(once[shown:]), often, runs
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

// first are the first jobs of a mark.
func (m calendarMark) first(n int) (refs []occurrence.Ref) {
	for _, s := range m.slots {
		refs = append(refs, s.Jobs[:min(len(s.Jobs), n-len(refs))]...)
		if len(refs) == n {
			break
		}
	}
	return refs
}

// only is the job of a mark that is of one alone; nil if there are more, or if it is gone.
func (c *almanac) only(m calendarMark) *occurrence.Job {
	if m.jobs > 1 {
		return nil
	}
	return c.jobs[m.slots[0].Jobs[0]]
}

// text says what a mark is: the job, or how many there are.
func (c *almanac) text(m calendarMark) string {
	if j := c.only(m); j != nil {
		return visible(j.Display)
	}
	return grouped(int64(m.jobs)) + " " + manyRuns[m.Kind]
}

// when is the time of a slot, or how often it repeats: by the clock of who looks, or with whose clock it is.
func (c *almanac) when(s *occurrence.Slot) string {
	if !s.Repeats() {
		return s.At.In(c.zone).Format("15:04")
	}
	text, known := c.often[s.Line]
	if !known {
		if text = s.Text; strings.Contains(text, ":") && !sameClock(s.Zone, c.zone, c.query.Now) {
			text += " " + place(s.Zone.String())
		}
		c.often[s.Line] = text
	}
	return text
}

// hint says everything about a mark.
func (c *almanac) hint(m calendarMark) string {
	lines := []string{c.when(m.Slot)}
	for _, ref := range m.first(maxShown) {
		if j := c.jobs[ref]; j != nil {
			lines = append(lines, visible(j.Display))
		}
	}
	if m.jobs > maxShown {
		lines = append(lines, "and "+grouped(int64(m.jobs-maxShown))+" more")
	}
	return strings.Join(lines, "\n")
}

// link is where a mark leads: to its job, or to the agenda of its day.
func (c *almanac) link(p *page, m calendarMark) string {
	if j := c.only(m); j != nil {
		return p.local(j.URL)
	}
	return c.day(m.At) + "#" + c.anchor(m.Slot)
}

// manyRuns name many jobs of a kind, and oneRun one.
var (
	manyRuns  = map[string]string{occurrence.Routine: "backups", occurrence.Replication: "replications"}
	oneRun    = map[string]string{occurrence.Routine: "Backup", occurrence.Replication: "Replication"}
	kindIcons = map[string]string{occurrence.Routine: "backup", occurrence.Replication: "replication"}
)

// anchor is where the agenda has what happens at a time.
func (c *almanac) anchor(s *occurrence.Slot) string {
	id := "t" + s.At.In(c.zone).Format("0102-1504")
	if s.Repeats() {
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
	return oftenText(len(entries), runs)
}

func oftenText(jobs, runs int) string {
	return counted(int64(jobs), "job runs", "jobs run") + " often: " + grouped(int64(runs)) + " times"
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

func entriesOf(marks []calendarMark) (n int) {
	for _, m := range marks {
		n += m.jobs
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
	switch {
	case n >= 10_000_000:
		return strconv.Itoa(n/1_000_000) + "M"
	case n >= 1_000_000:
		return strconv.FormatFloat(float64(n/100_000)/10, 'f', 1, 64) + "M"
	case n >= 10_000:
		return strconv.Itoa(n/1000) + "k"
	}
	return strconv.Itoa(n)
}

// brief is a number in full where that is not too long.
func brief(n int) string {
	if n >= 100_000 {
		return compact(n)
	}
	return grouped(int64(n))
}
