// Package calendar computes when a Proxmox calendar event or a cron schedule runs next.
//
// Calendar events follow Proxmox VE 7.1 and later, including the places where it differs from
// systemd: an open-ended repetition counts on across the end of its period (after :50, "*/25" goes
// on to :25 of the next hour), a local time skipped by daylight saving is left out that day, and a
// search that needs more than a thousand steps ends in "never". Proxmox VE 6.4 knew less and
// listed the values of a repetition; its dialect is not kept here.
//
// Times are those of the zone of the instant given to [Event.Next]. A program that loads zones by
// name embeds them (import time/tzdata), as containers often have none.
package calendar

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaxLength is the number of bytes of the longest schedule; Proxmox refuses longer ones too.
const MaxLength = 128

// Event is a schedule. It is immutable: copies share nothing that changes, and any number of
// goroutines may use one at once. The zero Event never runs.
type Event struct {
	spec *spec
}

// Parse reads a calendar event as Proxmox VE 7.1 and later write it:
//
//	[weekdays] [[year-]month-day] [[hour:]minute[:second]] [UTC]
//
// or one of the keywords minutely, hourly, daily, weekly, monthly, quarterly, semiannually
// (semi-annually) and yearly (annually), which may also be followed by UTC. Weekdays are a list of
// days and ranges (mon,wed..fri); the other fields are "*", "*/step", or a list of numbers, ranges
// (1..5), repetitions (0/15) and repeated ranges (4..10/2). A single number is a minute. Without a
// time the event runs at 00:00, without a date and weekdays every day.
//
// Two things that Proxmox lets pass are errors: an hour above 23, which it takes for a minute
// ("24:00" would run at 24 minutes past each hour), and a blank at the end.
//
// The error names the part that is wrong and what was expected there.
func Parse(expr string) (Event, error) {
	s, err := parseChecked(expr, parseEvent)
	if err != nil {
		return Event{}, fmt.Errorf("calendar event %s: %w", quote(expr), err)
	}
	return Event{s}, nil
}

// ParseAny reads a calendar event as [Parse] does, or a cron schedule: five fields (minute, hour,
// day of month, month, day of week) or one of the macros @hourly, @daily, @midnight, @weekly,
// @monthly, @yearly and @annually.
//
// Cron follows Vixie cron. Fields take names (jan, mon; any case), ranges, lists and steps; Sunday
// is 0 or 7; when both day fields are restricted, that is, neither begins with "*", either of them
// suffices. "5/15" is short for "5-59/15". Daylight saving: a schedule whose minute or hour begins
// with "*" runs whenever the clock shows a matching time, so twice in a repeated hour and not in a
// skipped one; any other runs once in a repeated hour, and immediately after a skipped one.
func ParseAny(expr string) (Event, error) {
	fields := strings.FieldsFunc(expr, isBlank)
	if !strings.HasPrefix(expr, "@") && len(fields) != 5 {
		e, err := Parse(expr)
		if err != nil && len(fields) > 3 && len(expr) <= MaxLength {
			err = fmt.Errorf("%w (nor is it cron, which has five fields, not %d)", err, len(fields))
		}
		return e, err
	}
	s, err := parseChecked(expr, parseCron)
	if err != nil {
		return Event{}, fmt.Errorf("cron schedule %s: %w", quote(expr), err)
	}
	return Event{s}, nil
}

// Next returns the first run strictly later than after, in the location of after, and whether
// there is one. A calendar event that ends in UTC is computed in UTC. In an hour repeated by
// daylight saving, a calendar event runs at the first of the two times that is later than after.
//
// Only instants of the years 0 to 9999 (UTC) count. Next does a bounded amount of work.
func (e Event) Next(after time.Time) (time.Time, bool) {
	if e.spec == nil || after.Unix() < earliest || after.Unix() > latest {
		return time.Time{}, false
	}
	loc := after.Location()
	if e.spec.utc {
		after = after.UTC()
	}
	var next time.Time
	var ok bool
	if e.spec.cron != notCron {
		next, ok = e.spec.nextCron(after)
	} else {
		next, ok = e.spec.search(time.Unix(after.Unix()+1, 0).In(after.Location()))
	}
	if !ok || next.Unix() > latest {
		return time.Time{}, false
	}
	return next.In(loc), true
}

// Words returns the schedule in one word if it runs exactly once in each such period: minutely,
// hourly, daily, weekly, monthly, quarterly, semiannually or yearly. Otherwise it returns the
// schedule as it was given to [Parse] or [ParseAny], and "" for the zero Event.
func (e Event) Words() string {
	if e.spec == nil {
		return ""
	}
	if word := e.spec.period(); word != "" {
		return word
	}
	return e.spec.expr
}

// The first and the last second, in Unix time, of the years 0 and 9999.
const (
	earliest = -62167219200
	latest   = 253402300799
)

// parseChecked runs parse on an expression that has passed the checks common to all dialects.
func parseChecked(expr string, parse func(string) (*spec, error)) (*spec, error) {
	switch {
	case expr == "":
		return nil, fmt.Errorf("it is empty, expected for example %q or %q", "daily", "mon..fri 22:00")
	case len(expr) > MaxLength:
		return nil, fmt.Errorf("it has %d bytes, at most %d are allowed", len(expr), MaxLength)
	case isBlank(rune(expr[0])) || isBlank(rune(expr[len(expr)-1])):
		return nil, errors.New("it must not begin or end with a blank")
	}
	s, err := parse(expr)
	if err != nil {
		return nil, err
	}
	s.expr = expr
	return s, nil
}

// quote returns expr for an error message, cut short if it is longer than any schedule.
func quote(expr string) string {
	if len(expr) > MaxLength {
		return fmt.Sprintf("%q...", expr[:32])
	}
	return fmt.Sprintf("%q", expr)
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' }
