package syncs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
	"github.com/proxops/proxops/services/projector/internal/tick"
)

// Keeper puts tasks of sync jobs on the queue, ends jobs, and forgets old ones. Any number of them may run at once. What others tell it only makes
// it faster: it looks for everything by itself, too.
type Keeper struct {
	Pool *pgxpool.Pool
	Bus  *bus.Bus
	Log  *slog.Logger
	// Metrics is where it counts; nil: nowhere.
	Metrics prometheus.Registerer
	// Every is how often it looks by itself. Default 5 s.
	Every time.Duration
	// Patience is how long a job waits for a site of which no poller begins any run. Default 10 minutes.
	Patience time.Duration
	// Retention is how long a job is kept after its end; zero: for ever.
	Retention time.Duration

	tasks   prometheus.Counter
	ended   *prometheus.CounterVec
	failing bool
}

const (
	// again is when a task that nobody took is put on the queue once more, if it is lost.
	again = 30 * time.Second
	// forgetAtOnce bounds what one look deletes.
	forgetAtOnce = 200
	// patience bounds one look.
	patience = time.Minute
)

// Prepare registers the metrics. It is called once, before everything else.
func (k *Keeper) Prepare() {
	if k.Every == 0 {
		k.Every = 5 * time.Second
	}
	if k.Patience == 0 {
		k.Patience = 10 * time.Minute
	}
	f := promauto.With(k.Metrics)
	k.tasks = f.NewCounter(prometheus.CounterOpts{Name: "proxops_sync_tasks_total", Help: "Tasks of sync jobs that were put on the queue."})
	k.ended = f.NewCounterVec(prometheus.CounterOpts{Name: "proxops_sync_jobs_total", Help: "Sync jobs that ended, by what came out."}, []string{"status"})
}

// Run looks at the start, every few seconds, when the api says that jobs are new or changed, and when NATS is back after an interruption. It
// returns nil when ctx ends; everything else it rides out.
func (k *Keeper) Run(ctx context.Context) error {
	nc := k.Bus.Conn()
	asked := make(chan struct{}, 1) // more than one are as good as one
	sub, err := nc.QueueSubscribe(subjects.ControlJobs, subjects.QueueProjector, func(*nats.Msg) {
		select {
		case asked <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", subjects.ControlJobs, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	connected := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(connected)
	tick := time.NewTicker(k.Every)
	defer tick.Stop()
	k.look(ctx, k.Mend)
	for {
		select {
		case <-asked:
			k.look(ctx, func(ctx context.Context) error { return k.dispatch(ctx, 0) })
		case <-connected:
			k.look(ctx, k.Mend)
		case <-tick.C:
			k.look(ctx, k.Mend)
		case <-ctx.Done():
			return nil
		}
	}
}

func (k *Keeper) look(ctx context.Context, fn func(context.Context) error) {
	looking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := fn(looking)
	switch {
	case err == nil:
		k.failing = false
	case ctx.Err() == nil && !k.failing: // when it begins, not at every attempt
		k.failing = true
		k.Log.ErrorContext(ctx, "sync jobs do not go on", "err", err)
	}
}

// Mend does all that nobody asked for, or was not there to do: it puts tasks on the queue, fails what nobody will ever take, ends jobs and forgets
// old ones.
func (k *Keeper) Mend(ctx context.Context) error {
	return errors.Join(k.dispatch(ctx, 0), k.forsaken(ctx), k.done(ctx), k.forget(ctx))
}

// Tell does what follows from a committed transaction: it ends jobs, tells their progress, and has the next run begin. Its errors are logged: the
// next look mends what they left.
func (k *Keeper) Tell(ctx context.Context, m Moved) {
	if len(m.Jobs) == 0 && !m.Waiting {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := k.close(ctx, m.Jobs)
	for _, job := range m.Jobs {
		k.progress(job, m.Endpoint)
	}
	if m.Waiting {
		err = errors.Join(err, k.dispatch(ctx, m.Endpoint))
	}
	if err != nil {
		k.Log.WarnContext(ctx, "sync jobs go on later", "endpoint_id", m.Endpoint, "jobs", m.Jobs, "err", err)
	}
}

// progress is a hint that a job moved on. Whoever misses it reads it from Postgres later.
func (k *Keeper) progress(job, endpoint int32) {
	_ = k.Bus.Conn().Publish(subjects.Progress(job, endpoint), nil)
}

// dispatch puts a task on the queue for each endpoint that jobs wait for, or for one endpoint alone. A task too many is refused by its claim.
func (k *Keeper) dispatch(ctx context.Context, alone int32) error {
	rows, err := store.New(k.Pool).JobPartsQueue(ctx, alone, again)
	if err != nil {
		return fmt.Errorf("look for what sync jobs wait for: %w", err)
	}
	batch := tick.NewBatch(k.Bus.JetStream(), len(rows))
	for _, row := range rows {
		if !subjects.ValidSite(row.Site) {
			continue // the scheduler says so
		}
		data, err := bus.Encode(&proxopsv1.Task{EndpointId: int64(row.ID), Trigger: proxopsv1.Trigger_TRIGGER_MANUAL, JobId: row.JobID.String()})
		if err != nil {
			return fmt.Errorf("make a task of endpoint %d: %w", row.ID, err)
		}
		subject := subjects.Task(proxopsv1.Trigger_TRIGGER_MANUAL, row.Site, int64(row.ID))
		if row.Repeated { // the task before it may wait there still: then it is the pollers that are late, and more tasks would only pile up
			err = batch.Put(subject, data, 0)
		} else {
			err = batch.Add(subject, data)
		}
		if err != nil {
			return fmt.Errorf("put tasks of sync jobs on the queue: %w", err)
		}
	}
	if err := batch.Wait(ctx, k.tasks.Inc); err != nil {
		return fmt.Errorf("put tasks of sync jobs on the queue: %w", err)
	}
	return nil
}

// forsaken fails parts of endpoints that are gone, and of sites without pollers.
func (k *Keeper) forsaken(ctx context.Context) error {
	var rows []store.JobPartsForsakenRow
	err := postgres.InTx(ctx, k.Pool, func(tx pgx.Tx) (err error) {
		if rows, err = store.New(tx).JobPartsForsaken(ctx, k.Patience.String(), k.Patience); err != nil {
			return err
		}
		lines := make([]syncjob.Entry, len(rows))
		for i, r := range rows {
			lines[i] = syncjob.Entry{Job: r.JobID, Level: "error", Message: fmt.Sprintf("%s: %s not read: %s", r.EndpointName, syncjob.TypeOf(r.Kind), r.ErrorText)}
		}
		return syncjob.Log(ctx, tx, lines...)
	})
	if err != nil {
		return fmt.Errorf("fail what no poller takes: %w", err)
	}
	parts := make([]part, len(rows))
	for i, r := range rows {
		parts[i] = part{job: r.JobID}
	}
	if err := k.close(ctx, jobsOf(parts)); err != nil {
		return err
	}
	for _, r := range rows {
		k.progress(r.JobID, r.EndpointID)
	}
	return nil
}

// done ends jobs whose last part was settled by somebody who did not get to end them.
func (k *Keeper) done(ctx context.Context) error {
	ids, err := store.New(k.Pool).JobsDone(ctx)
	if err != nil {
		return fmt.Errorf("look for sync jobs that are done: %w", err)
	}
	if err := k.close(ctx, ids); err != nil {
		return err
	}
	for _, id := range ids {
		k.progress(id, 0)
	}
	return nil
}

func (k *Keeper) close(ctx context.Context, ids []int32) error {
	if len(ids) == 0 {
		return nil
	}
	var ended []syncjob.Ended
	err := postgres.InTx(ctx, k.Pool, func(tx pgx.Tx) (err error) {
		ended, err = syncjob.Close(ctx, tx, ids)
		return err
	})
	if err != nil {
		return err
	}
	for _, e := range ended {
		k.ended.WithLabelValues(e.Status).Inc()
		k.Log.InfoContext(ctx, "sync job ended", "job", e.ID, "status", e.Status, "error", e.Error)
	}
	return nil
}

// forget deletes jobs that ended long ago.
func (k *Keeper) forget(ctx context.Context) error {
	if k.Retention <= 0 {
		return nil
	}
	if _, err := store.New(k.Pool).JobsForget(ctx, k.Retention, forgetAtOnce); err != nil {
		return fmt.Errorf("forget old sync jobs: %w", err)
	}
	return nil
}
