// Package tick writes tasks and schedules to the stream TASKS, many at once, and reads what schedules there are.
package tick

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/bus"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

// Task returns the subject and the content of the task to read an endpoint at its usual pace. The site must be valid.
func Task(site string, endpoint int64) (subject string, data []byte, err error) {
	data, err = bus.Encode(&proxopsv1.Task{EndpointId: endpoint, Trigger: proxopsv1.Trigger_TRIGGER_SCHEDULED})
	if err != nil {
		return "", nil, fmt.Errorf("make the task of endpoint %d: %w", endpoint, err)
	}
	return subjects.Task(proxopsv1.Trigger_TRIGGER_SCHEDULED, site, endpoint), data, nil
}

// Batch is messages on their way. None carries a trace: the server copies the headers of a schedule to every tick.
type Batch struct {
	js      jetstream.JetStream
	pending []pending
}

type pending struct {
	subject string
	ack     jetstream.PubAckFuture
}

// NewBatch returns an empty batch for about n messages.
func NewBatch(js jetstream.JetStream, n int) *Batch {
	return &Batch{js: js, pending: make([]pending, 0, n)}
}

// Put sends a message that is to be stored only if the last one on its subject has the sequence last; zero: if there is none.
func (b *Batch) Put(subject string, data []byte, last uint64, opts ...jetstream.PublishOpt) error {
	return b.Add(subject, data, append(opts, jetstream.WithExpectLastSequencePerSubject(last))...)
}

// Add sends a message that is to be stored whatever there is.
func (b *Batch) Add(subject string, data []byte, opts ...jetstream.PublishOpt) error {
	// Sync always makes the server slow to acknowledge, so the stall wait is long.
	opts = append(opts, jetstream.WithStallWait(10*time.Second))
	ack, err := b.js.PublishMsgAsync(&nats.Msg{Subject: subject, Data: data}, opts...)
	if err != nil {
		return fmt.Errorf("publish to %s: %w", subject, err)
	}
	b.pending = append(b.pending, pending{subject, ack})
	return nil
}

// Wait waits until the server has answered every message, and calls stored for each that it took. One that it refused because somebody else
// wrote to the subject meanwhile is no error.
func (b *Batch) Wait(ctx context.Context, stored func()) error {
	for _, p := range b.pending {
		select {
		case <-p.ack.Ok():
			stored()
		case err := <-p.ack.Err():
			if !bus.WrongLastSequence(err) {
				return fmt.Errorf("publish to %s: %w", p.subject, err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
