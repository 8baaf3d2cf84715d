package tick

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/proto-events/subjects"
)

// Schedule is a message schedule as the stream TASKS has it; the zero Schedule is none.
type Schedule struct {
	Subject, Target, Pattern, Rollup string
	Data                             []byte
	Sequence                         uint64
}

const readAtOnce = 1000

// Stored returns the schedules of TASKS on a subject with wildcards, by their own subjects, a thousand with each request.
func Stored(ctx context.Context, js jetstream.JetStream, filter string) (map[string]Schedule, error) {
	all := map[string]Schedule{}
	for next, more := uint64(1), true; more; {
		batch, err := jetstreamext.GetBatch(ctx, js, subjects.StreamTasks, readAtOnce, jetstreamext.GetBatchSeq(next), jetstreamext.GetBatchSubject(filter))
		if err != nil {
			return nil, fmt.Errorf("read the schedules of stream %s: %w", subjects.StreamTasks, err)
		}
		n := 0
		for m, err := range batch {
			if errors.Is(err, jetstreamext.ErrNoMessages) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("read the schedules of stream %s: %w", subjects.StreamTasks, err)
			}
			n, next = n+1, m.Sequence+1
			all[m.Subject] = Schedule{
				Subject: m.Subject, Target: m.Header.Get(jetstream.ScheduleTargetHeader), Pattern: m.Header.Get(jetstream.ScheduleHeader),
				Rollup: m.Header.Get(jetstream.ScheduleRollupHeader), Data: m.Data, Sequence: m.Sequence,
			}
		}
		more = n == readAtOnce
	}
	return all, nil
}

// Purge removes what lies on a subject of TASKS.
func Purge(ctx context.Context, js jetstream.JetStream, subject string) error {
	stream, err := js.Stream(ctx, subjects.StreamTasks)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(subject))
	}
	if err != nil {
		return fmt.Errorf("remove %s from stream %s: %w", subject, subjects.StreamTasks, err)
	}
	return nil
}

// EnsureStreams makes streams that are gone, as those that consume only wait for them.
func EnsureStreams(ctx context.Context, b *bus.Bus, log *slog.Logger) error {
	names := b.JetStream().StreamNames(ctx)
	missing := map[string]bool{subjects.StreamTasks: true, subjects.StreamSnapshots: true, subjects.StreamDead: true}
	for name := range names.Name() {
		delete(missing, name)
	}
	if err := names.Err(); err != nil {
		return fmt.Errorf("list the streams: %w", err)
	}
	if len(missing) == 0 {
		return nil
	}
	log.WarnContext(ctx, "streams are missing and are made again", "streams", len(missing))
	return b.EnsureStreams(ctx)
}
