package project_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/change"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/projector/internal/project"
)

func TestAJobLivesThroughVersionsOneToFour(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	edited := func(j *proxopsv1.BackupRoutine) { j.Comment = "edited"; j.Schedule = "sat 21:30" }
	id := int32(0)
	for _, step := range []struct {
		name   string
		jobs   []*proxopsv1.BackupRoutine
		counts [5]int
		status string
	}{
		{"appears", []*proxopsv1.BackupRoutine{routine("a"), routine("b")}, [5]int{2, 0, 0, 0, 0}, "active"},
		{"is edited", []*proxopsv1.BackupRoutine{routine("b"), routine("a", edited)}, [5]int{0, 1, 1, 0, 0}, "active"},
		{"vanishes", []*proxopsv1.BackupRoutine{routine("b")}, [5]int{0, 0, 1, 1, 0}, "stale"},
		{"stays away", []*proxopsv1.BackupRoutine{routine("b", edited)}, [5]int{0, 1, 0, 0, 0}, "stale"},
		{"returns", []*proxopsv1.BackupRoutine{routine("b", edited), routine("a", edited)}, [5]int{0, 0, 1, 0, 1}, "active"},
	} {
		r := l.apply(routinesOf(e, step.jobs...))
		if r.Outcome != project.Applied || counts(r) != step.counts {
			t.Errorf("%s: %s %v, want %v", step.name, r.Outcome, counts(r), step.counts)
		}
		if got := one[string](l, `SELECT status FROM backup_routines WHERE endpoint_id = $1 AND job_id = 'a'`, e); got != step.status {
			t.Errorf("%s: status is %s, want %s", step.name, got, step.status)
		}
		switch got := one[int32](l, `SELECT id FROM backup_routines WHERE endpoint_id = $1 AND job_id = 'a'`, e); {
		case id == 0:
			id = got
		case id != got:
			t.Errorf("%s: the row has another id: %d, was %d", step.name, got, id)
		}
	}
	equal(l, "changes", l.changes(change.BackupRoutine, e, "a"),
		[]string{"1 created", "2 updated comment,raw_config,schedule", "3 stale status", "4 reactivated status"})
	if n := one[int](l, `SELECT count(*) FROM changes c JOIN outbox o ON o.change_id = c.id`); n != 6 {
		t.Errorf("%d changes are in the outbox, want all 6", n)
	}
	if n := one[int](l, `SELECT count(DISTINCT request_id) FROM changes`); n != 5 {
		t.Errorf("the changes of 5 snapshots have %d request ids", n)
	}
}

func TestTheLastJobOfAnEndpointBecomesStale(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	l.apply(routinesOf(e, routine("a")))
	l.apply(replicationsOf(e, replication(100, 0)))
	if r := l.apply(routinesOf(e)); r.Stale != 1 {
		t.Errorf("an empty reading made %v", r)
	}
	if r := l.apply(replicationsOf(e)); r.Stale != 1 {
		t.Errorf("an empty reading made %v", r)
	}
	seen := one[bool](l, `SELECT last_seen IS NOT NULL AND stale_since > last_seen AND next_run IS NULL AND last_updated = stale_since FROM backup_routines`)
	if !seen {
		t.Error("the stale routine does not say when it was seen and since when it is stale")
	}
	equal(l, "changes", l.changes(change.Replication, e, "100-0"), []string{"1 created", "2 stale status"})
}

func TestClustersWithTheSameJobsNeverTouchEachOther(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, b := l.endpoint("a"), l.endpoint("b")
	for _, e := range []int32{a, b} {
		l.apply(routinesOf(e, routine("job"), routine("other")))
		l.apply(replicationsOf(e, replication(100, 0), replication(100, 1)))
	}
	before := l.dump()
	l.apply(routinesOf(a, routine("job", func(j *proxopsv1.BackupRoutine) { j.Comment = "a's" })))
	l.apply(replicationsOf(a))
	equal(l, "changes of b", l.changes(change.BackupRoutine, b, "job"), []string{"1 created"})
	equal(l, "changes of b", l.changes(change.Replication, b, "100-1"), []string{"1 created"})
	if n := one[int](l, `SELECT count(*) FROM backup_routines WHERE endpoint_id = $1 AND (status <> 'active' OR comment <> 'nightly')`, b); n > 0 {
		t.Errorf("%d routines of b changed", n)
	}
	for table, column := range map[string]string{"nodes": "proxmox_node_id", "virtual_machines": "virtual_machine_id"} {
		n := one[int](l, `SELECT count(*) FROM replications r JOIN `+table+` x ON x.id = r.`+column+
			map[string]string{"nodes": ` WHERE x.endpoint_id = r.endpoint_id`, "virtual_machines": ` JOIN clusters c ON c.id = x.cluster_id WHERE c.endpoint_id = r.endpoint_id`}[table])
		if n != 4 {
			t.Errorf("%d of 4 replications are linked to %s of their own cluster", n, table)
		}
	}
	equal(l, "nodes", l.dump()["nodes"], before["nodes"])
}

func TestApplyingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	for _, s := range []*proxopsv1.Snapshot{
		routinesOf(e, routine("a")), replicationsOf(e, replication(100, 0)),
		inventoryOf(e, &proxopsv1.Inventory{Version: "8.4.5", Nodes: []*proxopsv1.Node{{Name: "pve1", Online: true}}}),
	} {
		l.apply(s)
		before := l.dump()
		if r := l.applyAs(s); r.Outcome != project.Old {
			t.Errorf("%s again: %s, want old", s.GetKind(), r.Outcome)
		}
		equal(l, "the database", l.dump(), before)
	}
}

func TestOnlyTheLastIssuedGenerationIsApplied(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	stalled := routinesOf(e, routine("a"))
	stalled.Generation = l.claim(e, backups)
	if stalled.GetGeneration() != 1 {
		t.Fatalf("the first generation is %d", stalled.GetGeneration())
	}
	newer := l.claim(e, backups)
	before := l.dump()
	if r := l.applyAs(stalled); r.Outcome != project.Superseded {
		t.Errorf("the stalled poller's reading is %s", r.Outcome)
	}
	invented := routinesOf(e, routine("a"))
	invented.Generation = newer + 1
	if r := l.applyAs(invented); r.Outcome != project.Superseded {
		t.Errorf("a generation that nobody issued is %s", r.Outcome)
	}
	equal(l, "the database", l.dump(), before)
	current := routinesOf(e, routine("a"), routine("b"))
	current.Generation = newer
	if r := l.applyAs(current); r.Outcome != project.Applied {
		t.Errorf("the current reading is %s", r.Outcome)
	}
	if r := l.applyAs(stalled); r.Outcome != project.Old {
		t.Errorf("the stalled poller's reading is %s afterwards", r.Outcome)
	}
	if n := one[int](l, `SELECT count(*) FROM backup_routines WHERE status = 'active'`); n != 2 {
		t.Errorf("%d routines are active, want 2", n)
	}
}

func TestASnapshotOfADeletedEndpointIsDone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := routinesOf(4711, routine("a"))
	s.Generation = 1
	if r := l.applyAs(s); r.Outcome != project.Gone {
		t.Errorf("outcome %s, want gone", r.Outcome)
	}
	s = routinesOf(l.endpoint("never claimed"), routine("a"))
	s.Generation = 1
	if r := l.applyAs(s); r.Outcome != project.Superseded {
		t.Errorf("outcome %s, want superseded", r.Outcome)
	}
}

func TestUnchangedPollsWriteLastSeenAlone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	jobs := func() []*proxopsv1.BackupRoutine {
		return []*proxopsv1.BackupRoutine{routine("a"), routine("b", func(j *proxopsv1.BackupRoutine) { j.Enabled = false })}
	}
	l.apply(routinesOf(e, jobs()...))
	l.apply(replicationsOf(e, replication(100, 0)))
	before := l.dump()
	seen := one[time.Time](l, `SELECT last_seen FROM sync_states WHERE kind = 'backup_routine'`)
	for i := range 100 {
		if i%2 == 0 { // the other half compares row by row
			l.exec(`UPDATE sync_states SET digest = NULL`)
		}
		r := l.apply(routinesOf(e, jobs()[1], jobs()[0]))
		if counts(r) != [5]int{0, 0, 2, 0, 0} {
			t.Fatalf("poll %d: %v", i, r)
		}
		if r := l.apply(replicationsOf(e, replication(100, 0))); counts(r) != [5]int{0, 0, 1, 0, 0} {
			t.Fatalf("poll %d: %v", i, r)
		}
	}
	after := l.dump()
	for _, states := range []string{"sync_states", "endpoint_states"} {
		delete(before, states)
		delete(after, states)
	}
	equal(l, "the database", after, before)
	if again := one[time.Time](l, `SELECT last_seen FROM sync_states WHERE kind = 'backup_routine'`); !again.After(seen) {
		t.Error("last_seen stands still")
	}
}

func TestWhatTheAPIWroteIsComparedAndRestored(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	l.apply(routinesOf(e, routine("a"), routine("b")))
	// A PATCH of a mirrored field, of a status, and one that changes nothing in the end.
	l.exec(`UPDATE backup_routines SET comment = 'by hand', version = 2, content_hash = NULL WHERE job_id = 'a'`)
	l.exec(`UPDATE backup_routines SET content_hash = NULL WHERE job_id = 'b'`)
	l.exec(`UPDATE sync_states SET digest = NULL`)
	r := l.apply(routinesOf(e, routine("a"), routine("b")))
	if counts(r) != [5]int{0, 1, 1, 0, 0} {
		t.Errorf("%v", r)
	}
	if got := one[string](l, `SELECT comment || ' ' || version FROM backup_routines WHERE job_id = 'a'`); got != "nightly 3" {
		t.Errorf("the row says %q, want what Proxmox says in version 3", got)
	}
	equal(l, "changes", l.changes(change.BackupRoutine, e, "b"), []string{"1 created"})
	if n := one[int](l, `SELECT count(*) FROM backup_routines WHERE content_hash IS NULL`); n > 0 {
		t.Errorf("%d rows will be compared again", n)
	}
}

func TestHandMadeRowsAreConfirmedOrBecomeStale(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	l.apply(routinesOf(e))
	l.exec(`INSERT INTO backup_routines (endpoint_id, job_id) VALUES ($1, 'planned'), ($1, 'wrong')`, e)
	l.exec(`UPDATE sync_states SET digest = NULL`)
	r := l.apply(routinesOf(e, routine("planned")))
	if counts(r) != [5]int{0, 1, 0, 1, 0} {
		t.Errorf("%v", r)
	}
	got := all[string](l, `SELECT concat_ws(' ', job_id, status, seen, last_seen IS NULL) FROM backup_routines ORDER BY job_id`)
	equal(l, "rows", got, []string{"planned active t t", "wrong stale f t"})
}

func TestUserDataSurvivesEverySync(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	l.apply(routinesOf(e, routine("a")))
	l.exec(`INSERT INTO tags (name, slug) VALUES ('zeta', 'z'), ('Alpha', 'a')`)
	l.exec(`INSERT INTO tagged_items SELECT 1, r.id, t.id FROM backup_routines r, tags t`)
	l.exec(`UPDATE backup_routines SET custom_field_data = '{"owner": "ops"}'`)
	l.apply(routinesOf(e))
	l.apply(routinesOf(e, routine("a", func(j *proxopsv1.BackupRoutine) { j.Comment = "edited" })))
	if n := one[int](l, `SELECT count(*) FROM tagged_items`); n != 2 {
		t.Errorf("%d tags are left", n)
	}
	if got := one[string](l, `SELECT custom_field_data->>'owner' FROM backup_routines`); got != "ops" {
		t.Errorf("the custom field says %q", got)
	}
	got := all[string](l, `SELECT concat_ws(' ', version, postchange->'tags', postchange->'custom_fields') FROM changes ORDER BY id`)
	equal(l, "logged", got, []string{`1 [] {}`, `2 ["Alpha","zeta"] {"owner":"ops"}`, `3 ["Alpha","zeta"] {"owner":"ops"}`})
}

func TestTheChangeLogHoldsFlatStates(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	next := time.Date(2026, 4, 2, 2, 0, 0, 0, time.UTC)
	l.apply(routinesOf(e, routine("a", func(j *proxopsv1.BackupRoutine) { j.NextRun = stamp(next) })))
	id := func(table, name string) int32 { return one[int32](l, `SELECT id FROM `+table+` WHERE name = $1`, name) }
	want := map[string]any{
		"endpoint": float64(e), "job_id": "a", "enabled": true, "schedule": "02:00", "next_run": "2026-04-02T02:00:00Z",
		"node": float64(id("nodes", "pve1")), "storage": float64(id("storages", "pbs")), "selection": []any{100.0, 101.0},
		"comment": "nightly", "status": "active", "keep_last": nil, "keep_hourly": nil, "keep_daily": 7.0, "keep_weekly": nil,
		"keep_monthly": nil, "keep_yearly": nil, "keep_all": nil, "notes_template": "", "bwlimit": nil, "zstd": 0.0, "io_workers": nil,
		"fleecing": "enabled=1,storage=local-lvm", "fleecing_storage": float64(id("storages", "local-lvm")), "repeat_missed": false,
		"pbs_change_detection_mode": "", "raw_config": map[string]any{"id": "a", "type": "vzdump", "schedule": "02:00", "comment": "nightly"},
		"selection_mode": "vmid", "exclude": []any{}, "pool": "", "mode": "snapshot", "compress": "zstd", "stale_since": nil,
		"tags": []any{}, "custom_fields": map[string]any{},
	}
	got := one[map[string]any](l, `SELECT postchange FROM changes`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("state of a new routine (-want +got):\n%s", diff)
	}
	meta := one[string](l, `SELECT concat_ws(' ', action, event, cause, user_id IS NULL, user_name, key, status, object_repr, prechange IS NULL) FROM changes`)
	if meta != "create created sync t  a active a (daily) t" {
		t.Errorf("the change says %q", meta)
	}
	l.apply(replicationsOf(e, replication(100, 0)))
	want = map[string]any{
		"endpoint": float64(e), "replication_id": "100-0", "virtual_machine": float64(id("virtual_machines", "VM 100")),
		"proxmox_node": float64(id("nodes", "pve1")), "target_node": float64(id("nodes", "pve2")), "guest": 100.0, "target": "pve2",
		"job_type": "local", "schedule": "*/15", "rate": 12.5, "comment": "", "disable": false, "source": "pve1", "jobnum": 0.0,
		"remove_job": nil, "status": "active", "raw_config": map[string]any{"id": "100-0", "guest": 100.0, "target": "pve2", "comment": ""},
		"stale_since": nil, "tags": []any{}, "custom_fields": map[string]any{},
	}
	got = one[map[string]any](l, `SELECT postchange FROM changes WHERE object_type_id = 2`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("state of a new replication (-want +got):\n%s", diff)
	}
	if repr := one[string](l, `SELECT object_repr FROM changes WHERE object_type_id = 2`); repr != "100-0 (VM 100 → pve2)" {
		t.Errorf("the replication is called %q", repr)
	}
}

func TestNewJobsBeginWithTheDefaultsOfCustomFields(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	l.apply(routinesOf(e, routine("before")))
	l.exec(`INSERT INTO custom_fields (id, name, type, "default") VALUES (1, 'level', 'integer', '3'), (2, 'owner', 'text', NULL), (3, 'plan', 'json', 'null'), (4, 'site', 'text', '"x"')`)
	l.exec(`INSERT INTO custom_field_object_types VALUES (1, 1), (2, 1), (3, 1), (4, 4), (4, 2)`)
	l.apply(routinesOf(e, routine("before"), routine("after")))
	got := all[string](l, `SELECT concat_ws(' ', b.job_id, b.custom_field_data, c.postchange -> 'custom_fields') FROM backup_routines b JOIN changes c ON c.object_type_id = 1 AND c.object_id = b.id ORDER BY 1`)
	equal(l, "custom fields", got, []string{`after {"level": 3} {"level":3}`, `before {} {}`})
	l.exec(`INSERT INTO nodes (endpoint_id, name) VALUES ($1, 'n')`, e)
	if got := one[string](l, `SELECT custom_field_data::text FROM nodes WHERE name = 'n'`); got != `{"site": "x"}` {
		t.Errorf("a new node has %s", got)
	}
}
