package schedule

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/services/projector/internal/tick"
)

const writeAtOnce = 256

// write publishes schedules.
func (s *Scheduler) write(ctx context.Context, entries []entry) error {
	batch := tick.NewBatch(s.Bus.JetStream(), len(entries))
	for _, e := range entries {
		if err := s.forget(ctx, e); err != nil {
			return err
		}
		err := batch.Put(e.subject, e.data, e.replaces.Sequence,
			jetstream.WithScheduleCron(e.pattern), jetstream.WithScheduleTarget(e.target), jetstream.WithScheduleRollup())
		if err != nil {
			return fmt.Errorf("write %d schedules: %w", len(entries), err)
		}
	}
	if err := batch.Wait(ctx, s.written.WithLabelValues("written").Inc); err != nil {
		return fmt.Errorf("write %d schedules: %w", len(entries), err)
	}
	return nil
}

// forget removes the tick that waits at the old target of an endpoint that moved to another site: nobody there may take it.
func (s *Scheduler) forget(ctx context.Context, e entry) error {
	if old := e.replaces.Target; old != "" && old != e.target {
		return tick.Purge(ctx, s.Bus.JetStream(), old)
	}
	return nil
}

// remove takes a schedule away, and the tick that it may have left.
func (s *Scheduler) remove(ctx context.Context, gone tick.Schedule) error {
	if err := tick.Purge(ctx, s.Bus.JetStream(), gone.Subject); err != nil {
		return err
	}
	s.written.WithLabelValues("removed").Inc()
	if gone.Target == "" {
		return nil
	}
	return tick.Purge(ctx, s.Bus.JetStream(), gone.Target)
}
