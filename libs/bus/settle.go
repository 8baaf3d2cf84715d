package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/proto-events/subjects"
)

// maxDeliveries is how often a message is tried.
const maxDeliveries = 10

// maxRetryDelay bounds the pause between two tries.
const maxRetryDelay = time.Minute

// Headers of a message in DEAD. The others it has are those it came with.
const (
	HeaderReason     = "Proxops-Reason"     // the last error, on one line
	HeaderKind       = "Proxops-Kind"       // the kind of it
	HeaderSubject    = "Proxops-Subject"    // where the message was
	HeaderStream     = "Proxops-Stream"     // in which stream
	HeaderSequence   = "Proxops-Sequence"   // at which place of it
	HeaderConsumer   = "Proxops-Consumer"   // who gave it up
	HeaderDeliveries = "Proxops-Deliveries" // after how many deliveries
)

// worker handles the messages of one consumer.
type worker struct {
	bus     *Bus
	cfg     ConsumerConfig
	handler func(context.Context, Msg) error
}

// work has one message handled, and settles it.
func (w *worker) work(ctx context.Context, jm jetstream.Msg) {
	meta, err := jm.Metadata()
	if err != nil {
		w.bus.log.ErrorContext(ctx, "message without metadata", "subject", jm.Subject(), "err", err)
		return // nothing can be said to the server about it
	}
	m := Msg{
		Subject: jm.Subject(), Data: jm.Data(), Header: jm.Headers(),
		Stream: meta.Stream, Consumer: meta.Consumer, Sequence: meta.Sequence.Stream,
		Deliveries: int(meta.NumDelivered),
		Published:  meta.Timestamp,
	}
	stop := w.keepAlive(ctx, jm)
	defer stop()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case m.Deliveries > maxDeliveries: // those who had it died, perhaps of it, or could not give it up
		err = fmt.Errorf("none of %d deliveries was settled", m.Deliveries-1)
	default:
		err = w.handle(ctx, m)
	}
	w.settle(ctx, jm, m, err)
}

// handle calls the handler, and makes an error of its panic: one bad message must not end the process again and again.
func (w *worker) handle(ctx context.Context, m Msg) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault.New(fault.Internal, "handler panicked: %v", r)
		}
	}()
	return w.handler(ctx, m)
}

// keepAlive tells the server that the message is being worked on, until stop is called.
func (w *worker) keepAlive(ctx context.Context, jm jetstream.Msg) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var beat sync.WaitGroup
	beat.Go(func() {
		tick := time.NewTicker(w.cfg.AckWait / 3)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = jm.InProgress() // the next one may get through
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); beat.Wait() }
}

// settle is the only place that says to the server what becomes of a message.
func (w *worker) settle(ctx context.Context, jm jetstream.Msg, m Msg, result error) {
	var err error
	switch {
	case result == nil:
		err = jm.Ack()
	case ctx.Err() != nil && fault.KindOf(result) != fault.Invalid:
		err = jm.Nak() // we are leaving: another instance may have it at once
	case fault.KindOf(result) == fault.Invalid, m.Deliveries >= maxDeliveries:
		err = w.giveUp(ctx, jm, m, result)
	default:
		w.bus.log.WarnContext(ctx, "message will be tried again", "subject", m.Subject, "stream", m.Stream, "sequence", m.Sequence,
			"deliveries", m.Deliveries, "err", result)
		err = jm.NakWithDelay(w.delay(m.Deliveries))
	}
	if err != nil { // the server will deliver it again
		w.bus.log.WarnContext(ctx, "message not settled", "subject", m.Subject, "stream", m.Stream, "sequence", m.Sequence, "err", err)
	}
}

// delay doubles with every delivery and differs by a fifth either way, so that those that failed together part.
func (w *worker) delay(deliveries int) time.Duration {
	d := maxRetryDelay
	if shift := max(0, deliveries-1); shift < 20 {
		d = min(d, w.cfg.RetryDelay<<shift)
	}
	return d - d/5 + rand.N(2*d/5+1)
}

// giveUp puts the message into DEAD and takes it out of the way. If that cannot be done now, it is tried again.
func (w *worker) giveUp(ctx context.Context, jm jetstream.Msg, m Msg, reason error) error {
	w.bus.log.ErrorContext(ctx, "message given up", "subject", m.Subject, "stream", m.Stream, "sequence", m.Sequence,
		"deliveries", m.Deliveries, "err", reason)
	// It is done even while ctx ends, but then not for long.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := errors.Join(w.tellOwner(ctx, m, reason), w.bury(ctx, m, reason)); err != nil {
		return errors.Join(err, jm.NakWithDelay(w.delay(m.Deliveries)))
	}
	return jm.TermWithReason(oneLine(reason.Error()))
}

func (w *worker) tellOwner(ctx context.Context, m Msg, reason error) error {
	if w.cfg.OnDead == nil {
		return nil
	}
	if err := w.cfg.OnDead(ctx, m, reason); err != nil {
		return fmt.Errorf("tell the owner of a message that it is given up: %w", err)
	}
	return nil
}

// bury publishes the message to DEAD, where its id keeps a second burial out. What came from DEAD itself is not put there
// again.
func (w *worker) bury(ctx context.Context, m Msg, reason error) error {
	if m.Stream == subjects.StreamDead {
		return nil
	}
	grave := &nats.Msg{Subject: subjects.Dead(m.Stream, m.Consumer), Data: m.Data, Header: nats.Header{}}
	maps.Copy(grave.Header, m.Header)
	// Nats-* headers are orders to the server: a schedule or an expected sequence must not be obeyed once more.
	maps.DeleteFunc(grave.Header, func(name string, _ []string) bool { return strings.HasPrefix(strings.ToLower(name), "nats-") })
	for name, value := range map[string]string{
		HeaderReason: oneLine(reason.Error()), HeaderKind: fault.KindOf(reason).String(), HeaderSubject: m.Subject,
		HeaderStream: m.Stream, HeaderSequence: strconv.FormatUint(m.Sequence, 10), HeaderConsumer: m.Consumer,
		HeaderDeliveries: strconv.Itoa(m.Deliveries),
	} {
		grave.Header.Set(name, value)
	}
	id := fmt.Sprintf("%s.%s.%d.%d", m.Stream, m.Consumer, m.Sequence, m.Published.UnixNano())
	if _, err := w.bus.js.PublishMsg(ctx, grave, jetstream.WithMsgID(id)); err != nil {
		return fmt.Errorf("publish to %s: %w", grave.Subject, err)
	}
	return nil
}
