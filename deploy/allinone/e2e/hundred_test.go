package e2e

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/pvesim"
	"github.com/proxops/proxops/services/poller"
)

// A full update of a hundred clusters of a hundred jobs of each kind; the counts are what really changed, the first time and when a known number
// of jobs did.
func TestAFullUpdateOfAHundredClusters(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	all := l.addMany(t, 100, 100, nil)
	job := l.rest.completed(t, l.rest.sync(t, object{"types": []string{"backup-routines", "replications"}}))
	if got, want := tallyOf(job.sub("data").sub("counts")), (tally{created: 20_000}); got != want {
		t.Errorf("the first update says %+v, want %+v", got, want)
	}
	var want tally
	for i, e := range all {
		want.unchanged += 200
		if i%10 != 0 {
			continue
		}
		e.cluster.Edit(func(w *pvesim.World) {
			w.Replications[0].Comment = "changed"
			w.Replications = slices.Delete(w.Replications, 1, 4)
		})
		want.updated, want.stale, want.unchanged = want.updated+1, want.stale+3, want.unchanged-4
	}
	before := l.lastChange(t)
	job = l.rest.completed(t, l.rest.sync(t, object{"types": []string{"backup-routines", "replications"}}))
	if got := tallyOf(job.sub("data").sub("counts")); got != want {
		t.Errorf("the second update says %+v, want %+v", got, want)
	}
	l.honest(t, job, before, all...)
}

// One cluster hangs, one drips, one never ends its answer; the others stay fresh, and those three say what is wrong with them.
func TestBadClustersDelayNobodyElse(t *testing.T) {
	t.Parallel()
	l := bareLab(t)
	l.startProjector(t, nil)
	const interval = 10
	l.startPoller(t, func(cfg *poller.Config) { cfg.Timeout = 5 * time.Second })
	l.startAPI(t)
	all := l.addMany(t, 100, 3, object{"poll_interval": interval})
	bad := map[*endpoint]string{}
	limit := 2 * interval // seconds that data may be old
	fresh := func() error {
		for _, o := range l.rest.list(t, endpointsPath+"?limit=200") {
			e := all[slices.IndexFunc(all, func(e *endpoint) bool { return e.id == o.id() })]
			for _, kind := range jobKinds {
				s := o.sub("sync_state").sub(kind)
				switch want := bad[e]; {
				case want != "" && (s.text("status") != "failing" || s.text("error_kind") != want || !strings.Contains(s.text("error"), e.server.Host)):
					return fmt.Errorf("%s: %s is %s (%s): %s", e.name, kind, s.text("status"), s.text("error_kind"), s.text("error"))
				case want == "" && (s.text("status") != "ok" || s.number("data_age") > limit):
					return fmt.Errorf("%s: %s is %s and %d s old: %s", e.name, kind, s.text("status"), s.number("data_age"), s.text("error"))
				}
			}
		}
		return nil
	}
	oldest := func() (age int) {
		for range 4 {
			<-time.After(interval * time.Second / 2)
			for _, o := range l.rest.list(t, endpointsPath+"?limit=200") {
				age = max(age, o.sub("sync_state").sub("replication").number("data_age"))
			}
		}
		return age
	}
	eventually(t, "all endpoints to be read", func() error {
		limit = math.MaxInt
		return fresh()
	})
	limit = max(2*interval, 2*oldest()) // a machine that is busy with something else reads good clusters late as well
	all[10].cluster.Fault("*", pvesim.SlowHeader(time.Hour))
	all[20].cluster.Fault("*", pvesim.SlowBody(1))
	all[30].cluster.Fault("*", pvesim.Endless)
	bad = map[*endpoint]string{all[10]: "timeout", all[20]: "timeout", all[30]: "too_large"}
	peak := watchHeap(t)
	eventually(t, "all endpoints to be read or to say why not", fresh)
	manual := l.rest.ended(t, l.rest.sync(t, object{"types": []string{"replications"}}))
	if n := strings.Count(manual.text("error"), "replications: "); n != len(bad) {
		t.Errorf("a full update meanwhile: %s", manual.text("error"))
	}
	for range 4 {
		<-time.After(interval * time.Second / 2)
		if err := fresh(); err != nil {
			t.Error(err)
		}
	}
	if got := peak(); got > 1<<30 {
		t.Errorf("the heap grew to %d MiB", got>>20)
	}
}

// watchHeap returns a function that tells the largest heap, in bytes, that was seen since.
func watchHeap(t *testing.T) func() uint64 {
	t.Helper()
	var mu sync.Mutex
	var most uint64
	look := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		mu.Lock()
		defer mu.Unlock()
		most = max(most, m.HeapAlloc)
	}
	tick := time.NewTicker(200 * time.Millisecond)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-tick.C:
				look()
			case <-done:
				return
			}
		}
	})
	t.Cleanup(func() { tick.Stop(); close(done); wg.Wait() })
	return func() uint64 { look(); mu.Lock(); defer mu.Unlock(); return most }
}

// addMany adds so many clusters with so many jobs of each kind, of all versions in turn.
func (l *lab) addMany(t *testing.T, clusters, jobs int, fields object) []*endpoint {
	t.Helper()
	all := make([]*endpoint, clusters)
	for i := range all {
		c := pvesim.New(pvesim.Versions()[i%len(pvesim.Versions())], pvesim.WithWorld(pvesim.Generate(fmt.Sprintf("many-%03d", i), int64(i), 3, 20, jobs)))
		all[i] = l.addOne(t, c, func(*pvesim.Server) object { return fields })
	}
	return all
}
