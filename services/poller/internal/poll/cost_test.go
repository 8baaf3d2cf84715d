package poll

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/pvesim"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// wantCosts checks how many requests each kind is said to have taken; together they are those of the run.
func (l *lab) wantCosts(want map[proxopsv1.Kind]uint32) {
	l.t.Helper()
	report := l.reports[0]
	var requests uint32
	var took time.Duration
	for _, k := range report.GetKinds() {
		if k.GetRequests() != want[k.GetKind()] {
			l.t.Errorf("%v took %d requests, want %d", k.GetKind(), k.GetRequests(), want[k.GetKind()])
		}
		if k.GetRequests() > 0 && k.GetDuration().AsDuration() <= 0 {
			l.t.Errorf("%v took no time", k.GetKind())
		}
		requests += k.GetRequests()
		took += k.GetDuration().AsDuration()
	}
	if requests != report.GetRequests() || took > report.GetDuration().AsDuration() {
		l.t.Errorf("the kinds took %d requests and %v, and the run %d and %v", requests, took, report.GetRequests(), report.GetDuration().AsDuration())
	}
	for _, s := range l.snapshots {
		for _, k := range report.GetKinds() {
			if k.GetKind() == s.GetKind() && (s.GetRequests() != k.GetRequests() || s.GetDuration().AsDuration() != k.GetDuration().AsDuration()) {
				l.t.Errorf("%v took %d requests and %v in its snapshot, and %v in the report", s.GetKind(), s.GetRequests(), s.GetDuration().AsDuration(), k)
			}
		}
	}
}

func TestEachKindTellsWhatItTook(t *testing.T) {
	for _, version := range pvesim.Versions() {
		l := newLab(t, version, jobs(5))
		l.claim.Kinds = []proxopsv1.Kind{backups, replications, inventory}
		l.run()
		l.wantCosts(map[proxopsv1.Kind]uint32{inventory: 6, backups: 1, replications: 1}) // the status counts for the first
		l.claim.Kinds = []proxopsv1.Kind{backups, replications}
		l.drop(2)
		l.run()
		if version != "6.4" { // where other jobs vanish than those that were dropped
			l.wantCosts(map[proxopsv1.Kind]uint32{backups: 4, replications: 3}) // each job that vanished is asked for
		}
	}
}

func TestFailuresTellWhatTheyTook(t *testing.T) {
	l := newLab(t, "8.4", jobs(5))
	first, second := l.twoNodes("8.4", jobs(5))
	first.Fault("/cluster/replication", pvesim.FromTranscript("http_596_timeout"))
	l.run()
	l.wantCosts(map[proxopsv1.Kind]uint32{backups: 2, replications: 3}) // at the second address after its own status
	first.Fault("*", pvesim.BadGateway)
	second.Fault("*", pvesim.BadGateway)
	l.run()
	l.wantCosts(map[proxopsv1.Kind]uint32{backups: 2})
	l.claim.SealedCredentials = nil
	l.run()
	l.wantCosts(nil)
}

func TestASlowBusIsNotTheClustersTime(t *testing.T) {
	l := newLab(t, "8.4", jobs(5))
	const slow = 30 * time.Millisecond
	l.publish = func(context.Context, *proxopsv1.Snapshot) error {
		<-time.After(slow)
		return nil
	}
	l.run()
	rest := l.reports[0].GetDuration().AsDuration()
	for _, k := range l.reports[0].GetKinds() {
		rest -= k.GetDuration().AsDuration()
	}
	if rest < 2*slow {
		t.Errorf("%v of the run count for no kind, and publishing took %v", rest, 2*slow)
	}
}

func TestSkippedEntriesAreCountedAndNoContent(t *testing.T) {
	l := newLab(t, "8.4", jobs(3))
	_, before := l.run()
	l.sim.Edit(func(w *pvesim.World) { w.Backups = append(w.Backups, w.Backups[1], w.Backups[2]) })
	reports, after := l.run()
	l.want(reports[backups], published, 0)
	if before[backups].GetSkipped() != 0 || after[backups].GetSkipped() != 2 || after[replications].GetSkipped() != 0 {
		t.Errorf("skipped are %d and %d", before[backups].GetSkipped(), after[backups].GetSkipped())
	}
	if after[backups].GetCount() != 3 || !bytes.Equal(before[backups].GetDigest(), after[backups].GetDigest()) {
		t.Errorf("the content changed: %v", after[backups])
	}
}
