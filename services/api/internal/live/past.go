package live

import (
	"context"
	"errors"
	"fmt"

	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/proto-events/subjects"
)

const (
	// maxReads bounds how many clients read from the stream at once; the others wait for their turn.
	maxReads = 8
	// readEvents and readBytes bound one reading, which is held until the client has it.
	readEvents, readBytes = 256, 256 << 10
)

// gone is the error of asking for events that the stream no longer has.
type gone struct{ first, last uint64 }

func (g gone) Error() string {
	return fmt.Sprintf("the stream begins at %d", g.first)
}

// past reads from the stream what follows a sequence, as far as the filter may pick it, up to and including another. It may be only a part: next is
// how far everything has been read. The error is gone if the stream no longer has what follows.
func (h *Hub) past(ctx context.Context, f *Filter, after, upto uint64) (events []*Event, next uint64, err error) {
	select {
	case h.reads <- struct{}{}:
		defer func() { <-h.reads }()
	case <-ctx.Done():
		return nil, after, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	h.metrics.read.Inc()
	stream, err := h.Bus.JetStream().Stream(ctx, subjects.StreamEvents)
	if err != nil {
		return nil, after, fault.Wrap(fault.Unavailable, err, "look at stream %s", subjects.StreamEvents)
	}
	before := stream.CachedInfo()
	switch state := before.State; {
	case after+1 < state.FirstSeq:
		return nil, after, gone{state.FirstSeq, state.LastSeq}
	case state.LastSeq < upto: // what it has lost is being published again
		return nil, after, fault.New(fault.Unavailable, "stream %s ends at %d, which is before %d", subjects.StreamEvents, state.LastSeq, upto)
	}
	events, next, err = h.read(ctx, f.subject(), after, upto)
	if err != nil {
		return nil, after, err
	}
	// Messages may have gone while others were read.
	info, err := stream.Info(ctx)
	switch {
	case err != nil:
		return nil, after, fault.Wrap(fault.Unavailable, err, "look at stream %s", subjects.StreamEvents)
	case info.Created != before.Created:
		return nil, after, fault.New(fault.Unavailable, "stream %s was made anew meanwhile", subjects.StreamEvents)
	case after+1 < info.State.FirstSeq:
		return nil, after, gone{info.State.FirstSeq, info.State.LastSeq}
	}
	return events, next, nil
}

// read gets one batch.
func (h *Hub) read(ctx context.Context, subject string, after, upto uint64) (events []*Event, next uint64, err error) {
	batch, err := jetstreamext.GetBatch(ctx, h.Bus.JetStream(), subjects.StreamEvents, readEvents,
		jetstreamext.GetBatchSeq(after+1), jetstreamext.GetBatchSubject(subject), jetstreamext.GetBatchMaxBytes(readBytes))
	if err != nil {
		return nil, after, fault.Wrap(fault.Unavailable, err, "read stream %s after %d", subjects.StreamEvents, after)
	}
	whole := subject == subjects.AllEvents
	next = after
	pending := ""
	for m, err := range batch {
		switch {
		case errors.Is(err, jetstreamext.ErrNoMessages) && !whole:
			return nil, upto, nil
		case err != nil:
			return nil, after, fault.Wrap(fault.Unavailable, err, "read stream %s after %d", subjects.StreamEvents, after)
		case m.Sequence > upto:
			return events, upto, nil
		case whole && m.Sequence != next+1: // of a replica that lags behind, as nothing is ever taken out of the middle
			return nil, after, fault.New(fault.Unavailable, "read stream %s: %d follows %d", subjects.StreamEvents, m.Sequence, next)
		}
		events, next, pending = append(events, newEvent(m.Sequence, m.Subject, m.Data)), m.Sequence, m.Header.Get(pendingHeader)
	}
	switch {
	case pending == "": // it ends without a word when its time is over
		return nil, after, fault.New(fault.Unavailable, "read stream %s after %d: no answer", subjects.StreamEvents, after)
	case pending == "0" && !whole:
		next = upto
	}
	return events, next, nil
}

// pendingHeader says how many messages are left after the one that carries it.
const pendingHeader = "Nats-Num-Pending"
