package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/proto-events/subjects"
)

const (
	// askTimeout bounds what is asked of NATS and Postgres before events flow.
	askTimeout = 5 * time.Second
	// aheadEvents and aheadBytes are how much the server may send before it is taken.
	aheadEvents, aheadBytes = 500, 4 << 20
	// silence is how long the server says nothing before its consumer is taken for dead, half of it.
	silence = 5 * time.Second
	// outlived is after how long the server removes the consumer of a process that died.
	outlived = time.Minute
)

// follow keeps the ring up to date from one consumer, and makes another one when something is wrong with it.
func (h *Hub) follow(ctx context.Context) error {
	var created time.Time // of the stream that was seen last
	for ctx.Err() == nil {
		err := h.session(ctx, &created)
		if ctx.Err() != nil {
			break
		}
		h.complain(ctx, err)
		_ = app.Sleep(ctx, h.Retry) // the loop looks at ctx
	}
	return nil
}

var (
	errReconnected = errors.New("the connection was lost meanwhile")
	errMissed      = errors.New("messages were lost on their way")
)

// session follows the stream until it meets an error that a fresh consumer may mend. As messages are not acknowledged, the server's count of them
// shows whether one got lost.
func (h *Hub) session(ctx context.Context, created *time.Time) error {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	reconnects := h.Bus.Conn().Stats().Reconnects
	stream, err := h.Bus.JetStream().Stream(asking, subjects.StreamEvents)
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", subjects.StreamEvents, err)
	}
	info := stream.CachedInfo()
	if err := h.align(asking, info.State, *created != info.Created); err != nil {
		return err
	}
	*created = info.Created
	consumer, err := stream.CreateOrUpdateConsumer(asking, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: h.ring.view().high + 1,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: outlived,
	})
	if err != nil {
		return fmt.Errorf("create a consumer of stream %s: %w", subjects.StreamEvents, err)
	}
	defer h.remove(ctx, stream, consumer)
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(aheadEvents, aheadBytes), jetstream.PullHeartbeat(silence))
	if err != nil {
		return fmt.Errorf("take messages of stream %s: %w", subjects.StreamEvents, err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	h.content(ctx)
	for n := uint64(1); ; {
		m, err := messages.Next(jetstream.NextMaxWait(h.Retry))
		switch {
		case errors.Is(err, nats.ErrTimeout):
			if h.Bus.Conn().Stats().Reconnects != reconnects {
				return errReconnected
			}
			continue
		case err != nil:
			return fmt.Errorf("take messages of stream %s: %w", subjects.StreamEvents, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("read where a message of stream %s stands: %w", subjects.StreamEvents, err)
		}
		if meta.Sequence.Consumer != n {
			return errMissed
		}
		n++
		h.take(newEvent(meta.Sequence.Stream, m.Subject(), m.Data()))
	}
}

// take adds an event to the ring. One that it has, as the stream had lost it, is passed over.
func (h *Hub) take(e *Event) {
	high := h.ring.view().high
	if e.Sequence <= high {
		return
	}
	if e.Sequence > high+1 { // what lies between was removed: there is nothing left to wait for
		h.ring.begin(e.Sequence-1, false)
	}
	h.ring.add(e)
	h.metrics.events.Inc()
}

// align brings the ring in line with the stream. A stream that ends before the ring does, or was made anew, has lost what it held: as long as
// the database knows the same events at the same positions, the relay fills it again, and nobody has to know; else it tells another history.
func (h *Hub) align(ctx context.Context, state jetstream.StreamState, anew bool) error {
	v := h.ring.view()
	begin := max(state.FirstSeq, 1) - 1
	switch {
	case v.era == 0:
		h.ring.begin(max(begin, state.LastSeq-min(state.LastSeq, uint64(h.Recent))), true)
	case anew || state.LastSeq < v.high:
		same, err := h.same(ctx, v.high)
		if err != nil {
			return err
		}
		if !same {
			h.Log.ErrorContext(ctx, "events were lost for good, clients have to load everything again", "stream", subjects.StreamEvents, "stream_end", state.LastSeq, "last_event", v.high)
			h.ring.begin(state.LastSeq, true)
		}
	}
	if begin > h.ring.view().high {
		h.ring.begin(begin, false)
	}
	h.ring.seen(begin+1, state.LastSeq)
	return nil
}

// same says whether the database has the ring's last event where the ring has it.
func (h *Hub) same(ctx context.Context, high uint64) (bool, error) {
	p, err := h.queries.LivePosition(ctx, int64(high))
	if err != nil {
		return false, fmt.Errorf("read which change is at position %d: %w", high, err)
	}
	if last := h.ring.last(); last != nil && p.ChangeID != nil && last.Kind != "" {
		return last.Change == *p.ChangeID, nil
	}
	return p.LastPosition >= int64(high), nil
}

// remove takes a consumer away. One that cannot be reached goes by itself.
func (h *Hub) remove(ctx context.Context, stream jetstream.Stream, consumer jetstream.Consumer) {
	if !h.Bus.Conn().IsConnected() {
		return
	}
	// ctx may be done by now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = stream.DeleteConsumer(ctx, consumer.CachedInfo().Name)
}

// complain logs a trouble with the stream once, however often it is met again.
func (h *Hub) complain(ctx context.Context, err error) {
	text := err.Error()
	if text == h.said {
		return
	}
	h.said = text
	level := slog.LevelWarn
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, errReconnected) { // its owner is about to make it; NATS is back
		level = slog.LevelInfo
	}
	h.Log.Log(ctx, level, "events do not come in", "stream", subjects.StreamEvents, "err", err)
}

// content takes a complaint back.
func (h *Hub) content(ctx context.Context) {
	if h.said != "" {
		h.said = ""
		h.Log.InfoContext(ctx, "events come in again", "stream", subjects.StreamEvents)
	}
}
