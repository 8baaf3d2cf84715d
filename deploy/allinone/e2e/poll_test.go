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
	runs := make([]run, len(endpoints))
	for i, e := range endpoints {
		runs[i] = l.ask(t, e)
	}
	for _, r := range runs {
		eventually(t, "the end of the run of "+r.endpoint.name, func() error { return l.ended(t.Context(), r) })
	}
}

// run is a run that was asked for.
type run struct {
	endpoint *endpoint
	after    int64  // the generation before
	task     uint64 // its place in TASKS
}

// ask puts a manual task on the queue.
func (l *lab) ask(t *testing.T, e *endpoint) run {
	t.Helper()
	r := run{endpoint: e, after: l.generation(t.Context(), t, e)}
	data, err := bus.Encode(&proxopsv1.Task{EndpointId: int64(e.id), Trigger: proxopsv1.Trigger_TRIGGER_MANUAL})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the queue of tasks", func() error {
		ack, err := l.bus.JetStream().Publish(t.Context(), subjects.Task(proxopsv1.Trigger_TRIGGER_MANUAL, "default", int64(e.id)), data)
		if err == nil {
			r.task = ack.Sequence
		}
		return err
	})
	return r
}

// generation is the last one issued for an endpoint.
func (l *lab) generation(ctx context.Context, t *testing.T, e *endpoint) (n int64) {
	t.Helper()
	err := l.pool.QueryRow(ctx, "SELECT coalesce(max(issued_generation), 0) FROM endpoint_states WHERE endpoint_id = $1", e.id).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ended returns nil when the run is over.
func (l *lab) ended(ctx context.Context, r run) error {
	tasks, err := l.bus.JetStream().Stream(ctx, subjects.StreamTasks)
	if err != nil {
		return err
	}
	_, err = tasks.GetMsg(ctx, r.task)
	if err == nil {
		return errors.New("the task is still in the queue")
	}
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return err
	}
	var generation int64
	var pending []string
	err = l.pool.QueryRow(ctx, "SELECT issued_generation, claim_pending FROM endpoint_states WHERE endpoint_id = $1", r.endpoint.id).Scan(&generation, &pending)
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
		for _, kind := range jobKinds {
			if s := l.rest.syncState(t, e, kind); s.text("status") != status {
				t.Errorf("%s: %s is %s, want %s: %s", e.name, kind, s.text("status"), status, s.text("error"))
			}
		}
	}
}

var jobKinds = []string{"backup_routine", "replication"}
