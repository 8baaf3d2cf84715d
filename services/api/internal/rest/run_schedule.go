package rest

import (
	"context"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// runScheduleAction begins a job of a schedule outside of its times.
func (a *API) runScheduleAction() action {
	return action{
		on: catalog.SyncSchedules, name: "run", needs: permission{to: resource.Add, of: catalog.Jobs}, doc: runScheduleDoc,
		handle: func(ctx context.Context, q *request, id int64) (response, error) {
			job, err := a.Syncs().RunSchedule(ctx, q.actor(), id)
			if err != nil {
				return response{}, err
			}
			return a.answerJob(ctx, q, job)
		},
	}
}
