// Package watch notices what nobody reports: claims that ran out in silence, and endpoints that are not read although they should be.
package watch

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

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
	"github.com/proxops/proxops/services/projector/internal/syncs"
	"github.com/proxops/proxops/services/projector/internal/tick"
	"github.com/proxops/proxops/services/projector/internal/wake"
)

// Watcher looks at the database for what should have happened. Any number of them may run at once.
type Watcher struct {
	Pool *pgxpool.Pool
	Bus  *bus.Bus
	Log  *slog.Logger
	// Metrics is where the watcher counts; nil: nowhere.
	Metrics prometheus.Registerer
	// Every is how often it looks. Default 10 s.
	Every time.Duration
	// Moved hears, after the commit, what became of sync jobs whose runs fell silent. Nil: nobody cares.
	Moved func(ctx context.Context, m syncs.Moved)

	silent, late prometheus.Counter
	failing      bool
}

// atOnce bounds what one transaction locks, and one look publishes.
const atOnce = 500

// Run looks at the start, every ten seconds, when the api says that endpoints changed, and when NATS is back after an interruption. It returns
// nil when ctx ends; everything else it rides out.
func (w *Watcher) Run(ctx context.Context) error {
	w.defaults()
	return wake.Every(ctx, w.Bus, []string{subjects.ControlEndpoints}, w.Every, func(ctx context.Context, _ bool) time.Time {
		err := errors.Join(w.Silent(ctx), w.Late(ctx))
		switch {
		case err == nil:
			w.failing = false
		case ctx.Err() == nil && !w.failing: // when it begins, not at every attempt
			w.failing = true
			w.Log.ErrorContext(ctx, "runs cannot be watched", "err", err)
		}
		return time.Time{}
	})
}

func (w *Watcher) defaults() {
	if w.Every == 0 {
		w.Every = 10 * time.Second
	}
	f := promauto.With(w.Metrics)
	w.silent = f.NewCounter(prometheus.CounterOpts{
		Name: "proxops_claims_expired_total", Help: "Claims that ran out because their poller went silent.",
	})
	w.late = f.NewCounter(prometheus.CounterOpts{
		Name: "proxops_late_tasks_total", Help: "Tasks published for endpoints that are new, or that no tick reached for two intervals.",
	})
}

// Silent fails the runs whose claim ran out before they brought a result.
func (w *Watcher) Silent(ctx context.Context) error {
	for {
		var locked int
		var failed []store.WatchFailRow
		var jobs []int32
		err := postgres.InTx(ctx, w.Pool, func(tx pgx.Tx) error {
			q := store.New(tx)
			ids, err := q.WatchSilent(ctx, atOnce)
			if locked = len(ids); err != nil || locked == 0 {
				return err
			}
			if failed, err = q.WatchFail(ctx, ids); err != nil {
				return err
			}
			jobs, err = syncs.Silent(ctx, tx, ids...)
			return err
		})
		if err != nil {
			return fmt.Errorf("fail the runs of pollers that went silent: %w", err)
		}
		for _, f := range failed {
			w.silent.Inc()
			w.Log.WarnContext(ctx, "claim ran out", "endpoint_id", f.EndpointID, "poller", f.ClaimedBy, "kinds", f.ClaimPending)
		}
		if w.Moved != nil { // whose endpoint they wait for, the next look at the queue finds out
			w.Moved(ctx, syncs.Moved{Jobs: jobs})
		}
		if locked < atOnce {
			return nil
		}
	}
}

// Late puts a task on the queue for every endpoint that is new, or was not read for two intervals, unless one waits there already: then it is
// the pollers that are late, and more tasks would not help.
func (w *Watcher) Late(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	rows, err := store.New(w.Pool).WatchLate(ctx, atOnce)
	if err != nil {
		return fmt.Errorf("look for endpoints that were not read in time: %w", err)
	}
	batch := tick.NewBatch(w.Bus.JetStream(), len(rows))
	for _, row := range rows {
		if !subjects.ValidSite(row.Site) {
			continue // the scheduler says so
		}
		subject, data, err := tick.Task(row.Site, int64(row.ID))
		if err != nil {
			return err
		}
		if err := batch.Put(subject, data, 0); err != nil {
			return fmt.Errorf("put late tasks on the queue: %w", err)
		}
	}
	if err := batch.Wait(ctx, w.late.Inc); err != nil {
		return fmt.Errorf("put late tasks on the queue: %w", err)
	}
	return nil
}
