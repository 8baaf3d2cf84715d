package timer

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
	"github.com/proxops/proxops/services/projector/internal/tick"
	"github.com/proxops/proxops/services/projector/internal/wake"
)

// keep compares the message schedules with the database at the start, every minute, when schedules, jobs or endpoints are new or changed, and when
// NATS is back after an interruption. A schedule whose time passed before there could be a message for it begins its job at once.
func (t *Timer) keep(ctx context.Context) error {
	failing := false
	return wake.Every(ctx, t.Bus, []string{subjects.ControlJobs, subjects.ControlEndpoints}, t.Every, func(ctx context.Context, _ bool) time.Time {
		passed, err := t.Reconcile(ctx)
		for _, id := range passed {
			_ = t.Tick(ctx, id) // what fails is late soon
		}
		if err != nil && ctx.Err() == nil && !failing { // when it begins, not at every attempt
			t.Log.ErrorContext(ctx, "timers of sync schedules are not up to date", "err", err)
		}
		failing = err != nil
		return time.Time{}
	})
}

// Reconcile writes the message schedules that are missing or at another time, and removes those of schedules that do not run. It returns the
// schedules whose time has passed and for which no message waits. It also makes streams that are gone.
func (t *Timer) Reconcile(ctx context.Context) (passed []int32, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	js := t.Bus.JetStream()
	if err := tick.EnsureStreams(ctx, t.Bus, t.Log); err != nil {
		return nil, err
	}
	// The stream first: who reads the database later knows better what is wanted than whoever wrote what is there.
	has, err := tick.Stored(ctx, js, subjects.AllTimers)
	if err != nil {
		return nil, err
	}
	wanted, err := store.New(t.Pool).TimerWanted(ctx)
	if err != nil {
		return nil, fmt.Errorf("read when sync schedules run: %w", err)
	}
	batch := tick.NewBatch(js, len(wanted))
	for _, row := range wanted {
		subject, due := subjects.Timer(row.ID), subjects.Due(row.ID)
		was := has[subject]
		delete(has, subject)
		at := whole(row.NextRun)
		there := was.Pattern == pattern(at) && was.Target == due && was.Rollup == jetstream.MsgRollupSubject
		if !row.Ahead && !there {
			passed = append(passed, row.ID)
		}
		if !row.Ahead || there {
			continue
		}
		err := batch.Put(subject, nil, was.Sequence, jetstream.WithScheduleAt(at), jetstream.WithScheduleTarget(due), jetstream.WithScheduleRollup())
		if err != nil {
			return nil, fmt.Errorf("write timers of sync schedules: %w", err)
		}
	}
	if err := batch.Wait(ctx, func() {}); err != nil {
		return nil, fmt.Errorf("write timers of sync schedules: %w", err)
	}
	for subject := range has {
		if err := tick.Purge(ctx, js, subject); err != nil {
			return nil, err
		}
	}
	return passed, nil
}

// whole returns the first whole second that is not before a time: message schedules know no fractions, and one that fires too early is for nothing.
func whole(at time.Time) time.Time { return at.Add(time.Second - 1).Truncate(time.Second).UTC() }

// pattern is what the server has for a message schedule that fires once.
func pattern(at time.Time) string { return "@at " + at.Format(time.RFC3339) }
