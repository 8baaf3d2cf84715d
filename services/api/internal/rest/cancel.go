package rest

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// cancelled is the answer to who cancels a job, with the keys of the plugin.
type cancelled struct {
	OK     bool   `json:"ok"`
	JobID  int32  `json:"job_id"`
	Status string `json:"status"`
	Detail string `json:"detail"`
}

// cancelAction ends a sync job.
func (a *API) cancelAction() action {
	return action{
		on: catalog.Jobs, name: "cancel", also: []string{"plugins/proxbox/jobs"}, needs: permission{to: resource.Delete}, doc: cancelDoc,
		handle: func(ctx context.Context, q *request, id int64) (response, error) {
			answer := cancelled{OK: true, JobID: int32(id), Detail: "Job has been cancelled."}
			var done syncjob.Cancelled
			err := postgres.InTx(ctx, a.Store.Pool, func(tx pgx.Tx) (err error) {
				if done, err = syncjob.Cancel(ctx, tx, answer.JobID, q.who.Username); err != nil {
					return err
				}
				return tx.QueryRow(ctx, "SELECT status FROM jobs WHERE id = $1", answer.JobID).Scan(&answer.Status)
			})
			switch {
			case fault.KindOf(err) == fault.NotFound: // removed this moment
				return response{}, a.Store.Set.Get(catalog.Jobs).NotFound()
			case err != nil:
				return response{}, fmt.Errorf("cancel job %d: %w", id, err)
			case done.Done:
				answer.Detail = "Job was already finished; no changes were made."
			default:
				a.jobCancelled(ctx, answer.JobID, done.Stopped)
			}
			return ok(encode(answer)), nil
		},
	}
}

// jobsChanged says that sync jobs are new or changed.
func (a *API) jobsChanged(ctx context.Context) {
	if a.JobsChanged != nil {
		a.JobsChanged(ctx)
	}
}

// jobCancelled says that a job was cancelled, and which runs need not go on.
func (a *API) jobCancelled(ctx context.Context, job int32, stopped []syncjob.Run) {
	if a.JobCancelled != nil {
		a.JobCancelled(ctx, job, stopped)
	}
	a.jobsChanged(ctx)
}
