// Package syncs starts and cancels the sync jobs that people ask for, with what they may do.
package syncs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
)

// Starter starts and cancels sync jobs.
type Starter struct {
	Store *resource.Store
	// JobsChanged is called after the commit that made or cancelled a job, and JobCancelled before it with the runs that need not go on. They must not
	// fail: they are hints. Nil: nobody cares.
	JobsChanged  func(ctx context.Context)
	JobCancelled func(ctx context.Context, job int32, stopped []syncjob.Run)
}

// Wanted is what somebody wants to be synchronised.
type Wanted struct {
	Types []string // as REST names them; none: all
	Name  string   // of the job; "": as it is made
}

// Target is an endpoint that may be synchronised.
type Target struct {
	ID      int32
	Name    string
	Enabled bool
}

// Choice returns the endpoints of a job in the transaction that makes it, none for all that are enabled, or what is wrong with the request.
type Choice func(ctx context.Context, tx pgx.Tx) ([]Target, error)

// Start makes a job for the actor and returns its id. Its error is that of the choice, resource.Errors if no endpoint is enabled, or
// resource.ErrForbidden if the actor may not make such a job.
func (s Starter) Start(ctx context.Context, actor resource.Actor, want Wanted, choose Choice) (id int32, err error) {
	jobs := s.Store.Set.Get(catalog.Jobs)
	err = postgres.InTx(ctx, s.Store.Pool, func(tx pgx.Tx) error {
		chosen, err := choose(ctx, tx)
		if err != nil {
			return err
		}
		kinds, err := syncjob.KindsOf(want.Types)
		if err != nil {
			return err
		}
		job := syncjob.New{Name: want.Name, Kinds: kinds, UserID: actor.Origin.UserID, UserName: actor.Origin.UserName, RequestID: actor.Origin.RequestID}
		if job.Name == "" {
			job.Name = NameOf(kinds, chosen)
		}
		for _, e := range chosen {
			job.Endpoints = append(job.Endpoints, e.ID)
		}
		if len(chosen) == 1 {
			job.ObjectType, job.ObjectID = change.ProxmoxEndpoint, chosen[0].ID
		}
		if id, err = syncjob.Create(ctx, tx, job); fault.KindOf(err) == fault.Invalid { // the last one was disabled this moment
			return NoneEnabled()
		}
		if err != nil {
			return err
		}
		return jobs.Recheck(ctx, tx, actor, resource.Add, int64(id))
	})
	if err != nil {
		return 0, fmt.Errorf("start a sync: %w", err)
	}
	s.changed(ctx)
	return id, nil
}

func (s Starter) changed(ctx context.Context) {
	if s.JobsChanged != nil {
		s.JobsChanged(ctx)
	}
}

// One chooses one endpoint, which the actor may view as was found out before. It is fault.NotFound if it is gone, and fault.Invalid if it is disabled.
func (s Starter) One(id int64) Choice {
	return func(ctx context.Context, tx pgx.Tx) ([]Target, error) {
		found, err := Targets(ctx, tx, []int64{id})
		switch {
		case err != nil:
			return nil, err
		case len(found) == 0:
			return nil, s.Store.Set.Get(catalog.Endpoints).NotFound()
		case !found[0].Enabled:
			return nil, fault.Wrap(fault.Invalid, resource.Detail(found[0].Refusal()), "start a sync")
		}
		return found, nil
	}
}

// All chooses all enabled endpoints that the actor may view: none at all if these are all there are.
func (s Starter) All(actor resource.Actor) Choice {
	return func(ctx context.Context, tx pgx.Tx) ([]Target, error) {
		ids, all, err := s.Store.Set.Get(catalog.Endpoints).Permitted(ctx, tx, actor, resource.View)
		if err != nil {
			return nil, err
		}
		found, err := targets(ctx, tx, all, ids)
		found = slices.DeleteFunc(found, func(e Target) bool { return !e.Enabled })
		switch {
		case err != nil:
			return nil, err
		case len(found) == 0:
			return nil, NoneEnabled()
		case all:
			return nil, nil
		}
		return found, nil
	}
}

// Targets returns the endpoints with these ids, in their order.
func Targets(ctx context.Context, tx pgx.Tx, ids []int64) ([]Target, error) {
	return targets(ctx, tx, false, ids)
}

func targets(ctx context.Context, tx pgx.Tx, everything bool, ids []int64) ([]Target, error) {
	rows, err := store.New(tx).SyncTargets(ctx, everything, ids)
	if err != nil {
		return nil, fmt.Errorf("look for endpoints to synchronise: %w", err)
	}
	found := make([]Target, len(rows))
	for i, row := range rows {
		found[i] = Target(row)
	}
	return found, nil
}

// Refusal says why an endpoint that is disabled is not synchronised.
func (e Target) Refusal() string { return "Endpoint " + e.Name + " is disabled: enable it first." }

// NoneEnabled refuses a sync of nothing.
func NoneEnabled() error {
	var wrong resource.Errors
	wrong.Add("endpoints", "There is no enabled endpoint that you may view.")
	return wrong.Err()
}

// NameOf says what a job does. No endpoints stand for all of them.
func NameOf(kinds []string, endpoints []Target) string {
	types := make([]string, len(kinds))
	for i, kind := range kinds {
		types[i] = syncjob.TypeOf(kind)
	}
	name := "Sync " + strings.Join(types, ", ")
	if slices.Equal(types, syncjob.Types()) {
		name = "Sync " + syncjob.All
	}
	switch len(endpoints) {
	case 0:
		return name
	case 1:
		return name + " of " + endpoints[0].Name
	}
	return fmt.Sprintf("%s of %d endpoints", name, len(endpoints))
}
