// Package schedule keeps the message schedules of JetStream, from which pollers get their ticks, as the database wants them.
package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
	"github.com/proxops/proxops/services/projector/internal/tick"
	"github.com/proxops/proxops/services/projector/internal/wake"
)

// Scheduler writes and removes schedules. Any number of them may run at once: none overwrites what another wrote since it looked.
type Scheduler struct {
	Pool *pgxpool.Pool
	Bus  *bus.Bus
	Log  *slog.Logger
	// Metrics is where the scheduler counts; nil: nowhere.
	Metrics prometheus.Registerer
	// Every is how often all schedules are compared. Default one minute.
	Every time.Duration

	schedules prometheus.Gauge
	written   *prometheus.CounterVec
	later     []entry // to be written, the next first
	failing   bool
}

// Run reconciles at the start, every minute, when the api says that endpoints changed, and when NATS is back after an interruption. It
// returns nil when ctx ends; everything else it rides out.
func (s *Scheduler) Run(ctx context.Context) error {
	s.defaults()
	return wake.Every(ctx, s.Bus, []string{subjects.ControlEndpoints}, s.Every, func(ctx context.Context, due bool) time.Time {
		err := s.Reconcile(ctx, due)
		switch {
		case err == nil:
			s.failing = false
		case ctx.Err() == nil && !s.failing: // when it begins, not at every attempt
			s.failing = true
			s.Log.ErrorContext(ctx, "schedules are not up to date", "err", err)
		}
		if len(s.later) == 0 {
			return time.Time{}
		}
		return s.later[0].at
	})
}

func (s *Scheduler) defaults() {
	if s.Every == 0 {
		s.Every = time.Minute
	}
	f := promauto.With(s.Metrics)
	s.schedules = f.NewGauge(prometheus.GaugeOpts{Name: "proxops_schedules", Help: "Endpoints that are read at an interval."})
	s.written = f.NewCounterVec(prometheus.CounterOpts{
		Name: "proxops_schedule_changes_total", Help: "Schedules that this instance wrote or removed.",
	}, []string{"change"})
}

// Reconcile writes the schedules whose time has come, and if due compares all of them first, and removes those that are not wanted. It also
// makes streams that are gone, as those that consume only wait for them.
func (s *Scheduler) Reconcile(ctx context.Context, due bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if due {
		if err := s.compare(ctx); err != nil {
			return err
		}
	}
	now := time.Now()
	n := 0
	for n < len(s.later) && !s.later[n].at.After(now) {
		n++
	}
	ready := s.later[:n]
	s.later = s.later[n:]
	for batch := range slices.Chunk(ready, writeAtOnce) {
		if err := s.write(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// compare finds out which schedules are to be written, and when, and removes those that are not wanted.
func (s *Scheduler) compare(ctx context.Context) error {
	if err := tick.EnsureStreams(ctx, s.Bus, s.Log); err != nil {
		return err
	}
	// The stream first: who reads the database later knows better what is wanted than whoever wrote what is there.
	has, err := tick.Stored(ctx, s.Bus.JetStream(), subjects.AllSchedules)
	if err != nil {
		return err
	}
	rows, err := store.New(s.Pool).ScheduleWanted(ctx)
	if err != nil {
		return fmt.Errorf("read which endpoints are to be scheduled: %w", err)
	}
	s.schedules.Set(float64(len(rows)))
	s.later = s.later[:0]
	now := time.Now()
	for _, row := range rows {
		if !subjects.ValidSite(row.Site) {
			s.Log.ErrorContext(ctx, "endpoint has no valid site, it is not scheduled", "endpoint_id", row.ID, "site", row.Site)
			continue
		}
		want, err := newEntry(row)
		if err != nil {
			return err
		}
		want.replaces = has[want.subject]
		delete(has, want.subject)
		if !same(want.replaces, want) {
			want.at = want.start(now)
			s.later = append(s.later, want)
		}
	}
	slices.SortFunc(s.later, func(a, b entry) int { return a.at.Compare(b.at) })
	for _, gone := range has {
		if err := s.remove(ctx, gone); err != nil {
			return err
		}
	}
	return nil
}
