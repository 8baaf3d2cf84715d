package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/api/internal/resource"
)

func TestFiltersPickEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.options(w.join(localnats.API))
	o.Events, o.Recent = 4, 4 // some are in memory, some are not
	s := w.open(o)
	w.publish(1, Routine, "created", 5)         // 1
	w.publish(2, Routine, "created", 5)         // 2
	w.publish(1, Replication, "created", 5)     // 3
	w.publish(1, Routine, "stale", 5)           // 4
	w.publish(2, Replication, "stale", 6)       // 5
	w.publish(0, Sync, "started", 9)            // 6
	w.publish(1, Sync, "failed", 10)            // 7
	w.publish(3, "unheard of", "created", 5)    // 8
	w.publish(2, Routine, "reactivated", 5, 77) // 9, 10
	w.eventually("hub", func() error { return s.knows(10) })
	for _, c := range []struct {
		filter Filter
		want   []int
	}{
		{Filter{}, []int{1, 2, 3, 4, 5, 6, 7, 9, 10}},
		{Filter{Endpoints: []int64{1}}, []int{1, 3, 4, 7}},
		{Filter{Endpoints: []int64{1, 2}}, []int{1, 2, 3, 4, 5, 7, 9, 10}},
		{Filter{Endpoints: []int64{3, 4}}, nil},
		{Filter{Kinds: []string{Sync}}, []int{6, 7}},
		{Filter{Kinds: []string{Sync, Replication}}, []int{3, 5, 6, 7}},
		{Filter{Types: Types("stale")}, []int{4, 5}},
		{Filter{Types: slices.Concat(Types("proxops.replication.stale.v1"), Types("failed"))}, []int{5, 7}},
		{Filter{Objects: []int64{5}}, []int{1, 2, 3, 4, 9}},
		{Filter{Objects: []int64{6, 77}}, []int{5, 10}},
		{Filter{Endpoints: []int64{2}, Kinds: []string{Routine}, Objects: []int64{5}, Types: Types("reactivated")}, []int{9}},
	} {
		s.listener = func(l *Listener) { l.Filter = c.filter }
		client := s.connect(t, "after=0")
		client.want(c.want...)
		client.close()
	}
}

func TestTypesAreNamedWholeOrByTheirEnd(t *testing.T) {
	for text, want := range map[string][]string{
		"stale": {"proxops.backup_routine.stale.v1", "proxops.replication.stale.v1"}, "failed": {"proxops.sync.failed.v1"},
		"proxops.sync.started.v1": {"proxops.sync.started.v1"}, "proxops.sync.stale.v1": nil, "": nil, "v1": nil, "stale.v1": nil,
	} {
		if got := Types(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// A client who gets few of the events hears at heartbeats how far they are, and so need not go through all of them when they come back.
func TestAHeartbeatTellsWhereTheClientIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.options(w.join(localnats.API))
	o.Heartbeat = 10 * time.Millisecond
	s := w.open(o)
	c := s.connect(t, "after=0&endpoint=2")
	w.publish(1, Routine, "created", 1, 2, 3)
	for {
		g, err := c.block()
		if err != nil || g.comment != "heartbeat" {
			t.Fatalf("%+v, %v", g, err)
		}
		if g.id == "3" {
			break
		}
	}
	if g, err := c.block(); err != nil || g.id != "" {
		t.Errorf("it is told again: %+v, %v", g, err)
	}
}

func TestAClientIsAskedAgainWhoTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.options(w.join(localnats.API))
	o.Heartbeat = 10 * time.Millisecond
	s := w.open(o)
	var answer atomic.Pointer[error]
	s.listener = func(l *Listener) {
		l.Renew = func(context.Context) (Viewer, error) {
			if err := answer.Load(); err != nil {
				return nil, *err
			}
			return all{}, nil
		}
	}
	c := s.connect(t, "after=0")
	w.publish(1, Routine, "created", 1)
	c.want(1)
	// While nobody can say what they may see, they see nothing, and stay.
	answer.Store(new(fault.Wrap(fault.Unavailable, errors.New("no database"), "ask")))
	for range 3 {
		if _, err := c.block(); err != nil {
			t.Fatal(err)
		}
	}
	w.publish(1, Routine, "created", 2)
	for range 5 {
		if g, err := c.block(); err != nil || g.data != "" {
			t.Fatalf("%+v, %v", g, err)
		}
	}
	answer.Store(nil)
	c.want(2)
	answer.Store(new(fault.Wrap(fault.Denied, resource.Detail("Token disabled"), "authenticate")))
	if g := c.next(); g.event != "error" || g.data != `{"detail":"Token disabled"}` || g.id != "" {
		t.Errorf("%+v", g)
	}
	if err := c.ended(); err != nil {
		t.Errorf("the stream ends with %v", err)
	}
}

// sight is a viewer whose sight fails at first.
type sight struct{ trouble []error }

func (s *sight) See(_ context.Context, events []*Event) ([]*Event, error) {
	if len(s.trouble) > 0 {
		err := s.trouble[0]
		s.trouble = s.trouble[1:]
		return nil, err
	}
	return events, nil
}

func TestTroubleOfTheDatabaseIsRiddenOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.open(w.options(w.join(localnats.API)))
	w.publish(1, Routine, "created", 1, 2)
	s.listener = func(l *Listener) {
		l.Viewer = &sight{[]error{
			&pgconn.PgError{Code: "57P01"}, fmt.Errorf("ask: %w", &net.OpError{Op: "read", Err: errors.New("reset")}), fault.New(fault.Unavailable, "busy"),
		}}
	}
	s.connect(t, "after=0").want(1, 2)
	s.listener = func(l *Listener) { l.Viewer = &sight{[]error{errors.New("something of ours: secret")}} }
	c := s.connect(t, "after=0")
	if g := c.next(); g.event != "error" || g.data != `{"detail":"Internal server error."}` {
		t.Errorf("%+v", g)
	}
	if err := c.ended(); err != nil {
		t.Error(err)
	}
}

func TestAClientThatDoesNotReadIsDroppedAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.options(w.join(localnats.API))
	o.Patience = 200 * time.Millisecond
	s := w.open(o)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	if _, err := fmt.Fprintf(conn, "GET /?after=0 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	quick := s.connect(t, "after=0")
	w.eventually("two clients", func() error { return s.clients(2) })
	w.long.Store(10_000)
	for n := 1; s.clients(1) != nil; n++ {
		w.publish(1, Routine, "updated", n)
		quick.want(n)
		if n > 2000 {
			t.Fatal("the client that does not read is still there")
		}
	}
	last := len(w.sent)
	w.publish(1, Routine, "updated", 1)
	quick.want(last + 1)
}

// clients says whether the hub has so many.
func (s *site) clients(n int64) error {
	if has := s.hub.clients.Load(); has != n {
		return fmt.Errorf("there are %d clients", has)
	}
	return nil
}

func TestStreamsEndWithTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.open(w.options(w.join(localnats.API)))
	w.publish(1, Routine, "created", 1)
	w.eventually("hub", func() error { return s.knows(1) })
	c := s.connect(t, "")
	for range 5 {
		s.connect(t, "")
	}
	if n := w.consumers(); n != 1 {
		t.Errorf("six clients have %d consumers", n)
	}
	begin := time.Now()
	s.stop()
	if err := c.ended(); err != nil {
		t.Errorf("the stream ends with %v", err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("it took %v", took)
	}
	if err := s.clients(0); err != nil {
		t.Error(err)
	}
	if n := w.consumers(); n != 0 {
		t.Errorf("%d consumers are left behind", n)
	}
}

func (w *world) consumers() int {
	w.t.Helper()
	stream, err := w.bus.JetStream().Stream(w.t.Context(), subjects.StreamEvents)
	if err != nil {
		w.t.Fatal(err)
	}
	return stream.CachedInfo().State.Consumers
}

func TestThereAreNotTooManyClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.options(w.join(localnats.API))
	o.Clients = 2
	s := w.open(o)
	one := s.connect(t, "")
	s.connect(t, "")
	if _, err := s.dial(t, ""); err == nil || err.Error() != fmt.Sprint(http.StatusServiceUnavailable, " Service Unavailable") {
		t.Errorf("a third client: %v", err)
	}
	one.close()
	w.eventually("a place", func() error { return s.clients(1) })
	s.connect(t, "")
}

func TestClientsOfOneUserAskOnceTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &Hub{verdicts: verdicts{keep: time.Minute}}
		var asked []int64
		judge := func(key string, ids ...int64) map[int64]bool {
			seen, err := h.Judge(t.Context(), key, ids, func(_ context.Context, ids []int64) (map[int64]bool, error) {
				time.Sleep(time.Second) // the others come meanwhile
				asked = append(asked, ids...)
				return map[int64]bool{1: true, 3: true}, nil
			})
			if err != nil {
				t.Error(err)
			}
			return seen
		}
		var clients sync.WaitGroup
		for range 10 {
			clients.Go(func() {
				if seen := judge("a", 1, 2, 3); !seen[1] || seen[2] || !seen[3] {
					t.Errorf("%v", seen)
				}
			})
		}
		clients.Wait()
		judge("a", 3, 4)
		if !slices.Equal(asked, []int64{1, 2, 3, 4}) {
			t.Errorf("asked for %v", asked)
		}
		judge("b", 1)
		time.Sleep(2 * time.Minute)
		judge("a", 1)
		if !slices.Equal(asked, []int64{1, 2, 3, 4, 1, 1}) {
			t.Errorf("asked for %v", asked)
		}
	})
}
