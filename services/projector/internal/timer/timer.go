// Package timer begins the jobs of sync schedules when their time comes.
//
// Postgres has the times. For each of them a message schedule in JetStream wakes one of the projectors. That is a hint, and may be lost: so each
// projector also looks for runs whose time has passed, first of all when it starts. A run that is late by more than Grace was missed: its schedule
// says whether it is made up for, once however many were missed, or skipped. Any number of projectors may run at once; whoever gets the row lock of
// the schedule first begins the job.
package timer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
	"github.com/proxops/proxops/services/projector/internal/syncs"
)

// Grace is how late a run may begin without having been missed.
const Grace = time.Minute

// Timer keeps the times of schedules. Any number of them may run at once.
type Timer struct {
	Pool *pgxpool.Pool
	Bus  *bus.Bus
	Log  *slog.Logger
	// Metrics is where runs are counted; nil: nowhere.
	Metrics prometheus.Registerer
	// Moved is told of jobs that began; nil: nobody is.
	Moved func(context.Context, syncs.Moved)
	// Every is how often the message schedules are compared with the database. Default one minute.
	Every time.Duration
	// Look is how often runs are looked for that no message announced. Default 5 s.
	Look time.Duration

	ticks *prometheus.CounterVec
}

// Run keeps the message schedules as the database wants them, and begins jobs, until ctx ends. It returns nil then; everything else it rides out.
func (t *Timer) Run(ctx context.Context) error {
	t.defaults()
	return app.Run(ctx, t.keep, t.listen, t.look)
}

func (t *Timer) defaults() {
	if t.Every == 0 {
		t.Every = time.Minute
	}
	if t.Look == 0 {
		t.Look = 5 * time.Second
	}
	t.ticks = promauto.With(t.Metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "proxops_sync_ticks_total", Help: "Runs of sync schedules: those that began a job, joined one that waited already, or were missed and skipped.",
	}, []string{"outcome"})
	for _, did := range []syncjob.Outcome{syncjob.Began, syncjob.Joined, syncjob.Skipped} {
		t.ticks.WithLabelValues(string(did))
	}
}

// listen ticks the schedules that messages name. It settles each of them: what cannot be done now is late soon.
func (t *Timer) listen(ctx context.Context) error {
	cfg := bus.ConsumerConfig{Stream: subjects.StreamTasks, Name: subjects.ConsumerDue, Filters: []string{subjects.AllDue}}
	return t.Bus.Consume(ctx, cfg, func(ctx context.Context, m bus.Msg) error {
		if id, ok := subjects.ParseDue(m.Subject); ok {
			_ = t.Tick(ctx, id)
		}
		return nil
	})
}

// look ticks the schedules that are late.
func (t *Timer) look(ctx context.Context) error {
	ticker := time.NewTicker(t.Look)
	defer ticker.Stop()
	failing := false
	for ctx.Err() == nil {
		err := t.Late(ctx)
		if err != nil && ctx.Err() == nil && !failing { // when it begins, not at every attempt
			t.Log.ErrorContext(ctx, "sync schedules cannot begin their jobs", "err", err)
		}
		failing = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// atOnce bounds how many schedules one look ticks, and tickTime how long each may take.
const (
	atOnce   = 500
	tickTime = 30 * time.Second
)

// Late ticks the schedules whose time passed without anybody noticing.
func (t *Timer) Late(ctx context.Context) error {
	ids, err := store.New(t.Pool).TimerLate(ctx, atOnce)
	if err != nil {
		return fmt.Errorf("look for runs of sync schedules that are late: %w", err)
	}
	var failed []error
	for _, id := range ids {
		failed = append(failed, t.Tick(ctx, id)) // one that cannot run does not hold up the others
	}
	return errors.Join(failed...)
}

// Tick begins the job of a schedule, if its time has come and nobody else did.
func (t *Timer) Tick(ctx context.Context, id int32) error {
	ctx, cancel := context.WithTimeout(ctx, tickTime)
	defer cancel()
	var job int32
	var did syncjob.Outcome
	err := postgres.InTx(ctx, t.Pool, func(tx pgx.Tx) error {
		now, err := store.New(tx).TimerClock(ctx)
		if err != nil {
			return err
		}
		job, did, err = syncjob.Tick(ctx, tx, id, now, Grace)
		return err
	})
	if err != nil {
		return fmt.Errorf("tick sync schedule %d: %w", id, err)
	}
	if did == syncjob.Nothing {
		return nil
	}
	t.ticks.WithLabelValues(string(did)).Inc()
	t.Log.InfoContext(ctx, "run of a sync schedule", "schedule_id", id, "outcome", string(did), "job_id", job)
	if did == syncjob.Began && t.Moved != nil {
		t.Moved(ctx, syncs.Moved{Jobs: []int32{job}, Waiting: true})
	}
	// All instances write the message of the next run.
	if err := t.Bus.Conn().Publish(subjects.ControlJobs, nil); err != nil {
		t.Log.WarnContext(ctx, "hint about a job was not sent", "subject", subjects.ControlJobs, "err", err)
	}
	return nil
}
