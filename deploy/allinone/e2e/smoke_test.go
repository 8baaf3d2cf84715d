package e2e

import (
	"testing"

	"github.com/proxops/proxops/libs/pvesim"
)

func TestSmoke(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.add(t, pvesim.New("8.4"))[0]
	l.poll(t, e)
	l.mustBe(t, "ok", e)
	t.Log(len(l.rest.routines(t, e)), len(l.rest.replications(t, e)), len(l.events(t)))
	for _, ev := range l.events(t) {
		t.Log(string(ev.raw))
	}
}
