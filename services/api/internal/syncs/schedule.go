package syncs

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
)

// RunSchedule begins a job of a schedule outside of its times, and returns its id. It takes permission to view the endpoints too, as writing the
// schedule does. The caller has seen that the actor may view the schedule.
func (s Starter) RunSchedule(ctx context.Context, actor resource.Actor, schedule int64) (job int32, err error) {
	err = postgres.InTx(ctx, s.Store.Pool, func(tx pgx.Tx) (err error) {
		by := syncjob.New{UserID: actor.Origin.UserID, UserName: actor.Origin.UserName, RequestID: actor.Origin.RequestID}
		switch job, err = syncjob.RunNow(ctx, tx, int32(schedule), by); fault.KindOf(err) {
		case fault.NotFound: // deleted this moment
			return s.Store.Set.Get(catalog.SyncSchedules).NotFound()
		case fault.Invalid:
			return NoneEnabled()
		}
		if err != nil {
			return err
		}
		if err := s.reaches(ctx, tx, actor, job); err != nil {
			return err
		}
		return s.Store.Set.Get(catalog.Jobs).Recheck(ctx, tx, actor, resource.Add, int64(job))
	})
	if err != nil {
		return 0, fmt.Errorf("run sync schedule %d: %w", schedule, err)
	}
	s.changed(ctx)
	return job, nil
}

// reaches refuses a job on endpoints that the actor may not view.
func (s Starter) reaches(ctx context.Context, tx pgx.Tx, actor resource.Actor, job int32) error {
	visible, everything, err := s.Store.Set.Get(catalog.Endpoints).Permitted(ctx, tx, actor, resource.View)
	if err != nil || everything {
		return err
	}
	endpoints, err := store.New(tx).SyncEndpoints(ctx, job)
	if err != nil {
		return fmt.Errorf("read the endpoints of job %d: %w", job, err)
	}
	if len(endpoints) == 0 || slices.ContainsFunc(endpoints, func(id int64) bool { return !slices.Contains(visible, id) }) {
		return resource.ErrForbidden
	}
	return nil
}
