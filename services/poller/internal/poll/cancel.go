package poll

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

// errCancelled is the cause of the end of a run that need not go on.
var errCancelled = errors.New("the run was cancelled")

// cancelled says whether the run whose context this is need not go on: nothing of it would be applied any more.
func cancelled(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errCancelled) }

// active are the runs under way. Its zero value has none.
type active struct {
	mu   sync.Mutex
	runs []*activeRun
}

type activeRun struct {
	endpoint, generation int64
	cancel               context.CancelCauseFunc
}

// begin returns the context of a run, which Cancel may end. The caller calls end when the run is over.
func (a *active) begin(ctx context.Context, endpoint, generation int64) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	run := &activeRun{endpoint: endpoint, generation: generation, cancel: cancel}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.runs = append(a.runs, run)
	return ctx, func() {
		cancel(nil)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.runs = slices.DeleteFunc(a.runs, func(r *activeRun) bool { return r == run })
	}
}

// cancel ends the runs of an endpoint under this generation or an older one. There need not be any: other pollers hear of it, too.
func (a *active) cancel(endpoint, generation int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.runs {
		if r.endpoint == endpoint && r.generation <= generation {
			r.cancel(errCancelled)
		}
	}
}

// HearCancels cancels the runs that somebody says need not go on, until ctx ends. Every poller of the site hears it. A message that is missed costs
// no more than the reading.
func (r *Runner) HearCancels(ctx context.Context, nc *nats.Conn, site string) error {
	subject := subjects.Cancel(site)
	sub, err := nc.Subscribe(subject, func(m *nats.Msg) {
		if err := r.cancel(m.Data); err != nil {
			r.Log.WarnContext(ctx, "message ignored", "subject", subject, "err", err)
		}
	})
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	<-ctx.Done()
	_ = sub.Unsubscribe()
	return nil
}

func (r *Runner) cancel(data []byte) error {
	var in proxopsv1.CancelRun
	if err := bus.Decode(data, &in); err != nil {
		return err
	}
	if in.GetEndpointId() <= 0 || in.GetGeneration() <= 0 {
		return fault.New(fault.Invalid, "cancel generation %d of endpoint %d: there is no such run", in.GetGeneration(), in.GetEndpointId())
	}
	r.active.cancel(in.GetEndpointId(), in.GetGeneration())
	return nil
}
