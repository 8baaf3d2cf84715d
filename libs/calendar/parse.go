package calendar

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// field is one number of a calendar event.
type field struct {
	name   string
	lo, hi int
	// star is where "*/step" begins to count.
	star int
}

// Zero is accepted for months and days, as by Proxmox, and never matches.
var (
	yearField   = field{"year", 0, 2199, 0}
	monthField  = field{"month", 0, 12, 1}
	dayField    = field{"day", 0, 31, 1}
	hourField   = field{"hour", 0, 23, 0}
	minuteField = field{"minute", 0, 59, 0}
	secondField = field{"second", 0, 59, 0}
)

// keyword returns the schedule that a word stands for, or nil.
func keyword(word string) *spec {
	zero, first := only(0), only(1)
	switch word {
	case "minutely":
		return &spec{second: zero}
	case "hourly":
		return &spec{minute: zero, second: zero}
	case "daily":
		return &spec{hour: zero, minute: zero, second: zero}
	case "weekly":
		return &spec{weekdays: 1, hour: zero, minute: zero, second: zero}
	case "monthly":
		return &spec{day: first, hour: zero, minute: zero, second: zero}
	case "quarterly":
		return &spec{month: only(1, 4, 7, 10), day: first, hour: zero, minute: zero, second: zero}
	case "semiannually", "semi-annually":
		return &spec{month: only(1, 7), day: first, hour: zero, minute: zero, second: zero}
	case "yearly", "annually":
		return &spec{month: first, day: first, hour: zero, minute: zero, second: zero}
	}
	return nil
}

// parseEvent reads a calendar event. The blanks between its parts may be left out where the parts
// can be told apart, as Proxmox has it ("mon12:00", "02:00UTC").
func parseEvent(expr string) (*spec, error) {
	rest, utc := expr, false
	if cut, ok := strings.CutSuffix(expr, "UTC"); ok {
		rest, utc = strings.TrimRight(cut, " "), true
	}
	if s := keyword(rest); s != nil {
		s.utc = utc
		return s, nil
	}
	if rest == "" {
		return nil, errors.New("expected weekdays, a date or a time before UTC")
	}

	s := &spec{utc: utc, hour: only(0), minute: only(0), second: only(0)}
	follows, expected := "", `weekdays, a date or a time such as "22:30"`
	if isLetter(rest[0]) {
		var err error
		if s.weekdays, rest, err = parseWeekdays(rest); err != nil {
			return nil, err
		}
		follows, expected = "the weekdays", `a date, a time, or ".." for a range of days`
	}
	rest = strings.TrimLeft(rest, " \t")
	if texts, tail := splitFields(rest, '-'); len(texts) > 1 && texts[0] != "" {
		if err := s.setDate(texts); err != nil {
			return nil, err
		}
		rest, follows, expected = strings.TrimLeft(tail, " \t"), "the date", `a time such as "22:30"`
	}
	if rest == "" {
		return s, nil
	}
	texts, tail := splitFields(rest, ':')
	if texts[0] == "" {
		return nil, unexpected(rest, follows, expected)
	}
	if err := s.setTime(texts); err != nil {
		return nil, err
	}
	if tail != "" {
		return nil, unexpected(tail, "the time", `the end or "UTC"`)
	}
	return s, nil
}

// unexpected says that text stands where something else should, after a part of the expression or
// at its beginning.
func unexpected(text, follows, expected string) error {
	if follows != "" {
		follows = " after " + follows
	}
	return fmt.Errorf("unexpected %q%s, expected %s", text, follows, expected)
}

// splitFields splits up to three fields, separated by sep, off the beginning of text. A field that
// is missing is "".
func splitFields(text string, sep byte) (fields []string, rest string) {
	for rest = text; ; rest = rest[1:] {
		n := fieldLength(rest)
		fields = append(fields, rest[:n])
		rest = rest[n:]
		if len(fields) == 3 || rest == "" || rest[0] != sep {
			return fields, rest
		}
	}
}

// fieldLength returns the length of the field that text begins with.
func fieldLength(text string) int {
	if step, ok := strings.CutPrefix(text, "*/"); ok {
		return len(text) - len(strings.TrimLeft(step, "0123456789"))
	}
	if strings.HasPrefix(text, "*") {
		return 1
	}
	return len(text) - len(strings.TrimLeft(text, "0123456789,./"))
}

func (s *spec) setDate(texts []string) (err error) {
	if len(texts) == 3 {
		if s.year, err = yearField.parse(texts[0]); err != nil {
			return err
		}
		texts = texts[1:]
	}
	if s.month, err = monthField.parse(texts[0]); err != nil {
		return err
	}
	s.day, err = dayField.parse(texts[1])
	return err
}

func (s *spec) setTime(texts []string) (err error) {
	s.hour = nil
	if len(texts) > 1 {
		s.hour, err = hourField.parse(texts[0])
		switch {
		case err == nil:
			texts = texts[1:]
		case len(texts) == 2 && strings.Contains(texts[0], "/"):
			// Proxmox takes "*/45:00", which repeats no hours, for minutes and seconds. It does so
			// with any hour out of range, but "24:00" is more likely a mistake.
		default:
			return err
		}
	}
	if s.minute, err = minuteField.parse(texts[0]); err != nil {
		return err
	}
	if len(texts) > 1 {
		s.second, err = secondField.parse(texts[1])
	}
	return err
}

// parse reads the list of values of one field.
func (f field) parse(text string) (set, error) {
	if text == "" {
		return nil, fmt.Errorf(`%s is missing, expected "*", "*/step", or numbers %d..%d`, f.name, f.lo, f.hi)
	}
	if text == "*" {
		return nil, nil
	}
	if step, ok := strings.CutPrefix(text, "*/"); ok {
		n, err := f.number(step)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, fmt.Errorf("%s %q repeats every 0, expected 1..%d", f.name, text, f.hi)
		}
		return set{{first: f.star, last: open, step: n}}, nil
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

// item reads a number, a range, a repetition, or a repeated range.
func (f field) item(text string) (it item, err error) {
	values, step, repeated := strings.Cut(text, "/")
	first, last, ranged := strings.Cut(values, "..")
	if it.first, err = f.number(first); err != nil {
		return item{}, err
	}
	it.last, it.step = it.first, 1
	if ranged {
		if it.last, err = f.number(last); err != nil {
			return item{}, err
		}
		if it.first > it.last {
			return item{}, fmt.Errorf("%s range %q ends before it begins, expected the smaller number first", f.name, values)
		}
	}
	if !repeated {
		return it, nil
	}
	if it.step, err = f.number(step); err != nil {
		return item{}, err
	}
	switch {
	case it.step == 0:
		it.last, it.step = it.first, 1
	case !ranged:
		it.last = open
	}
	return it, nil
}

func (f field) number(text string) (int, error) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, fmt.Errorf("%s %q is not a number, expected %d..%d", f.name, text, f.lo, f.hi)
		}
	}
	if text == "" {
		return 0, fmt.Errorf("%s lacks a number, expected %d..%d", f.name, f.lo, f.hi)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n > f.hi {
		return 0, fmt.Errorf("%s %q is out of range, expected %d..%d", f.name, text, f.lo, f.hi)
	}
	return n, nil
}
