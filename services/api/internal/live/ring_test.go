package live

import (
	"testing"
	"time"
)

func TestTheRingKeepsToItsBounds(t *testing.T) {
	event := func(n uint64, size int) *Event { return &Event{Sequence: n, frame: make([]byte, size)} }
	r := newRing(4, 10_000, time.Hour)
	r.begin(10, true)
	for n := uint64(11); n <= 20; n++ {
		r.add(event(n, 10))
	}
	if v := r.view(); v.low != 16 || v.high != 20 || v.era != 1 {
		t.Errorf("by number: %+v", v)
	}
	for after, want := range map[uint64]int{15: 0, 16: 4, 18: 2, 20: 0, 30: 0} {
		got := r.after(make([]*Event, 0, 10), after, 1000)
		if len(got) != want || want > 0 && (got[0].Sequence != after+1 || got[want-1].Sequence != 20) {
			t.Errorf("after %d: %d events, want %d", after, len(got), want)
		}
	}
	if got := r.after(make([]*Event, 0, 3), 16, 1000); len(got) != 3 {
		t.Errorf("%d events for three places", len(got))
	}
	if got := r.after(make([]*Event, 0, 10), 16, 300); len(got) != 2 {
		t.Errorf("%d events for 300 bytes", len(got))
	}
	r.add(event(21, 9000))
	if v := r.view(); v.low != 17 || r.bytes > 10_000 {
		t.Errorf("by size: %+v, %d bytes", v, r.bytes)
	}
	r.add(event(22, 20_000)) // larger than all it may hold
	if v := r.view(); v.low != 21 || v.high != 22 || r.last().Sequence != 22 {
		t.Errorf("a huge event: %+v", v)
	}
	r.begin(50, false)
	if v := r.view(); v.low != 50 || v.high != 50 || v.era != 1 || r.last() != nil || r.bytes != 0 {
		t.Errorf("begun anew: %+v", v)
	}
}

func TestMessagesThatAreNoEventsAreHidden(t *testing.T) {
	good := `{"id":"7","type":"proxops.backup_routine.stale.v1"}`
	for _, c := range []struct {
		subject, data string
		shown         bool
	}{
		{"proxops.v1.event.1.backup_routine.2", good, true},
		{"proxops.v1.event.1.backup_routine.2", "{\n\"id\":\"7\",\r\n \"type\":\"x\"}", true},
		{"proxops.v1.event.1.cluster.2", good, false},
		{"proxops.v1.event.x.backup_routine.2", good, false},
		{"proxops.v1.event.1.backup_routine", good, false},
		{"proxops.v1.event.1.backup_routine.2", `{"id":"x","type":"y"}`, false},
		{"proxops.v1.event.1.backup_routine.2", `{"id":"7","type":"y\nid: 5"}`, false},
		{"proxops.v1.event.1.backup_routine.2", `[]`, false},
	} {
		e := newEvent(5, c.subject, []byte(c.data))
		if shown := (&Filter{}).match(e); shown != c.shown || e.Sequence != 5 {
			t.Errorf("%s %s: shown %v", c.subject, c.data, shown)
		}
	}
	e := newEvent(5, "proxops.v1.event.1.backup_routine.2", []byte("{\n\"id\":\"7\",\r\n \"type\":\"x\"}"))
	if got := string(e.frame); got != "id: 5\nevent: x\ndata: {\"id\":\"7\",\"type\":\"x\"}\n\n" {
		t.Errorf("%q", got)
	}
}
