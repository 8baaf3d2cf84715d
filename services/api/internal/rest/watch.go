package rest

import (
	"context"
	"errors"
	"math"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/live"
	"github.com/proxops/proxops/services/api/internal/openapi"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// watchAction streams the progress of a sync job.
func (a *API) watchAction() action {
	r := a.Store.Set.Get(catalog.Jobs)
	rt := &route{allow: readMethods, res: r}
	return action{
		on: catalog.Jobs, name: "stream", method: http.MethodGet, needs: permission{to: resource.View}, offers: streamOffers, doc: watchDoc,
		handle: func(ctx context.Context, q *request, id int64) (response, error) {
			var wrong resource.Errors
			after := q.after(&wrong)
			if err := wrong.Err(); err != nil {
				return response{}, err
			}
			if after == nil {
				after = new(uint64)
			}
			if id > math.MaxInt32 { // no column can hold it
				return response{}, r.NotFound()
			}
			return a.stream(q, func() (func(http.ResponseWriter), error) {
				return a.Live.Job(ctx, live.Watcher{Job: int32(id), After: int64(*after), Renew: func(ctx context.Context) error {
					defer q.forget()
					if err := a.renew(ctx, q, rt); err != nil {
						return err
					}
					return a.Store.Admit(ctx, r, q.actor(), resource.View, id)
				}})
			})
		},
	}
}

// renew finds out again who listens, and whether they still may.
func (a *API) renew(ctx context.Context, q *request, rt *route) error {
	err := a.recognise(ctx, q, rt)
	if e, ok := errors.AsType[auth.Throttled](err); ok {
		return fault.Wrap(fault.Denied, resource.Detail(e.Error()), "authenticate")
	}
	return err
}

var watchDoc = &openapi.Operation{
	Description: "The progress of a sync job as server-sent events. First come an event `job`, one `part` for each endpoint and type as in `data.results` of the job, and one `log` for each " +
		"line of its log; then what changes. `end` is the last one when the job has ended: do not come back. The `id` of a `log` is where to go on when the connection breaks; job and " +
		"parts are sent anew then. An event `error` with `detail` comes before the server ends the stream for another reason. Comments are sent while nothing happens.",
	Parameters: []*openapi3.Parameter{
		openapi3.NewQueryParameter(afterParam).WithSchema(openapi3.NewInt64Schema().WithMin(0)).WithDescription("Instead of the header, for those who cannot set one: lines of the log after the one with this id."),
		lastEvent("Lines of the log after the one with this id. Without it: all."),
		openapi.Format("sse", "json", "api"),
	},
	Content: streamContent(), Errors: []int{400},
}
