package web

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/proxops/proxops/services/api/internal/occurrence"
)

func TestALaneCountsWhatBeginsTogether(t *testing.T) {
	l := &lane{storage: "5", name: "nfs"}
	at := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	l.add(1, at.Add(20*time.Minute), 2, "12:20", "1")
	l.add(1, at.Add(16*time.Minute), 1, "12:16", "2")
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

func TestTheRunsOfADayAreSlotted(t *testing.T) {
	from := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	var runs []time.Time
	for _, minutes := range []int{3, 7, 15, 24*60 + 14, 24*60 + 15} {
		runs = append(runs, from.Add(time.Duration(minutes)*time.Minute))
	}
	got := slotted(occurrence.Coming{Runs: runs, Reason: "It ends."}, from)
	want := []slotRuns{{0, 2, runs[0]}, {1, 1, runs[2]}, {slots - 1, 1, runs[3]}}
	if !slices.Equal(got.slots, want) || !got.unplaced || got.assumed {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestBytesAreTold(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 1_073_000_000: "1 GiB", 1000 << 20: "1000 MiB", 3 << 40: "3 TiB", 1 << 62: "4096 PiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}
