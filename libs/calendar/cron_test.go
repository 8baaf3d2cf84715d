package calendar

import (
	"strings"
	"testing"
	"time"
)

func TestCronNext(t *testing.T) {
	for _, c := range []struct{ expr, zone, after, want string }{
		{"0 2 * * *", "UTC", "2025-06-01T02:00:00Z", "2025-06-02T02:00:00Z"},
		{"0 2 * * *", "UTC", "2025-06-01T01:59:59.5Z", "2025-06-01T02:00:00Z"},
		{"*/25 * * * *", "UTC", "2025-06-01T00:50:00Z", "2025-06-01T01:00:00Z"},
		{"5/25 * * * *", "UTC", "2025-06-01T00:30:00Z", "2025-06-01T00:55:00Z"},
		{"10-20/5,59 3 * * *", "UTC", "2025-06-01T03:20:00Z", "2025-06-01T03:59:00Z"},
		{"0 0 * JAN-mar/2 *", "UTC", "2025-01-31T00:00:00Z", "2025-03-01T00:00:00Z"},
		{"0 0 * * Mon", "UTC", "2025-06-01T00:00:00Z", "2025-06-02T00:00:00Z"},
		{"0 0 * * 0", "UTC", "2025-06-02T00:00:00Z", "2025-06-08T00:00:00Z"},
		{"0 0 * * 7", "UTC", "2025-06-02T00:00:00Z", "2025-06-08T00:00:00Z"},
		{"0 0 * * fri-sun", "UTC", "2025-06-06T00:00:00Z", "2025-06-07T00:00:00Z"},
		{"0 0 29 2 1", "UTC", "2025-03-03T00:00:00Z", "2026-02-02T00:00:00Z"},
		// Either day field when both are restricted, both when one begins with a star.
		{"0 0 13 * 5", "UTC", "2025-06-06T00:00:00Z", "2025-06-13T00:00:00Z"},
		{"0 0 13 * 5", "UTC", "2025-07-11T00:00:00Z", "2025-07-13T00:00:00Z"},
		{"0 0 */13 * 5", "UTC", "2025-06-01T00:00:00Z", "2025-06-27T00:00:00Z"},
		{"0 0 13 * *", "UTC", "2025-06-06T00:00:00Z", "2025-06-13T00:00:00Z"},
		{"0 0 29 2 */7", "UTC", "2025-01-01T00:00:00Z", "2032-02-29T00:00:00Z"},
		{"* * 29 2 */7", "Europe/Vienna", "2072-03-01T00:00:00+01:00", "2088-02-29T00:00:00+01:00"},
		// Clocks skip 02:00 to 03:00 on 30 March 2025.
		{"30 2 * * *", "Europe/Vienna", "2025-03-29T12:00:00+01:00", "2025-03-30T03:00:00+02:00"},
		{"30 2 * * *", "Europe/Vienna", "2025-03-30T01:59:59+01:00", "2025-03-30T03:00:00+02:00"},
		{"30 2 * * *", "Europe/Vienna", "2025-03-30T03:00:00+02:00", "2025-03-31T02:30:00+02:00"},
		{"0 2-4 * * *", "Europe/Vienna", "2025-03-30T03:00:00+02:00", "2025-03-30T04:00:00+02:00"},
		{"*/30 2 * * *", "Europe/Vienna", "2025-03-29T12:00:00+01:00", "2025-03-31T02:00:00+02:00"},
		{"30 * * * *", "Europe/Vienna", "2025-03-30T01:30:00+01:00", "2025-03-30T03:30:00+02:00"},
		// And repeat it on 26 October.
		{"30 2 * * *", "Europe/Vienna", "2025-10-26T02:29:00+02:00", "2025-10-26T02:30:00+02:00"},
		{"30 2 * * *", "Europe/Vienna", "2025-10-26T02:30:00+02:00", "2025-10-27T02:30:00+01:00"},
		{"0-59 2 * * *", "Europe/Vienna", "2025-10-26T02:00:00+01:00", "2025-10-27T02:00:00+01:00"},
		{"30 * * * *", "Europe/Vienna", "2025-10-26T02:30:00+02:00", "2025-10-26T02:30:00+01:00"},
		{"*/15 * * * *", "Europe/Vienna", "2025-10-26T02:45:00+02:00", "2025-10-26T02:00:00+01:00"},
	} {
		e, err := ParseAny(c.expr)
		if err != nil {
			t.Error(err)
			continue
		}
		next, ok := e.Next(instant(t, c.after).In(zone(t, c.zone)))
		if want := instant(t, c.want); !ok || !next.Equal(want) {
			t.Errorf("%q after %s runs at %s (%t), want %s", c.expr, c.after, next, ok, want)
		}
	}
}

// A slow, obvious reading of cron's manual, minute by minute.
func TestCronMatchesEveryMinuteThatItSays(t *testing.T) {
	from := time.Date(2027, 12, 20, 0, 0, 0, 0, time.UTC)
	for expr, matches := range map[string]func(time.Time) bool{
		"*/7 1-5,22 * * *": func(m time.Time) bool {
			return m.Minute()%7 == 0 && (m.Hour() >= 1 && m.Hour() <= 5 || m.Hour() == 22)
		},
		"0 0 1,15 * mon-wed": func(m time.Time) bool {
			return m.Hour() == 0 && m.Minute() == 0 && (m.Day() == 1 || m.Day() == 15 || m.Weekday() >= 1 && m.Weekday() <= 3)
		},
		"59 23 31 12,1 *": func(m time.Time) bool {
			return m.Hour() == 23 && m.Minute() == 59 && m.Day() == 31 && (m.Month() == 12 || m.Month() == 1)
		},
		"1/20 */6 2-30/4 feb,dec *": func(m time.Time) bool {
			return m.Minute()%20 == 1 && m.Hour()%6 == 0 && m.Day()%4 == 2 && (m.Month() == 2 || m.Month() == 12)
		},
	} {
		e, err := ParseAny(expr)
		if err != nil {
			t.Error(err)
			continue
		}
		at, runs := from, 0
		for m := from.Add(time.Minute); m.Before(from.AddDate(0, 3, 0)); m = m.Add(time.Minute) {
			if !matches(m) {
				continue
			}
			next, ok := e.Next(at)
			if !ok || !next.Equal(m) {
				t.Errorf("%q after %s runs at %s (%t), want %s", expr, at, next, ok, m)
				break
			}
			at, runs = next, runs+1
		}
		if runs == 0 {
			t.Errorf("%q never ran", expr)
		}
	}
}

func TestParseAnyAcceptsCalendarEvents(t *testing.T) {
	for _, v := range vectors(t) {
		e, err := Parse(v.Expr)
		if err != nil {
			continue
		}
		either, err := ParseAny(v.Expr)
		if err != nil {
			t.Errorf("ParseAny(%q): %v", v.Expr, err)
			continue
		}
		base := time.Unix(v.Base, 0).In(zone(t, v.TZ))
		want, _ := e.Next(base)
		if got, _ := either.Next(base); !got.Equal(want) {
			t.Errorf("ParseAny(%q) runs at %s, Parse at %s", v.Expr, got, want)
		}
	}
}

func TestCronErrorsSayWhatIsWrong(t *testing.T) {
	for expr, want := range map[string]string{
		"60 * * * *":      `minute "60" is not valid, expected "*" or 0..59`,
		"* 24 * * *":      `hour "24" is not valid`,
		"* * 0 * *":       `day of month "0" is not valid, expected "*" or 1..31`,
		"* * * foo *":     `month "foo" is not valid, expected "*" or 1..12 or jan..dec`,
		"* * * * 8":       `day of week "8" is not valid, expected "*" or 0..7 or sun..sat`,
		"*/0 * * * *":     `minute step "0" is not valid, expected 1..60`,
		"*/x * * * *":     `minute step "x" is not valid`,
		"*/+5 * * * *":    `minute step "+5" is not valid`,
		"5/ * * * *":      `minute step "" is not valid`,
		"+5 * * * *":      `minute "+5" is not valid`,
		"5- * * * *":      `minute "" is not valid`,
		"-5 * * * *":      `minute "" is not valid`,
		"*-5 * * * *":     `minute "*" is not valid`,
		"1,,2 * * * *":    `minute "" is not valid`,
		"30-10 * * * *":   `minute range "30-10" ends before it begins`,
		"? * * * *":       `minute "?" is not valid`,
		"* * * * fri-mon": `day of week range "fri-mon" ends before it begins`,
		"@reboot":         `unknown macro, expected @hourly`,
		"0 2 * *":         `nor is it cron, which has five fields, not 4`,
		"0 0 2 * * *":     `nor is it cron, which has five fields, not 6`,
		" 0 2 * * *":      `must not begin or end with a blank`,
	} {
		_, err := ParseAny(expr)
		if err == nil {
			t.Errorf("ParseAny(%q) succeeds", expr)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("ParseAny(%q): %v, want %q in it", expr, err, want)
		}
	}
}
