package live

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/localnats"
)

func TestClientsStayWhileNATSIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(1, Routine, "created", 1, 2)
	o := w.options(w.join(localnats.API))
	o.Heartbeat = 20 * time.Millisecond
	s := w.open(o)
	w.eventually("hub", func() error { return s.knows(2) })
	c := s.connect(t, "")
	w.stopNATS()
	for range 5 {
		if g, err := c.block(); err != nil || g.comment != "heartbeat" {
			t.Fatalf("%+v, %v", g, err)
		}
	}
	late := s.connect(t, "after=1")
	late.want(2) // memory has it
	w.startNATS()
	w.publish(1, Routine, "updated", 1, 2)
	c.want(3, 4)
	late.want(3, 4)
}

// The relay fills a stream that lost everything with the same events at the same sequences. Nobody is told, as nobody lacks anything.
func TestAStreamThatIsFilledAgainIsTheSame(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*world){
		"stream deleted": (*world).deleteStream,
		"storage lost": func(w *world) {
			w.stopNATS()
			if err := os.RemoveAll(filepath.Join(w.dir, "jetstream")); err != nil {
				w.t.Fatal(err)
			}
			w.startNATS()
		},
	} {
		for _, from := range []int{1, 21, 41} { // what is older than the stream keeps is not published again
			t.Run(fmt.Sprintf("%s, again from %d", name, from), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				o := w.options(w.join(localnats.API))
				o.Events, o.Recent = 8, 8
				s := w.open(o)
				w.publish(1, Routine, "created", numbers(1, 40)...)
				w.eventually("hub", func() error { return s.knows(40) })
				c, old := s.connect(t, "after=35"), s.connect(t, "")
				c.want(numbers(36, 40)...)
				lose(w)
				w.makeStream(uint64(from))
				back := s.connect(t, "after=30") // has to wait for what is older than memory
				w.fill(from, 40)
				w.publish(1, Routine, "updated", 1, 2)
				c.want(41, 42)
				old.want(41, 42)
				if from <= 31 {
					back.want(numbers(31, 42)...)
				} else if g := back.next(); g.event != "reset" {
					t.Errorf("%+v", g)
				}
			})
		}
	}
}

func TestAnotherHistoryResetsAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.open(w.options(w.join(localnats.API)))
	w.publish(1, Routine, "created", numbers(1, 40)...)
	w.eventually("hub", func() error { return s.knows(40) })
	c, old := s.connect(t, "after=38"), s.connect(t, "")
	c.want(39, 40)
	// Database and stream are lost together, and begin anew.
	w.exec(`DELETE FROM event_positions`)
	w.exec(`UPDATE relay_state SET last_position = 0, published_position = 0`)
	w.sent = nil
	w.deleteStream()
	w.makeStream(1)
	for _, c := range []*client{c, old} {
		if g := c.next(); g.event != "reset" || g.id != "0" || !strings.Contains(g.data, `"first":1,"last":0`) {
			t.Errorf("%+v", g)
		}
	}
	w.publish(1, Routine, "created", 1, 2)
	c.want(1, 2)
	old.want(1, 2)
}

// A hub that begins while the stream is being filled again does not take the position of a client for one that never was.
func TestAHubThatBeginsWhileTheStreamIsFilledWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(1, Routine, "created", numbers(1, 40)...)
	w.deleteStream()
	w.makeStream(1)
	w.fill(1, 10)
	s := w.open(w.options(w.join(localnats.API)))
	w.eventually("hub", func() error { return s.knows(10) })
	c := s.connect(t, "after=35")
	w.fill(11, 40)
	c.want(numbers(36, 40)...)
}

func TestAHubWaitsForTheStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(1, Routine, "created", 1, 2, 3)
	w.deleteStream()
	s := w.open(w.options(w.join(localnats.API)))
	now, before := s.connect(t, ""), s.connect(t, "after=1") // no stream has been seen yet: the database knows where it ends
	if now.last != "3" {
		t.Errorf("a new client begins after %s", now.last)
	}
	w.makeStream(1)
	w.fill(1, 3)
	w.publish(1, Routine, "created", 4)
	now.want(4)
	before.want(2, 3, 4)
}

// Clients, the hub and NATS go and come as they like. In the end each client has had each event that it asked for exactly once, in order.
func TestNothingIsLostOrRepeatedWhateverGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	b := w.join(localnats.API)
	o := w.options(b)
	o.Events, o.Recent = 32, 16
	const total, endpoints, each = 800, 3, 3
	var mu sync.Mutex
	s := w.open(o)
	site := func() *site { mu.Lock(); defer mu.Unlock(); return s }

	var clients sync.WaitGroup
	for i := range (endpoints + 1) * each {
		endpoint := i % (endpoints + 1) // 0: all
		clients.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			query, want := "", numbers(1, total)
			if endpoint > 0 {
				query, want = "&endpoint="+strconv.Itoa(endpoint), nil
				for n := endpoint; n <= total; n += endpoints {
					want = append(want, n)
				}
			}
			last := "0"
			for len(want) > 0 && !t.Failed() {
				c, err := site().dial(t, "after="+last+query)
				if err != nil {
					<-time.After(time.Millisecond)
					continue
				}
				for patience := r.IntN(300); patience > 0 && len(want) > 0; patience-- {
					g, err := c.block()
					if err != nil {
						break
					}
					last = c.last
					if g.data == "" {
						continue
					}
					if g.id != strconv.Itoa(want[0]) {
						t.Errorf("client %d got %+v, want event %d", i, g, want[0])
						return
					}
					want = want[1:]
				}
				c.close()
			}
		})
	}

	r := rand.New(rand.NewPCG(seed, 1000))
	for n := 1; n <= total; n++ {
		w.publish(1+(n-1)%endpoints, Routine, "updated", n)
		switch r.IntN(150) {
		case 0, 1:
			old := site()
			mu.Lock()
			s = w.open(o)
			mu.Unlock()
			old.stop()
		case 2:
			w.stopNATS()
			w.startNATS()
		case 3:
			w.deleteStream()
			w.makeStream(1)
			w.fill(1, n)
		}
	}
	done := make(chan struct{})
	go func() { clients.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error(errors.New("clients still wait"))
	}
}
