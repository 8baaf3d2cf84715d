package calendar

import "math/bits"

// period returns the word for the period in which s runs exactly once, or "".
func (s *spec) period() string {
	minutes, hours := s.minute.mask(0, 59), s.hour.mask(0, 23)
	days := s.day.mask(1, 31)
	week := s.weekdays
	if week == 0 {
		week = allWeekdays
	}
	if s.eitherDay && (days == everyDay || week == allWeekdays) {
		days, week = everyDay, allWeekdays
	}
	months := s.month.mask(1, 12)
	allDates := days == everyDay && months == everyMonth
	daily := allDates && week == allWeekdays

	once := func(mask uint64) bool { return bits.OnesCount64(mask) == 1 }
	switch {
	case len(s.year) > 0 || !once(s.second.mask(0, 59)):
		return ""
	case minutes == everyMinute && hours == everyHour && daily:
		return "minutely"
	case !once(minutes):
		return ""
	case hours == everyHour && daily:
		return "hourly"
	case !once(hours):
		return ""
	case daily:
		return "daily"
	case allDates && once(uint64(week)):
		return "weekly"
	case s.eitherDay || !s.onceAMonth(days, months, week):
		return ""
	}
	return everyMonths[months]
}

const (
	everyMinute = 1<<60 - 1
	everyHour   = 1<<24 - 1
	everyDay    = 1<<32 - 1<<1
	everyMonth  = 1<<13 - 1<<1
)

// everyMonths names the sets of months that are evenly spread over the year.
var everyMonths = func() map[uint64]string {
	words := map[uint64]string{}
	for distance, word := range map[int]string{1: "monthly", 3: "quarterly", 6: "semiannually", 12: "yearly"} {
		for first := 1; first <= distance; first++ {
			var months uint64
			for month := first; month <= 12; month += distance {
				months |= 1 << month
			}
			words[months] = word
		}
	}
	return words
}()

// onceAMonth reports whether each of the months has exactly one of the days that is one of the
// weekdays: either one day that the shortest of them has, or one weekday of seven days in a row.
func (s *spec) onceAMonth(days, months uint64, week weekdays) bool {
	for _, it := range s.day {
		// Its next run depends on the length of the month.
		if it.last == open {
			return false
		}
	}
	shortest := 31
	for month, n := range [...]int{1: 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31} {
		if months&(1<<month) != 0 {
			shortest = min(shortest, n)
		}
	}
	if days == 0 || bits.Len64(days)-1 > shortest {
		return false
	}
	if week == allWeekdays {
		return bits.OnesCount64(days) == 1
	}
	return bits.OnesCount8(uint8(week)) == 1 && days>>bits.TrailingZeros64(days) == 1<<7-1
}
