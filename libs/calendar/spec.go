package calendar

import (
	"math"
	"time"
)

// spec is a parsed schedule; nothing changes it after parsing.
type spec struct {
	expr     string
	utc      bool
	cron     cronKind
	weekdays weekdays

	year, month, day, hour, minute, second set

	// eitherDay says that a day qualifies by its date or by its weekday, instead of by both.
	eitherDay bool
}

// set is the values one field allows; the empty set allows all.
type set []item

// item is the values first, first+step, and so on, up to last. An open-ended repetition has the
// last value open, and is then unaware of the size of its field: its values go on beyond it.
type item struct {
	first, last, step int
}

const open = math.MaxInt

func only(values ...int) set {
	s := make(set, len(values))
	for i, v := range values {
		s[i] = item{first: v, last: v, step: 1}
	}
	return s
}

func (s set) has(v int) bool {
	for _, it := range s {
		if v >= it.first && v <= it.last && (v-it.first)%it.step == 0 {
			return true
		}
	}
	return len(s) == 0
}

// after returns the least value greater than v, and whether there is one; it may lie beyond the
// field's range.
func (s set) after(v int) (int, bool) {
	least := open
	for _, it := range s {
		n := it.first
		if v >= it.first {
			n += ((v-it.first)/it.step + 1) * it.step
		}
		if n <= it.last {
			least = min(least, n)
		}
	}
	return least, least != open
}

// mask returns the values from lo to hi, which is at most 63, as bits.
func (s set) mask(lo, hi int) uint64 {
	var bits uint64
	for v := lo; v <= hi; v++ {
		if s.has(v) {
			bits |= 1 << v
		}
	}
	return bits
}

// weekdays is a set of days, Monday being the lowest bit; none means all.
type weekdays uint8

const allWeekdays weekdays = 1<<7 - 1

// dayNumber counts the days of a week from Monday, 0.
func dayNumber(d time.Weekday) int { return (int(d) + 6) % 7 }

func (w weekdays) has(day int) bool { return w == 0 || w&(1<<day) != 0 }
