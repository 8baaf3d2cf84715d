package calendar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	shortDays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	longDays  = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
)

// parseWeekdays reads the list of weekdays that text begins with. A range may wrap around the end
// of the week.
func parseWeekdays(text string) (days weekdays, rest string, err error) {
	rest = text
	for {
		var first, last int
		if first, rest, err = parseWeekday(rest); err != nil {
			return 0, "", err
		}
		last = first
		if after, ok := strings.CutPrefix(rest, ".."); ok {
			if last, rest, err = parseWeekday(after); err != nil {
				return 0, "", err
			}
		}
		for day := first; ; day = (day + 1) % 7 {
			days |= 1 << day
			if day == last {
				break
			}
		}
		after, ok := strings.CutPrefix(rest, ",")
		if !ok {
			return days, rest, nil
		}
		rest = after
	}
}

func parseWeekday(text string) (day int, rest string, err error) {
	n := 0
	for n < len(text) && isLetter(text[n]) {
		n++
	}
	name := strings.ToLower(text[:n])
	if day = slices.Index(shortDays, name); day < 0 {
		day = slices.Index(longDays, name)
	}
	switch {
	case text == "":
		return 0, "", errors.New("expected a weekday such as mon or monday before the end")
	case n == 0:
		return 0, "", fmt.Errorf("expected a weekday such as mon or monday before %q", text)
	case day < 0 && keyword(name) != nil:
		return 0, "", fmt.Errorf("keyword %q must stand alone in lower case, or be followed by UTC only", text[:n])
	case day < 0:
		return 0, "", fmt.Errorf("unknown weekday or keyword %q, expected mon..sun, monday..sunday, or minutely..yearly", text[:n])
	}
	return day, text[n:], nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
