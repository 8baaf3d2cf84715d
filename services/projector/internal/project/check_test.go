package project_test

import (
	"math"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/proto-events/digest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/project"
)

func TestWhatNoRedeliveryCanMendIsInvalid(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*proxopsv1.Snapshot){
		"nothing":              nil,
		"digest":               func(s *proxopsv1.Snapshot) { s.Digest[0]++ },
		"no digest":            func(s *proxopsv1.Snapshot) { s.Digest = nil },
		"count":                func(s *proxopsv1.Snapshot) { s.Count++ },
		"a job is cut off":     func(s *proxopsv1.Snapshot) { s.BackupRoutines = s.GetBackupRoutines()[:1] },
		"kind":                 func(s *proxopsv1.Snapshot) { s.Kind = proxopsv1.Kind(99) },
		"no kind":              func(s *proxopsv1.Snapshot) { s.Kind = 0 },
		"other kind":           func(s *proxopsv1.Snapshot) { s.Kind = replications },
		"other endpoint":       func(s *proxopsv1.Snapshot) { s.EndpointId = 2 },
		"no endpoint":          func(s *proxopsv1.Snapshot) { s.EndpointId = 0 },
		"impossible endpoint":  func(s *proxopsv1.Snapshot) { s.EndpointId = math.MaxInt64 },
		"no generation":        func(s *proxopsv1.Snapshot) { s.Generation = 0 },
		"no identity":          func(s *proxopsv1.Snapshot) { s.Identity = nil },
		"no name of a cluster": func(s *proxopsv1.Snapshot) { s.Identity.Name = "\x00" },
		"no key":               func(s *proxopsv1.Snapshot) { s.BackupRoutines[0].JobId = ""; reseal(s) },
		"the same key":         func(s *proxopsv1.Snapshot) { s.BackupRoutines[0].JobId = "b"; reseal(s) },
		"almost the same key":  func(s *proxopsv1.Snapshot) { s.BackupRoutines[0].JobId = "b\x00"; reseal(s) },
		"no content hash": func(s *proxopsv1.Snapshot) {
			s.BackupRoutines[0].ContentHash = nil
			s.Digest, _ = digest.Of(s)
		},
		"jobs of two kinds": func(s *proxopsv1.Snapshot) {
			s.Replications = []*proxopsv1.Replication{replication(100, 0)}
			reseal(s)
		},
	} {
		s := routinesOf(1, routine("a"), routine("b"))
		s.Generation = 1
		reseal(s)
		if spoil != nil {
			spoil(s)
		}
		data, err := bus.Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		_, err = project.Decode(subjects.Snapshot(backups, 1), data)
		if want := spoil != nil; (fault.KindOf(err) == fault.Invalid) != want || (err != nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, data := range []string{"", "not zstd", strings.Repeat("\x00", 100)} {
		if _, err := project.Decode(subjects.Snapshot(backups, 1), []byte(data)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", data, err)
		}
	}
}

func reseal(s *proxopsv1.Snapshot) {
	if err := digest.Seal(s); err != nil {
		panic(err)
	}
}

func TestObjectsOfTheInventoryAreTold(t *testing.T) {
	t.Parallel()
	for name, inv := range map[string]*proxopsv1.Inventory{
		"twice the same node":    {Nodes: []*proxopsv1.Node{{Name: "a"}, {Name: "a"}}},
		"a node without a name":  {Nodes: []*proxopsv1.Node{{}}},
		"twice the same storage": {Storages: []*proxopsv1.Storage{{Name: "a"}, {Name: "a"}}},
		"twice the same guest":   {Guests: []*proxopsv1.Guest{{Vmid: 100}, {Vmid: 100}}},
		"a guest without number": {Guests: []*proxopsv1.Guest{{Name: "a"}}},
	} {
		s := inventoryOf(1, inv)
		s.Generation = 1
		reseal(s)
		if err := project.Check(s); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTextsThatPostgresCannotHoldAreCleaned(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	s := routinesOf(e, routine("a\x00b", func(j *proxopsv1.BackupRoutine) {
		j.Comment, j.Node, j.Storage, j.Pool = "x\x00y", "p\x00ve", "s\x00t", "\x00"
		j.RawConfig = []byte(`{"exclude-path":"/var/log/\u0000/tmp/?*","half":"\ud800","ke\u0000y":["\\u0000","\u00e4"]}`)
	}))
	l.apply(s)
	got := one[string](l, `SELECT concat_ws('|', job_id, comment, n.name, s.name, r.pool, r.raw_config) FROM backup_routines r JOIN nodes n ON n.id = r.node_id JOIN storages s ON s.id = storage_id`)
	equal(l, "row", got, `ab|xy|pve|st||{"key": ["\\u0000", "ä"], "half": "�", "exclude-path": "/var/log//tmp/?*"}`)
	l.exec(`UPDATE sync_states SET digest = NULL`)
	l.exec(`UPDATE backup_routines SET content_hash = NULL`)
	if r := l.apply(s); counts(r) != [5]int{0, 0, 1, 0, 0} {
		t.Errorf("the cleaned texts count as changes: %v", r)
	}
}

func TestWhatPostgresCanNeverStoreIsInvalidAndChangesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	deep := strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000)
	for name, s := range map[string]*proxopsv1.Snapshot{
		"large number":      routinesOf(e, routine("a"), routine("b", func(j *proxopsv1.BackupRoutine) { j.Bwlimit = new(int64(1 << 31)) })),
		"no JSON":           routinesOf(e, routine("a", func(j *proxopsv1.BackupRoutine) { j.RawConfig = []byte(`{"a":`) })),
		"rest after JSON":   routinesOf(e, routine("a", func(j *proxopsv1.BackupRoutine) { j.RawConfig = []byte(`{"a":1}}`) })),
		"no object":         routinesOf(e, routine("a", func(j *proxopsv1.BackupRoutine) { j.RawConfig = []byte(`[]`) })),
		"null":              routinesOf(e, routine("a", func(j *proxopsv1.BackupRoutine) { j.RawConfig = []byte(`null`) })),
		"not UTF-8":         routinesOf(e, routine("a", func(j *proxopsv1.BackupRoutine) { j.RawConfig = []byte("{\"a\":\"\xff\"") })),
		"deep JSON":         routinesOf(e, routine("a", func(j *proxopsv1.BackupRoutine) { j.RawConfig = []byte(deep) })),
		"huge number":       routinesOf(e, routine("a", func(j *proxopsv1.BackupRoutine) { j.RawConfig = []byte(`{"a":1e999999}`) })),
		"long key":          routinesOf(e, routine(incompressible(20_000))),
		"not a number":      replicationsOf(e, replication(100, 0, func(j *proxopsv1.Replication) { j.Rate = new(math.NaN()) })),
		"large job number":  replicationsOf(e, replication(100, 1<<31)),
		"storage's JSON":    inventoryOf(e, &proxopsv1.Inventory{Storages: []*proxopsv1.Storage{{Name: "a", RawConfig: []byte(`{"a"}`)}}}),
		"large node number": inventoryOf(e, &proxopsv1.Inventory{Nodes: []*proxopsv1.Node{{Name: "a", NodeId: 1 << 40}}}),
	} {
		s.Generation = l.claim(e, s.GetKind())
		before := l.dump()
		if _, err := l.try(s); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		equal(l, name, l.dump(), before)
	}
}

func TestASelectionModeOfANewerPollerDoesNotStopASnapshot(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	r := l.apply(routinesOf(e, routine("a"), routine("b", func(j *proxopsv1.BackupRoutine) {
		j.SelectionMode, j.RawConfig = 9, []byte(`{"tag":"gold"}`)
	})))
	if r.Outcome != project.Applied || r.Created != 2 {
		t.Errorf("%s %v, want both jobs created", r.Outcome, counts(r))
	}
	equal(l, "modes", all[string](l, `SELECT concat_ws(' ', job_id, selection_mode) FROM backup_routines ORDER BY job_id`), []string{"a vmid", "b none"})
	equal(l, "configuration", one[string](l, `SELECT raw_config::text FROM backup_routines WHERE job_id = 'b'`), `{"tag": "gold"}`)
}

// incompressible is a text that no index entry can hold.
func incompressible(n int) string {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = 'a' + byte(x>>24)%26
	}
	return string(b)
}

func TestLongTextsDoNotStopASnapshot(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	long := strings.Repeat("ü", 2000)
	l.apply(routinesOf(e, routine(strings.Repeat("j", 300), func(j *proxopsv1.BackupRoutine) {
		j.Comment, j.NotesTemplate, j.Schedule, j.Pool = long, long, long, long
	})))
	if n := one[int](l, `SELECT max(length(object_repr)) FROM changes`); n != 200 {
		t.Errorf("the change calls the job by %d characters, want 200", n)
	}
}
