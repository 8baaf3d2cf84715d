package web

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	calendars "github.com/proxops/proxops/libs/calendar"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// nextShown is how many of the next runs of a schedule are shown.
const nextShown = 5

// describeTimes says in words when schedules run.
func describeTimes(_ context.Context, _ *page, rows []object) error {
	for _, o := range rows {
		o["when"] = timesText(o)
	}
	return nil
}

func timesText(o object) string {
	switch minutes := o.number("interval"); {
	case o.text("calendar") != "":
		words := o.text("calendar")
		if event, err := calendars.ParseAny(words); err == nil && event.Sentence() != "" {
			words = event.Sentence()
		}
		return words + ", " + zoneText(o.text("time_zone"))
	case minutes > 0:
		return "every " + minutesText(minutes)
	case o.text("first_run") != "":
		return "once"
	}
	return ""
}

func zoneText(zone string) string {
	if zone == "" {
		return "UTC"
	}
	return zone
}

// minutesText is a number of minutes in the largest unit that says it exactly.
func minutesText(n int64) string {
	for _, u := range intervalUnits {
		if n%u.minutes != 0 {
			continue
		}
		if n == u.minutes {
			return u.one
		}
		return grouped(n/u.minutes) + " " + u.many
	}
	return ""
}

// intervalUnits are what intervals are counted in, the largest first.
var intervalUnits = []struct {
	minutes   int64
	one, many string
}{{7 * 24 * 60, "week", "weeks"}, {24 * 60, "day", "days"}, {60, "hour", "hours"}, {1, "minute", "minutes"}}

// recurrenceOf is when a schedule runs.
func recurrenceOf(o object) syncjob.Recurrence {
	r := syncjob.Recurrence{Calendar: o.text("calendar"), Zone: o.text("time_zone"), Every: time.Duration(o.number("interval")) * time.Minute}
	r.Created, _ = parseMoment(o.text("created"))
	if first, ok := parseMoment(o.text("first_run")); ok {
		r.First = &first
	}
	return r
}

// nextRuns are the runs after a time, some at most.
func nextRuns(r syncjob.Recurrence, after time.Time, most int) (runs []time.Time) {
	for range most {
		next, ok := r.Next(after)
		if !ok {
			break
		}
		runs, after = append(runs, next), next
	}
	return runs
}

// runsOfSchedule shows when a schedule runs next, and the jobs that it began.
func runsOfSchedule(ctx context.Context, p *page, s *sheet) ([]templ.Component, error) {
	var runs []time.Time
	if at, ok := parseMoment(s.o.text("next_run")); ok {
		runs = append([]time.Time{at}, nextRuns(recurrenceOf(s.o), at, nextShown-1)...)
	}
	s.beside = append(s.beside, nextRunsCard(runs, s.o.text("time_zone"), s.o.flag("enabled")))
	jobs := p.Store.Set.Get(catalog.Jobs)
	if !p.may(jobs, resource.View) {
		return nil, nil
	}
	found, err := p.read(ctx, catalog.Jobs, url.Values{"schedule": {s.o.id()}, "limit": {"10"}}, "id", "url", "display", "name", "status", "created", "scheduled", "started", "completed", "error")
	if err != nil {
		return nil, err
	}
	rows := found.list("results")
	if err := summariseJobs(ctx, p, rows); err != nil {
		return nil, err
	}
	return []templ.Component{scheduleJobsCard(p, rows, int(found.number("count")), pathOf(jobs)+"?schedule="+s.o.id())}, nil
}

// runSchedule begins a job of a schedule outside of its times, as the API does.
func (w *Web) runSchedule(ctx context.Context, p *page) (answer, error) {
	id, err := p.objectID()
	if err != nil {
		return answer{}, err
	}
	schedules := w.Store.Set.Get(catalog.SyncSchedules)
	if err := w.Store.Admit(ctx, schedules, p.actor(), resource.View, id); err != nil {
		return answer{}, err
	}
	if !p.allowed(w.Store.Set.Get(catalog.Jobs), resource.Add) {
		return answer{}, resource.ErrForbidden
	}
	job, err := w.Syncs.RunSchedule(ctx, p.actor(), id)
	if err != nil {
		return answer{}, err
	}
	return p.toJob(ctx, job)
}

// switchSchedule enables or disables a schedule.
func (w *Web) switchSchedule(on bool) handler {
	return func(ctx context.Context, p *page) (answer, error) {
		id, err := p.objectID()
		if err != nil {
			return answer{}, err
		}
		r := w.Store.Set.Get(catalog.SyncSchedules)
		_, err = w.Store.Update(ctx, r, id, resource.Request{At: p.at(), Actor: p.actor(), Body: map[string]any{"enabled": on}, Partial: true})
		return answer{to: pathOf(r) + strconv.FormatInt(id, 10) + "/"}, err
	}
}

// typesOf are the names of the types of a schedule.
func typesOf(o object) string {
	names := o.items("types")
	for i, name := range names {
		names[i] = words(name)
	}
	if len(names) == 0 || slices.Equal(o.items("types"), syncjob.Types()) {
		return "All"
	}
	return strings.Join(names, ", ")
}

// inZone is a time as clocks of a place show it, with the day of the week.
func inZone(at time.Time, zone string) string {
	location, err := time.LoadLocation(zone)
	if err != nil {
		location, zone = time.UTC, ""
	}
	return at.In(location).Format("Mon 2 Jan 15:04") + " " + zoneText(zone)
}
