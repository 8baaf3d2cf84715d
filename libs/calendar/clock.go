package calendar

import "time"

// farFromChange is longer than any zone has ever moved its clocks at once.
const farFromChange = 48 * time.Hour

// moveTo returns the first instant, not before t, at which clocks in the location of t read the
// given time. Values may overflow as in [time.Date]. If clocks skip that reading, it returns the
// instant as long after the skip as the reading is after the beginning of the skip: 03:30 for
// 02:30.
//
// time.Date alone does not say which of the two possible instants it chooses; nor does mktime, with
// which Proxmox may answer with an instant in the past here, or never in zones that count winter
// time as the exception (Africa/Casablanca). Those answers are not worth following.
func moveTo(t time.Time, year, month, day, hour, minute, second int) time.Time {
	loc := t.Location()
	guess := time.Date(year, time.Month(month), day, hour, minute, second, 0, loc)
	if loc == time.UTC {
		return guess
	}
	start, end := guess.ZoneBounds()
	if guess.Sub(start) > farFromChange && (end.IsZero() || end.Sub(guess) > farFromChange) {
		return guess
	}

	wanted := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC).Unix()
	// Only the offset used by guess and those before and after it can give that reading.
	for _, near := range [...]time.Time{start.Add(-time.Second), guess, end} {
		at := time.Unix(wanted-offset(near), 0).In(loc)
		if reading(at) == wanted && !at.Before(t) {
			return at
		}
	}
	if reading(guess) < wanted {
		return time.Unix(wanted-offset(guess), 0).In(loc)
	}
	return guess
}

// reading returns what a clock in the location of t reads, as the Unix time of that reading in UTC.
func reading(t time.Time) int64 { return t.Unix() + offset(t) }

// offset returns the seconds by which a clock in the location of t is ahead of UTC at t.
func offset(t time.Time) int64 {
	_, seconds := t.Zone()
	return int64(seconds)
}
