package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/calendar"
	"github.com/proxops/proxops/libs/pvesim"
)

// worlds are what clusters of every version are given: what was recorded from that version, what was recorded from 8.4, jobs that an upgrade
// left in vzdump.cron, and a large made-up one.
func worlds(v string) []pvesim.World {
	own, common, leftover := pvesim.FixtureWorld(v), pvesim.FixtureWorld("8.4"), pvesim.FixtureWorld("8.4")
	own.Name, common.Name, leftover.Name = "recorded", "common", "leftover"
	jobs, digest := pvesim.FixtureCron()
	leftover.Backups, leftover.CronDigest = append(leftover.Backups, jobs...), digest
	if v == "6.4" {
		leftover.CronDigest = "" // all its jobs are in that file
	}
	return []pvesim.World{own, common, leftover, pvesim.Generate("generated", 7, 3, 40, 120)}
}

func TestEveryGenerationShowsAllItsJobs(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	now := newClock().read() // stands still, and so do next runs
	var clusters []*pvesim.Cluster
	for _, v := range pvesim.Versions() {
		for _, w := range worlds(v) {
			clusters = append(clusters, pvesim.New(v, pvesim.WithWorld(w), pvesim.WithClock(func() time.Time { return now })))
		}
	}
	all := l.add(t, clusters...)
	l.poll(t, all...)
	l.mustBe(t, "ok", all...)
	modes := map[string]int{}
	for _, e := range all {
		wantRoutines, wantReplications := e.wanted(t)
		got := l.rest.routines(t, e)
		same(t, e, "routine", wantRoutines, got)
		said := e.wire(t, "/cluster/backup")
		for id, o := range got {
			modes[o.text("selection_mode")]++
			sensible(t, e, o, id)
			if want := nextRun(e, o, said[id]); o.text("next_run") != want {
				t.Errorf("%s: %s with the schedule %q runs next at %q, want %q", e.name, id, o.text("schedule"), o.text("next_run"), want)
			}
		}
		got = l.rest.replications(t, e)
		same(t, e, "replication", wantReplications, got)
		for id, o := range got {
			sensible(t, e, o, id)
		}
	}
	for _, mode := range []string{"vmid", "all", "pool"} {
		if modes[mode] == 0 {
			t.Errorf("no job selects by %s, so nothing was proved about such", mode)
		}
	}
}

// same holds what REST shows against the simulated world.
func same(t *testing.T, e *endpoint, what string, want, got map[string]object) {
	t.Helper()
	if len(want) == 0 {
		t.Fatalf("%s has no %ss to compare", e.name, what)
	}
	for id, w := range want {
		if got[id] == nil {
			t.Errorf("%s: %s %s is missing", e.name, what, id)
			continue
		}
		if diff := cmp.Diff(w, plain(got[id])); diff != "" {
			t.Errorf("%s: %s %s (-world +REST):\n%s", e.name, what, id, diff)
		}
	}
	for id := range got {
		if want[id] == nil {
			t.Errorf("%s: %s %s does not exist in the cluster", e.name, what, id)
		}
	}
}

// nextRun is Proxmox's own value, and where it says none what follows from the schedule in the zone of the cluster.
func nextRun(e *endpoint, o, said object) string {
	switch {
	case o["enabled"] != true:
		return ""
	case said["next-run"] != nil:
		return time.Unix(int64(said.number("next-run")), 0).UTC().Format(time.RFC3339)
	}
	zone, err := time.LoadLocation(e.cluster.World().TimeZone)
	if err != nil {
		return err.Error()
	}
	event, err := calendar.ParseAny(o.text("schedule"))
	if err != nil {
		return err.Error()
	}
	next, _ := event.Next(time.Now().In(zone))
	return next.UTC().Format(time.RFC3339)
}

// sensible checks what does not follow from the simulated world.
func sensible(t *testing.T, e *endpoint, o object, id string) {
	t.Helper()
	if !strings.HasPrefix(o.text("display"), id) || o.number("version") != 1 || o.text("last_seen") == "" || o.sub("endpoint").id() != e.id {
		t.Errorf("%s: %s has display %q, version %d, last_seen %q, endpoint %d", e.name, id, o.text("display"), o.number("version"), o.text("last_seen"),
			o.sub("endpoint").id())
	}
}

// What 7.4, 8.4 and 9.2 say about the same cluster must make the same rows, but for what a version cannot say.
func TestVersionsMakeTheSameRows(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	world := pvesim.FixtureWorld("8.4")
	world.Backups = append(world.Backups, pvesim.FixtureWorld("7.4").Backups[1:3]...)
	for i := range world.Backups {
		world.Backups[i].ID = fmt.Sprintf("%s-%d", world.Backups[i].ID, i)
	}
	var clusters []*pvesim.Cluster
	for _, v := range []string{"7.4", "8.4", "9.2"} {
		clusters = append(clusters, pvesim.New(v, pvesim.WithWorld(world)))
	}
	all := l.add(t, clusters...)
	l.poll(t, all...)
	// What cannot be said, by version and job; raw_config is each version's own.
	unsaid := map[string]map[string][]string{
		"7.4": {"*": {"fleecing", "fleecing_storage", "pbs_change_detection_mode"}},
		"9.2": {"backup-old81-4": {"keep_last"}}, // maxfiles
	}
	standard, standardReplications := rows(l.rest.routines(t, all[1])), rows(l.rest.replications(t, all[1]))
	for _, e := range all {
		routines, replications := rows(l.rest.routines(t, e)), rows(l.rest.replications(t, e))
		for id, want := range standard {
			got := routines[id]
			for _, name := range slices.Concat(unsaid[e.cluster.Version()]["*"], unsaid[e.cluster.Version()][id]) {
				want = maps.Clone(want)
				delete(want, name)
				delete(got, name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("routine %s (-8.4 +%s):\n%s", id, e.cluster.Version(), diff)
			}
		}
		if diff := cmp.Diff(standardReplications, replications); diff != "" {
			t.Errorf("replications (-8.4 +%s):\n%s", e.cluster.Version(), diff)
		}
		if len(routines) != len(world.Backups) || len(replications) != len(world.Replications) {
			t.Errorf("%s has %d routines and %d replications, want %d and %d", e.name, len(routines), len(replications), len(world.Backups), len(world.Replications))
		}
	}
}

func rows(jobs map[string]object) map[string]object {
	out := map[string]object{}
	for id, o := range jobs {
		out[id] = plain(o)
		delete(out[id], "raw_config")
	}
	return out
}

// More jobs than a page of REST or a batch of the relay holds are all there.
func TestALargeClusterIsShownWhole(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	const jobs = 1100
	e := l.add(t, pvesim.New("9.2", pvesim.WithWorld(pvesim.Generate("large", 4, 5, 300, jobs))))[0]
	l.poll(t, e)
	l.mustBe(t, "ok", e)
	wantRoutines, wantReplications := e.wanted(t)
	same(t, e, "routine", wantRoutines, by(t, "job_id", l.rest.list(t, fmt.Sprintf("%s?endpoint_id=%d&limit=0", routinesPath, e.id))))
	same(t, e, "replication", wantReplications, by(t, "replication_id", l.rest.list(t, replicationsPath+"?limit=700&ordering=-id")))
	if n := l.published(t); n != 2*jobs {
		t.Errorf("%d events were published for %d jobs", n, 2*jobs)
	}
	e.cluster.Edit(func(w *pvesim.World) { w.Backups, w.Replications = w.Backups[jobs-50:], w.Replications[jobs-50:] })
	l.poll(t, e)
	l.mustBe(t, "ok", e)
	for _, path := range []string{routinesPath, replicationsPath} {
		if page := l.rest.get(t, path+"?status=stale&limit=1"); page.number("count") != jobs-50 {
			t.Errorf("%d jobs of %s are stale, want %d", page.number("count"), path, jobs-50)
		}
	}
}
