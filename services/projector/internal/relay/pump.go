package relay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
	"golang.org/x/sync/errgroup"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
)

// pump publishes what follows position end: one batch is made while the one before it is being published. It returns when anything fails:
// errOutOfStep if the stream is not where it should be. When one side fails the other finishes what it is at: a query that is broken off takes
// the connection with it, and the lock; and what can be published is.
func (r *Relay) pump(ctx context.Context, session *pgx.Conn, end int64) error {
	batches := make(chan *batch)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		s := &source{session: session, limit: int(r.Bus.Conn().MaxPayload()) - headerRoom, after: end, known: end, step: r.step}
		return r.produce(ctx, gctx.Done(), s, batches)
	})
	g.Go(func() error { return r.publishAll(ctx, gctx.Done(), batches, end) })
	return g.Wait()
}

// produce hands out batches until there is nobody to take them any more.
func (r *Relay) produce(ctx context.Context, done <-chan struct{}, s *source, out chan<- *batch) error {
	idle := time.NewTicker(r.Poll)
	defer idle.Stop()
	for {
		b, err := s.next(ctx)
		if err != nil {
			return err
		}
		if b == nil {
			select {
			case <-idle.C:
			case <-done:
				return context.Canceled
			}
			continue
		}
		select {
		case out <- b:
		case <-done:
			return context.Canceled
		}
	}
}

// publishAll publishes batches, and when there are none holds the end of the stream against what it knows.
func (r *Relay) publishAll(ctx context.Context, done <-chan struct{}, in <-chan *batch, end int64) error {
	check := time.NewTicker(r.Check)
	defer check.Stop()
	for {
		select {
		case b := <-in:
			if err := r.publish(ctx, b); err != nil {
				return err
			}
			end = b.last()
		case <-check.C:
			if err := r.check(ctx, end); err != nil {
				return err
			}
		case <-done:
			return context.Canceled
		}
	}
}

const publishTimeout = 20 * time.Second

// publish publishes one batch, whole or not at all, and records it. Whatever goes wrong, the stream itself shows what became of it.
func (r *Relay) publish(ctx context.Context, b *batch) error {
	b.messages[0].Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatInt(b.after, 10))
	b.messages[0].Header.Set(jetstream.ExpectedStreamHeader, subjects.StreamEvents)
	if err := r.publishBatch(ctx, b.messages); err != nil {
		return err
	}
	if err := r.step("published"); err != nil {
		return err
	}
	if err := r.record(ctx, b.last()); err != nil {
		return fmt.Errorf("record that events were published up to %d: %w", b.last(), err)
	}
	r.metrics.events.Add(float64(len(b.messages)))
	r.metrics.position.Set(float64(b.last()))
	r.metrics.delay.Observe(time.Since(b.oldest).Seconds())
	return r.step("recorded")
}

func (r *Relay) record(ctx context.Context, position int64) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return store.New(r.Pool).RelayPublished(ctx, position)
}

func (r *Relay) publishBatch(ctx context.Context, messages []*nats.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	_, err := jetstreamext.PublishMsgBatch(ctx, r.Bus.JetStream(), messages)
	switch {
	case bus.WrongLastSequence(err):
		return errOutOfStep
	case err != nil:
		return fmt.Errorf("publish %d events: %w", len(messages), err)
	}
	return nil
}

// check notices a stream that lost messages while there was nothing to publish.
func (r *Relay) check(ctx context.Context, end int64) error {
	stream, err := r.Bus.JetStream().Stream(ctx, subjects.StreamEvents)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return errOutOfStep
	case err != nil:
		return fmt.Errorf("look at stream %s: %w", subjects.StreamEvents, err)
	case stream.CachedInfo().State.LastSeq != uint64(end):
		return errOutOfStep
	}
	return nil
}
