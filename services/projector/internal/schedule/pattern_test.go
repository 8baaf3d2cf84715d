package schedule

import (
	"math"
	"testing"
	"time"

	"github.com/proxops/proxops/services/projector/internal/store"
)

func TestPatternIsCronForEveryIntervalThatDividesMinuteHourOrDay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		interval, phase int64
		want            string
	}{
		{10, 7, "7/10 * * * * *"},
		{30, 29, "29/30 * * * * *"},
		{60, 0, "0 * * * * *"},
		{60, 59, "59 * * * * *"},
		{120, 61, "1 1/2 * * * *"},
		{900, 899, "59 14/15 * * * *"},
		{3600, 3599, "59 59 * * * *"},
		{7200, 3600, "0 0 1/2 * * *"},
		{86400, 86399, "59 59 23 * * *"},
		{90, 3, "@every 1m30s"},
		{45, 3, "@every 45s"},
		{7 * 60, 3, "@every 7m0s"},
		{100_000, 3, "@every 27h46m40s"},
	} {
		if got := pattern(c.interval, c.phase); got != c.want {
			t.Errorf("pattern(%d, %d) = %q, want %q", c.interval, c.phase, got, c.want)
		}
	}
}

// The sum of the squared distances from an even spread, in units of what chance would give, stays small.
func TestPhaseSpreadsEndpointsOverTheInterval(t *testing.T) {
	t.Parallel()
	const endpoints, interval = 6000, 60
	var counts [interval]int
	for id := int64(1); id <= endpoints; id++ {
		p := phase(id, interval)
		if p != phase(id, interval) {
			t.Fatal("the phase of an endpoint changes")
		}
		counts[p]++
	}
	chi := 0.0
	for _, n := range counts {
		chi += math.Pow(float64(n)-endpoints/interval, 2) / (endpoints / interval)
	}
	if chi > 2*interval {
		t.Errorf("endpoints are spread unevenly: chi² = %.0f, counts %v", chi, counts)
	}
}

func TestAScheduleThatCountsFromItsWritingStartsAtItsPhase(t *testing.T) {
	t.Parallel()
	e, err := newEntry(store.ScheduleWantedRow{ID: 3, Site: "default", PollInterval: 90})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_017, 500)
	at := e.start(now)
	if at.Unix()%90 != phase(3, 90) || !at.After(now) || at.Sub(now) > 90*time.Second {
		t.Errorf("starts at %d, %s from now; want the next second that is %d after a multiple of 90", at.Unix(), at.Sub(now), phase(3, 90))
	}
	e, err = newEntry(store.ScheduleWantedRow{ID: 3, Site: "default", PollInterval: 60})
	if err != nil {
		t.Fatal(err)
	}
	if at := e.start(now); !at.Equal(now) {
		t.Errorf("a cron schedule starts at %s, want at once", at)
	}
}
