package web

import (
	"cmp"
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	calendars "github.com/proxops/proxops/libs/calendar"
	"github.com/proxops/proxops/libs/syncjob"
)

// readTimes reads when a schedule is to run, and says what cannot be read.
func readTimes(sent url.Values, now time.Time) (r syncjob.Recurrence, wrong map[string][]string) {
	wrong = map[string][]string{}
	r.Created, r.Zone = now, strings.TrimSpace(sent.Get("time_zone"))
	if created, ok := parseMoment(sent.Get("created")); ok {
		r.Created = created
	}
	zone, err := time.LoadLocation(r.Zone)
	if err != nil || r.Zone == "Local" {
		wrong["time_zone"] = []string{"There is no time zone of this name."}
		zone = time.UTC
	}
	if v := strings.TrimSpace(sent.Get("first_run")); v != "" {
		first, err := time.ParseInLocation(localTime, v[:min(len(v), len(localTime))], zone)
		if err != nil {
			wrong["first_run"] = []string{"Give date and time as 2026-01-31T02:00."}
		} else {
			r.First = new(first.UTC())
		}
	}
	switch sent.Get("repeat") {
	case repeatInterval:
		n, err := strconv.ParseInt(strings.TrimSpace(sent.Get("count")), 10, 32)
		unit, unitErr := strconv.ParseInt(cmp.Or(sent.Get("unit"), "1"), 10, 32)
		if err != nil || unitErr != nil || n < 1 || unit < 1 || n > maxMinutes/unit {
			wrong["interval"] = []string{"Give a whole number of at least 1, for ten years at most."}
		} else {
			r.Every = time.Duration(n*unit) * time.Minute
		}
	case repeatCalendar:
		r.Calendar = strings.TrimSpace(sent.Get("calendar"))
		if _, err := calendars.ParseAny(r.Calendar); r.Calendar == "" {
			wrong["calendar"] = []string{"Say when, like daily, mon..fri 02:00, or 0 2 * * *."}
		} else if err != nil {
			wrong["calendar"] = []string{sentence(err)}
		}
	}
	return r, wrong
}

// maxMinutes is the longest interval: ten years.
const maxMinutes = 10 * 525600

// sentence is an error for people.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// previewSchedule shows when a schedule would run, while it is written.
func (w *Web) previewSchedule(_ context.Context, p *page) (answer, error) {
	sent := p.http.URL.Query()
	if !sent.Has("repeat") { // say it by what is given
		switch {
		case sent.Get("calendar") != "":
			sent.Set("repeat", repeatCalendar)
		case sent.Get("interval") != "":
			sent.Set("repeat", repeatInterval)
			sent.Set("count", sent.Get("interval"))
			sent.Set("unit", "1")
		}
	}
	now := time.Now()
	r, wrong := readTimes(sent, now)
	var said []string
	for _, name := range []string{"interval", "calendar", "first_run", "time_zone"} {
		said = append(said, wrong[name]...)
	}
	var runs []time.Time
	if said == nil {
		runs = nextRuns(r, now, nextShown)
	}
	switch {
	case said != nil || runs != nil:
	case r.Calendar == "" && r.Every == 0 && r.First == nil:
		said = []string{"It needs a first run, an interval or a calendar: without any of them it would never run."}
	case r.Calendar == "":
		said = []string{"The only run is over: it would not run any more."}
	default:
		said = []string{"That never happens: it would not run any more."}
	}
	return answer{body: preview(runs, r, said), bare: true}, nil
}
