package occurrence

import (
	"fmt"
	"strconv"
	"time"

	"github.com/proxops/proxops/libs/calendar"
)

// words is a schedule in words, or how often it runs on the days of many runs.
// It is told by the day of a run, as clocks show it where no clock is ever moved.
func words(e calendar.Event, run time.Time, next func(after time.Time) (time.Time, bool)) string {
	text := e.Words()
	year, month, day := run.Date()
	start := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	end := start.Add(24 * time.Hour)
	var first, last time.Time
	var gap time.Duration
	n, even := 0, true
	for at, ok := next(start.Add(-time.Second)); ok && at.Before(end); at, ok = next(at.Truncate(time.Minute).Add(time.Minute - time.Second)) {
		switch n++; n {
		case 1:
			first = at
		case 2:
			gap = at.Sub(last)
		default:
			even = even && at.Sub(last) == gap
		}
		last = at
	}
	switch {
	case n <= often:
		return e.Sentence()
	case text == "hourly":
		return text
	case !even:
		return strconv.Itoa(n) + " times a day"
	}
	every := "every " + duration(gap)
	if last.Sub(first)+gap < 24*time.Hour {
		return fmt.Sprintf("%s, %s to %s", every, first.Format("15:04"), last.Format("15:04"))
	}
	return every
}

func duration(d time.Duration) string {
	switch {
	case d == time.Minute:
		return "minute"
	case d == time.Hour:
		return "hour"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + " hours"
	}
	return strconv.Itoa(int(d/time.Minute)) + " minutes"
}
