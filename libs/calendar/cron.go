package calendar

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cronKind says how daylight saving treats a cron schedule; see [ParseAny].
type cronKind uint8

const (
	notCron cronKind = iota
	// cronWild runs whenever clocks show a matching time.
	cronWild
	// cronFixed runs once for each matching time, even if clocks repeat or skip it.
	cronFixed
)

var cronMacros = map[string]string{
	"@hourly":   "0 * * * *",
	"@daily":    "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@weekly":   "0 0 * * 0",
	"@monthly":  "0 0 1 * *",
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
}

// cronField is one field of a cron schedule.
type cronField struct {
	name   string
	lo, hi int
	names  []string // of the values from lo on
}

var cronFields = [5]cronField{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

func parseCron(expr string) (*spec, error) {
	if strings.HasPrefix(expr, "@") {
		macro, ok := cronMacros[expr]
		if !ok {
			return nil, errors.New("unknown macro, expected @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually")
		}
		expr = macro
	}
	texts := strings.FieldsFunc(expr, isBlank)
	var sets [5]set
	for i, f := range cronFields {
		var err error
		if sets[i], err = f.parse(texts[i]); err != nil {
			return nil, err
		}
	}
	s := &spec{
		cron: cronFixed, second: only(0),
		minute: sets[0], hour: sets[1], day: sets[2], month: sets[3], weekdays: cronWeekdays(sets[4]),
	}
	star := func(i int) bool { return strings.HasPrefix(texts[i], "*") }
	if star(0) || star(1) {
		s.cron = cronWild
	}
	if !star(2) && !star(4) {
		s.eitherDay = true
	}
	return s, nil
}

// cronWeekdays converts days counted from Sunday, which is both 0 and 7.
func cronWeekdays(s set) (days weekdays) {
	if len(s) == 0 {
		return 0
	}
	for day := range 8 {
		if s.has(day) {
			days |= 1 << dayNumber(time.Weekday(day%7))
		}
	}
	return days
}

func (f cronField) parse(text string) (set, error) {
	if text == "*" {
		return nil, nil
	}
	var s set
	for part := range strings.SplitSeq(text, ",") {
		it, err := f.item(part)
		if err != nil {
			return nil, err
		}
		s = append(s, it)
	}
	return s, nil
}

// item reads "*", a value or a range, with or without a step.
func (f cronField) item(text string) (it item, err error) {
	values, step, stepped := strings.Cut(text, "/")
	first, last, ranged := strings.Cut(values, "-")
	switch values {
	case "*":
		it = item{first: f.lo, last: f.hi, step: 1}
	default:
		if it.first, err = f.value(first); err != nil {
			return item{}, err
		}
		it.last, it.step = it.first, 1
		if stepped {
			it.last = f.hi
		}
	}
	if ranged {
		if it.last, err = f.value(last); err != nil {
			return item{}, err
		}
		if f.hi == 7 && strings.EqualFold(last, "sun") {
			it.last = 7 // fri-sun
		}
		if it.first > it.last {
			return item{}, fmt.Errorf("%s range %q ends before it begins, expected the smaller value first", f.name, values)
		}
	}
	if stepped {
		if it.step, err = strconv.Atoi(step); err != nil || it.step < 1 || it.step > f.hi+1 || step[0] == '+' {
			return item{}, fmt.Errorf("%s step %q is not valid, expected 1..%d", f.name, step, f.hi+1)
		}
	}
	return it, nil
}

func (f cronField) value(text string) (int, error) {
	if i := slices.Index(f.names, strings.ToLower(text)); i >= 0 {
		return f.lo + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.lo || n > f.hi || text[0] == '+' || text[0] == '-' {
		expected := fmt.Sprintf(`"*" or %d..%d`, f.lo, f.hi)
		if f.names != nil {
			expected += fmt.Sprintf(" or %s..%s", f.names[0], f.names[len(f.names)-1])
		}
		return 0, fmt.Errorf("%s %q is not valid, expected %s", f.name, text, expected)
	}
	return n, nil
}
