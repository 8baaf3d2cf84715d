package schedule

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/tick"
)

const (
	readAtOnce  = 1000
	writeAtOnce = 256
)

// read returns all schedules by subject, a thousand with each request.
func read(ctx context.Context, js jetstream.JetStream) (map[string]stored, error) {
	all := map[string]stored{}
	for next, more := uint64(1), true; more; {
		batch, err := jetstreamext.GetBatch(ctx, js, subjects.StreamTasks, readAtOnce,
			jetstreamext.GetBatchSeq(next), jetstreamext.GetBatchSubject(subjects.AllSchedules))
		if err != nil {
			return nil, err
		}
		n := 0
		for m, err := range batch {
			if errors.Is(err, jetstreamext.ErrNoMessages) {
				break
			}
			if err != nil {
				return nil, err
			}
			n, next = n+1, m.Sequence+1
			all[m.Subject] = stored{
				subject: m.Subject, target: m.Header.Get(jetstream.ScheduleTargetHeader), pattern: m.Header.Get(jetstream.ScheduleHeader),
				rollup: m.Header.Get(jetstream.ScheduleRollupHeader), data: m.Data, sequence: m.Sequence,
			}
		}
		more = n == readAtOnce
	}
	return all, nil
}

// write publishes schedules.
func (s *Scheduler) write(ctx context.Context, entries []entry) error {
	batch := tick.NewBatch(s.Bus.JetStream(), len(entries))
	for _, e := range entries {
		if err := s.forget(ctx, e); err != nil {
			return err
		}
		err := batch.Put(e.subject, e.data, e.replaces.sequence,
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
	if old := e.replaces.target; old != "" && old != e.target {
		return s.purge(ctx, old)
	}
	return nil
}

// remove takes a schedule away, and the tick that it may have left.
func (s *Scheduler) remove(ctx context.Context, gone stored) error {
	if err := s.purge(ctx, gone.subject); err != nil {
		return err
	}
	s.written.WithLabelValues("removed").Inc()
	if gone.target == "" {
		return nil
	}
	return s.purge(ctx, gone.target)
}

func (s *Scheduler) purge(ctx context.Context, subject string) error {
	stream, err := s.Bus.JetStream().Stream(ctx, subjects.StreamTasks)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(subject))
	}
	if err != nil {
		return fmt.Errorf("remove %s from stream %s: %w", subject, subjects.StreamTasks, err)
	}
	return nil
}
