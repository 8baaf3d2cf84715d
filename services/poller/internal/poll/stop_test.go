package poll

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/pvesim"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

func TestARunUnderWayMayEndWhenThePollerStops(t *testing.T) {
	l := newLab(t, "8.4", jobs(1))
	ctx, cancel := context.WithCancel(t.Context())
	l.publish = func(ctx context.Context, _ *proxopsv1.Snapshot) error {
		cancel()
		return ctx.Err()
	}
	if err := l.runner.Run(ctx, &proxopsv1.Task{EndpointId: 7}); err != nil || len(l.reports) != 1 {
		t.Errorf("error %v, %d reports", err, len(l.reports))
	}
}

func TestLingerEndsLaterThanItsParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		ctx, stop := linger(parent, time.Second)
		defer stop()
		cancel()
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		if ctx.Err() != nil {
			t.Error("ended early")
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if ctx.Err() == nil {
			t.Error("did not end")
		}
		unused, stopUnused := linger(t.Context(), time.Second)
		stopUnused()
		if unused.Err() == nil {
			t.Error("a stopped one goes on")
		}
	})
}

// runUntilAsked performs a run in the background, and calls then as soon as the cluster is asked for a call.
func (l *lab) runUntilAsked(ctx context.Context, call string, then func()) (took time.Duration, err error) {
	l.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- l.runner.Run(ctx, &proxopsv1.Task{EndpointId: 7, Trigger: manual}) }()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for l.sim.Requests()["GET "+call] == 0 {
		select {
		case err := <-ended:
			l.t.Fatalf("the run ended before %s was asked for: %v", call, err)
		case <-tick.C:
		}
	}
	start := time.Now()
	then()
	err = <-ended
	return time.Since(start), err
}

func TestAStoppedRunSaysWhatIsLeftToAnother(t *testing.T) {
	t.Parallel()
	l := newLab(t, "8.4", jobs(1))
	l.claim.Kinds = []proxopsv1.Kind{inventory, backups, replications}
	l.sim.Fault("/storage", pvesim.FromTranscript("http_403_sys_audit"))
	l.sim.Fault("/cluster/replication", pvesim.SlowHeader(time.Minute))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	took, err := l.runUntilAsked(ctx, "/cluster/replication", stop)
	if err == nil || took < grace || took > grace+lastWord+500*time.Millisecond {
		t.Errorf("after %v: error %v", took, err)
	}
	if len(l.reports) != 1 || len(l.snapshots) != 1 {
		t.Fatalf("%d reports, %d snapshots", len(l.reports), len(l.snapshots))
	}
	got := map[proxopsv1.Kind]*proxopsv1.KindReport{}
	for _, k := range l.reports[0].GetKinds() {
		got[k.GetKind()] = k
	}
	l.want(got[inventory], wasFailed, permission) // it had its result
	l.want(got[backups], published, 0)
	l.want(got[replications], leftBehind, proxopsv1.ErrorKind_ERROR_KIND_INTERNAL)
	if l.runs("abandoned") != 1 {
		t.Error("the run was not counted as abandoned")
	}
}

func TestAStoppedRunThatHasReadEverythingIsDone(t *testing.T) {
	t.Parallel()
	l := newLab(t, "8.4", jobs(1))
	l.claim.Kinds = []proxopsv1.Kind{backups}
	ctx, stop := context.WithCancel(t.Context())
	l.publish = func(ctx context.Context, _ *proxopsv1.Snapshot) error {
		stop()
		<-ctx.Done() // the grace is over, and the snapshot stored
		return nil
	}
	if err := l.runner.Run(ctx, &proxopsv1.Task{EndpointId: 7}); err != nil || len(l.reports) != 1 || abandoned(l.reports[0].GetKinds()[0]) {
		t.Errorf("error %v, reports %v", err, l.reports)
	}
}

func TestAStoppedRunDoesNotWaitForAProjector(t *testing.T) {
	t.Parallel()
	l := newLab(t, "8.4", jobs(1))
	l.sim.Fault("*", pvesim.SlowHeader(time.Minute))
	l.reportErr = make([]error, 1000)
	for i := range l.reportErr {
		l.reportErr[i] = fault.New(fault.Unavailable, "no projector")
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	took, err := l.runUntilAsked(ctx, "/cluster/status", stop)
	if err == nil || len(l.reports) > 0 || len(l.snapshots) > 0 {
		t.Errorf("error %v, %d reports, %d snapshots", err, len(l.reports), len(l.snapshots))
	}
	if took > grace+lastWord+500*time.Millisecond {
		t.Errorf("it took %v to stop", took)
	}
}
