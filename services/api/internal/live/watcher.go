package live

import (
	"context"
	"net/http"
	"time"
)

// Watcher is a client who watches a job.
type Watcher struct {
	Job   int32
	After int64 // the line of its log that they have; 0: none
	// Renew finds out again who they are, and whether they may see the job; a refusal ends the stream.
	Renew func(context.Context) error
}

// Job returns what sends the progress of a job until it has ended, the client leaves, or the server stops. The error comes before anything is sent.
func (h *Hub) Job(ctx context.Context, c Watcher) (send func(http.ResponseWriter), err error) {
	leave, err := h.Enter()
	if err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter) {
		defer leave()
		shared, leave := h.watch(c.Job)
		defer leave()
		s := &stream{Hub: h, w: w, renew: c.Renew, wake: shared.wait, beat: func() string { return "" }}
		at := position{line: c.After}
		s.step = func(ctx context.Context) (time.Duration, error) { return s.tell(ctx, shared, &at) }
		s.run(ctx, "")
	}, nil
}

// tell sends what a client lacks of a job.
func (s *stream) tell(ctx context.Context, w *watch, at *position) (next time.Duration, err error) {
	if err := s.refresh(ctx, w); err != nil {
		return 0, err
	}
	frames, more, over := w.since(at)
	if len(frames) > 0 {
		if err := s.send(frames...); err != nil {
			return 0, err
		}
	}
	switch {
	case over:
		return 0, errOver
	case more:
		return s.gatherJobs(), nil
	}
	return s.Poll, nil
}

// since returns the frames that a client lacks. More says that there are lines of the log that cannot be told yet; over that nothing more will come.
func (w *watch) since(at *position) (frames [][]byte, more, over bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	frames, over = w.state.since(at), w.state.over()
	if over {
		frames = append(frames, frame("end", "", endData{w.job, w.state.status}))
	}
	return frames, w.state.log.held != nil, over
}
