package syncjob

import (
	"time"

	"github.com/proxops/proxops/libs/calendar"
)

// Recurrence says when a schedule runs.
type Recurrence struct {
	// First is when it runs for the first time. Without it an interval counts from Created.
	First   *time.Time
	Created time.Time
	// Every is the interval between runs, in whole seconds; zero for none.
	Every time.Duration
	// Calendar is a calendar event or a cron schedule; empty for none.
	Calendar string
	// Zone is the name of the time zone of Calendar; empty for UTC.
	Zone string
}

// Next returns the first run strictly later than after, false if there is none. Without interval and calendar there is one run, the first. A
// calendar runs from First on, if that is set. What cannot be read never runs.
func (r Recurrence) Next(after time.Time) (time.Time, bool) {
	switch {
	case r.Calendar != "":
		event, err := calendar.ParseAny(r.Calendar)
		if err != nil {
			return time.Time{}, false
		}
		zone, err := time.LoadLocation(r.Zone)
		if err != nil {
			return time.Time{}, false
		}
		if r.First != nil && after.Before(*r.First) {
			after = r.First.Add(-time.Nanosecond) // First itself may be the first run
		}
		next, ok := event.Next(after.In(zone))
		return next.UTC(), ok
	case r.Every > 0:
		first := r.Created.Add(r.Every)
		if r.First != nil {
			first = *r.First
		}
		if first.After(after) {
			return first.UTC(), true
		}
		return r.counted(first, after), true
	case r.First != nil && r.First.After(after):
		return r.First.UTC(), true
	}
	return time.Time{}, false
}

// counted returns the first run later than after, which is not before the first one. It counts in seconds, as a duration spans but three centuries.
func (r Recurrence) counted(first, after time.Time) time.Time {
	every := int64(r.Every / time.Second)
	next := time.Unix(after.Unix()-(after.Unix()-first.Unix())%every, int64(first.Nanosecond())).UTC()
	if !next.After(after) {
		next = next.Add(r.Every)
	}
	return next
}
