package live

import (
	"strconv"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/localnats"
)

func TestAClientGetsWhatHappensFromNowOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(1, Routine, "created", 1, 2, 3)
	s := w.open(w.options(w.join(localnats.API)))
	w.eventually("hub", func() error { return s.knows(3) })
	c := s.connect(t, "")
	if c.last != "3" {
		t.Errorf("the client would come back to %q", c.last)
	}
	w.publish(2, Replication, "stale", 7)
	g := c.next()
	if g.id != "4" || g.event != "proxops.replication.stale.v1" || g.data != string(w.sent[3].data(4)) {
		t.Errorf("got %+v", g)
	}
}

// knows says whether the hub has seen the stream up to a sequence.
func (s *site) knows(sequence uint64) error {
	if high := s.hub.ring.view().high; high < sequence {
		return errAt(high)
	}
	return nil
}

type errAt uint64

func (e errAt) Error() string { return "it is at " + strconv.FormatUint(uint64(e), 10) }

func TestAClientGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(1, Routine, "created", numbers(1, 100)...)
	o := w.options(w.join(localnats.API))
	o.Events, o.Recent = 16, 16
	s := w.open(o)
	w.eventually("hub", func() error { return s.knows(100) })
	for _, after := range []int{99, 90, 84, 83, 50, 1, 0} { // from memory, and from the stream
		c := s.connect(t, "after="+strconv.Itoa(after))
		c.want(numbers(after+1, 100)...)
		c.close()
	}
	c := s.connect(t, "after=100")
	w.publish(1, Routine, "updated", 1)
	c.want(101)
}

func TestALongHistoryIsReadInPieces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.options(w.join(localnats.API))
	o.Events = 8
	s := w.open(o)
	const n = 3*readEvents + 10
	for i := range n {
		w.publish(1+i%3, Routine, "updated", i)
	}
	w.eventually("hub", func() error { return s.knows(n) })
	s.connect(t, "after=0").want(numbers(1, n)...)
	c := s.connect(t, "after=0&endpoint=3")
	for i := 3; i <= n; i += 3 {
		c.want(i)
	}
	none := s.connect(t, "after=0&endpoint=99")
	w.publish(99, Routine, "updated", 5)
	none.want(n + 1)
}

func TestWhatIsGoneIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(1, Routine, "created", numbers(1, 40)...)
	stream, err := w.bus.JetStream().Stream(t.Context(), "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context(), purgeTo(11)); err != nil { // as age would
		t.Fatal(err)
	}
	o := w.options(w.join(localnats.API))
	o.Events, o.Recent = 8, 8
	s := w.open(o)
	w.eventually("hub", func() error { return s.knows(40) })
	for _, after := range []string{"0", "5", "9"} {
		c := s.connect(t, "after="+after)
		if g := c.next(); g.event != "reset" || g.id != "10" || !strings.HasPrefix(g.data, `{"first":11,"last":40,"reason":"`) {
			t.Errorf("after %s: %+v", after, g)
		}
		c.want(numbers(11, 40)...)
	}
	s.connect(t, "after=10").want(numbers(11, 40)...)
	// Of another installation, or lost for good.
	c := s.connect(t, "after=41")
	if g := c.next(); g.event != "reset" || g.id != "40" || !strings.HasPrefix(g.data, `{"first":11,"last":40,"reason":"`) {
		t.Errorf("a position that does not exist: %+v", g)
	}
	w.publish(1, Routine, "updated", 1)
	c.want(41)
}
