package project_test

import (
	"testing"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/projector/internal/project"
)

func TestARefusedSnapshotSaysWhichOtherClusterAnswered(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	noted := func(what, want string) {
		t.Helper()
		equal(l, what, one[string](l, `SELECT concat_ws(' ', other_name, other_standalone, other_seen IS NOT NULL, cluster_name) FROM endpoint_states`), want)
	}
	foreign := func(kind *proxopsv1.Snapshot, name string, standalone bool) {
		t.Helper()
		kind.Identity = &proxopsv1.Identity{Name: name, Standalone: standalone}
		if r := l.apply(kind); r.Outcome != project.Refused {
			t.Errorf("%s is %s", name, r.Outcome)
		}
	}
	l.apply(routinesOf(e, routine("a")))
	noted("the first reading", " f f lab")
	foreign(replicationsOf(e), "other", false)
	noted("another cluster", "other f t lab")
	foreign(routinesOf(e), "lab", true)
	noted("a host of the same name", "lab t t lab")
	if r := l.apply(routinesOf(e, routine("a"))); r.Outcome != project.Same {
		t.Errorf("the right cluster is %s", r.Outcome)
	}
	noted("the pinned cluster answers again", " f f lab")

	// Once a person has accepted the other one, it is the pinned one, and the first the foreign one.
	foreign(routinesOf(e), "other", false)
	l.exec(`UPDATE endpoint_states SET cluster_name = other_name, other_name = '', other_seen = NULL`)
	s := routinesOf(e, routine("a"))
	s.Identity = &proxopsv1.Identity{Name: "other"}
	if r := l.apply(s); r.Outcome != project.Same {
		t.Errorf("the accepted cluster is %s", r.Outcome)
	}
	foreign(routinesOf(e), "lab", false)
	noted("the first cluster", "lab f t other")
}
