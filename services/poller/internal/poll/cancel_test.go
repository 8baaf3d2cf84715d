package poll

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/pvesim"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

func (l *lab) cancel(endpoint, generation int64) {
	l.t.Helper()
	data, err := bus.Encode(&proxopsv1.CancelRun{EndpointId: endpoint, Generation: generation})
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.runner.cancel(data); err != nil {
		l.t.Error(err)
	}
}

// wantQuiet checks that a run was cancelled and said nothing more.
func (l *lab) wantQuiet(err error, snapshots int) {
	l.t.Helper()
	if err != nil || len(l.reports) > 0 || len(l.snapshots) != snapshots {
		l.t.Errorf("error %v, %d reports, %d snapshots, want %d", err, len(l.reports), len(l.snapshots), snapshots)
	}
	if n := strings.Count(l.log.String(), "run cancelled"); n != 1 || strings.Contains(l.log.String(), "run ended") || l.runs("cancelled") != 1 {
		l.t.Errorf("%v runs are counted as cancelled, and the log is\n%s", l.runs("cancelled"), l.log.String())
	}
}

func TestACancelledRunEndsQuietly(t *testing.T) {
	l := newLab(t, "8.4", jobs(1))
	l.sim.Fault("/cluster/replication", pvesim.SlowHeader(time.Minute))
	took, err := l.runUntilAsked(t.Context(), "/cluster/replication", func() { l.cancel(7, 42) })
	l.wantQuiet(err, 1) // the backup jobs were published before
	if took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestACancelledRunPublishesNothingMore(t *testing.T) {
	l := newLab(t, "8.4", jobs(1))
	l.publish = func(context.Context, *proxopsv1.Snapshot) error {
		l.cancel(7, 43)
		return nil
	}
	err := l.runner.Run(t.Context(), &proxopsv1.Task{EndpointId: 7})
	l.wantQuiet(err, 1)
	l.wantRequests("/cluster/backup", 1)
	l.wantRequests("/cluster/replication", 0)
}

func TestACancelledRunIsNotReportedAgainAndAgain(t *testing.T) {
	l := newLab(t, "8.4", jobs(1))
	l.reportErr = []error{fault.New(fault.Unavailable, "no projector"), fault.New(fault.Unavailable, "no projector")}
	l.onReport = func() { l.cancel(7, 42) }
	if err := l.runner.Run(t.Context(), &proxopsv1.Task{EndpointId: 7}); err != nil || len(l.reports) > 0 {
		t.Errorf("error %v, %d reports", err, len(l.reports))
	}
}

func TestOnlyRunsOfTheEndpointUpToTheGenerationAreCancelled(t *testing.T) {
	var runs active
	begin := func(endpoint, generation int64) context.Context {
		ctx, end := runs.begin(t.Context(), endpoint, generation)
		t.Cleanup(end)
		return ctx
	}
	older, same, newer, other := begin(7, 41), begin(7, 42), begin(7, 43), begin(8, 42)
	ended, end := runs.begin(t.Context(), 7, 40)
	end()
	runs.cancel(7, 42)
	for name, got := range map[string]bool{"older": cancelled(older), "same": cancelled(same)} {
		if !got {
			t.Errorf("the run of the %s generation goes on", name)
		}
	}
	for name, got := range map[string]bool{"newer": newer.Err() != nil, "other endpoint's": other.Err() != nil, "ended": cancelled(ended)} {
		if got {
			t.Errorf("the %s run was cancelled", name)
		}
	}
	if len(runs.runs) != 4 {
		t.Errorf("%d runs are known, want 4", len(runs.runs))
	}
}

func TestCancelsThatNameNoRunAreRefused(t *testing.T) {
	l := newLab(t, "8.4", jobs(1))
	for _, in := range []*proxopsv1.CancelRun{{}, {EndpointId: 7}, {Generation: 42}, {EndpointId: -1, Generation: 1}} {
		data, err := bus.Encode(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.runner.cancel(data); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%v: %v, want invalid", in, err)
		}
	}
	if err := l.runner.cancel([]byte("nonsense")); fault.KindOf(err) != fault.Invalid {
		t.Errorf("nonsense: %v, want invalid", err)
	}
}
