package calendar

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones of the vectors, wherever the tests run
)

// vector is one observation of a real Proxmox scheduler.
type vector struct {
	Expr         string `json:"expr"`
	TZ           string `json:"tz"`
	Base         int64  `json:"base"`
	Next         *int64 `json:"next"`
	ParseError   bool   `json:"parse_error"`
	Dialect      string `json:"dialect"`
	DSTAmbiguous bool   `json:"dst_ambiguous"`
}

// vectors returns those of Proxmox VE 7.1 and later, which are of the dialect "rust".
func vectors(tb testing.TB) []vector {
	tb.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		tb.Fatal(err)
	}
	var all, modern []vector
	if err := json.Unmarshal(data, &all); err != nil {
		tb.Fatal(err)
	}
	for _, v := range all {
		if v.Dialect == "rust" {
			modern = append(modern, v)
		}
	}
	if len(modern) != 668 {
		tb.Fatalf("%d vectors, want 668", len(modern))
	}
	return modern
}

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

func TestParseAndNextAgreeWithProxmox(t *testing.T) {
	for _, v := range vectors(t) {
		e, err := Parse(v.Expr)
		if v.ParseError {
			if err == nil {
				t.Errorf("Parse(%q) accepts what Proxmox refuses", v.Expr)
			}
			continue
		}
		if err != nil {
			t.Errorf("Parse(%q): %v", v.Expr, err)
			continue
		}
		loc := zone(t, v.TZ)
		base := time.Unix(v.Base, 0).In(loc)
		next, ok := e.Next(base)
		if v.Next == nil {
			if ok {
				t.Errorf("%q after %s runs at %s, want never", v.Expr, base, next)
			}
			continue
		}
		want := time.Unix(*v.Next, 0).In(loc)
		if next.Equal(want) {
			continue
		}
		// Of the two instants in a repeated hour, Proxmox takes either, even one before base.
		if v.DSTAmbiguous && ok && next.After(base) && reading(next) == reading(want) {
			continue
		}
		t.Errorf("%q after %s runs at %s (%t), want %s", v.Expr, base, next, ok, want)
	}
}

func TestNextIsInTheLocationOfAfterAndStrictlyLater(t *testing.T) {
	vienna := zone(t, "Europe/Vienna")
	for _, c := range []struct{ expr, after, want string }{
		{"02:00", "2025-06-01T02:00:00+02:00", "2025-06-02T02:00:00+02:00"},
		{"02:00", "2025-06-01T01:59:59.999999999+02:00", "2025-06-01T02:00:00+02:00"},
		{"*:*:*", "2025-06-01T02:00:00.5+02:00", "2025-06-01T02:00:01+02:00"},
		{"02:00 UTC", "2025-06-01T01:00:00+02:00", "2025-06-01T04:00:00+02:00"},
		{"dailyUTC", "2025-06-01T01:00:00+02:00", "2025-06-01T02:00:00+02:00"},
		// Clocks skip 02:00 to 03:00 on 30 March 2025 and repeat it on 26 October.
		{"02:30", "2025-03-29T12:00:00+01:00", "2025-03-31T02:30:00+02:00"},
		{"1..3:30", "2025-03-30T01:30:00+01:00", "2025-03-30T03:30:00+02:00"},
		{"02:30", "2025-10-26T02:00:00+02:00", "2025-10-26T02:30:00+02:00"},
		{"02:30", "2025-10-26T02:30:00+02:00", "2025-10-27T02:30:00+01:00"},
		{"02:30", "2025-10-26T02:00:00+01:00", "2025-10-26T02:30:00+01:00"},
		{"*/15", "2025-10-26T02:15:00+01:00", "2025-10-26T02:30:00+01:00"},
	} {
		e, err := Parse(c.expr)
		if err != nil {
			t.Fatal(err)
		}
		after := instant(t, c.after).In(vienna)
		next, ok := e.Next(after)
		if want := instant(t, c.want); !ok || !next.Equal(want) || next.Location() != vienna {
			t.Errorf("%q after %s runs at %s (%t), want %s", c.expr, c.after, next, ok, want)
		}
	}
}

func TestOpenEndedRepetitionSkips(t *testing.T) {
	for _, c := range []struct {
		expr string
		runs []string
	}{
		{"*/25", []string{"00:25", "00:50", "01:25", "01:50", "02:25"}},
		{"*/5:00", []string{"05:00", "10:00", "15:00", "20:00", "05:00", "10:00"}},
		{"0..59/25", []string{"00:25", "00:50", "01:00", "01:25"}},
		{"*/20", []string{"00:20", "00:40", "01:00"}},
	} {
		e, err := Parse(c.expr)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
		for _, want := range c.runs {
			next, ok := e.Next(at)
			if !ok || next.Format("15:04") != want {
				t.Errorf("%q after %s runs at %s (%t), want %s", c.expr, at, next, ok, want)
				break
			}
			at = next
		}
	}
}

func TestNextSaysNever(t *testing.T) {
	now := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, expr := range []string{"02-30", "1999-*-*", "2025-05-31", "*-0", "0-1", "2001-02-29", "0 0 31 2 *", "* * 30 2 *"} {
		e, err := ParseAny(expr)
		if err != nil {
			t.Fatal(err)
		}
		if next, ok := e.Next(now); ok {
			t.Errorf("%q runs at %s, want never", expr, next)
		}
	}
	e, err := Parse("minutely")
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Time{time.Unix(latest, 0), time.Unix(latest+1, 0), time.Unix(earliest-1, 0), time.Unix(1<<62, 0)} {
		if next, ok := e.Next(after); ok {
			t.Errorf("after %s it runs at %s, want never", after, next)
		}
	}
}

func TestZeroEventNeverRuns(t *testing.T) {
	var e Event
	if next, ok := e.Next(time.Unix(0, 0)); ok || e.Words() != "" {
		t.Errorf("runs at %s in the words %q", next, e.Words())
	}
}

func TestParseAcceptsWhatProxmoxAccepts(t *testing.T) {
	for _, expr := range []string{
		"mon12:00", "02:00UTC", "*-*-*12:00", "mon\t*-*-*\t 12:00  UTC", "2199-12-31", "007:000005",
		"0..5/0", "sat *-1..7 15:00", "Thursday..TUE", "00..23:0,30/10:59", "dailyUTC", "0-0",
	} {
		if _, err := Parse(expr); err != nil {
			t.Error(err)
		}
	}
}

func TestParseErrorsSayWhatIsWrong(t *testing.T) {
	for expr, want := range map[string]string{
		"":                 "it is empty",
		" daily":           "must not begin or end with a blank",
		"daily ":           "must not begin or end with a blank",
		"02:00 ":           "must not begin or end with a blank",
		"UTC":              "expected weekdays, a date or a time before UTC",
		"Daily":            `keyword "Daily" must stand alone in lower case`,
		"daily 02:00":      `keyword "daily" must stand alone`,
		"someday 02:00":    `unknown weekday or keyword "someday"`,
		"mon..":            `expected a weekday such as mon or monday before the end`,
		"mon, tue":         `expected a weekday such as mon or monday before " tue"`,
		"mon-fri":          `unexpected "-fri" after the weekdays, expected a date, a time, or ".." for a range of days`,
		"mon tue":          `unexpected "tue" after the weekdays, expected a date, a time`,
		"25/3:00:00":       `hour "25" is out of range`,
		"24:00":            `hour "24" is out of range, expected 0..23`,
		"02:60":            `minute "60" is out of range, expected 0..59`,
		"02:00:75":         `second "75" is out of range, expected 0..59`,
		"99999999999999":   `minute "99999999999999" is out of range`,
		"*/0":              `minute "*/0" repeats every 0, expected 1..59`,
		"*/60":             `minute "60" is out of range`,
		"*/":               `minute lacks a number`,
		"*:":               `minute is missing`,
		":30":              `unexpected ":30", expected weekdays, a date or a time`,
		"*-13-01":          `month "13" is out of range`,
		"12-32":            `day "32" is out of range`,
		"2200-01-01":       `year "2200" is out of range, expected 0..2199`,
		"1-":               `day is missing`,
		"5..3":             `minute range "5..3" ends before it begins`,
		"5.3":              `minute "5.3" is not a number`,
		"1,,2":             `minute lacks a number`,
		"*,5":              `unexpected ",5" after the time`,
		"*-*-~1":           `day is missing`,
		"2025-01-01T00:00": `unexpected "T00:00" after the date, expected a time`,
		"02:00 CET":        `unexpected " CET" after the time, expected the end or "UTC"`,
		"02:00 utc":        `unexpected " utc" after the time`,
		"0 2 * * *":        `unexpected " 2 * * *" after the time`,
		"@daily":           `unexpected "@daily", expected weekdays, a date or a time`,
		"täglich":          `unknown weekday or keyword "t"`,
		"1\x000":           `unexpected "\x000" after the time`,
	} {
		_, err := Parse(expr)
		if err == nil {
			t.Errorf("Parse(%q) succeeds", expr)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q): %v, want %q in it", expr, err, want)
		}
	}
}

func TestLongSchedulesAreRefused(t *testing.T) {
	just := "mon" + strings.Repeat(",mon", 31)
	if _, err := Parse(just[:127]); err != nil {
		t.Error(err)
	}
	long := strings.Repeat("0,", 1<<20)
	for _, parse := range []func(string) (Event, error){Parse, ParseAny} {
		_, err := parse(long)
		if err == nil || !strings.Contains(err.Error(), "at most 128 are allowed") || len(err.Error()) > 200 {
			t.Errorf("a schedule of 2 MiB gives %v", err)
		}
	}
}

func instant(tb testing.TB, s string) time.Time {
	tb.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		tb.Fatal(err)
	}
	return at
}
