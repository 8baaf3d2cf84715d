package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/syncs"
)

const syncPath = "/api/plugins/proxbox/sync/"

// syncRoute starts jobs that synchronise endpoints.
func (a *API) syncRoute() *route {
	jobs := a.Store.Set.Get(catalog.Jobs)
	return &route{allow: []string{"POST", "OPTIONS"}, res: jobs, doc: syncDoc, handle: func(ctx context.Context, q *request) (response, error) {
		if q.method == http.MethodOptions {
			return ok(encode(described{"Sync", syncDoc["POST"].Description, renders, parses})), nil
		}
		want, err := q.readSync("endpoint")
		if err != nil {
			return response{}, err
		}
		return a.startSync(ctx, q, want, a.chosenEndpoints(q, want))
	}}
}

// syncEndpointAction starts a job that synchronises one endpoint.
func (a *API) syncEndpointAction() action {
	return action{
		on: catalog.Endpoints, name: "sync", needs: permission{to: resource.Add, of: catalog.Jobs}, doc: syncEndpointDoc,
		handle: func(ctx context.Context, q *request, id int64) (response, error) {
			want, err := q.readSync("")
			if err != nil {
				return response{}, err
			}
			if err := want.wrong.Err(); err != nil {
				return response{}, err
			}
			return a.startSync(ctx, q, want, a.Syncs().One(id))
		},
	}
}

// Syncs is what starts and cancels sync jobs.
func (a *API) Syncs() syncs.Starter {
	return syncs.Starter{Store: a.Store, JobsChanged: a.JobsChanged, JobCancelled: a.JobCancelled}
}

// startSync makes a job of what somebody wants and answers with it.
func (a *API) startSync(ctx context.Context, q *request, want wantedSync, choose syncs.Choice) (response, error) {
	id, err := a.makeJob(ctx, q, want, choose)
	if err != nil {
		return response{}, err
	}
	return a.answerJob(ctx, q, id)
}

// makeJob makes a job of what somebody wants, and returns its id.
func (a *API) makeJob(ctx context.Context, q *request, want wantedSync, choose syncs.Choice) (id int32, err error) {
	return a.Syncs().Start(ctx, q.actor(), syncs.Wanted{Types: want.types, Name: want.name}, choose)
}

// answerJob answers with a job that was just made.
func (a *API) answerJob(ctx context.Context, q *request, id int32) (response, error) {
	jobs := a.Store.Set.Get(catalog.Jobs)
	// Who may make a job may see what they made.
	o, err := a.Store.Get(ctx, jobs, resource.Actor{Access: resource.Everything}, q.at, int64(id), selection(q))
	if err != nil {
		return response{}, err
	}
	location := fmt.Sprintf("%s/api/%s/%d/", q.at.Origin, jobs.Path, id)
	return response{status: http.StatusAccepted, body: o.Body, header: map[string]string{"Location": location}}, nil
}

// chosenEndpoints chooses the endpoints that a request names, or if it names none all that its sender may view.
func (a *API) chosenEndpoints(q *request, want wantedSync) syncs.Choice {
	if len(want.endpoints) == 0 {
		all := a.Syncs().All(q.actor())
		return func(ctx context.Context, tx pgx.Tx) ([]syncs.Target, error) {
			if err := want.wrong.Err(); err != nil {
				return nil, err
			}
			return all(ctx, tx)
		}
	}
	named := a.Syncs().Named(q.actor(), want.field, want.endpoints)
	return func(ctx context.Context, tx pgx.Tx) ([]syncs.Target, error) {
		found, err := named(ctx, tx)
		wrong, refused := errors.AsType[resource.Errors](err)
		if err != nil && !refused {
			return nil, err
		}
		var all resource.Errors
		all.Join(want.wrong)
		all.Join(wrong)
		return found, all.Err()
	}
}
