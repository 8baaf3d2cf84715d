package subjects_test

import (
	"math"
	"testing"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

func TestEventsHaveASubjectForEachJob(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		subjects.Event(7, subjects.KindToken(proxopsv1.Kind_KIND_BACKUP_ROUTINE), 1): "proxops.v1.event.7.backup_routine.1",
		subjects.Event(0, subjects.KindToken(proxopsv1.Kind_KIND_REPLICATION), 2):    "proxops.v1.event.0.replication.2",
		subjects.Event(7, subjects.KindSync, math.MaxInt32):                          "proxops.v1.event.7.sync.2147483647",
		subjects.Event(0, subjects.KindSync, 1):                                      "proxops.v1.event.0.sync.1",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Syncs are told of among the kinds of jobs, but no cluster can be asked for them.
func TestASyncIsNoKind(t *testing.T) {
	t.Parallel()
	if k := subjects.ParseKind(subjects.KindSync); k != proxopsv1.Kind_KIND_UNSPECIFIED {
		t.Errorf("%s is kind %s", subjects.KindSync, k)
	}
	if _, _, ok := subjects.ParseSnapshot("proxops.v1.snapshot." + subjects.KindSync + ".7"); ok {
		t.Error("a snapshot of syncs was taken")
	}
	for number, name := range proxopsv1.Kind_name {
		if subjects.KindToken(proxopsv1.Kind(number)) == subjects.KindSync {
			t.Errorf("%s is spelled like a sync", name)
		}
	}
}
