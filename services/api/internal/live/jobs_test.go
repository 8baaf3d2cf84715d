package live

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// job makes job 1 with two parts that wait.
func (w *world) job() {
	w.t.Helper()
	w.exec(`INSERT INTO jobs (id, name, kinds, request_id) VALUES (1, 'Sync', '{backup_routine}', gen_random_uuid())`)
	w.exec(`INSERT INTO job_parts (job_id, endpoint_id, endpoint_name, kind) VALUES (1, 7, 'lab', 'backup_routine'), (1, 8, 'prod', 'backup_routine')`)
	w.line("asked for")
}

func (w *world) line(message string) {
	w.t.Helper()
	w.exec(`INSERT INTO job_logs (job_id, time, message) VALUES (1, '2026-11-21T19:41:53.446Z', $1)`, message)
}

func (w *world) hint() {
	w.t.Helper()
	w.eventually("hint", func() error { return w.bus.Conn().Publish(subjects.Progress(1, 0), nil) })
}

func logged(n int, message string) got {
	return got{id: fmt.Sprint(n), event: "log", data: `{"timestamp":"2026-11-21T19:41:53.446000Z","level":"info","message":"` + message + `"}`}
}

func part(endpoint int, name, rest string) got {
	return got{event: "part", data: fmt.Sprintf(`{"endpoint_id":%d,"endpoint_name":%q,"type":"backup-routines",%s}`, endpoint, name, rest)}
}

const waiting = `"status":"pending","created":0,"updated":0,"unchanged":0,"stale":0,"reactivated":0,"skipped":0,"requests":0,"duration_ms":0,` +
	`"error_kind":"","error":"","remedy":"","missing_privilege":"","attempts":0,"started":null,"completed":null`

func (c *client) wantEvents(want ...got) {
	c.t.Helper()
	for _, w := range want {
		if g := c.next(); g != w {
			c.t.Fatalf("got  %+v\nwant %+v", g, w)
		}
	}
}

func (w *world) quiet() Options {
	o := w.options(w.join(localnats.API))
	o.Poll = time.Minute // only hints are heard
	return o
}

func TestAJobIsWatchedToItsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.job()
	s := w.open(w.quiet())
	c := s.connect(t, "job=1")
	c.wantEvents(
		got{event: "job", data: `{"id":1,"status":"pending","started":null,"completed":null,"error":"","counts":{"created":0,"updated":0,"unchanged":0,"stale":0,"reactivated":0,"skipped":0},"done":0,"total":2}`},
		part(7, "lab", waiting), part(8, "prod", waiting), logged(1, "asked for"),
	)
	w.eventually("hints", func() error { return w.interest(subjects.Progress(1, 0)) })
	w.exec(`UPDATE jobs SET status = 'running', started = '2026-11-21T19:41:00Z'`)
	w.line("begins")
	w.hint()
	c.wantEvents(
		got{event: "job", data: `{"id":1,"status":"running","started":"2026-11-21T19:41:00Z","completed":null,"error":"","counts":{"created":0,"updated":0,"unchanged":0,"stale":0,"reactivated":0,"skipped":0},"done":0,"total":2}`},
		logged(2, "begins"),
	)
	w.exec(`UPDATE job_parts SET status = 'completed', created = 3, unchanged = 4, requests = 5, duration = '1.25 seconds', attempts = 1, started = '2026-11-21T19:41:00.5Z' WHERE endpoint_id = 7`)
	w.hint()
	c.wantEvents(
		got{event: "job", data: `{"id":1,"status":"running","started":"2026-11-21T19:41:00Z","completed":null,"error":"","counts":{"created":3,"updated":0,"unchanged":4,"stale":0,"reactivated":0,"skipped":0},"done":1,"total":2}`},
		part(7, "lab", `"status":"completed","created":3,"updated":0,"unchanged":4,"stale":0,"reactivated":0,"skipped":0,"requests":5,"duration_ms":1250,"error_kind":"","error":"","remedy":"","missing_privilege":"","attempts":1,"started":"2026-11-21T19:41:00.500000Z","completed":null`),
	)
	w.exec(`UPDATE job_parts SET status = 'partial', error_kind = 'permission', error_text = 'hidden', remedy = 'grant it', missing_privilege = 'Sys.Audit', completed = '2026-11-21T19:42:00Z' WHERE endpoint_id = 8`)
	w.exec(`UPDATE jobs SET status = 'failed', error = 'one part failed', completed = '2026-11-21T19:42:00Z'`)
	w.line("failed")
	w.hint()
	final := []got{
		{event: "job", data: `{"id":1,"status":"failed","started":"2026-11-21T19:41:00Z","completed":"2026-11-21T19:42:00Z","error":"one part failed","counts":{"created":3,"updated":0,"unchanged":4,"stale":0,"reactivated":0,"skipped":0},"done":2,"total":2}`},
		part(8, "prod", `"status":"partial","created":0,"updated":0,"unchanged":0,"stale":0,"reactivated":0,"skipped":0,"requests":0,"duration_ms":0,"error_kind":"permission","error":"hidden","remedy":"grant it","missing_privilege":"Sys.Audit","attempts":0,"started":null,"completed":"2026-11-21T19:42:00Z"`),
		logged(3, "failed"),
		{event: "end", data: `{"id":1,"status":"failed"}`},
	}
	c.wantEvents(final...)
	if err := c.ended(); err != nil {
		t.Errorf("the stream ends with %v", err)
	}
	// Who comes back later gets the lines that they lack, and the end.
	late := s.connect(t, "job=1&after=2")
	late.wantEvents(final[0])
	late.next()
	late.wantEvents(final[1:]...)
	if err := late.ended(); err != nil {
		t.Error(err)
	}
}

// interest says whether anybody has subscribed to a subject: a hint from elsewhere would reach them.
func (w *world) interest(subject string) error {
	_, err := w.bus.Conn().Request(subject, nil, 50*time.Millisecond)
	if err != nil && strings.Contains(err.Error(), "timeout") { // nobody answers, but somebody hears
		return nil
	}
	return err
}

// Lines get their ids before they can be seen: a line that comes in between later must not be lost to somebody who comes back in the meantime.
func TestLinesAreToldInOrderWhenTransactionsOverlap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.job()
	o := w.options(w.join(localnats.API))
	s := w.open(o)
	begin := func() pgx.Tx {
		tx, err := w.pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return tx
	}
	write := func(tx pgx.Tx, message string) {
		if _, err := tx.Exec(t.Context(), `INSERT INTO job_logs (job_id, time, message) VALUES (1, '2026-11-21T19:41:53.446Z', $1)`, message); err != nil {
			t.Fatal(err)
		}
	}
	slow, quick := begin(), begin()
	write(slow, "second")
	write(quick, "third")
	if err := quick.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, second := s.connect(t, "job=1"), s.connect(t, "job=1&after=1")
	for range 3 { // job and parts do not wait
		first.next()
		second.next()
	}
	other := begin() // one that begins later does not count
	write(other, "fourth")
	w.eventually("the hub has seen the third", func() error {
		sh, leave := s.hub.watch(1)
		defer leave()
		sh.mu.RLock()
		defer sh.mu.RUnlock()
		if sh.state.log.held == nil || sh.state.log.held.last != 3 {
			return fmt.Errorf("held: %+v", sh.state.log.held)
		}
		return nil
	})
	if err := slow.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.wantEvents(logged(1, "asked for"), logged(2, "second"), logged(3, "third"))
	second.wantEvents(logged(2, "second"), logged(3, "third"))
	if err := other.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.hint()
	first.wantEvents(logged(4, "fourth"))
}

func TestTheTailOfALogWaitsForThoseWhoWriteIt(t *testing.T) {
	step := func(log tail, last int64, writers ...string) tail { return log.next(last, writers) }
	log := step(tail{}, 5)
	if log.upto != 5 || log.held != nil {
		t.Fatalf("nobody writes: %+v", log)
	}
	log = step(log, 5, "a")
	if log.upto != 5 || log.held != nil {
		t.Fatalf("nothing is new: %+v", log)
	}
	log = step(log, 7, "a", "b")
	log = step(log, 9, "b", "c")
	if log.upto != 5 || log.held == nil {
		t.Fatalf("b still writes: %+v", log)
	}
	log = step(log, 9, "c", "d")
	if log.upto != 7 || log.held == nil || log.held.last != 9 {
		t.Fatalf("c and d may be before 9: %+v", log)
	}
	if log = step(log, 12, "e"); log.upto != 9 || log.held == nil || log.held.last != 12 {
		t.Fatalf("e may be before 12: %+v", log)
	}
	if log = step(log, 12); log.upto != 12 || log.held != nil {
		t.Fatalf("nobody writes any more: %+v", log)
	}
}

func TestJobsAreReadWithoutHints(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*world){"a hint is lost": func(*world) {}, "NATS is away": (*world).stopNATS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.job()
			o := w.options(w.join(localnats.API))
			o.Heartbeat = 50 * time.Millisecond
			if name == "NATS is away" {
				o.Heartbeat = time.Minute
			}
			s := w.open(o)
			c := s.connect(t, "job=1")
			for range 4 {
				c.next()
			}
			lose(w)
			w.exec(`UPDATE job_parts SET status = 'completed'`)
			w.exec(`UPDATE jobs SET status = 'completed'`)
			for _, want := range []string{"job", "part", "part", "end"} {
				if g := c.next(); g.event != want {
					t.Errorf("%+v, want %s", g, want)
				}
			}
		})
	}
}

func TestAJobThatGoesAwayEndsItsStreams(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.job()
	o := w.options(w.join(localnats.API))
	o.Heartbeat = 10 * time.Millisecond
	s := w.open(o)
	var denied atomic.Bool
	s.watcher = func(c *Watcher) {
		c.Renew = func(context.Context) error {
			if denied.Load() {
				return fault.Wrap(fault.NotFound, resource.Detail("No Job matches the given query."), "find it")
			}
			return nil
		}
	}
	c, other := s.connect(t, "job=1"), s.connect(t, "job=1")
	for range 4 {
		c.next()
		other.next()
	}
	denied.Store(true)
	if g := other.next(); g.event != "error" || g.data != `{"detail":"No Job matches the given query."}` {
		t.Errorf("%+v", g)
	}
	if g := c.next(); g.event != "error" {
		t.Errorf("%+v", g)
	}
	denied.Store(false)
	c = s.connect(t, "job=1")
	for range 4 {
		c.next()
	}
	w.exec(`DELETE FROM jobs`)
	if g := c.next(); g.event != "error" || g.data != `{"detail":"The job was deleted."}` {
		t.Errorf("%+v", g)
	}
}

// queries counts the looks at jobs.
type queries struct{ n atomic.Int32 }

func (q *queries) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	if strings.Contains(d.SQL, "LiveJob ") {
		q.n.Add(1)
	}
	return ctx
}
func (*queries) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestAllWhoWatchAJobShareOneReader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.job()
	cfg := w.pool.Config().Copy()
	counter := &queries{}
	cfg.ConnConfig.Tracer = counter
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	o := w.quiet()
	o.Pool = pool
	s := w.open(o)
	clients := make([]*client, 30)
	for i := range clients {
		clients[i] = s.connect(t, "job=1")
		for range 4 {
			clients[i].next()
		}
	}
	if n := counter.n.Load(); n != 1 {
		t.Errorf("%d looks for %d clients", n, len(clients))
	}
	w.line("one")
	w.hint()
	w.hint()
	for _, c := range clients {
		c.wantEvents(logged(2, "one"))
	}
	if n := counter.n.Load(); n > 3 {
		t.Errorf("%d looks after two hints", n)
	}
	for _, c := range clients {
		c.close()
	}
	w.eventually("nobody watches", func() error {
		s.hub.watches.mu.Lock()
		defer s.hub.watches.mu.Unlock()
		if n := len(s.hub.watches.open); n > 0 {
			return fmt.Errorf("%d jobs are watched", n)
		}
		return nil
	})
}
