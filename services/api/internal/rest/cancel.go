package rest

import (
	"context"

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
			status, done, err := a.Syncs().Cancel(ctx, id, q.who.Username)
			if err != nil {
				return response{}, err
			}
			answer := cancelled{OK: true, JobID: int32(id), Status: status, Detail: "Job has been cancelled."}
			if done {
				answer.Detail = "Job was already finished; no changes were made."
			}
			return ok(encode(answer)), nil
		},
	}
}
