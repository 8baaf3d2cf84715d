package pvesim

import (
	"context"
	"fmt"
	"time"
)

// Live changes a cluster as people and accidents do, once per period, until ctx is done; then it ends the trouble it made and
// returns nil. The same seed makes the same changes to the same world: jobs are edited, switched off and on, deleted, made anew
// with the same id, and added; guests migrate, so that source and target of their replications swap; some calls fail for a while.
func Live(ctx context.Context, c *Cluster, seed int64, every time.Duration) error {
	if every <= 0 {
		return fmt.Errorf("let cluster %q live: the time between two changes is %s, want more than none", c.Name(), every)
	}
	l := newLife(c, seed)
	defer l.end()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			l.step()
		}
	}
}

// life is what Live remembers between two changes.
type life struct {
	cluster *Cluster
	gen     generator
	backups []BackupJob   // deleted ones, oldest first, to be made again
	repls   []Replication // likewise
	partial int           // steps until quorum returns, 0 = it is there
	born    int           // jobs that the cluster had at first
}

func newLife(c *Cluster, seed int64) *life {
	w := c.World()
	return &life{cluster: c, gen: generator{newRand(seed)}, born: len(w.Backups)}
}

// end gives quorum back and ends the faults that this life made.
func (l *life) end() {
	if l.partial > 0 {
		l.cluster.RestoreQuorum()
	}
	l.cluster.clearMatching(func(f *activeFault) bool { return f.owner == l })
}

// step makes one change.
func (l *life) step() {
	if l.partial > 0 {
		if l.partial--; l.partial == 0 {
			l.cluster.RestoreQuorum()
		}
		return
	}
	// Out of a hundred changes: most are of jobs, few are trouble.
	steps := []struct {
		often int
		do    func(*World)
	}{
		{22, l.editBackup},
		{10, l.toggleBackup},
		{9, l.deleteBackup},
		{9, l.recreateBackup},
		{4, l.addBackup},
		{14, l.editReplication},
		{6, l.deleteReplication},
		{6, l.recreateReplication},
		{12, l.migrate},
	}
	n := l.gen.rand.IntN(100)
	for _, s := range steps {
		if n < s.often {
			l.cluster.Edit(s.do)
			return
		}
		n -= s.often
	}
	l.fail()
}

// fail makes a few requests fail, or takes quorum away for a while.
func (l *life) fail() {
	if l.gen.often(15) {
		l.cluster.LoseQuorum(outdated(l.cluster.World()))
		l.partial = 1 + l.gen.rand.IntN(3)
		return
	}
	f := pick(l.gen.rand,
		FromTranscript("http_595_node_unreachable"), FromTranscript("http_596_timeout"), FromTranscript("http_500_pmxcfs_down"),
		FromTranscript("http_403_sys_audit"), FromTranscript("http_401_bad_token"), DataNull, BadGateway, CutBody, Reset, HalfList)
	call := pick(l.gen.rand, "*", "/cluster/backup", "/cluster/replication")
	l.cluster.switchOn(&activeFault{call: call, fault: f, left: 1 + l.gen.rand.IntN(4), owner: l})
}
