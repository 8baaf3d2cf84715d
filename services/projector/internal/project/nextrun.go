package project

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/proxops/proxops/libs/calendar"
	"github.com/proxops/proxops/services/projector/internal/store"
)

// location is the first of the zones that is named and known, else UTC.
func location(names ...string) *time.Location {
	for _, name := range names {
		if name == "" || name == "Local" {
			continue
		}
		if loc, err := time.LoadLocation(name); err == nil {
			return loc
		}
	}
	return time.UTC
}

// calendars remembers schedules, as the jobs of an endpoint share a few of them. The zero Event stands for what is no schedule.
type calendars map[string]calendar.Event

func (c calendars) get(schedule string) calendar.Event {
	e, ok := c[schedule]
	if !ok {
		e, _ = calendar.ParseAny(schedule) // never runs if it is none
		c[schedule] = e
	}
	return e
}

// nextRun is what Proxmox says or, where it says nothing, what follows from the schedule in the zone of the endpoint; nil while disabled.
func (r *run) nextRun(enabled bool, told *timestamppb.Timestamp, schedule string) *time.Time {
	if !enabled {
		return nil
	}
	if told != nil && told.IsValid() {
		t := told.AsTime()
		return &t
	}
	next, ok := r.calendar.get(schedule).Next(r.now.In(r.zone))
	if !ok {
		return nil
	}
	next = next.UTC()
	return &next
}

// renewNextRuns writes the next runs that are due since Proxmox told them. They are no part of the content: a job whose next run moves on
// has not changed.
func (r *run) renewNextRuns(ctx context.Context) error {
	passed, err := r.q.RoutinePassed(ctx, r.endpoint, r.now)
	if err != nil {
		return fmt.Errorf("list the next runs that have passed: %w", err)
	}
	if len(passed) == 0 {
		return nil
	}
	byKey := make(map[string]*time.Time, len(r.snapshot.GetBackupRoutines()))
	for _, j := range r.snapshot.GetBackupRoutines() {
		byKey[text(j.GetJobId())] = r.nextRun(j.GetEnabled(), j.GetNextRun(), text(j.GetSchedule()))
	}
	var renewed []store.RoutineNextRunParams
	for _, row := range passed {
		next, ok := byKey[row.JobID]
		if ok && (next == nil || !next.Equal(*row.NextRun)) {
			renewed = append(renewed, store.RoutineNextRunParams{ID: row.ID, NextRun: next})
		}
	}
	return r.setNextRuns(ctx, renewed)
}

// recomputeNextRuns follows a change of the endpoint's time zone, for the routines of which Proxmox tells no next run.
func (r *run) recomputeNextRuns(ctx context.Context) error {
	rows, err := r.q.RoutineComputed(ctx, r.endpoint)
	if err != nil {
		return fmt.Errorf("list the routines whose next run is computed: %w", err)
	}
	renewed := make([]store.RoutineNextRunParams, len(rows))
	for i, row := range rows {
		renewed[i] = store.RoutineNextRunParams{ID: row.ID, NextRun: r.nextRun(true, nil, row.Schedule)}
	}
	return r.setNextRuns(ctx, renewed)
}

func (r *run) setNextRuns(ctx context.Context, renewed []store.RoutineNextRunParams) error {
	if len(renewed) == 0 {
		return nil
	}
	var failed error
	r.q.RoutineNextRun(ctx, renewed).Exec(func(_ int, err error) { failed = first(failed, err) })
	if failed != nil {
		return fmt.Errorf("renew %d next runs: %w", len(renewed), failed)
	}
	return nil
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
