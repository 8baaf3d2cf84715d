package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/pvesim"
)

// Clusters live as people and accidents have it, faster than they are read: jobs are edited, deleted, made again, guests migrate, calls fail.
// When they come to rest, the next poll shows them as they are.
func TestLivingClustersAreShownAsTheyComeToRest(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var clusters []*pvesim.Cluster
	for i, v := range pvesim.Versions() {
		clusters = append(clusters, pvesim.New(v, pvesim.WithWorld(pvesim.Generate("living", int64(40+i), 3, 12, 10))))
	}
	all := l.add(t, clusters...)
	l.poll(t, all...)
	ctx, rest := context.WithCancel(t.Context())
	defer rest()
	var living, polling sync.WaitGroup
	for i, e := range all {
		living.Go(func() {
			if err := pvesim.Live(ctx, e.cluster, int64(i), 15*time.Millisecond); err != nil {
				t.Error(err)
			}
		})
		polling.Go(func() {
			for range 15 {
				if !l.tryPoll(t, e) {
					return
				}
			}
		})
	}
	polling.Wait()
	rest()
	living.Wait()
	l.poll(t, all...)
	l.mustBe(t, "ok", all...)
	for _, e := range all {
		wantRoutines, wantReplications := e.wanted(t)
		same(t, e, "routine", wantRoutines, active(l.rest.routines(t, e)))
		same(t, e, "replication", wantReplications, active(l.rest.replications(t, e)))
	}
	happened := map[string]int{}
	for _, ev := range l.events(t) {
		name, err := eventName(ev)
		if err != nil {
			t.Error(err)
		}
		happened[name]++
	}
	for _, name := range []string{"created", "updated", "stale"} {
		if happened[name] == 0 {
			t.Errorf("no job was %s, so too little was proved: %v", name, happened)
		}
	}
}

func active(jobs map[string]object) map[string]object {
	out := map[string]object{}
	for key, o := range jobs {
		if o.choice("status") == "active" {
			out[key] = o
		}
	}
	return out
}
