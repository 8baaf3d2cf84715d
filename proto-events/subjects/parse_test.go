package subjects_test

import (
	"math"
	"testing"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

func TestParseTaskTakesItsOwnSubjectsAlone(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string]int32{
		subjects.Task(proxopsv1.Trigger_TRIGGER_SCHEDULED, "default", 7):       7,
		subjects.Task(proxopsv1.Trigger_TRIGGER_MANUAL, "dc-2", math.MaxInt32): math.MaxInt32,
		subjects.Task(proxopsv1.Trigger_TRIGGER_MANUAL, "default", 1<<31):      0,
		"proxops.v1.task.urgent.default.7":                                     7,
		"proxops.v1.task.manual.default.0":                                     0,
		"proxops.v1.task.manual.default.-7":                                    0,
		"proxops.v1.task.manual.default.07":                                    0,
		"proxops.v1.task.manual.default.+7":                                    0,
		"proxops.v1.task.manual.default.":                                      0,
		"proxops.v1.task.manual.7":                                             0,
		"proxops.v1.task.manual.default.7.8":                                   0,
		"proxops.v1.snapshot.inventory.7":                                      0,
		"x.proxops.v1.task.manual.default.7":                                   0,
		"manual.default.7":                                                     0,
		"":                                                                     0,
	} {
		if got, ok := subjects.ParseTask(subject); got != want || ok != (want > 0) {
			t.Errorf("%q: endpoint %d, %t, want %d", subject, got, ok, want)
		}
	}
}

func TestParseDueTakesItsOwnSubjectsAlone(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string]int32{
		subjects.Due(7): 7, subjects.Due(math.MaxInt32): math.MaxInt32, "proxops.v1.due.0": 0, "proxops.v1.due.-7": 0, "proxops.v1.due.07": 0, "proxops.v1.due.": 0,
		"proxops.v1.due.7.8": 0, "proxops.v1.due.x": 0, subjects.Timer(7): 0, "": 0,
	} {
		if got, ok := subjects.ParseDue(subject); got != want || ok != (want > 0) {
			t.Errorf("%q: schedule %d, %t, want %d", subject, got, ok, want)
		}
	}
}

func TestParseSnapshotTakesItsOwnSubjectsAlone(t *testing.T) {
	t.Parallel()
	type parsed struct {
		kind     proxopsv1.Kind
		endpoint int32
	}
	for subject, want := range map[string]parsed{
		"proxops.v1.snapshot.backup_routine.7":           {proxopsv1.Kind_KIND_BACKUP_ROUTINE, 7},
		"proxops.v1.snapshot.replication.7":              {proxopsv1.Kind_KIND_REPLICATION, 7},
		"proxops.v1.snapshot.inventory.2147483647":       {proxopsv1.Kind_KIND_INVENTORY, math.MaxInt32},
		"proxops.v1.snapshot.inventory.2147483648":       {},
		"proxops.v1.snapshot.inventory.07":               {},
		"proxops.v1.snapshot.inventory.0":                {},
		"proxops.v1.snapshot.backup_routine.-1":          {},
		"proxops.v1.snapshot.backup_routine.7.extra.end": {},
		"proxops.v1.snapshot.kind0.7":                    {},
		"proxops.v1.snapshot.inventory":                  {},
		"proxops.v1.event.7.inventory.7":                 {},
		"inventory.7":                                    {},
		"7":                                              {},
		"":                                               {},
	} {
		kind, endpoint, ok := subjects.ParseSnapshot(subject)
		if (parsed{kind, endpoint}) != want || ok != (want.endpoint > 0) {
			t.Errorf("%q: %s of endpoint %d, %t, want %v", subject, kind, endpoint, ok, want)
		}
	}
}
