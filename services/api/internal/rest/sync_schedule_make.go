package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/syncs"
)

// maxTries is how often a name is looked for that somebody else may take meanwhile.
const maxTries = 5

// makeSchedule makes a schedule for which there is a job of its first run.
func (a *API) makeSchedule(ctx context.Context, q *request, want wantedSchedule) (answer scheduled, err error) {
	schedules, actor := a.Store.Set.Get(catalog.SyncSchedules), q.actor()
	actor.Access = enqueuer{actor.Access, schedules}
	at := time.Now().UTC()
	if want.at != nil {
		at = want.at.UTC()
	}
	var o resource.Object
	for tries := 1; ; tries++ {
		body, err := a.scheduleBody(ctx, q.actor(), want, at)
		if err != nil {
			return answer, err
		}
		o, err = a.Store.Create(ctx, schedules, resource.Request{At: q.at, Actor: actor, Body: body})
		if err == nil {
			break
		}
		_, refused := errors.AsType[resource.Errors](err)
		if !refused || tries == maxTries || !a.nameTaken(ctx, body["name"]) {
			return answer, err
		}
	}
	answer.Schedule, answer.Message = &o.ID, "Sync job scheduled for "+at.Format("2006-01-02 15:04")+" UTC."
	// The first run may have begun already, but it is the same job still.
	if err := a.Store.Pool.QueryRow(ctx, "SELECT min(id) FROM jobs WHERE schedule_id = $1", o.ID).Scan(&answer.JobID); err != nil {
		return answer, fmt.Errorf("find the job of sync schedule %d: %w", o.ID, err)
	}
	return answer, nil
}

// scheduleBody is what a request to the resource of schedules would say.
func (a *API) scheduleBody(ctx context.Context, actor resource.Actor, want wantedSchedule, at time.Time) (map[string]any, error) {
	kinds, err := syncjob.KindsOf(want.types)
	if err != nil {
		return nil, err
	}
	types, endpoints := []any{}, []any{}
	for _, name := range want.types {
		types = append(types, name)
	}
	for _, id := range want.ids {
		endpoints = append(endpoints, json.Number(strconv.FormatInt(id, 10)))
	}
	body := map[string]any{"types": types, "endpoints": endpoints, "first_run": at.Format(time.RFC3339Nano)}
	if want.minutes > 0 {
		body["interval"] = json.Number(strconv.FormatInt(want.minutes, 10))
	}
	return body, postgres.InTx(ctx, a.Store.Pool, func(tx pgx.Tx) error {
		chosen, err := a.enabledEndpoints(ctx, tx, actor, want.ids)
		if err != nil {
			return err
		}
		name := want.name
		if name == "" {
			name = syncs.NameOf(kinds, chosen)
		}
		body["name"], err = freeName(ctx, tx, name)
		return err
	})
}

// nameTaken says whether there is a schedule of this name.
func (a *API) nameTaken(ctx context.Context, name any) (taken bool) {
	err := a.Store.Pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM sync_schedules WHERE name = $1)", name).Scan(&taken)
	return err == nil && taken
}

// maxScheduleName is how many characters the name of a schedule may have, and suffixRoom how many of them tell those of the same name apart.
const maxScheduleName, suffixRoom = 100, 8

// freeName returns a name for a schedule, with a number behind it if there is one of that name already.
func freeName(ctx context.Context, tx pgx.Tx, name string) (string, error) {
	if runes := []rune(name); len(runes) > maxScheduleName-suffixRoom {
		name = string(runes[:maxScheduleName-suffixRoom])
	}
	rows, err := tx.Query(ctx, "SELECT name FROM sync_schedules WHERE starts_with(name, $1)", name)
	if err != nil {
		return "", fmt.Errorf("look for schedules of the name %q: %w", name, err)
	}
	taken, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", fmt.Errorf("look for schedules of the name %q: %w", name, err)
	}
	free := name
	for n := 2; slices.Contains(taken, free); n++ {
		free = fmt.Sprintf("%s (%d)", name, n)
	}
	return free, nil
}
