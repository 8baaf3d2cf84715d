package poll

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/pvesim"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

const (
	unconfirmed = proxopsv1.ErrorKind_ERROR_KIND_UNCONFIRMED
	permission  = proxopsv1.ErrorKind_ERROR_KIND_PERMISSION
	quorum      = proxopsv1.ErrorKind_ERROR_KIND_QUORUM
	identity    = proxopsv1.ErrorKind_ERROR_KIND_IDENTITY
)

// know adds keys that the inventory believes active.
func (l *lab) know(kind proxopsv1.Kind, keys ...string) {
	l.claim.KnownJobs = append(l.claim.KnownJobs, &proxopsv1.KnownJobs{Kind: kind, Keys: keys})
}

// drop deletes the first n jobs of both kinds.
func (l *lab) drop(n int) {
	l.sim.Edit(func(w *pvesim.World) { w.Backups, w.Replications = w.Backups[n:], w.Replications[n:] })
}

func TestNothingIsAskedForWhileNothingVanished(t *testing.T) {
	l := newLab(t, "8.4", jobs(5))
	reports, snapshots := l.run()
	l.want(reports[backups], published, 0)
	l.want(reports[replications], published, 0)
	if len(snapshots[backups].GetBackupRoutines()) != 5 || len(snapshots[replications].GetReplications()) != 5 {
		t.Errorf("snapshots are %v", snapshots)
	}
	l.wantRequests("/cluster/backup/{id}", 0)
	l.wantRequests("/cluster/replication/{id}", 0)
	l.wantRequests("/cluster/status", 1)
}

func TestAJobThatVanishedIsAskedFor(t *testing.T) {
	for _, version := range []string{"7.4", "8.4", "9.2"} {
		l := newLab(t, version, jobs(5))
		l.drop(2)
		reports, _ := l.run()
		l.want(reports[backups], published, 0)
		l.want(reports[replications], published, 0)
		l.wantRequests("/cluster/backup/{id}", 2)
		l.wantRequests("/cluster/replication/{id}", 2)
		l.wantRequests("/cluster/backup", 1)
		l.wantRequests("/cluster/replication", 1)
	}
}

func TestAListThatLacksAJobWhichExistsIsNotBelieved(t *testing.T) {
	for _, fault := range []pvesim.Fault{pvesim.HalfList, pvesim.EmptyList} {
		l := newLab(t, "9.2", jobs(5))
		l.sim.Fault("/cluster/backup", fault)
		l.sim.Fault("/cluster/replication", fault)
		reports, _ := l.run()
		l.want(reports[backups], wasFailed, unconfirmed)
		l.want(reports[replications], wasFailed, unconfirmed)
		if text := reports[backups].GetError().GetText(); !strings.Contains(text, "backup-000") || !strings.Contains(text, "still exists") {
			t.Errorf("text is %q", text)
		}
		l.wantRequests("/cluster/backup/{id}", 1) // the first one tells enough
	}
}

func TestAHiddenReplicationIsALostPermission(t *testing.T) {
	l := newLab(t, "9.2", jobs(5))
	l.sim.DenyVM(101, 103)
	reports, _ := l.run()
	l.want(reports[backups], published, 0)
	l.want(reports[replications], partial, permission)
	if e := reports[replications].GetError(); e.GetMissingPrivilege() != "/vms/101 VM.Audit" || !strings.Contains(e.GetText(), "101-0") {
		t.Errorf("error is %v", e)
	}
	l.sim.Allow()
	reports, _ = l.run()
	l.want(reports[replications], published, 0)
}

func TestAnOlderClusterRefusesTheWholeListInstead(t *testing.T) {
	l := newLab(t, "7.4", jobs(5))
	l.sim.DenyVM(101)
	reports, _ := l.run()
	l.want(reports[replications], wasFailed, permission)
	if got := reports[replications].GetError().GetMissingPrivilege(); got != "/vms/101 VM.Audit" {
		t.Errorf("missing privilege is %q", got)
	}
}

func TestAJobOfWhichNothingIsKnownKeepsTheReadingFromCounting(t *testing.T) {
	for _, name := range pvesim.Transcripts() {
		if name == "http_403_vm_audit_replication" || name == "http_403_sys_audit" {
			continue // these make it hidden
		}
		l := newLab(t, "8.4", jobs(5))
		l.drop(1)
		l.sim.Fault("/cluster/backup/{id}", pvesim.FromTranscript(name))
		l.sim.Fault("/cluster/replication/{id}", pvesim.FromTranscript(name))
		reports, _ := l.run()
		for _, k := range []proxopsv1.Kind{backups, replications} {
			if reports[k].GetOutcome() != wasFailed || !strings.Contains(reports[k].GetError().GetText(), "is not known") {
				t.Errorf("%s: report is %v", name, reports[k])
			}
		}
	}
}

func TestJobsThatCannotBeAskedForNeedASecondReading(t *testing.T) {
	l := newLab(t, "9.2", jobs(5))
	l.know(backups, strings.Repeat("a", 51), "made by hand/1")
	l.know(replications, "by hand")
	reports, _ := l.run()
	l.want(reports[backups], published, 0)
	l.want(reports[replications], published, 0)
	l.wantRequests("/cluster/backup/{id}", 0)
	l.wantRequests("/cluster/backup", 2)
	l.wantRequests("/cluster/replication", 2)
	l.wantRequests("/cluster/status", 3)
}

func TestASecondReadingMustBeLikeTheFirst(t *testing.T) {
	l := newLab(t, "9.2", jobs(5))
	l.claim.KnownJobs = nil
	l.know(backups, "made by hand/1")
	l.know(replications, "by hand")
	l.sim.FaultTimes("/cluster/backup", pvesim.HalfList, 1)
	l.sim.FaultTimes("/cluster/replication", pvesim.EmptyList, 1)
	reports, _ := l.run()
	l.want(reports[backups], wasFailed, unconfirmed)
	l.want(reports[replications], wasFailed, unconfirmed)
}

func TestASecondReadingPassesTheOtherGatesToo(t *testing.T) {
	for name, tc := range map[string]struct {
		trouble func(*pvesim.Cluster)
		want    proxopsv1.ErrorKind
	}{
		"quorum lost":     {func(c *pvesim.Cluster) { c.LoseQuorum(c.World()) }, quorum},
		"another cluster": {func(c *pvesim.Cluster) { c.Rename("other") }, identity},
		"permission lost": {(*pvesim.Cluster).RevokeTokens, proxopsv1.ErrorKind_ERROR_KIND_AUTH},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, "9.2", jobs(5))
			l.claim.Kinds = []proxopsv1.Kind{backups}
			l.know(backups, "made by hand/1")
			l.runner.Limits.ConfirmPause = 300 * time.Millisecond
			struck := make(chan struct{})
			go func() {
				defer close(struck)
				for range time.Tick(5 * time.Millisecond) {
					if l.sim.Requests()["GET /cluster/backup"] == 1 {
						tc.trouble(l.sim)
						return
					}
				}
			}()
			reports, _ := l.run()
			<-struck
			l.want(reports[backups], wasFailed, tc.want)
		})
	}
}

func TestManyAtOnceNeedASecondReading(t *testing.T) {
	for _, tc := range []struct {
		of, gone int
		twice    bool
		asked    int
	}{
		{of: 1, gone: 1, twice: true, asked: 1}, // all
		{of: 3, gone: 3, twice: true, asked: 3},
		{of: 12, gone: 10, twice: false, asked: 10}, // most, but few
		{of: 20, gone: 11, twice: true, asked: 11},  // more than half and more than ten
		{of: 22, gone: 11, twice: false, asked: 11}, // half is not more than half
		{of: 60, gone: 20, twice: false, asked: 20},
		{of: 60, gone: 21, twice: true, asked: 20}, // more than may be asked for
		{of: 40, gone: 40, twice: true, asked: 20},
	} {
		t.Run(fmt.Sprintf("%d of %d", tc.gone, tc.of), func(t *testing.T) {
			l := newLab(t, "9.2", jobs(tc.of))
			l.drop(tc.gone)
			reports, snapshots := l.run()
			l.want(reports[backups], published, 0)
			l.want(reports[replications], published, 0)
			if n := snapshots[backups].GetCount(); int(n) != tc.of-tc.gone {
				t.Errorf("the snapshot has %d jobs", n)
			}
			lists := 1
			if tc.twice {
				lists = 2
			}
			l.wantRequests("/cluster/backup", lists)
			l.wantRequests("/cluster/replication", lists)
			l.wantRequests("/cluster/backup/{id}", tc.asked)
			l.wantRequests("/cluster/replication/{id}", tc.asked)
		})
	}
}

func TestManyHiddenReplicationsAreNotTakenForGone(t *testing.T) {
	for name, strike := range map[string]func(l *lab){
		"all of them":      func(l *lab) { l.sim.Deny("/vms") },
		"everything":       func(l *lab) { l.sim.Deny("/vms", "/pool") },
		"more than bounds": func(l *lab) { l.sim.DenyVM(numbers(100, 130)...) },
		// Among many that are really gone there is one that is hidden, and its guest is the only one that is not seen.
		"one of many": func(l *lab) {
			l.drop(30)
			l.sim.DenyVM(145)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, "9.2", jobs(60))
			strike(l)
			reports, _ := l.run()
			l.want(reports[replications], partial, permission)
		})
	}
}

func numbers(from, to int) []int {
	var out []int
	for n := from; n < to; n++ {
		out = append(out, n)
	}
	return out
}

func TestRehashedIdsAreReadTwiceAndPublished(t *testing.T) {
	l := newLab(t, "6.4")
	l.sim.Edit(func(w *pvesim.World) { w.Backups[0].Disabled = true })
	reports, snapshots := l.run()
	l.want(reports[backups], published, 0)
	if got, want := len(snapshots[backups].GetBackupRoutines()), len(l.sim.World().Backups); got != want {
		t.Errorf("%d jobs of %d", got, want)
	}
	l.wantRequests("/cluster/backup", 2)
}

func TestNoQuorumAndOtherClustersFailEveryKind(t *testing.T) {
	for name, tc := range map[string]struct {
		strike func(l *lab)
		want   proxopsv1.ErrorKind
	}{
		"no quorum":          {func(l *lab) { l.sim.LoseQuorum(l.sim.World()) }, quorum},
		"another name":       {func(l *lab) { l.sim.Rename("other") }, identity},
		"standalone now":     {func(l *lab) { l.sim.Hiccup() }, identity},
		"standalone before":  {func(l *lab) { l.claim.Identity.Standalone = true }, identity},
		"token revoked":      {func(l *lab) { l.sim.RevokeTokens() }, proxopsv1.ErrorKind_ERROR_KIND_AUTH},
		"status is no list":  {func(l *lab) { l.sim.Fault("/cluster/status", pvesim.DataNull) }, proxopsv1.ErrorKind_ERROR_KIND_MALFORMED},
		"status is an empty": {func(l *lab) { l.sim.Fault("/cluster/status", pvesim.EmptyList) }, proxopsv1.ErrorKind_ERROR_KIND_MALFORMED},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, "8.4", jobs(5))
			l.claim.Kinds = append(l.claim.Kinds, inventory)
			tc.strike(l)
			reports, _ := l.run()
			for _, k := range l.claim.GetKinds() {
				l.want(reports[k], wasFailed, tc.want)
			}
			l.wantRequests("/cluster/backup", 0)
			l.wantRequests("/cluster/replication", 0)
		})
	}
}

func TestAStandaloneHostNeedsNoQuorum(t *testing.T) {
	w := pvesim.FixtureWorld("8.4")
	w.Standalone, w.Name, w.Nodes = true, "", w.Nodes[:1]
	l := newLab(t, "8.4", pvesim.WithWorld(w))
	l.claim.Identity = &proxopsv1.Identity{Name: "pve1", Standalone: true}
	reports, snapshots := l.run()
	l.want(reports[backups], published, 0)
	if got := snapshots[backups].GetIdentity(); !got.GetStandalone() || got.GetName() != "pve1" {
		t.Errorf("identity is %v", got)
	}
}

func TestOneKindFailsAlone(t *testing.T) {
	l := newLab(t, "8.4", jobs(5))
	l.claim.Kinds = append(l.claim.Kinds, inventory)
	l.sim.Fault("/cluster/backup", pvesim.FromTranscript("http_403_sys_audit"))
	reports, _ := l.run()
	l.want(reports[backups], wasFailed, permission)
	l.want(reports[replications], published, 0)
	l.want(reports[inventory], published, 0)
	if got := reports[backups].GetError().GetMissingPrivilege(); got != "/ Sys.Audit" {
		t.Errorf("missing privilege is %q", got)
	}
}
