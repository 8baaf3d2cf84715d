package web

import (
	"fmt"
	"testing"
	"time"
)

func TestRunsOfAScheduleBeginWithTheOneThatIsKnownAndGoOnInTheZoneOfTheEndpoint(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC) // the night before clocks go forward
	for name, tc := range map[string]struct {
		schedule, next string
		in             *time.Location
		want           string
	}{
		"daily in UTC":             {"02:30", "", time.UTC, "[02:30]"},
		"daily in the zone":        {"04:30", "", berlin, "[02:30]"},
		"a known run comes first":  {"00:00", "2026-03-28T15:07:00Z", time.UTC, "[15:07 00:00]"},
		"a known run is no second": {"21:00", "2026-03-28T21:00:00Z", time.UTC, "[21:00]"},
		"a run that is past":       {"00:00", "2026-03-28T11:00:00Z", time.UTC, "[00:00]"},
		"next week":                {"fri", "2026-04-03T00:00:00Z", time.UTC, "[]"},
		"a schedule nobody reads":  {"whenever", "2026-03-28T15:00:00Z", time.UTC, "[15:00]"},
		"cron":                     {"0 6 * * *", "", time.UTC, "[06:00]"},
	} {
		runs := runsOf(tc.schedule, tc.next, tc.in, now, now.Add(timelineSpan))
		got := []string{}
		for _, at := range runs {
			got = append(got, at.Format("15:04"))
		}
		if fmt.Sprint(got) != tc.want {
			t.Errorf("%s: got %v, want %s", name, got, tc.want)
		}
	}
	if runsOf("", "", time.UTC, now, now.Add(timelineSpan)) != nil {
		t.Error("what has no schedule has runs")
	}
	if n := len(runsOf("*:*", "", time.UTC, now, now.Add(timelineSpan))); n != maxRuns-1 && n != maxRuns {
		t.Errorf("%d runs of every minute", n)
	}
}

func TestALaneCountsWhatBeginsTogether(t *testing.T) {
	l := &lane{storage: "5", name: "nfs"}
	at := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	l.add(1, at.Add(20*time.Minute), 2, "12:20", "1")
	l.add(1, at.Add(16*time.Minute), 1, "12:16", "2")
	l.add(slots, at.Add(25*time.Hour), 1, "13:00", "2")
	if len(l.marks) != 1 || l.runs != 3 || !l.marks[0].at.Equal(at.Add(16*time.Minute)) {
		t.Errorf("%d marks, %d runs, %v", len(l.marks), l.runs, l.marks[0].at)
	}
	want := "/plugins/proxbox/backup-routines/?enabled=true&endpoint_id=1&endpoint_id=2&schedule=12%3A20&schedule=12%3A16&status=active&storage_id=5"
	if got := l.link(l.marks[0]); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for i := range maxNamed + 5 {
		l.add(2, at.Add(31*time.Minute), 1, fmt.Sprint(i), "1")
	}
	if got, want := l.link(l.marks[1]), "/plugins/proxbox/backup-routines/?enabled=true&endpoint_id=1&status=active&storage_id=5"; got != want {
		t.Errorf("a link with too many schedules is %s", got)
	}
}
