package live

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Viewer says what somebody may see.
type Viewer interface {
	// See returns those of the events that they may see, in their order. It may change the list.
	See(ctx context.Context, events []*Event) ([]*Event, error)
}

// Listener is a client who asks for events.
type Listener struct {
	Filter Filter
	After  *uint64 // the sequence that they have; nil: from now on
	Viewer Viewer
	// Renew finds out again who they are; a refusal, which is fault.Denied, ends the stream.
	Renew func(context.Context) (Viewer, error)
}

// Events returns what sends events until the client leaves or the server stops. The error comes before anything is sent.
func (h *Hub) Events(ctx context.Context, l Listener) (send func(http.ResponseWriter), err error) {
	c := &listener{Listener: l, hub: h}
	id := ""
	if l.After != nil {
		c.cursor = *l.After
	} else {
		if c.cursor, err = h.now(ctx); err != nil {
			return nil, err
		}
		// Without an event a client would not know where to go on when the connection breaks.
		id, c.told = idLine(c.cursor), c.cursor
	}
	leave, err := h.Enter()
	if err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter) {
		defer leave()
		c.stream = stream{Hub: h, w: w, renew: c.renew, step: c.step, wake: h.ring.wait, beat: c.beat}
		c.stream.run(ctx, id)
	}, nil
}

// now is where the stream ends. While it has not been seen, what was published before is known from the database.
func (h *Hub) now(ctx context.Context) (uint64, error) {
	if v := h.ring.view(); v.era > 0 {
		return v.now(), nil
	}
	p, err := h.queries.LivePosition(ctx, 0)
	if err != nil {
		return 0, fmt.Errorf("read how far events are published: %w", err)
	}
	return uint64(p.PublishedPosition), nil
}

// listener is a client at a position of the stream. It has no queue: what it has not got yet is in the ring, or in the stream itself.
type listener struct {
	Listener
	stream stream
	hub    *Hub

	cursor uint64 // the sequence up to which everything is sent, or is not for them
	told   uint64 // as far as the client knows
	era    int    // of the cursor; 0: it is not known whether there is such a position
}

// atOnce bounds how many events one step takes from the ring.
const atOnce = 64

func (c *listener) renew(ctx context.Context) (err error) {
	c.Viewer, err = c.Renew(ctx)
	return err
}

// beat tells a client who gets few of the events where to go on.
func (c *listener) beat() string {
	if c.told == c.cursor {
		return ""
	}
	c.told = c.cursor
	return idLine(c.cursor)
}

// step sends the next events.
func (c *listener) step(ctx context.Context) (next time.Duration, err error) {
	v := c.hub.ring.view()
	switch {
	case v.era == 0: // nothing is known yet
		return never, nil
	case c.era == 0:
		return 0, c.enter(ctx, v)
	case c.era != v.era:
		return 0, c.reset(v.now(), gone{v.first, v.now()}, v.era, "the events were lost, and others have taken their numbers")
	case c.cursor < v.low:
		return 0, c.catchUp(ctx, v)
	case c.cursor >= v.high:
		return never, nil
	}
	events := c.hub.ring.after(make([]*Event, 0, atOnce), c.cursor, once)
	if len(events) == 0 { // the ring has moved on
		return 0, nil
	}
	return 0, c.pass(ctx, events, events[len(events)-1].Sequence)
}

// enter checks that the position exists. One that the stream does not have yet may be one that it had: the relay publishes it again.
func (c *listener) enter(ctx context.Context, v view) error {
	if c.cursor > v.now() {
		p, err := c.hub.queries.LivePosition(ctx, 0)
		if err != nil {
			return fmt.Errorf("read how far events go: %w", err)
		}
		if c.cursor > uint64(p.LastPosition) {
			return c.reset(v.now(), gone{v.first, v.now()}, v.era, "there is no such event: they were lost, or are those of another installation")
		}
	}
	c.era = v.era
	return nil
}

// catchUp sends what is no longer in the ring from the stream.
func (c *listener) catchUp(ctx context.Context, v view) error {
	events, next, err := c.hub.past(ctx, &c.Filter, c.cursor, v.low)
	if g, ok := errors.AsType[gone](err); ok {
		return c.reset(g.first-1, g, v.era, "the events that follow are no longer kept")
	}
	if err != nil {
		return err
	}
	return c.pass(ctx, events, next)
}

// pass sends those of the events that the client asked for and may see. Next is how far it is then.
func (c *listener) pass(ctx context.Context, events []*Event, next uint64) error {
	wanted := events[:0]
	for _, e := range events {
		if c.Filter.match(e) {
			wanted = append(wanted, e)
		}
	}
	if len(wanted) > 0 {
		seen, err := c.Viewer.See(ctx, wanted)
		if err != nil {
			return err
		}
		frames := make([][]byte, len(seen))
		for i, e := range seen {
			frames[i] = e.frame
		}
		if len(frames) > 0 {
			if err := c.stream.send(frames...); err != nil {
				return err
			}
			c.told = seen[len(seen)-1].Sequence
		}
	}
	c.cursor = next
	return nil
}

// reset tells the client that it lacks events which nobody has any more, so it must load everything again, and goes on after a sequence.
func (c *listener) reset(after uint64, g gone, era int, reason string) error {
	c.hub.metrics.resets.Inc()
	c.cursor, c.told, c.era = after, after, era
	return c.stream.send(frame("reset", idLine(after), map[string]any{"first": g.first, "last": g.last, "reason": reason}))
}
