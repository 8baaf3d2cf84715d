package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/pvesim"
)

// Two of each service; while a job is under way one of them is killed without a warning, each service in turn. The job ends all the same, with
// what is true, the jobs are what the clusters have, and nothing was applied twice.
func TestAJobOutlivesTheDeathOfAnyService(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.extra = map[string][]string{"projector": {"PROXOPS_PROJECTOR_CLAIM_TIMEOUT=6s"}}
	apis := d.startAll(t)
	l := d.lab
	var all []*endpoint
	for i := range 8 {
		c := pvesim.New(pvesim.Versions()[i%4], pvesim.WithWorld(pvesim.Generate(fmt.Sprintf("outlives-%d", i), int64(i), 3, 10, 20)))
		all = append(all, l.addOne(t, c, nil))
	}
	l.rest.completed(t, l.rest.sync(t, object{}))
	for round, service := range []string{"poller", "projector", "api"} {
		for _, e := range all {
			e.cluster.Edit(func(w *pvesim.World) { w.Replications[0].Comment = fmt.Sprintf("round %d", round) })
			e.cluster.Fault("/cluster/replication", pvesim.SlowHeader(time.Second)) // so that each is in the middle of it
		}
		before := l.lastChange(t)
		l.rest = apis[0]
		job := l.rest.sync(t, object{"types": []string{"backup-routines", "replications"}})
		eventually(t, "the job to be in the middle", func() error {
			if e := all[0]; e.cluster.Requests()["GET /cluster/replication"] == 0 {
				return errors.New("the cluster was not asked yet")
			}
			return nil
		})
		d.kill(t, service, 0)
		l.rest = apis[1]
		job = l.rest.completed(t, job)
		for name, part := range results(job) {
			if part.text("status") != "completed" {
				t.Errorf("%s killed: %s is %s: %s", service, name, part.text("status"), part.text("error"))
			}
		}
		l.honest(t, job, before, all...)
		for _, e := range all {
			c, err := l.changed(t.Context(), e, "replications", before)
			if err != nil {
				t.Fatal(err)
			}
			if c.updated != 1 || c.created+c.stale+c.reactivated != 0 {
				t.Errorf("%s killed: the replications of %s changed %+v, want one update", service, e.name, c)
			}
			e.cluster.ClearFaults()
			e.cluster.ResetRequests()
		}
	}
	l.published(t)
	l.verify(t.Context(), t)
	for _, p := range d.processes {
		d.terminate(t, p)
	}
}
