package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/syncs"
)

const schedulePath = syncPath + "schedule/"

// scheduleRoute starts jobs, and makes schedules, in the form of the NetBox plugin. It lists what is scheduled or under way.
func (a *API) scheduleRoute() *route {
	return &route{allow: []string{"GET", "POST", "HEAD", "OPTIONS"}, unlisted: true, doc: scheduleDoc, handle: func(ctx context.Context, q *request) (response, error) {
		switch q.method {
		case http.MethodOptions:
			return ok(encode(described{"Schedule Sync", scheduleDoc["POST"].Description, renders, parses})), nil
		case http.MethodPost:
			return a.schedule(ctx, q)
		}
		return a.listScheduled(ctx, q)
	}}
}

// scheduled is the answer to who asked for a sync.
type scheduled struct {
	OK       bool   `json:"ok"`
	JobID    int32  `json:"job_id"`
	Schedule *int64 `json:"schedule_id"`
	Message  string `json:"message"`
}

func (a *API) schedule(ctx context.Context, q *request) (response, error) {
	if err := a.mayEnqueue(q); err != nil {
		return response{}, err
	}
	want, err := a.readSchedule(q)
	if err != nil {
		return response{}, ofSchedule(err)
	}
	var answer scheduled
	if want.at == nil && want.minutes == 0 {
		answer.Message = "Sync job queued for immediate execution."
		choose := a.chosenEndpoints(q, want.wantedSync)
		if want.ids != nil {
			choose = func(ctx context.Context, tx pgx.Tx) ([]syncs.Target, error) {
				return a.enabledEndpoints(ctx, tx, q.actor(), want.ids)
			}
		}
		answer.JobID, err = a.makeJob(ctx, q, want.wantedSync, choose)
	} else {
		answer, err = a.makeSchedule(ctx, q, want)
	}
	if err != nil {
		return response{}, ofSchedule(err)
	}
	answer.OK = true
	return response{status: http.StatusCreated, body: encode(answer)}, nil
}

// mayEnqueue refuses those who may not start jobs.
func (a *API) mayEnqueue(q *request) error {
	err := catalog.MayEnqueue(a.Store.Set, q.actor())
	if err != nil && q.who.Anonymous {
		return auth.ErrAnonymous
	}
	return err
}

// ofSchedule puts what is wrong with a request into the form of the plugin, under its names.
func ofSchedule(err error) error {
	wrong, ok := errors.AsType[resource.Errors](err)
	if !ok {
		return err
	}
	var outer resource.Errors
	outer.Nest("errors", wrong.Renamed(map[string]string{"endpoints": keyEndpoints, "name": keyName, "first_run": keyAt, "interval": keyValue}))
	return outer.Err()
}

// enabledEndpoints returns the endpoints with these ids. Those that are disabled, or that the actor may not view, are as unknown as others.
func (a *API) enabledEndpoints(ctx context.Context, tx pgx.Tx, actor resource.Actor, ids []int64) ([]syncs.Target, error) {
	visible, everything, err := a.Store.Set.Get(catalog.Endpoints).Permitted(ctx, tx, actor, resource.View)
	if err != nil {
		return nil, err
	}
	found, err := syncs.Targets(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(e syncs.Target) bool { return !e.Enabled || !everything && !slices.Contains(visible, int64(e.ID)) })
	missing := []any{}
	for _, id := range ids {
		if !slices.ContainsFunc(found, func(e syncs.Target) bool { return int64(e.ID) == id }) {
			missing = append(missing, json.Number(strconv.FormatInt(id, 10)))
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	var wrong resource.Errors
	wrong.Add(keyEndpoints, "Unknown or disabled endpoint ID(s): "+resource.PythonRepr(missing))
	return nil, wrong.Err()
}

// enqueuer is somebody whose permission to start jobs is permission enough to make schedules.
type enqueuer struct {
	resource.Access
	schedules *resource.Resource
}

// Scope implements resource.Access.
func (e enqueuer) Scope(r *resource.Resource, action resource.Action) (resource.Scope, bool) {
	if r == e.schedules && action == resource.Add {
		return resource.Scope{All: true}, true
	}
	return e.Access.Scope(r, action)
}
