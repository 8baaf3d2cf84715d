package catalog

import (
	"fmt"
	"time"

	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// timing are the fields that say when a schedule runs, and planned those that say what.
var (
	timing  = []string{"first_run", "interval", "calendar", "time_zone", "enabled"}
	planned = []string{"name", "types", "endpoints"}
)

// recent is how far back a first run may lie that is meant to be now.
const recent = time.Minute

// shortest is the least time between two runs.
const shortest = time.Minute

// recurrence is when a schedule runs.
func recurrence(o *resource.Record, now time.Time) syncjob.Recurrence {
	r := syncjob.Recurrence{Created: now, Calendar: o.Text("calendar"), Zone: o.Text("time_zone")}
	if created, ok := o.Get("created").(time.Time); ok {
		r.Created = created
	}
	if first, ok := o.Get("first_run").(time.Time); ok {
		r.First = &first
	}
	if minutes, ok := o.Int("interval"); ok {
		r.Every = time.Duration(minutes) * time.Minute
	}
	return r
}

// planFrom is what runs must be later than from a write on: now, or the moment before a first run that was just set, and set to now.
func planFrom(w *resource.Write, now time.Time) time.Time {
	first, ok := w.After.Get("first_run").(time.Time)
	if ok && w.Given["first_run"] && w.Differs("first_run") && first.After(now.Add(-recent)) && !first.After(now) {
		return first.Add(-time.Microsecond)
	}
	return now
}

// checkTimes refuses schedules that would never run.
func checkTimes(w *resource.Write, now time.Time) {
	r := recurrence(w.After, now)
	switch {
	case r.Every > 0 && r.Calendar != "":
		w.Errors.Add("calendar", "Give interval or calendar, not both: set the other to null.")
		return
	case r.Every == 0 && r.Calendar == "" && r.First == nil:
		w.Errors.Add(resource.Model, "Give first_run, interval or calendar: without any of them it would never run.")
		return
	case !w.Differs(timing...):
		return
	}
	if first, ok := r.Next(planFrom(w, now)); ok {
		if second, more := r.Next(first); more && second.Sub(first) < shortest {
			w.Errors.Add("calendar", fmt.Sprintf("It would run at %s and again at %s: at most once a minute.", first.Format(time.RFC3339), second.Format(time.RFC3339)))
		}
		return
	}
	if r.Calendar == "" {
		w.Errors.Add("first_run", "Scheduled time must be in the future.")
		return
	}
	since := now
	if r.First != nil && r.First.After(now) {
		since = *r.First
	}
	w.Errors.Add("calendar", fmt.Sprintf("%q never runs after %s.", r.Calendar, since.UTC().Format(time.RFC3339)))
}
