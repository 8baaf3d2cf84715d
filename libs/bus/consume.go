package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/proxops/proxops/libs/app"
)

// ConsumerConfig says what to consume, and how. Stream and Name are required.
type ConsumerConfig struct {
	Stream string
	// Name of the durable consumer. All that use it share its messages.
	Name string
	// Filters are the subjects to consume. Default: all of the stream.
	Filters []string
	// Workers is how many messages this instance handles at once. Default 1: in order, as long as none fails.
	Workers int
	// AckWait is how long the server waits for a sign of life of a handler before it gives the message to another. Handlers
	// that run longer are kept alive. Default 30 s.
	AckWait time.Duration
	// RetryDelay is the pause after a first failure; it doubles with each further one, up to a minute. Default 1 s.
	RetryDelay time.Duration
	// OnDead is called before a message is given up, for example to fail the run it belongs to. While it returns an error the
	// message is not given up but tried again. It may be called more than once for a message.
	OnDead func(ctx context.Context, m Msg, reason error) error
}

// Msg is a message as a handler sees it.
type Msg struct {
	Subject string
	Data    []byte
	Header  nats.Header

	// The rest is zero for a request.

	Stream     string
	Consumer   string
	Sequence   uint64    // in the stream
	Deliveries int       // 1 at the first time
	Published  time.Time // by the server's clock
}

// Consume gives the messages of a consumer to the handler until ctx ends, then waits for the handlers that are at work and
// returns nil. It makes the consumer, again if somebody deletes it, and waits for a stream that does not exist yet.
//
// The handler's result settles a message: nil acknowledges it; a fault.Invalid gives it up, since redelivery cannot mend
// it; any other error has it delivered again after a pause. After ten deliveries it is given up too. A message that is given
// up goes to the stream DEAD with the reason in its headers. When a handler fails because ctx ended, the message goes to
// another instance at once.
func (b *Bus) Consume(ctx context.Context, cfg ConsumerConfig, handler func(context.Context, Msg) error) error {
	if cfg.Stream == "" || cfg.Name == "" {
		return errors.New("consume: both stream and name are needed")
	}
	cfg.Workers = cmp.Or(cfg.Workers, 1)
	cfg.AckWait = cmp.Or(cfg.AckWait, 30*time.Second)
	cfg.RetryDelay = cmp.Or(cfg.RetryDelay, time.Second)
	w := worker{bus: b, cfg: cfg, handler: handler}
	var failing bool
	for ctx.Err() == nil {
		err := w.consume(ctx, func() { failing = false })
		if ctx.Err() != nil {
			break
		}
		if !failing { // one line for each trouble, not for each attempt
			level := slog.LevelWarn
			if errors.Is(err, jetstream.ErrStreamNotFound) { // on a new system its owner is about to make it
				level = slog.LevelInfo
			}
			b.log.Log(ctx, level, "consumer is not available", "stream", cfg.Stream, "consumer", cfg.Name, "err", err)
			failing = true
		}
		_ = app.Sleep(ctx, time.Second) // the loop looks at ctx
	}
	return nil
}

// consume makes the consumer and works on its messages until one of the workers meets an error that only a fresh consumer
// may mend. It calls well whenever the server has answered.
func (w *worker) consume(ctx context.Context, well func()) error {
	consumer, err := w.bus.js.CreateOrUpdateConsumer(ctx, w.cfg.Stream, jetstream.ConsumerConfig{
		Durable:        w.cfg.Name,
		FilterSubjects: w.cfg.Filters,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        w.cfg.AckWait,
		// The worker counts, not the server: a message that the server no longer delivers would stay in a work queue for ever.
		MaxDeliver: -1,
	})
	if err != nil {
		return fmt.Errorf("create consumer %s of stream %s: %w", w.cfg.Name, w.cfg.Stream, err)
	}
	well()
	// Handlers get ctx, not that of the group: the trouble of one worker's fetch does not concern the others' messages.
	g, fetching := errgroup.WithContext(ctx)
	for range w.cfg.Workers {
		g.Go(func() error {
			for fetching.Err() == nil {
				if err := w.next(ctx, fetching, consumer); err != nil {
					return err
				}
			}
			return fetching.Err()
		})
	}
	return g.Wait()
}

// next waits for one message, for half a minute at most, and works on it. One at a time: a message that waits here for its
// turn could be handled by another instance.
func (w *worker) next(ctx, fetching context.Context, consumer jetstream.Consumer) error {
	batch, err := consumer.Fetch(1, jetstream.FetchContext(fetching))
	if err != nil {
		return fmt.Errorf("fetch from consumer %s of stream %s: %w", w.cfg.Name, w.cfg.Stream, err)
	}
	for m := range batch.Messages() {
		w.work(ctx, m)
	}
	if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
		return fmt.Errorf("fetch from consumer %s of stream %s: %w", w.cfg.Name, w.cfg.Stream, err)
	}
	return nil
}
