// Package wake calls a function at a steady pace, and at once when something that it looks at may have changed.
package wake

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/bus"
)

// rest is the least time between two calls.
const rest = time.Second

// Every calls fn now, at every interval, when a message on one of the subjects hints at a change, and when NATS is connected again: then due is
// true. It also calls it at the time that fn asked for with its last result, if that is not zero; but never more often than once a second. It
// returns nil when ctx ends.
func Every(ctx context.Context, b *bus.Bus, hints []string, interval time.Duration, fn func(ctx context.Context, due bool) (next time.Time)) error {
	nc := b.Conn()
	changed := make(chan struct{}, 1) // more than one are as good as one
	for _, subject := range hints {
		sub, err := nc.Subscribe(subject, func(*nats.Msg) {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", subject, err)
		}
		defer func() { _ = sub.Unsubscribe() }()
	}
	connected := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(connected)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for due := true; ctx.Err() == nil; {
		next := fn(ctx, due)
		_ = app.Sleep(ctx, rest) // the end of ctx is seen below
		asked, stop := at(next)
		select {
		case <-tick.C:
			due = true
		case <-changed:
			due = true
		case <-connected:
			due = true
		case <-asked:
			due = false
		case <-ctx.Done():
		}
		stop()
	}
	return nil
}

// at returns a channel that fires at a time, or never if that is zero.
func at(t time.Time) (<-chan time.Time, func() bool) {
	if t.IsZero() {
		return nil, func() bool { return false }
	}
	timer := time.NewTimer(time.Until(t))
	return timer.C, timer.Stop
}
