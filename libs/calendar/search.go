package calendar

import (
	"math/bits"
	"time"
)

// maxSteps bounds a search, exactly as Proxmox does: what needs more steps never runs.
const maxSteps = 1001

// search returns the first time, not before t, at which all fields match in the location of t.
//
// It moves t on to the next value of its largest field that does not match, sets the smaller ones to
// their least values, and lets overflowing values carry into the larger ones. That the values of
// an open-ended repetition carry too is what makes it skip.
func (s *spec) search(t time.Time) (time.Time, bool) {
	for range maxSteps {
		year, mon, day := t.Date()
		hour, minute, second := t.Clock()
		month, weekday := int(mon), dayNumber(t.Weekday())
		switch {
		case !s.year.has(year):
			n, ok := s.year.after(year)
			if !ok {
				return time.Time{}, false
			}
			t = moveTo(t, n, 1, 1, 0, 0, 0)
		case !s.month.has(month):
			if n, ok := s.month.after(month); ok {
				t = moveTo(t, year, n, 1, 0, 0, 0)
			} else {
				t = moveTo(t, year+1, 1, 1, 0, 0, 0)
			}
		case s.eitherDay && !s.day.has(day) && !s.weekdays.has(weekday):
			t = moveTo(t, year, month, day+1, 0, 0, 0)
		case !s.eitherDay && !s.day.has(day):
			if n, ok := s.day.after(day); ok {
				t = moveTo(t, year, month, n, 0, 0, 0)
			} else {
				t = moveTo(t, year, month+1, 1, 0, 0, 0)
			}
		case !s.eitherDay && !s.weekdays.has(weekday):
			t = moveTo(t, year, month, day+s.weekdays.until(weekday), 0, 0, 0)
		case !s.hour.has(hour):
			if n, ok := s.hour.after(hour); ok {
				t = moveTo(t, year, month, day, n, 0, 0)
			} else {
				t = moveTo(t, year, month, day+1, 0, 0, 0)
			}
		case !s.minute.has(minute):
			if n, ok := s.minute.after(minute); ok {
				t = moveTo(t, year, month, day, hour, n, 0)
			} else {
				t = moveTo(t, year, month, day, hour+1, 0, 0)
			}
		case !s.second.has(second):
			if n, ok := s.second.after(second); ok {
				t = moveTo(t, year, month, day, hour, minute, n)
			} else {
				t = moveTo(t, year, month, day, hour, minute+1, 0)
			}
		default:
			return t, true
		}
	}
	return time.Time{}, false
}

// until returns the number of days from day, which is not in w, to the next one that is, or to
// Monday if that comes first.
func (w weekdays) until(day int) int {
	if later := w >> (day + 1); later != 0 {
		return bits.TrailingZeros8(uint8(later)) + 1
	}
	return 7 - day
}
