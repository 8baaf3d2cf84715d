package rest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
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
		return a.startSync(ctx, q, want, a.chosenEndpoints)
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
			return a.startSync(ctx, q, want, func(ctx context.Context, tx pgx.Tx, _ *request, want wantedSync) ([]target, error) {
				if err := want.wrong.Err(); err != nil {
					return nil, err
				}
				found, err := targets(ctx, tx, "id = $1", id)
				switch {
				case err != nil:
					return nil, err
				case len(found) == 0:
					return nil, a.Store.Set.Get(catalog.Endpoints).NotFound()
				case !found[0].Enabled:
					return nil, fault.Wrap(fault.Invalid, resource.Detail(disabled(found[0])), "start a sync")
				}
				return found, nil
			})
		},
	}
}

// startSync makes a job of what somebody wants and answers with it.
func (a *API) startSync(ctx context.Context, q *request, want wantedSync, choose chooser) (response, error) {
	id, err := a.makeJob(ctx, q, want, choose)
	if err != nil {
		return response{}, err
	}
	return a.answerJob(ctx, q, id)
}

// chooser returns the endpoints of a job, none for all that are enabled, or what is wrong with the request.
type chooser func(context.Context, pgx.Tx, *request, wantedSync) ([]target, error)

// makeJob makes a job of what somebody wants, and returns its id.
func (a *API) makeJob(ctx context.Context, q *request, want wantedSync, choose chooser) (id int32, err error) {
	jobs := a.Store.Set.Get(catalog.Jobs)
	actor := q.actor()
	err = postgres.InTx(ctx, a.Store.Pool, func(tx pgx.Tx) error {
		chosen, err := choose(ctx, tx, q, want)
		if err != nil {
			return err
		}
		kinds, err := syncjob.KindsOf(want.types)
		if err != nil {
			return err
		}
		job := syncjob.New{Name: want.name, Kinds: kinds, UserID: actor.Origin.UserID, UserName: actor.Origin.UserName, RequestID: q.id}
		if job.Name == "" {
			job.Name = nameOf(kinds, chosen)
		}
		for _, e := range chosen {
			job.Endpoints = append(job.Endpoints, e.ID)
		}
		if len(chosen) == 1 {
			job.ObjectType, job.ObjectID = change.ProxmoxEndpoint, chosen[0].ID
		}
		if id, err = syncjob.Create(ctx, tx, job); fault.KindOf(err) == fault.Invalid { // the last one was disabled this moment
			return noneEnabled()
		}
		if err != nil {
			return err
		}
		return jobs.Recheck(ctx, tx, actor, resource.Add, int64(id))
	})
	if err != nil {
		return 0, fmt.Errorf("start a sync: %w", err)
	}
	a.jobsChanged(ctx)
	return id, nil
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

// target is an endpoint that may be synchronised.
type target struct {
	ID      int32
	Name    string
	Enabled bool
}

func targets(ctx context.Context, tx pgx.Tx, condition string, args ...any) ([]target, error) {
	rows, err := tx.Query(ctx, "SELECT id, name, enabled FROM endpoints WHERE "+condition+" ORDER BY id", args...)
	if err != nil {
		return nil, fmt.Errorf("look for endpoints to synchronise: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[target])
	if err != nil {
		return nil, fmt.Errorf("look for endpoints to synchronise: %w", err)
	}
	return found, nil
}

// chosenEndpoints returns the endpoints that a request names, or if it names none all that its sender may view: none at all if these are all there are.
func (a *API) chosenEndpoints(ctx context.Context, tx pgx.Tx, q *request, want wantedSync) ([]target, error) {
	endpoints := a.Store.Set.Get(catalog.Endpoints)
	if len(want.endpoints) == 0 {
		if err := want.wrong.Err(); err != nil {
			return nil, err
		}
		ids, all, err := endpoints.Permitted(ctx, tx, q.actor(), resource.View)
		if err != nil {
			return nil, err
		}
		found, err := targets(ctx, tx, "enabled AND ($1 OR id = ANY($2::bigint[]))", all, ids)
		switch {
		case err != nil:
			return nil, err
		case len(found) == 0:
			return nil, noneEnabled()
		case all:
			return nil, nil
		}
		return found, nil
	}
	ids, wrong, err := endpoints.Refer(ctx, tx, q.actor(), want.field, want.endpoints)
	if err != nil {
		return nil, err
	}
	found, err := targets(ctx, tx, "id = ANY($1::bigint[])", ids)
	if err != nil {
		return nil, err
	}
	for _, e := range found {
		if !e.Enabled {
			wrong.Add(want.field, disabled(e))
		}
	}
	var all resource.Errors
	all.Join(want.wrong)
	all.Join(wrong)
	return found, all.Err()
}

func disabled(e target) string { return "Endpoint " + e.Name + " is disabled: enable it first." }

// noneEnabled refuses a sync of nothing.
func noneEnabled() error {
	var wrong resource.Errors
	wrong.Add("endpoints", "There is no enabled endpoint that you may view.")
	return wrong.Err()
}

// nameOf says what a job does. No endpoints stand for all of them.
func nameOf(kinds []string, endpoints []target) string {
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
