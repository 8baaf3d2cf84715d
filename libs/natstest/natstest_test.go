package natstest_test

import (
	"testing"

	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/proto-events/subjects"
)

func TestConnectGivesAServerOfItsOwn(t *testing.T) {
	t.Parallel()
	one, two := natstest.Connect(t), natstest.Connect(t)
	if _, err := one.JetStream().Publish(t.Context(), "proxops.v1.event.1.backup_routine.1", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		last uint64
	}{"one": {1}, "two": {0}} {
		b := one
		if name == "two" {
			b = two
		}
		s, err := b.JetStream().Stream(t.Context(), subjects.StreamEvents)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CachedInfo().State.LastSeq; got != tc.last {
			t.Errorf("server %s has %d events, want %d", name, got, tc.last)
		}
	}
}
