package syncjob_test

import (
	"testing"
	"time"
	_ "time/tzdata" // the zones of the tests, wherever they run

	"github.com/proxops/proxops/libs/syncjob"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNextIsTheFirstRunStrictlyLater(t *testing.T) {
	t.Parallel()
	const created = "2026-03-01T10:00:00.25Z"
	for name, c := range map[string]struct {
		first, calendar, zone string
		every                 time.Duration
		after, want           string // want "": it never runs
	}{
		"once":                                      {first: "2026-03-02T00:00:00Z", after: "2026-03-01T23:59:59.999Z", want: "2026-03-02T00:00:00Z"},
		"once, at its time":                         {first: "2026-03-02T00:00:00Z", after: "2026-03-02T00:00:00Z"},
		"once, long ago":                            {first: "2026-03-02T00:00:00Z", after: "2027-01-01T00:00:00Z"},
		"nothing says when":                         {after: "2026-03-01T00:00:00Z"},
		"interval from its creation":                {every: time.Hour, after: created, want: "2026-03-01T11:00:00.25Z"},
		"interval before its creation":              {every: time.Hour, after: "2020-01-01T00:00:00Z", want: "2026-03-01T11:00:00.25Z"},
		"interval at a run":                         {every: time.Hour, after: "2026-03-01T11:00:00.25Z", want: "2026-03-01T12:00:00.25Z"},
		"interval a moment before a run":            {every: time.Hour, after: "2026-03-01T12:00:00.249999Z", want: "2026-03-01T12:00:00.25Z"},
		"interval in the second of a run":           {every: time.Hour, after: "2026-03-01T12:00:00.1Z", want: "2026-03-01T12:00:00.25Z"},
		"interval keeps its anchor":                 {every: 7 * time.Minute, after: "2026-09-30T23:59:59Z", want: "2026-10-01T00:06:00.25Z"},
		"interval from a first run":                 {first: "2026-03-05T08:30:00Z", every: 24 * time.Hour, after: "2026-03-01T00:00:00Z", want: "2026-03-05T08:30:00Z"},
		"interval at its first run":                 {first: "2026-03-05T08:30:00Z", every: 24 * time.Hour, after: "2026-03-05T08:30:00Z", want: "2026-03-06T08:30:00Z"},
		"interval from the year 1":                  {first: "0001-01-01T00:00:00Z", every: 24 * time.Hour, after: "2026-03-01T12:00:00Z", want: "2026-03-02T00:00:00Z"},
		"interval does not know of daylight saving": {first: "2026-03-28T01:30:00Z", every: 24 * time.Hour, zone: "Europe/Berlin", after: "2026-03-28T12:00:00Z", want: "2026-03-29T01:30:00Z"},
		"calendar":                                  {calendar: "mon..fri 22:00", after: "2026-03-06T22:00:00Z", want: "2026-03-09T22:00:00Z"},
		"cron":                                      {calendar: "*/15 * * * *", after: "2026-03-06T22:07:00Z", want: "2026-03-06T22:15:00Z"},
		"calendar from a first run":                 {calendar: "daily", first: "2026-03-10T00:00:00Z", after: "2026-03-01T00:00:00Z", want: "2026-03-10T00:00:00Z"},
		"calendar not before its first run":         {calendar: "daily", first: "2026-03-10T00:00:00.5Z", after: "2026-03-01T00:00:00Z", want: "2026-03-11T00:00:00Z"},
		"calendar a second before its first run":    {calendar: "daily", first: "2026-03-10T00:00:01Z", after: "2026-03-01T00:00:00Z", want: "2026-03-11T00:00:00Z"},
		"calendar after its first run":              {calendar: "daily", first: "2026-03-10T00:00:00Z", after: "2026-03-10T00:00:00Z", want: "2026-03-11T00:00:00Z"},
		"calendar that never runs":                  {calendar: "02-30", after: "2026-03-01T00:00:00Z"},
		"calendar that has run":                     {calendar: "2026-01-01", after: "2026-03-01T00:00:00Z"},
		"calendar that nobody understands":          {calendar: "whenever", after: "2026-03-01T00:00:00Z"},
		"zone that nobody knows":                    {calendar: "daily", zone: "Mars/Olympus", after: "2026-03-01T00:00:00Z"},
		"zone in winter":                            {calendar: "02:00", zone: "Europe/Berlin", after: "2026-01-10T12:00:00Z", want: "2026-01-11T01:00:00Z"},
		"zone in summer":                            {calendar: "02:00", zone: "Europe/Berlin", after: "2026-07-10T12:00:00Z", want: "2026-07-11T00:00:00Z"},
		"UTC in a calendar is stronger than a zone": {calendar: "02:00 UTC", zone: "Europe/Berlin", after: "2026-07-10T12:00:00Z", want: "2026-07-11T02:00:00Z"},
		// On 2026-03-29 clocks in Berlin go from 02:00 to 03:00, on 2026-10-25 from 03:00 back to 02:00.
		"skipped time of a calendar":              {calendar: "02:30", zone: "Europe/Berlin", after: "2026-03-28T12:00:00Z", want: "2026-03-30T00:30:00Z"},
		"skipped time of cron":                    {calendar: "30 2 * * *", zone: "Europe/Berlin", after: "2026-03-28T12:00:00Z", want: "2026-03-29T01:00:00Z"},
		"after the skipped time of cron":          {calendar: "30 2 * * *", zone: "Europe/Berlin", after: "2026-03-29T01:00:00Z", want: "2026-03-30T00:30:00Z"},
		"time after the skip":                     {calendar: "03:30", zone: "Europe/Berlin", after: "2026-03-28T12:00:00Z", want: "2026-03-29T01:30:00Z"},
		"repeated time of a calendar":             {calendar: "02:30", zone: "Europe/Berlin", after: "2026-10-24T12:00:00Z", want: "2026-10-25T00:30:00Z"},
		"repeated time of cron":                   {calendar: "30 2 * * *", zone: "Europe/Berlin", after: "2026-10-24T12:00:00Z", want: "2026-10-25T00:30:00Z"},
		"after the repeated time of cron":         {calendar: "30 2 * * *", zone: "Europe/Berlin", after: "2026-10-25T00:30:00Z", want: "2026-10-26T01:30:00Z"},
		"each hour, through the one that repeats": {calendar: "0 * * * *", zone: "Europe/Berlin", after: "2026-10-25T00:00:00Z", want: "2026-10-25T01:00:00Z"},
		"time after the repeated hour":            {calendar: "04:00", zone: "Europe/Berlin", after: "2026-10-24T12:00:00Z", want: "2026-10-25T03:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := syncjob.Recurrence{Created: at(t, created), Every: c.every, Calendar: c.calendar, Zone: c.zone}
			if c.first != "" {
				r.First = new(at(t, c.first))
			}
			next, ok := r.Next(at(t, c.after))
			if c.want == "" {
				if ok {
					t.Errorf("runs at %s, want never", next)
				}
				return
			}
			if !ok || !next.Equal(at(t, c.want)) || next.Location() != time.UTC {
				t.Errorf("runs at %s (%t), want %s", next.Format(time.RFC3339Nano), ok, c.want)
			}
		})
	}
}

// A run asked for a moment before itself is the same run: so a schedule may be planned again without moving it.
func TestARunIsTheNextOneOfTheMomentBefore(t *testing.T) {
	t.Parallel()
	first, created := at(t, "2026-03-02T00:00:00.123456Z"), at(t, "2026-03-01T10:00:00.25Z")
	for name, r := range map[string]syncjob.Recurrence{
		"once": {First: &first}, "interval": {Created: created, Every: 90 * time.Minute}, "both": {First: &first, Every: time.Minute},
		"calendar": {Calendar: "*:0/7", Zone: "Europe/Berlin"}, "calendar from then on": {Calendar: "*:0/7", First: &first},
	} {
		for after := at(t, "2026-02-28T00:00:00Z"); after.Before(at(t, "2026-03-03T00:00:00Z")); after = after.Add(97 * time.Minute) {
			next, ok := r.Next(after)
			if !ok {
				continue
			}
			if again, ok := r.Next(next.Add(-time.Microsecond)); !next.After(after) || !ok || !again.Equal(next) {
				t.Errorf("%s after %s: %s, and then %s", name, after, next, again)
			}
		}
	}
}
