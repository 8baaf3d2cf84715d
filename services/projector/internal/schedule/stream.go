package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/proxops/proxops/proto-events/subjects"
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

// write publishes schedules. No trace goes with them: the server copies headers to every tick.
func (s *Scheduler) write(ctx context.Context, entries []entry) error {
	js := s.Bus.JetStream()
	acks := make([]jetstream.PubAckFuture, len(entries))
	for i, e := range entries {
		if err := s.forget(ctx, e); err != nil {
			return err
		}
		// Sync always makes the server slow to acknowledge, so the stall wait is long.
		ack, err := js.PublishMsgAsync(&nats.Msg{Subject: e.subject, Data: e.data},
			jetstream.WithScheduleCron(e.pattern), jetstream.WithScheduleTarget(e.target), jetstream.WithScheduleRollup(),
			jetstream.WithExpectLastSequencePerSubject(e.replaces.sequence), jetstream.WithStallWait(10*time.Second))
		if err != nil {
			return fmt.Errorf("write schedule %s: %w", e.subject, err)
		}
		acks[i] = ack
	}
	for i, ack := range acks {
		select {
		case <-ack.Ok():
			s.written.WithLabelValues("written").Inc()
		case err := <-ack.Err():
			if !wrongSequence(err) { // else another instance wrote it meanwhile
				return fmt.Errorf("write schedule %s: %w", entries[i].subject, err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
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

func wrongSequence(err error) bool {
	apiErr, ok := errors.AsType[*jetstream.APIError](err)
	return ok && apiErr.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}
