package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/bus"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

// poll reads endpoints now, all kinds, and returns when each run has ended: its poller has nothing more to do, and each kind was applied or
// failed.
func (l *lab) poll(t *testing.T, endpoints ...*endpoint) {
	t.Helper()
	l.pollKinds(t, nil, endpoints...)
}

func (l *lab) pollKinds(t *testing.T, kinds []proxopsv1.Kind, endpoints ...*endpoint) {
	t.Helper()
	runs := make([]run, len(endpoints))
	for i, e := range endpoints {
		var err error
		if runs[i], err = l.task(t.Context(), e, kinds...); err != nil {
			t.Fatalf("poll %s: %v", e.name, err)
		}
	}
	for _, r := range runs {
		eventually(t, "the end of the run of "+r.endpoint.name, func() error { return l.ended(t.Context(), r) })
	}
}

// tryPoll is poll for goroutines beside the test's own, of some kinds alone, and tells whether it went well.
func (l *lab) tryPoll(t *testing.T, e *endpoint, kinds ...proxopsv1.Kind) bool {
	t.Helper()
	r, err := l.task(t.Context(), e, kinds...)
	if err == nil {
		err = within(t.Context(), func() error { return l.ended(t.Context(), r) })
	}
	if err != nil {
		t.Errorf("poll %s: %v", e.name, err)
	}
	return err == nil
}

// run is a run that was asked for.
type run struct {
	endpoint *endpoint
	after    int64  // the generation before
	task     uint64 // its place in TASKS
}

// task puts a manual task on the queue, for all kinds if none is named.
func (l *lab) task(ctx context.Context, e *endpoint, kinds ...proxopsv1.Kind) (run, error) {
	r := run{endpoint: e}
	var err error
	if r.after, err = l.generation(ctx, e); err != nil {
		return r, err
	}
	data, err := bus.Encode(&proxopsv1.Task{EndpointId: int64(e.id), Trigger: proxopsv1.Trigger_TRIGGER_MANUAL, Kinds: kinds})
	if err != nil {
		return r, err
	}
	return r, within(ctx, func() error {
		ack, err := l.bus.JetStream().Publish(ctx, subjects.Task(proxopsv1.Trigger_TRIGGER_MANUAL, "default", int64(e.id)), data)
		if err == nil {
			r.task = ack.Sequence
		}
		return err
	})
}

// generation is the last one issued for an endpoint.
func (l *lab) generation(ctx context.Context, e *endpoint) (n int64, err error) {
	err = l.pool.QueryRow(ctx, "SELECT coalesce(max(issued_generation), 0) FROM endpoint_states WHERE endpoint_id = $1", e.id).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("read the generation of %s: %w", e.name, err)
	}
	return n, nil
}

// taken returns nil when the task is no more in the queue.
func (l *lab) taken(ctx context.Context, r run) error {
	tasks, err := l.bus.JetStream().Stream(ctx, subjects.StreamTasks)
	if err != nil {
		return err
	}
	_, err = tasks.GetMsg(ctx, r.task)
	if err == nil {
		return errors.New("the task is still in the queue")
	}
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	return err
}

// ended returns nil when the run is over.
func (l *lab) ended(ctx context.Context, r run) error {
	if err := l.taken(ctx, r); err != nil {
		return err
	}
	var generation int64
	var pending []string
	err := l.pool.QueryRow(ctx, "SELECT issued_generation, claim_pending FROM endpoint_states WHERE endpoint_id = $1", r.endpoint.id).Scan(&generation, &pending)
	switch {
	case err != nil:
		return fmt.Errorf("read the state of the endpoint: %w", err)
	case generation <= r.after:
		return fmt.Errorf("the task was taken and no generation was issued after %d", r.after)
	case len(pending) > 0:
		return fmt.Errorf("%v were neither applied nor reported", pending)
	}
	return nil
}

// mustBe holds the sync state of both kinds of jobs against a status.
func (l *lab) mustBe(t *testing.T, status string, endpoints ...*endpoint) {
	t.Helper()
	for _, e := range endpoints {
		states := l.rest.syncState(t, e)
		for _, kind := range jobKinds {
			if s := states.sub(kind); s.text("status") != status {
				t.Errorf("%s: %s is %s, want %s: %s", e.name, kind, s.text("status"), status, s.text("error"))
			}
		}
	}
}

var jobKinds = []string{"backup_routine", "replication"}
