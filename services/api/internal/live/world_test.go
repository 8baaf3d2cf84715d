package live

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/httpd"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/proto-events/subjects"
)

// world is a database and a NATS that a test may restart, and what a relay would have done to them.
type world struct {
	t    testing.TB
	pool *pgxpool.Pool
	dir  string
	nats *localnats.Server
	port int
	bus  *bus.Bus // of the one who publishes

	mu   sync.Mutex
	sent []published  // by sequence, from 1 on
	long atomic.Int32 // bytes of an event, more or less
}

// published is an event in the stream.
type published struct {
	subject, eventType string
	change             int64
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{t: tb, pool: pgtest.New(tb), dir: tb.TempDir()}
	w.startNATS()
	tb.Cleanup(func() { _ = w.nats.Close() })
	w.bus = w.join(localnats.Admin)
	w.makeStream(1)
	return w
}

func (w *world) startNATS() {
	w.t.Helper()
	var err error
	if w.nats, err = localnats.Start(w.t.Context(), localnats.Config{StoreDir: w.dir, Port: w.port, Unsynced: true}); err != nil {
		w.t.Fatal(err)
	}
	w.port = w.nats.Port()
}

func (w *world) stopNATS() {
	w.t.Helper()
	if err := w.nats.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// join connects as one of the users, with the rights that it has in production.
func (w *world) join(user string) *bus.Bus {
	w.t.Helper()
	b, err := bus.Connect(w.t.Context(), bus.Config{URL: w.nats.URL(user), Name: user})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(b.Close)
	return b
}

func (w *world) makeStream(first uint64) {
	w.t.Helper()
	w.eventually("stream", func() error { return w.bus.EnsureEvents(w.t.Context(), first) })
}

func (w *world) deleteStream() {
	w.t.Helper()
	if err := w.bus.JetStream().DeleteStream(w.t.Context(), subjects.StreamEvents); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// publish publishes one event for each object, as the relay does: the database knows their positions first.
func (w *world) publish(endpoint int, kind, what string, objects ...int) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	first := len(w.sent) + 1
	for _, object := range objects {
		n := len(w.sent) + 1
		w.sent = append(w.sent, published{fmt.Sprintf("proxops.v1.event.%d.%s.%d", endpoint, strings.ReplaceAll(kind, " ", "_"), object), "proxops." + kind + "." + what + ".v1", int64(1000 + n)})
	}
	w.exec(`INSERT INTO event_positions (position, change_id) SELECT n, 1000 + n FROM generate_series($1::integer, $2::integer) n`, first, len(w.sent))
	w.exec(`UPDATE relay_state SET last_position = $1`, len(w.sent))
	w.fill(first, len(w.sent))
	w.exec(`UPDATE relay_state SET published_position = $1`, len(w.sent))
}

// fill puts events with these sequences into the stream.
func (w *world) fill(first, last int) {
	w.t.Helper()
	for n := first; n <= last; n++ {
		e := w.sent[n-1]
		m := &nats.Msg{Subject: e.subject, Data: append(e.data(n), bytes.Repeat([]byte{' '}, int(w.long.Load()))...)}
		w.eventually("event "+strconv.Itoa(n), func() error {
			_, err := w.bus.JetStream().PublishMsg(w.t.Context(), m, jetstream.WithExpectLastSequence(uint64(n-1)), jetstream.WithRetryAttempts(0))
			if bus.WrongLastSequence(err) { // it was stored, and the acknowledgement lost
				return nil
			}
			return err
		})
	}
}

func (e published) data(n int) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":"%d","type":%q,"sequence":"%d","data":{}}`, e.change, e.eventType, n)
}

// eventually tries until there is no error, for at most twenty seconds.
func (w *world) eventually(what string, try func() error) {
	w.t.Helper()
	eventually(w.t, what, try)
}

func eventually(tb testing.TB, what string, try func() error) {
	tb.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%s: %v", what, err)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// options are those of a hub that is quick to notice things.
func (w *world) options(b *bus.Bus) Options {
	return Options{
		Bus: b, Pool: w.pool, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)), Heartbeat: time.Minute, Retry: 10 * time.Millisecond, Poll: 10 * time.Millisecond, Gather: time.Millisecond,
	}
}

// all is a viewer who sees everything.
type all struct{}

func (all) See(_ context.Context, events []*Event) ([]*Event, error) { return events, nil }

func renewAll(context.Context) (Viewer, error) { return all{}, nil }

// site is a hub behind HTTP. A request says in its query what it listens to.
type site struct {
	hub  *Hub
	url  string
	stop func()
	// listener may change what a client is; nil: it is as the query says
	listener func(*Listener)
	watcher  func(*Watcher)
}

// open serves a hub until the test or stop ends it.
func (w *world) open(o Options) *site {
	w.t.Helper()
	s := &site{hub: New(o)}
	ln, err := httpd.Listen(w.t.Context(), "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	s.url = "http://" + ln.Addr().String()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ended := make(chan error, 2)
	go func() { ended <- s.hub.Run(ctx) }()
	go func() { ended <- httpd.Serve(ctx, narrow{ln}, http.HandlerFunc(s.serve)) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				w.t.Errorf("the hub: %v", err)
			}
		}
	})
	w.t.Cleanup(s.stop)
	return s
}

// narrow is a listener whose connections hold little of what nobody reads.
type narrow struct{ net.Listener }

func (n narrow) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(4 << 10)
	}
	return c, err
}

func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	number := func(name string) (n int64) {
		n, _ = strconv.ParseInt(q.Get(name), 10, 64)
		return n
	}
	var send func(http.ResponseWriter)
	var err error
	if q.Has("job") {
		c := Watcher{Job: int32(number("job")), After: number("after"), Renew: func(context.Context) error { return nil }}
		if s.watcher != nil {
			s.watcher(&c)
		}
		send, err = s.hub.Job(r.Context(), c)
	} else {
		l := Listener{Viewer: all{}, Renew: renewAll}
		if q.Has("endpoint") {
			l.Filter.Endpoints = []int64{number("endpoint")}
		}
		if q.Has("after") {
			l.After = new(uint64(number("after")))
		}
		if s.listener != nil {
			s.listener(&l)
		}
		send, err = s.hub.Events(r.Context(), l)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", MediaType)
	send(w)
}

func numbers(first, last int) (out []int) {
	for n := first; n <= last; n++ {
		out = append(out, n)
	}
	return out
}

func purgeTo(sequence uint64) jetstream.StreamPurgeOpt { return jetstream.WithPurgeSequence(sequence) }
