package calendar

import (
	"testing"
	"time"
)

var fuzzZones = []string{
	"UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Africa/Casablanca",
	"Pacific/Apia", "Asia/Kathmandu", "America/Sao_Paulo", "Antarctica/Troll", "Europe/Dublin",
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.Expr)
	}
	for _, expr := range []string{"0 2 * * *", "*/5 1-3 1,15 jan-mar fri-sun", "@weekly", "5/7 * */2 * 1"} {
		f.Add(expr)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		e, err := Parse(expr)
		if (err == nil) == (e.spec == nil) {
			t.Fatalf("event %v with error %v", e.spec, err)
		}
		either, errAny := ParseAny(expr)
		if err == nil && errAny != nil {
			t.Fatalf("Parse accepts it, ParseAny does not: %v", errAny)
		}
		if errAny != nil {
			return
		}
		words := either.Words()
		if again, err := ParseAny(words); err != nil || again.Words() != words {
			t.Fatalf("its words %q are no schedule of the same words: %v", words, err)
		}
		checkNext(t, either, time.Unix(1795289527, 0).UTC())
	})
}

func FuzzNext(f *testing.F) {
	for i, v := range vectors(f) {
		f.Add(v.Expr, v.Base, uint8(i))
	}
	for i, expr := range []string{"* * 29 2 */7", "0-59 0-23 * * *", "*/7 1 * * *", "*-*-*/30 */23:*/59:*/58", "sun 02-29"} {
		f.Add(expr, int64(1824939000), uint8(i))
		f.Add(expr, int64(earliest), uint8(i))
		f.Add(expr, int64(latest)-1, uint8(i))
	}
	zones := make([]*time.Location, len(fuzzZones))
	for i, name := range fuzzZones {
		zones[i] = zone(f, name)
	}
	f.Fuzz(func(t *testing.T, expr string, base int64, z uint8) {
		e, err := ParseAny(expr)
		if err != nil {
			return
		}
		checkNext(t, e, time.Unix(base, 0).In(zones[int(z)%len(zones)]))
	})
}

// checkNext follows e for a few runs. Each is later than the one before, and shows a time that e
// allows, unless cron makes up for a skipped one.
func checkNext(t *testing.T, e Event, at time.Time) {
	t.Helper()
	for range 4 {
		next, ok := e.Next(at)
		if !ok {
			return
		}
		if !next.After(at) || next.Location() != at.Location() {
			t.Fatalf("%q after %s runs at %s", e.spec.expr, at, next)
		}
		shown := next
		if e.spec.utc {
			shown = next.UTC()
		}
		if found, ok := e.spec.search(shown); e.spec.cron != cronFixed && (!ok || !found.Equal(shown)) {
			t.Fatalf("%q after %s runs at %s, which it does not allow", e.spec.expr, at, next)
		}
		at = next
	}
}
