package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones of the tests, wherever they run

	"golang.org/x/net/html"
)

const calendarPath = "/plugins/proxbox/calendar/"

// fleet is two endpoints with jobs: prod in Tokyo, lab in a zone that nobody knows.
type fleet struct {
	*person

	prod, lab, vm, daily, twice, odd, off, repl int
	day                                         time.Time // of January, next year
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{person: serve(t), day: time.Date(time.Now().Year()+1, 1, 12, 0, 0, 0, 0, time.UTC)}
	f.prod = f.make(endpointsPath, map[string]any{"name": "prod", "domain": "prod.example.com", "enabled": false, "time_zone": "Asia/Tokyo"})
	f.lab = f.make(endpointsPath, map[string]any{"name": "lab", "domain": "lab.example.com", "enabled": false})
	cluster := f.make(clustersPath, map[string]any{"name": "c"})
	f.vm = f.make(vmsPath, map[string]any{"name": "web", "cluster": cluster})
	f.daily = f.routine(f.prod, "nightly", "08:30") // 23:30 of the day before in UTC
	f.twice = f.routine(f.lab, "twice", "06,18:00")
	f.odd = f.routine(f.lab, "odd", "full moon")
	f.off = f.make(routinesPath, map[string]any{"endpoint": f.lab, "job_id": "off", "schedule": "12:00", "enabled": false})
	f.repl = f.make(replsPath, map[string]any{"endpoint": f.lab, "replication_id": "100-0", "virtual_machine": f.vm, "guest": 100, "target": "n", "jobnum": 0, "schedule": "*/15"})
	return f
}

func (f *fleet) routine(endpoint int, job, schedule string) int {
	f.t.Helper()
	return f.make(routinesPath, map[string]any{"endpoint": endpoint, "job_id": job, "schedule": schedule})
}

// calendar gets the calendar at a day of January.
func (f *fleet) calendar(day int, query string) page {
	f.t.Helper()
	return f.get(fmt.Sprintf("%s?date=%s&%s", calendarPath, f.day.AddDate(0, 0, day-12).Format(time.DateOnly), query)).want(f.t, 200)
}

// from says in which zone the browser is.
func (p *person) from(zone string) {
	p.t.Helper()
	u, err := url.Parse(p.http.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	p.client.Jar.SetCookies(u, []*http.Cookie{{Name: "proxops_tz", Value: zone, Path: "/"}})
}

// rows are the entries of the agenda, as people read them.
func (g page) rows() string {
	var out []string
	for _, tr := range g.all(tag("tr"), with("data-row")) {
		out = append(out, textOf(tr))
	}
	return strings.Join(out, "\n")
}

func TestTheAgendaListsTheRunsOfADay(t *testing.T) {
	f := newFleet(t)
	got := f.calendar(12, "view=agenda&days=1")
	want := strings.Join([]string{
		"06:00 ≈ UTC Backup twice (06,18:00) lab (lab.example.com) every day at 06:00 and 18:00", "18:00 ≈ UTC Backup twice (06,18:00) lab (lab.example.com) every day at 06:00 and 18:00",
		"23:30 Backup nightly (daily) prod (prod.example.com) every day at 08:30 Asia/Tokyo",
		"00:00 –23:45 96 times ≈ UTC Replication 100-0 (web → n) lab (lab.example.com) n every 15 minutes",
	}, "\n")
	if got.rows() != want {
		t.Errorf("got\n%s\nwant\n%s", got.rows(), want)
	}
	if !got.has(tag("a"), with("href", at(routinesPath, f.daily))) || !got.has(tag("a"), with("href", at(replsPath, f.repl))) {
		t.Errorf("entries lead nowhere: %v", got.links())
	}
	if !got.has(tag("h1"), saying("Calendar")) || !got.has(tag("summary"), saying("1 job runs often: 96 times")) {
		t.Errorf("no titles: %s", got.text())
	}
	if !strings.Contains(got.text(), "The time zone of lab (lab.example.com) is not known") {
		t.Errorf("it does not say which zone is assumed: %s", got.text())
	}
}

func TestTheCalendarHasTheDaysOfWhoLooks(t *testing.T) {
	f := newFleet(t)
	for zone, want := range map[string]string{
		"Europe/Berlin": "00:30 Backup nightly (daily) prod (prod.example.com) every day at 08:30 Asia/Tokyo", "Asia/Tokyo": "08:30 Backup nightly (daily) prod (prod.example.com) every day at 08:30",
		"Local": "23:30 Backup nightly (daily) prod (prod.example.com) every day at 08:30 Asia/Tokyo", "../etc": "23:30 Backup nightly (daily) prod (prod.example.com) every day at 08:30 Asia/Tokyo",
	} {
		f.from(zone)
		got := f.calendar(12, "view=agenda&days=1&q=nightly")
		if got.rows() != want {
			t.Errorf("%s: got %q, want %q", zone, got.rows(), want)
		}
	}
}

func TestDaysBeginWhereClocksSkipMidnight(t *testing.T) {
	f := newFleet(t)
	f.from("America/Santiago")
	day := time.Date(f.day.Year(), 9, 2, 0, 0, 0, 0, time.UTC)
	day = day.AddDate(0, 0, (7-int(day.Weekday()))%7) // the Sunday on which summer begins there
	date := day.Format(time.DateOnly)
	if got := f.get(calendarPath+"?view=agenda&days=1&q=100-0&date="+date).want(t, 200).rows(); !strings.HasPrefix(got, "01:00 –23:45 92 times") {
		t.Errorf("on %s: %q", date, got)
	}
	got := f.get(calendarPath+"?q=100-0&date="+date).want(t, 200)
	if n := len(got.all(tag("a"), class("cal-count"))); n != len(all(got.one(t, tag("table"), class("cal-month")), tag("td"))) {
		t.Errorf("%d days have runs", n)
	}
	if next := f.get(calendarPath+"?view=agenda&days=2&q=100-0&date="+date).want(t, 200); !next.has(tag("a"), with("rel", "next"), with("href", calendarPath+"?date="+day.AddDate(0, 0, 2).Format(time.DateOnly)+"&days=2&q=100-0&view=agenda")) {
		t.Errorf("what is next: %v", next.links())
	}
}

func TestTheMonthCountsAndLeadsToDays(t *testing.T) {
	f := newFleet(t)
	for i := range 12 {
		f.routine(f.lab, fmt.Sprintf("j%02d", i), fmt.Sprintf("02:%02d", i%6))
	}
	got := f.calendar(12, "view=month")
	table := got.one(t, tag("table"), class("cal-month"))
	if n := len(all(table, tag("th"), with("scope", "col"))); n != 7 || len(all(table, tag("caption"))) != 1 {
		t.Errorf("%d columns have a head", n)
	}
	var cell *html.Node
	for _, td := range all(table, tag("td")) {
		if strings.HasPrefix(textOf(td), "12 ") {
			cell = td
		}
	}
	if cell == nil {
		t.Fatalf("no 12th: %s", textOf(table))
	}
	if text := textOf(cell); !strings.Contains(text, "111 runs") || !strings.Contains(text, "02:00 2 backups") || !strings.Contains(text, "+9 more") || !strings.Contains(text, "1 often: 96 runs") {
		t.Errorf("the 12th: %s", text)
	}
	links := all(cell, tag("a"), class("cal-more"))
	to, _ := attr(links[0], "href")
	if day := f.get(to).want(t, 200); strings.Count(day.rows(), "\n") != 15 {
		t.Errorf("+9 more leads to %s", day.rows())
	}
	if !strings.Contains(textOf(got.one(t, tag("h2"), class("cal-title"))), "January") {
		t.Error("no title")
	}
}

func TestTheMonthShowsTheWeeksToComeUnlessOneIsNamed(t *testing.T) {
	f := newFleet(t)
	for _, c := range []struct{ query, now, want string }{
		{"", "2026-11-29", "23 Nov – 27 Dec 2026; Mon 23 Nov; Sun 27 Dec; ?date=2026-11-01; ?date=2026-12-01"},
		{"", "2026-12-01", "30 Nov 2026 – 3 Jan 2027; Mon 30 Nov; Sun 3 Jan; ?date=2026-11-01; ?date=2027-01-01"},
		{"", "2026-12-31", "28 Dec 2026 – 31 Jan 2027; Mon 28 Dec; Sun 31 Jan; ?date=2026-12-01; ?date=2027-02-01"},
		{"", "2027-02-28", "22 Feb – 28 Mar 2027; Mon 22 Feb; Sun 28 Mar; ?date=2027-02-01; ?date=2027-03-01"},
		{"", "2027-08-01", "26 Jul – 5 Sep 2027; Mon 26 Jul; Sun 5 Sep; ?date=2027-07-01; ?date=2027-09-01"}, // the rest of a month of six weeks
		{"date=yesterday", "2026-11-29", "23 Nov – 27 Dec 2026; Mon 23 Nov; Sun 27 Dec; ?date=2026-11-01; ?date=2026-12-01"},
		{"date=2026-11-29", "2026-11-29", "November 2026; Mon 26 Oct; Sun 6 Dec; ?date=2026-10-01; ?date=2026-12-01"},
		{"date=2026-12-01&kind=replication", "2026-11-29", "December 2026; Mon 30 Nov; Sun 3 Jan; ?date=2026-11-01&kind=replication; ?date=2027-01-01&kind=replication"},
	} {
		now, err := time.Parse(time.DateOnly, c.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.ui.MonthAt(c.query, now); got != c.want {
			t.Errorf("%q on %s: got  %s\nwant %s", c.query, c.now, got, c.want)
		}
	}
	g := f.get(calendarPath).want(t, 200)
	table := g.one(t, tag("table"), class("cal-month"))
	if days := len(all(table, tag("td"))); days < 35 || days%7 != 0 {
		t.Errorf("it shows %d days", days)
	}
	if len(all(table, class("other"))) > 0 || !g.has(with("aria-current", "date")) {
		t.Error("days of the next month are beside the point, or today is not marked")
	}
	if rows := all(table, tag("tr")); !strings.Contains(textOf(rows[len(rows)-1]), "runs") {
		t.Errorf("the last week is empty: %s", textOf(rows[len(rows)-1]))
	}
}

func TestTheWeekHasHours(t *testing.T) {
	f := newFleet(t)
	got := f.calendar(12, "view=week")
	table := got.one(t, tag("table"), class("cal-week"))
	rows := all(table, tag("tr"))
	if len(rows) != 26 || len(all(table, tag("th"), with("scope", "row"))) != 25 {
		t.Fatalf("%d rows", len(rows))
	}
	for row, want := range map[int]string{1: "every 15 minutes 100-0 (web → n)", 8: "06:00 twice", 20: "18:00 twice", 25: "23:30 nightly"} {
		if n := strings.Count(strings.ReplaceAll(textOf(rows[row]), "≈ ", ""), want); n != 7 {
			t.Errorf("row %d has %q %d times: %s", row, want, n, textOf(rows[row]))
		}
	}
}

func TestWhatTheCalendarLeavesOut(t *testing.T) {
	f := newFleet(t)
	got := f.calendar(12, "view=agenda&days=1&kind=backup_routine")
	if text := got.rows(); strings.Contains(text, "100-0") || strings.Contains(text, "off") || !strings.Contains(text, "twice") {
		t.Errorf("backups: %s", text)
	}
	unplaced := textOf(got.one(t, tag("table"), class("cal-unplaced")))
	if !strings.Contains(unplaced, "odd") || !strings.Contains(unplaced, "full moon") || !strings.Contains(unplaced, "cannot be read") {
		t.Errorf("not placed: %s", unplaced)
	}
	if strings.Contains(got.rows(), "odd") {
		t.Error("what cannot be placed is drawn")
	}
	off := f.calendar(12, "view=agenda&days=1&include=disabled").rows()
	if !strings.Contains(off, "off (daily) Disabled") {
		t.Errorf("with disabled jobs: %s", off)
	}
	toggle := got.one(t, tag("a"), saying("Disabled jobs"))
	if to, _ := attr(toggle, "href"); !strings.Contains(to, "include=disabled") || !strings.Contains(to, "kind=backup_routine") {
		t.Errorf("the toggle loses the rest of the address: %s", to)
	}
	if past := f.get(calendarPath+"?view=agenda&date=2020-01-01").want(t, 200); past.rows() != "" || !strings.Contains(past.text(), "These days are over") {
		t.Errorf("the past: %s", past.text())
	}
}

func TestTheCalendarTakesTheFiltersOfLists(t *testing.T) {
	f := newFleet(t)
	if got := f.calendar(12, fmt.Sprintf("view=agenda&endpoint_id=%d", f.prod)); strings.Contains(got.rows(), "lab") || !strings.Contains(got.rows(), "nightly") {
		t.Errorf("by endpoint: %s", got.rows())
	} else if !got.has(tag("a"), class("chip"), with("title", "Take this filter away")) {
		t.Error("no chip says that it is filtered")
	}
	if got := f.calendar(12, fmt.Sprintf("view=agenda&days=1&virtual_machine_id=%d", f.vm)).rows(); !strings.Contains(got, "100-0") || strings.Contains(got, "nightly") {
		t.Errorf("by virtual machine: %s", got)
	}
	wrong := f.calendar(12, "endpoint_id=99")
	if !wrong.has(role("alert")) || !strings.Contains(wrong.text(), "99 is not one of the available choices") {
		t.Errorf("a wrong filter: %s", wrong.text())
	}
	for _, odd := range []string{"offset=-5", "offset=x", "nonsense=1", "view=", "kind="} {
		if g := f.get(calendarPath+"?"+odd).want(t, 200); g.has(role("alert")) {
			t.Errorf("%s: %s", odd, textOf(g.one(t, role("alert"))))
		}
	}
}

func TestTheCalendarSaysWhatItDoesNotUnderstand(t *testing.T) {
	f := newFleet(t)
	for query, want := range map[string]string{
		"view=year": `View: "year" cannot be. There are month, week and agenda.`, "view=Week": `View: "Week" cannot be. There are month, week and agenda.`,
		"date=yesterday": `Date: "yesterday" cannot be. Give it as 2026-01-31.`, "date=9999-99-99": `Date: "9999-99-99" cannot be. Give it as 2026-01-31.`, "date=1969-01-01": `Date: "1969-01-01" cannot be. Give it as 2026-01-31.`,
		"view=agenda&days=x": `Days: "x" cannot be. Give a number from 1 to 31.`, "view=agenda&days=-1": `Days: "-1" cannot be. Give a number from 1 to 31.`, "view=agenda&days=32": `Days: "32" cannot be. Give a number from 1 to 31.`,
		"kind=sync":    `Kind: "sync" cannot be. There are backup_routine and replication.`,
		"include=none": `Include: "none" cannot be. Give disabled, stale, or both with a comma between them.`,
	} {
		g := f.get(calendarPath+"?"+query).want(t, 200)
		if got := textOf(g.one(t, role("alert"))); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
		if g.has(with("id", "panel-results"), with("hidden")) {
			t.Errorf("%s opens the form of the filters, which cannot mend it", query)
		}
		if all := g.one(t, tag("a"), saying("All")); (query == "kind=sync") == with("aria-current", "true")(all) {
			t.Errorf("%s: whether all kinds are shown is said wrongly", query)
		}
		if runs := textOf(g.one(t, with("id", "count"))); (runs == "0") != (query == "kind=sync") {
			t.Errorf("%s shows %s runs", query, runs)
		}
	}
	g := f.get(calendarPath+"?date=yesterday&view=year&endpoint_id=99&comment__ic=x").want(t, 200)
	var said []string
	for _, n := range g.all(role("alert"), class("m-2")) {
		said = append(said, textOf(n))
	}
	if len(said) != 3 || !strings.HasPrefix(said[2], "Endpoint Select a valid choice.") {
		t.Errorf("it says %q", said)
	}
}

func TestTheCalendarShowsWhatMayBeViewed(t *testing.T) {
	f := newFleet(t)
	mine := f.limited("mine", permission{
		types: []string{"netbox_proxbox.backuproutine", "netbox_proxbox.replication"}, actions: []string{"view"}, constraints: map[string]any{"endpoint": f.prod},
	})
	for _, view := range []string{"month", "week", "agenda"} {
		got := mine.get(calendarPath+"?view="+view).want(t, 200)
		if text := got.text(); strings.Contains(text, "lab") || strings.Contains(text, "100-0") || strings.Contains(text, "odd") {
			t.Errorf("%s shows what is not to be seen: %s", view, text)
		}
		if !got.has(tag("a"), with("href", calendarPath)) {
			t.Error("the menu does not have the calendar")
		}
	}
	nothing := f.limited("nothing", permission{types: []string{"extras.tag"}, actions: []string{"view"}})
	if got := nothing.get(calendarPath).want(t, 403); got.has(tag("a"), with("href", calendarPath)) {
		t.Error("the menu has what is not to be seen")
	}
}

func TestTheCalendarIsInert(t *testing.T) {
	f := newFleet(t)
	f.routine(f.lab, "<script>alert(1)</script>\u202e\u0007\"'", "02:00")
	f.routine(f.lab, "<img src=x onerror=alert(1)>", "</td><script>")
	for _, view := range []string{"month", "week", "agenda"} {
		got := f.calendar(12, "view="+view)
		for _, n := range got.all(tag("script")) {
			if _, ok := attr(n, "src"); !ok {
				t.Errorf("%s has a script", view)
			}
		}
		if got.has(tag("img"), with("src", "x")) || got.has(with("style")) || got.has(with("onerror")) || strings.ContainsAny(got.body, "\u202e\u0007") {
			t.Errorf("%s is not inert", view)
		}
	}
}

func TestTheCalendarCanBeSubscribedTo(t *testing.T) {
	f := newFleet(t)
	got := f.calendar(12, "kind=backup_routine&q=nightly&include=stale")
	feed, _ := attr(got.one(t, tag("input"), with("id", "feed")), "value")
	u, err := url.Parse(feed)
	if err != nil || !strings.HasPrefix(feed, f.http.URL+"/api/") {
		t.Fatalf("%q: %v", feed, err)
	}
	calendar := f.get(u.RequestURI()).want(t, 200)
	if !strings.HasPrefix(calendar.body, "BEGIN:VCALENDAR\r\n") || !strings.Contains(calendar.body, "SUMMARY:nightly") || strings.Contains(calendar.body, "twice") {
		t.Errorf("%.300s", calendar.body)
	}
}

func TestJobsSayWhenTheyRunNext(t *testing.T) {
	f := newFleet(t)
	got := f.get(at(routinesPath, f.daily)).want(t, 200)
	card := got.one(t, tag("section"), with("aria-labelledby", "coming"))
	if rows := all(card, tag("tr")); len(rows) != 11 || !strings.Contains(textOf(rows[1]), "08:30 JST") || !strings.Contains(textOf(rows[1]), "23:30") {
		t.Errorf("the next ten runs: %s", textOf(card))
	}
	link := all(card, tag("a"))[0]
	to, _ := attr(link, "href")
	if runs := f.get(to+"&view=agenda").want(t, 200).rows(); !strings.Contains(runs, "nightly") || strings.Contains(runs, "twice") {
		t.Errorf("its calendar: %s", runs)
	}
	for path, want := range map[string]string{
		at(routinesPath, f.odd): "cannot be read", at(routinesPath, f.off): "It does not run: it is disabled. It would run at these times.", at(replsPath, f.repl): "Clock of the cluster (UTC) ≈ assumed",
	} {
		if text := textOf(f.get(path).want(t, 200).one(t, tag("section"), with("aria-labelledby", "coming"))); !strings.Contains(text, want) {
			t.Errorf("%s: %s", path, text)
		}
	}
}

// A range of hours is by the clock of a cluster: one that is not that of who looks is named, and the same words by two clocks are two things.
func TestWhatRunsOftenSaysByWhoseClock(t *testing.T) {
	f := newFleet(t)
	f.routine(f.prod, "tokyo", "22:0/10")
	f.routine(f.lab, "unknown", "22:0/10")
	for zone, want := range map[string]string{"": "every 10 minutes, 22:00 to 22:50 Tokyo", "Asia/Tokyo": "every 10 minutes, 22:00 to 22:50 UTC"} {
		f.from(zone)
		week := f.calendar(12, "view=week&kind=backup_routine").one(t, tag("table"), class("cal-week"))
		row := textOf(all(week, tag("tr"))[1])
		if n := strings.Count(row, want); n < 7 || strings.Count(row, "22:00 to 22:50") != 2*n {
			t.Errorf("from %q: %s", zone, row)
		}
	}
}
