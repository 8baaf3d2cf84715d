package pvesim

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/proxops/proxops/libs/calendar"
)

// nextEvent is the first run of a calendar event after a time, in that time's zone; ok is false when there is none or when the
// event cannot be parsed.
func nextEvent(expr string, after time.Time) (_ time.Time, ok bool) {
	e, err := calendar.Parse(expr)
	if err != nil {
		return time.Time{}, false
	}
	return e.Next(after)
}

func validEvent(expr string) bool {
	_, err := calendar.Parse(expr)
	return err == nil
}

// integer reads a whole number of the query between two bounds.
func (x *exchange) integer(name string, unset, least, most int) (int, error) {
	s := x.query.Get(name)
	if s == "" {
		return unset, nil
	}
	n, err := strconv.Atoi(s)
	switch {
	case err != nil:
		return 0, errors.New("type check ('integer') failed - got '" + s + "'")
	case n < least:
		return 0, fmt.Errorf("value must have a minimum value of %d", least)
	case n > most:
		return 0, fmt.Errorf("value must have a maximum value of %d", most)
	}
	return n, nil
}

// unix reads a time in seconds from the query.
func (x *exchange) unix(name string, unset time.Time) (time.Time, error) {
	n, err := x.integer(name, int(unset.Unix()), 0, 1<<40)
	return time.Unix(int64(n), 0).In(x.world.zone()), err
}
