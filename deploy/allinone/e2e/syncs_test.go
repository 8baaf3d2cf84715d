package e2e

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/pvesim"
)

// Full, one type, one endpoint, and each way to ask for them. What a job says is what the change log says.
func TestEachKindOfSync(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var all []*endpoint
	for i, v := range pvesim.Versions() {
		all = append(all, l.add(t, pvesim.New(v, pvesim.WithWorld(pvesim.Generate(fmt.Sprintf("sync-%d", i), int64(i), 3, 10, 8))))...)
	}
	first := l.lastChange(t)
	full := l.rest.completed(t, l.rest.sync(t, object{}))
	if n := len(results(full)); n != 3*len(all) {
		t.Errorf("a full update has %d results, want %d", n, 3*len(all))
	}
	l.honest(t, full, first, all...)
	for name, part := range results(full) {
		if part.text("status") != "completed" || part.number("requests") == 0 || part.number("duration_ms") < 0 {
			t.Errorf("%s: %v", name, part)
		}
	}
	a, b := all[2], all[3]
	for _, e := range all {
		e.cluster.Edit(func(w *pvesim.World) {
			w.Backups[0].BWLimit = new(4711)
			w.Backups = slices.Delete(w.Backups, 1, 2)
			w.Replications[0].Comment = "changed"
			w.Replications = slices.Delete(w.Replications, 1, 3)
		})
	}
	for _, step := range []struct {
		what string
		ask  func() object
		want []string
	}{
		{"one type of one endpoint", func() object {
			return l.rest.sync(t, object{"type": "replications", "endpoint": a.id})
		}, []string{a.name + " replications"}},
		{"one endpoint at its own address", func() object {
			return l.rest.post(t, fmt.Sprintf("%s%d/sync/", endpointsPath, b.id), object{"types": []string{"backup-routines", "inventory"}})
		}, []string{b.name + " backup-routines", b.name + " inventory"}},
		{"one type of all", func() object { return l.rest.sync(t, object{"types": []string{"backup-routines"}}) }, []string{
			all[0].name + " backup-routines", all[1].name + " backup-routines", a.name + " backup-routines", b.name + " backup-routines",
		}},
		{"all of two", func() object { return l.rest.sync(t, object{"types": []string{"all"}, "endpoints": []int{a.id, b.id}}) }, []string{
			a.name + " backup-routines", a.name + " inventory", a.name + " replications", b.name + " backup-routines", b.name + " inventory", b.name + " replications",
		}},
	} {
		before := l.lastChange(t)
		job := l.rest.completed(t, step.ask())
		if diff := cmp.Diff(slices.Sorted(slices.Values(step.want)), slices.Sorted(maps.Keys(results(job)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
		l.honest(t, job, before, all...)
	}
	changed := results(l.rest.completed(t, l.rest.sync(t, object{})))
	if got := tallyOf(changed[all[0].name+" replications"]); got.updated != 1 || got.stale != 2 {
		t.Errorf("the last replications that changed: %+v", got)
	}
	if got := tallyOf(changed[a.name+" replications"]); got.updated+got.stale+got.created != 0 {
		t.Errorf("what was read before counts again: %+v", got)
	}
}

// One cluster that cannot be read fails its own parts, and the job says so.
func TestAJobSaysWhichEndpointFailedAndWhy(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	all := l.add(t, pvesim.New("8.4", pvesim.WithWorld(pvesim.Generate("well", 1, 3, 10, 5))), pvesim.New("9.2", pvesim.WithWorld(pvesim.Generate("ill", 2, 3, 10, 5))))
	all[1].cluster.Deny("/")
	job := l.rest.ended(t, l.rest.sync(t, object{"types": []string{"backup-routines"}}))
	if job.choice("status") != "failed" || !strings.Contains(job.text("error"), all[1].name) {
		t.Errorf("the job is %s: %s", job.choice("status"), job.text("error"))
	}
	parts := results(job)
	if p := parts[all[0].name+" backup-routines"]; p.text("status") != "completed" || p.number("created") != 5 {
		t.Errorf("the well endpoint: %v", p)
	}
	p := parts[all[1].name+" backup-routines"]
	if p.text("status") != "failed" || p.text("error_kind") != "permission" || p.text("missing_privilege") == "" || p.text("remedy") == "" {
		t.Errorf("the ill endpoint: %v", p)
	}
}

// The poller is in the middle of a reading when the answer to the request comes; nothing of it counts, and those who asked for the same get it
// with another run.
func TestACancelledJobChangesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.add(t, pvesim.New("9.2", pvesim.WithWorld(pvesim.Generate("slow", 1, 3, 10, 5))))[0]
	e.cluster.Fault("/cluster/backup", pvesim.SlowHeader(3*time.Second))
	job, other := l.rest.sync(t, object{"endpoint": e.id}), l.rest.sync(t, object{"endpoint": e.id, "type": "backup-routines"})
	eventually(t, "the poller to wait for the cluster", func() error {
		if e.cluster.Requests()["GET /cluster/backup"] == 0 {
			return errors.New("it has not asked")
		}
		return nil
	})
	answer := l.rest.post(t, jobPath(job)+"cancel/", nil)
	if answer["ok"] != true || answer.text("status") != "failed" {
		t.Errorf("the answer is %v", answer)
	}
	cancelled := l.rest.get(t, jobPath(job))
	if cancelled.choice("status") != "failed" || !strings.Contains(cancelled.text("error"), "cancelled by e2e") {
		t.Errorf("the job is %s: %s", cancelled.choice("status"), cancelled.text("error"))
	}
	e.cluster.ClearFaults()
	l.rest.completed(t, other)
	if diff := cmp.Diff(cancelled, l.rest.get(t, jobPath(job))); diff != "" {
		t.Errorf("the job changed after it was cancelled:\n%s", diff)
	}
	if n := len(l.rest.replications(t, e)); n != 0 {
		t.Errorf("%d replications are there, which only the cancelled job asked for", n)
	}
	if n := len(l.rest.routines(t, e)); n != 5 {
		t.Errorf("%d routines are there, want 5", n)
	}
	if again := l.rest.post(t, pluginPath+fmt.Sprintf("jobs/%d/cancel/", job.id()), nil); again["ok"] != true || !strings.Contains(again.text("detail"), "already finished") {
		t.Errorf("cancelling it again: %v", again)
	}
}

func TestWhatCannotBeAskedForIsRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.add(t, pvesim.New("9.2"))[0]
	for _, body := range []object{{"types": []string{"clusters"}}, {"endpoints": []int{4711}}, {"colour": "red"}} {
		_, err := l.rest.try(t.Context(), http.MethodPost, syncPath, body)
		if refused, ok := errors.AsType[*refusal](err); !ok || refused.status != http.StatusBadRequest {
			t.Errorf("%v: %v", body, err)
		}
	}
	l.rest.patch(t, fmt.Sprintf("%s%d/", endpointsPath, e.id), object{"enabled": false})
	if _, err := l.rest.try(t.Context(), http.MethodPost, syncPath, object{"endpoints": []int{e.id}}); err == nil {
		t.Error("a disabled endpoint can be synchronised")
	}
}
