package live

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/proto-events/subjects"
)

// watches are the jobs that somebody watches.
type watches struct {
	mu   sync.Mutex
	open map[int32]*watch
}

// watch is one of them, as it was read last. All who watch it share it, and what one of them reads the others need not.
type watch struct {
	job     int32
	clients int           // guarded by the lock of watches
	turn    chan struct{} // held by the one who reads

	mu    sync.RWMutex
	hints uint64 // how many there were
	heard uint64 // how many there were when the last reading began,
	begun time.Time
	news  chan struct{} // closed at a hint
	state progress
}

// watch joins those who watch a job; leave is called at the end.
func (h *Hub) watch(job int32) (w *watch, leave func()) {
	h.watches.mu.Lock()
	defer h.watches.mu.Unlock()
	w = h.watches.open[job]
	if w == nil {
		w = &watch{job: job, turn: make(chan struct{}, 1), news: make(chan struct{})}
		h.watches.open[job] = w
	}
	w.clients++
	return w, func() {
		h.watches.mu.Lock()
		defer h.watches.mu.Unlock()
		if w.clients--; w.clients == 0 {
			delete(h.watches.open, job)
		}
	}
}

// hear passes hints on until ctx ends. Hints that get lost are made up for: jobs are read at each heartbeat too.
func (h *Hub) hear(ctx context.Context) error {
	for ctx.Err() == nil {
		sub, err := h.Bus.Conn().Subscribe(subjects.AllProgress, h.hint)
		if err != nil {
			h.Log.WarnContext(ctx, "hints about sync jobs are not heard", "subject", subjects.AllProgress, "err", err)
			_ = app.Sleep(ctx, h.Retry) // the loop looks at ctx
			continue
		}
		<-ctx.Done()
		_ = sub.Unsubscribe()
	}
	return nil
}

// hint wakes who watches the job that a message is about.
func (h *Hub) hint(m *nats.Msg) {
	tokens := strings.Split(m.Subject, ".") // proxops.v1.progress.<job>.<endpoint>
	job, err := strconv.ParseInt(tokens[3], 10, 32)
	if err != nil {
		return
	}
	h.watches.mu.Lock()
	w := h.watches.open[int32(job)]
	h.watches.mu.Unlock()
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hints++
	close(w.news)
	w.news = make(chan struct{})
}

func (w *watch) wait() <-chan struct{} {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.news
}

// refresh reads the job if what is known may be old, unless somebody else just has. A job that has ended does not change.
func (h *Hub) refresh(ctx context.Context, w *watch) error {
	if h.fresh(w) {
		return nil
	}
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if h.fresh(w) {
		return nil
	}
	w.mu.RLock()
	begun := w.begun
	w.mu.RUnlock()
	// Hints of many parts come together.
	if err := app.Sleep(ctx, h.gatherJobs()-time.Since(begun)); err != nil {
		return err
	}
	w.mu.Lock()
	heard := w.hints
	w.begun = time.Now()
	w.mu.Unlock()
	r, err := h.readJob(ctx, w.job, w.state.log) // which nobody else writes now
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = heard
	w.state.update(r)
	return nil
}

func (h *Hub) gatherJobs() time.Duration { return 20 * h.Gather }

func (h *Hub) fresh(w *watch) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	limit := h.Heartbeat
	switch {
	case w.state.rev == 0:
		return false
	case w.state.over():
		return true
	case w.state.log.held != nil:
		limit = h.gatherJobs()
	case !h.Bus.Conn().IsConnected():
		limit = h.Poll
	}
	return w.heard == w.hints && time.Since(w.begun) < limit
}
