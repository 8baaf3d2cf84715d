package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/pvesim"
)

// What mirrors Proxmox may be written by hand, and is what Proxmox says again after the next poll. What belongs to users stays.
func TestTheNextPollRestoresWhatProxmoxSays(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.add(t, pvesim.New("8.4", pvesim.WithClock(newClock().read)))[0]
	l.poll(t, e)
	if _, err := l.pool.Exec(t.Context(), "INSERT INTO tags (name, slug) VALUES ('Gold', 'gold')"); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		path, kind string
		o          object
		by         object
	}{
		{routinesPath, "backup_routine", l.rest.routines(t, e)["backup-pool-prod"], object{
			"comment": "mine", "enabled": false, "schedule": "hourly", "keep_last": 9, "selection": []int{100}, "storage": nil, "raw_config": object{},
		}},
		{replicationsPath, "replication", l.rest.replications(t, e)["100-0"], object{
			"comment": "mine", "disable": true, "schedule": "hourly", "rate": nil, "proxmox_node": nil, "raw_config": object{},
		}},
	} {
		path := fmt.Sprintf("%s%d/", c.path, c.o.id())
		l.rest.patch(t, path, object{"tags": []object{{"name": "Gold"}}})
		before := l.rest.get(t, path)
		if patched := l.rest.patch(t, path, c.by); patched.text("comment") != "mine" || patched.number("version") != 3 || len(patched["tags"].([]any)) != 1 {
			t.Errorf("after a PATCH: %v", patched)
		}
		l.poll(t, e)
		l.mustBe(t, "ok", e)
		after := l.rest.get(t, path)
		if diff := cmp.Diff(still(map[string]object{"": before})[""], still(map[string]object{"": after})[""],
			cmp.FilterPath(func(p cmp.Path) bool {
				return slices.Contains([]string{`["version"]`, `["last_updated"]`}, p.Last().String())
			}, cmp.Ignore())); diff != "" {
			t.Errorf("the poll did not restore the %s (-before the PATCH +after the poll):\n%s", c.kind, diff)
		}
		if c.kind == "backup_routine" && (after["next_run"] == nil || after.text("next_run") != before.text("next_run")) {
			t.Errorf("the next run was %v and is %v", before["next_run"], after["next_run"])
		}
		told := story(l.events(t), c.kind, c.o.id())
		if want := []string{"created 1", "updated 2", "updated 3", "updated 4"}; !slices.Equal(told, want) {
			t.Errorf("events of the %s: %v, want %v", c.kind, told, want)
		}
		var causes, users []string
		err := l.pool.QueryRow(t.Context(), `SELECT array_agg(cause ORDER BY version), array_agg(user_name ORDER BY version) FROM changes
			WHERE object_type_id = $1 AND object_id = $2`, i+1, c.o.id()).Scan(&causes, &users)
		if err != nil || strings.Join(causes, " ") != "sync api api sync" || strings.Join(users, ",") != ",e2e,e2e," {
			t.Errorf("the %s was changed by %v, users %q, %v", c.kind, causes, users, err)
		}
		l.poll(t, e)
		if o := l.rest.get(t, path); o.number("version") != 4 {
			t.Errorf("one more poll made version %d", o.number("version"))
		}
	}
}

// A job deleted by hand that Proxmox still has comes back as another object; one made by hand that Proxmox does not have becomes stale, and
// one that it turns out to have is taken as it is there.
func TestHandMadeAndHandDeletedJobsMeetThePoll(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.add(t, pvesim.New("9.2"))[0]
	l.poll(t, e)
	routine, replication := l.rest.routines(t, e)["backup-pool-prod"], l.rest.replications(t, e)["100-0"]
	l.rest.delete(t, fmt.Sprintf("%s%d/", routinesPath, routine.id()))
	l.rest.delete(t, fmt.Sprintf("%s%d/", replicationsPath, replication.id()))
	guest := replication.sub("virtual_machine").id()
	made := map[string]object{
		"imagined": l.rest.post(t, routinesPath, object{"endpoint": e.id, "job_id": "imagined", "schedule": "daily"}),
		"foretold": l.rest.post(t, routinesPath, object{"endpoint": e.id, "job_id": "foretold", "comment": "soon"}),
		"100-8":    l.rest.post(t, replicationsPath, object{"endpoint": e.id, "replication_id": "100-8", "virtual_machine": guest, "guest": 100, "target": "pve2", "jobnum": 8}),
		"100-9":    l.rest.post(t, replicationsPath, object{"endpoint": e.id, "replication_id": "100-9", "virtual_machine": guest, "guest": 100, "target": "pve2", "jobnum": 9}),
	}
	if made["imagined"]["next_run"] == nil || made["imagined"].choice("status") != "active" {
		t.Errorf("a job made by hand: %v", made["imagined"])
	}
	e.cluster.Edit(func(w *pvesim.World) {
		w.Backups = append(w.Backups, pvesim.BackupJob{ID: "foretold", Schedule: "21:00", VMID: "100", Storage: "local", Comment: "as it is"})
		w.Replications = append(w.Replications, pvesim.Replication{Guest: 100, JobNum: 9, Source: "pve1", Target: "pve3", Comment: "as it is"})
	})
	l.poll(t, e)
	l.mustBe(t, "ok", e)
	routines, replications := l.rest.routines(t, e), l.rest.replications(t, e)
	for _, o := range []struct{ was, is object }{{routine, routines["backup-pool-prod"]}, {replication, replications["100-0"]}} {
		if o.is.id() == o.was.id() || o.is.number("version") != 1 || o.is.choice("status") != "active" {
			t.Errorf("what was deleted by hand came back as %v", o.is)
		}
	}
	for _, o := range []object{routines["imagined"], replications["100-8"]} {
		if o.choice("status") != "stale" || o.number("version") != 2 {
			t.Errorf("what Proxmox does not have is %v", o)
		}
	}
	for key, o := range map[string]object{"foretold": routines["foretold"], "100-9": replications["100-9"]} {
		if o.choice("status") != "active" || o.number("version") != 2 || o.text("comment") != "as it is" || o.id() != made[key].id() {
			t.Errorf("what Proxmox turned out to have is %v", o)
		}
	}
	wantRoutines, wantReplications := e.wanted(t)
	delete(routines, "imagined")
	delete(replications, "100-8")
	same(t, e, "routine", wantRoutines, routines)
	same(t, e, "replication", wantReplications, replications)
	events := l.events(t)
	if told := story(events, "backup_routine", routine.id()); !slices.Equal(told, []string{"created 1", "deleted 2"}) {
		t.Errorf("events of the routine that was deleted: %v", told)
	}
}

// Writes by hand and polls at once: whatever comes first, the last poll leaves what Proxmox says, and every change was recorded once.
func TestWritesAndPollsAtOnceEndWithWhatProxmoxSays(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.add(t, pvesim.New("8.4", pvesim.WithWorld(pvesim.Generate("busy", 21, 3, 8, 8))))[0]
	l.poll(t, e)
	jobs := map[string][]object{}
	for path, all := range map[string]map[string]object{routinesPath: l.rest.routines(t, e), replicationsPath: l.rest.replications(t, e)} {
		for _, o := range all {
			jobs[path] = append(jobs[path], o)
		}
	}
	var wg sync.WaitGroup
	for path, list := range jobs {
		for writer := range 2 {
			wg.Go(func() {
				for round := range 4 {
					for _, o := range list {
						body := object{"comment": fmt.Sprintf("writer %d, round %d", writer, round)}
						if _, err := l.rest.try(t.Context(), "PATCH", fmt.Sprintf("%s%d/", path, o.id()), body); err != nil {
							t.Errorf("PATCH %s: %v", o.text("display"), err)
						}
					}
				}
			})
		}
	}
	wg.Go(func() {
		for round := range 12 {
			e.cluster.Edit(func(w *pvesim.World) {
				w.Backups[round%8].Comment, w.Replications[round%8].Comment = fmt.Sprint("cluster ", round), fmt.Sprint("cluster ", round)
			})
			if !l.tryPoll(t, e) {
				return
			}
		}
	})
	wg.Wait()
	l.poll(t, e)
	wantRoutines, wantReplications := e.wanted(t)
	same(t, e, "routine", wantRoutines, l.rest.routines(t, e))
	same(t, e, "replication", wantReplications, l.rest.replications(t, e))
	var sync, api int
	err := l.pool.QueryRow(t.Context(), "SELECT count(*) FILTER (WHERE cause = 'sync'), count(*) FILTER (WHERE cause = 'api') FROM changes WHERE event = 'updated'").Scan(&sync, &api)
	if err != nil || sync == 0 || api == 0 {
		t.Errorf("%d changes by polls and %d by hand, %v: they did not meet", sync, api, err)
	}
}
