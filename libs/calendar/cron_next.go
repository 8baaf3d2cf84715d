package calendar

import "time"

// maxPeriods bounds the search of a cron schedule over the periods of a zone. There are up to four
// in a year, and two more that end without a change; the rarest schedule, a weekday on 29 February,
// needs 40 years.
const maxPeriods = 300

// nextCron returns the first run later than after, as [ParseAny] defines it. It searches the
// readings of a clock, which know nothing of zones, and translates what it finds.
func (s *spec) nextCron(after time.Time) (time.Time, bool) {
	if s.cron == cronFixed {
		return s.nextFixed(after)
	}
	t := time.Unix(after.Unix()+1, 0).In(after.Location())
	for range maxPeriods {
		found, ok := s.search(time.Unix(reading(t), 0).UTC())
		if !ok {
			break
		}
		next := time.Unix(found.Unix()-offset(t), 0).In(t.Location())
		_, end := t.ZoneBounds()
		if end.IsZero() || next.Before(end) {
			return next, true
		}
		// Clocks may change before they show what was found.
		if !end.After(t) {
			// On the last day of a leap year after 2037, ZoneBounds has the period end before that day.
			end = t.Add(24 * time.Hour)
		}
		t = end
	}
	return time.Time{}, false
}

// nextFixed is nextCron for [cronFixed].
func (s *spec) nextFixed(after time.Time) (time.Time, bool) {
	// The reading after that of after, not that of the instant after it: clocks may just skip runs.
	clock := reading(after) + 1
	for range maxSteps {
		found, ok := s.search(time.Unix(clock, 0).UTC())
		if !ok {
			break
		}
		if next := firstReading(found, after.Location()); next.Unix() > after.Unix() {
			return next, true
		}
		// A repeated hour: after is in its second half, and this ran in the first.
		clock = found.Unix() + 1
	}
	return time.Time{}, false
}

// firstReading returns the first instant at which clocks in loc read what clock reads in UTC, or
// the one at which they skip it.
func firstReading(clock time.Time, loc *time.Location) time.Time {
	year, month, day := clock.Date()
	hour, minute, second := clock.Clock()
	at := moveTo(time.Time{}.In(loc), year, int(month), day, hour, minute, second)
	if reading(at) != clock.Unix() {
		at, _ = at.ZoneBounds()
	}
	return at
}
