package e2e

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/proxops/proxops/libs/pvesim"
)

// Tags are renamed and deleted while clusters are polled and jobs are tagged: the events of every job still give its row, and each event has the
// tags under the names of its time.
func TestTagsChangeTheirNamesWhilePollsRun(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	all := l.add(t, pvesim.New("8.4", pvesim.WithWorld(pvesim.Generate("a", 31, 3, 12, 12))), pvesim.New("9.2", pvesim.WithWorld(pvesim.Generate("b", 32, 3, 12, 12))))
	l.poll(t, all...)
	const path = "/api/extras/tags/"
	gold := l.rest.post(t, path, object{"name": "gold 0", "slug": "gold"}).id()
	iron := l.rest.post(t, path, object{"name": "iron", "slug": "iron"}).id()
	var jobs []string
	for _, e := range all {
		for list, of := range map[string]map[string]object{routinesPath: l.rest.routines(t, e), replicationsPath: l.rest.replications(t, e)} {
			for _, o := range of {
				jobs = append(jobs, fmt.Sprintf("%s%d/", list, o.id()))
			}
		}
	}
	for _, job := range jobs {
		l.rest.patch(t, job, object{"tags": []int{gold, iron}})
	}
	var wg sync.WaitGroup
	patch := func(path string, body object) {
		if _, err := l.rest.try(t.Context(), "PATCH", path, body); err != nil {
			t.Errorf("PATCH %s: %v", path, err)
		}
	}
	wg.Go(func() {
		for round := range 5 {
			patch(fmt.Sprintf("%s%d/", path, gold), object{"name": fmt.Sprint("gold ", round+1), "color": fmt.Sprintf("%06x", round)})
		}
		if _, err := l.rest.try(t.Context(), "DELETE", fmt.Sprintf("%s%d/", path, iron), nil); err != nil {
			t.Error(err)
		}
		// The name of a tag that is gone is free for another.
		patch(fmt.Sprintf("%s%d/", path, gold), object{"name": "iron"})
	})
	wg.Go(func() {
		for round := range 3 {
			for _, job := range jobs {
				patch(job, object{"comment": fmt.Sprint("round ", round)})
			}
			for _, job := range jobs[:6] {
				patch(job, object{"remove_tags": []int{gold}})
				patch(job, object{"add_tags": []int{gold}})
			}
		}
	})
	for i, e := range all {
		wg.Go(func() {
			for round := range 6 {
				e.cluster.Edit(func(w *pvesim.World) {
					w.Backups[round].Comment, w.Replications[round+i].Comment = fmt.Sprint("cluster ", round), fmt.Sprint("cluster ", round)
				})
				if !l.tryPoll(t, e) {
					return
				}
			}
		})
	}
	wg.Wait()
	l.poll(t, all...)
	for _, job := range jobs {
		if tags := l.rest.get(t, job)["tags"].([]any); len(tags) != 1 || tags[0].(map[string]any)["name"] != "iron" {
			t.Errorf("%s has the tags %v", job, tags)
		}
	}
	// iron was the name of two tags: first of one that is gone, which had the color that tags have.
	var told []string
	for _, ev := range l.events(t) {
		object := decode(t, ev.Data.Object)
		for _, tag := range object["tags"].([]any) {
			if o := tag.(map[string]any); o["name"] == "iron" {
				told = append(told, fmt.Sprint(o["id"], " ", o["slug"], " ", o["color"]))
			}
		}
	}
	slices.Sort(told)
	if want := []string{fmt.Sprint(gold, " gold 000004"), fmt.Sprint(iron, " iron 9e9e9e")}; !slices.Equal(slices.Compact(told), want) {
		t.Errorf("events show a tag named iron as %q, want %q", slices.Compact(told), want)
	}
	l.verify(t.Context(), t)
}
