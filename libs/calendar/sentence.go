package calendar

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// Sentence returns the schedule as people say it, such as "Monday to Friday at 21:00" or "every 15 minutes from 08:00 to 18:45". What would be longer than
// the schedule is helped by, such as one with years, is returned as it was given; for the zero Event it is "".
func (e Event) Sentence() string {
	if e.spec == nil {
		return ""
	}
	clock, day, ok := e.spec.clock(), "", false
	if clock != "" {
		day, ok = e.spec.days()
	}
	switch {
	case !ok:
		return e.spec.expr
	case day == "" && strings.HasPrefix(clock, "at "):
		day = "every day "
	case day != "":
		day += " "
	}
	if e.spec.utc {
		clock += " UTC"
	}
	return day + clock
}

// listed is how many values are listed at most.
const listed = 4

// clock says at which times of a day s runs, or returns "".
func (s *spec) clock() string {
	seconds := values(s.second.mask(0, 59))
	if len(seconds) != 1 {
		return ""
	}
	minutes, hours := values(s.minute.mask(0, 59)), values(s.hour.mask(0, 23))
	if len(minutes) == 0 || len(hours) == 0 {
		return ""
	}
	stamp := func(hour, minute int) string {
		if seconds[0] != 0 {
			return fmt.Sprintf("%02d:%02d:%02d", hour, minute, seconds[0])
		}
		return fmt.Sprintf("%02d:%02d", hour, minute)
	}
	if len(minutes)*len(hours) <= listed {
		var all []string
		for _, hour := range hours {
			for _, minute := range minutes {
				all = append(all, stamp(hour, minute))
			}
		}
		return "at " + and(all)
	}
	between := " from " + stamp(hours[0], minutes[0]) + " to " + stamp(hours[len(hours)-1], minutes[len(minutes)-1])
	apart, even := gap(minutes, 60)
	switch {
	case len(minutes) == 1:
		apart, even := gap(hours, 24)
		if !even {
			if apart == 0 {
				return ""
			}
			return "every " + plural(apart, "hour") + between
		}
		if apart == 1 && minutes[0] == 0 && seconds[0] == 0 {
			return "every hour"
		}
		return "every " + plural(apart, "hour") + " from " + stamp(hours[0], minutes[0])
	case even && len(hours) == 24 && minutes[0] == 0 && seconds[0] == 0:
		return "every " + plural(apart, "minute")
	case even && len(hours) == 24:
		return "every " + plural(apart, "minute") + " from " + stamp(0, minutes[0])
	case even && hours[len(hours)-1]-hours[0] == len(hours)-1:
		return "every " + plural(apart, "minute") + between
	case len(hours) == 24 && len(minutes) <= listed:
		var all []string
		for _, minute := range minutes {
			all = append(all, strings.TrimPrefix(stamp(0, minute), "00"))
		}
		return "every hour at " + and(all)
	}
	return ""
}

// days says on which days s runs, "" for every day; false if that takes too many words.
func (s *spec) days() (string, bool) {
	dates, months := s.day.mask(1, 31), s.month.mask(1, 12)
	week := s.weekdays
	if week == 0 {
		week = allWeekdays
	}
	switch anyDate, anyMonth := dates == everyDay, months == everyMonth; {
	case len(s.year) > 0 || dates == 0 || months == 0:
		return "", false
	case s.eitherDay:
		return "", anyMonth && (anyDate || week == allWeekdays)
	case anyDate && anyMonth && week == allWeekdays:
		return "", true
	case anyDate && anyMonth:
		return weekdayNames(week), true
	case anyDate && week == allWeekdays:
		return "in " + and(monthNames(months)) + " every day", true
	case week != allWeekdays:
		return s.nthWeekday(dates, months, week)
	case bits.OnesCount64(dates) > listed:
		return "", false
	}
	var all []string
	for _, day := range values(dates) {
		all = append(all, ordinal(day))
	}
	return "on the " + and(all) + " of " + ofMonths(months), true
}

// nthWeekday says which weekday of a month it is that lies in seven days in a row.
func (s *spec) nthWeekday(dates, months uint64, week weekdays) (string, bool) {
	first := bits.TrailingZeros64(dates)
	if bits.OnesCount8(uint8(week)) != 1 || dates>>first != 1<<7-1 || first%7 != 1 {
		return "", false
	}
	return "on the " + ordinal(first/7+1) + " " + weekdayNames(week) + " of " + ofMonths(months), true
}

func weekdayNames(week weekdays) string {
	days := values(uint64(week))
	if n := len(days); n > 2 && days[n-1]-days[0] == n-1 {
		return dayName(days[0]) + " to " + dayName(days[n-1])
	}
	var all []string
	for _, day := range days {
		all = append(all, dayName(day))
	}
	return and(all)
}

func dayName(day int) string { return time.Weekday((day + 1) % 7).String() }

func ofMonths(months uint64) string {
	if months == everyMonth {
		return "the month"
	}
	return and(monthNames(months))
}

func monthNames(months uint64) (all []string) {
	for _, month := range values(months) {
		all = append(all, time.Month(month).String())
	}
	return all
}

// gap returns how far the values are apart, 0 if not all are equally far, and whether they are so around a clock of so many.
func gap(all []int, clock int) (apart int, even bool) {
	if len(all) < 2 {
		return 0, false
	}
	apart = all[1] - all[0]
	for i := 1; i < len(all); i++ {
		if all[i]-all[i-1] != apart {
			return 0, false
		}
	}
	return apart, all[0]+clock-all[len(all)-1] == apart
}

// values returns the numbers of the bits that are set, the least first.
func values(mask uint64) (all []int) {
	for ; mask != 0; mask &= mask - 1 {
		all = append(all, bits.TrailingZeros64(mask))
	}
	return all
}

func and(all []string) string {
	if n := len(all); n > 1 {
		return strings.Join(all[:n-1], ", ") + " and " + all[n-1]
	}
	return strings.Join(all, "")
}

func plural(n int, unit string) string {
	if n == 1 {
		return unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

func ordinal(n int) string {
	suffix := "th"
	if n < 11 || n > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprint(n, suffix)
}
