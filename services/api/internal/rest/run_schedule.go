package rest

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
)

// runScheduleAction begins a job of a schedule outside of its times. It takes permission to view the endpoints too, as writing the schedule does.
func (a *API) runScheduleAction() action {
	return action{
		on: catalog.SyncSchedules, name: "run", needs: permission{to: resource.Add, of: catalog.Jobs}, doc: runScheduleDoc,
		handle: func(ctx context.Context, q *request, id int64) (response, error) {
			var job int32
			err := postgres.InTx(ctx, a.Store.Pool, func(tx pgx.Tx) (err error) {
				actor := q.actor()
				by := syncjob.New{UserID: actor.Origin.UserID, UserName: actor.Origin.UserName, RequestID: q.id}
				switch job, err = syncjob.RunNow(ctx, tx, int32(id), by); fault.KindOf(err) {
				case fault.NotFound: // deleted this moment
					return a.Store.Set.Get(catalog.SyncSchedules).NotFound()
				case fault.Invalid:
					return noneEnabled()
				}
				if err != nil {
					return err
				}
				if err := a.reaches(ctx, tx, actor, job); err != nil {
					return err
				}
				return a.Store.Set.Get(catalog.Jobs).Recheck(ctx, tx, actor, resource.Add, int64(job))
			})
			if err != nil {
				return response{}, fmt.Errorf("run sync schedule %d: %w", id, err)
			}
			a.jobsChanged(ctx)
			return a.answerJob(ctx, q, job)
		},
	}
}

// reaches refuses a job on endpoints that the actor may not view.
func (a *API) reaches(ctx context.Context, tx pgx.Tx, actor resource.Actor, job int32) error {
	visible, everything, err := a.Store.Set.Get(catalog.Endpoints).Permitted(ctx, tx, actor, resource.View)
	if err != nil || everything {
		return err
	}
	var endpoints []int64
	if err := tx.QueryRow(ctx, "SELECT endpoint_ids::bigint[] FROM jobs WHERE id = $1", job).Scan(&endpoints); err != nil {
		return fmt.Errorf("read the endpoints of job %d: %w", job, err)
	}
	if len(endpoints) == 0 || slices.ContainsFunc(endpoints, func(id int64) bool { return !slices.Contains(visible, id) }) {
		return resource.ErrForbidden
	}
	return nil
}
