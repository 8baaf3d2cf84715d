package rest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// scheduledJob is a job that is planned or under way. Some of its keys have two names: those of the plugin, and those that jobs have elsewhere.
type scheduledJob struct {
	ID        int32      `json:"id"`
	PK        int32      `json:"pk"`
	Name      string     `json:"name"`
	Status    string     `json:"status"`
	Scheduled *time.Time `json:"scheduled"`
	Schedule  *time.Time `json:"schedule"`
	Interval  *int32     `json:"interval"`
	Created   time.Time  `json:"created"`
	User      *string    `json:"user"`
	Types     []string   `json:"sync_types"`
	Endpoints []int32    `json:"proxmox_endpoint_ids"`
	OfID      *int32     `json:"schedule_id"`
}

type scheduledJobs struct {
	Count int            `json:"count"`
	Jobs  []scheduledJob `json:"scheduled_jobs"`
}

// listScheduled lists the jobs that are planned or under way, as far as the client may view them. It takes permission to view jobs, or to start some.
func (a *API) listScheduled(ctx context.Context, q *request) (response, error) {
	jobs, actor := a.Store.Set.Get(catalog.Jobs), q.actor()
	if _, err := actor.Scope(jobs, resource.View); err != nil {
		if err := a.mayEnqueue(q); err != nil {
			return response{}, err
		}
	}
	answer := scheduledJobs{Jobs: []scheduledJob{}}
	err := postgres.InTx(ctx, a.Store.Pool, func(tx pgx.Tx) error {
		answer.Jobs = answer.Jobs[:0]
		visible, everything, err := jobs.Permitted(ctx, tx, actor, resource.View)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT j.id, j.name, j.status, j.scheduled, j.interval_minutes, j.created, u.username, j.kinds, j.endpoint_ids, j.schedule_id
			FROM jobs j LEFT JOIN users u ON u.id = j.user_id
			WHERE j.status IN ('pending', 'scheduled', 'running') AND ($1 OR j.id = ANY($2::bigint[])) ORDER BY j.created DESC, j.id DESC`, everything, visible)
		if err != nil {
			return err
		}
		var j scheduledJob
		var kinds []string
		_, err = pgx.ForEachRow(rows, []any{&j.ID, &j.Name, &j.Status, &j.Scheduled, &j.Interval, &j.Created, &j.User, &kinds, &j.Endpoints, &j.OfID}, func() error {
			row := j
			row.PK, row.Schedule, row.Types, row.Endpoints = j.ID, j.Scheduled, typesOf(kinds), slices.Clone(j.Endpoints)
			answer.Jobs = append(answer.Jobs, row)
			return nil
		})
		return err
	})
	if err != nil {
		return response{}, fmt.Errorf("list what is scheduled: %w", err)
	}
	answer.Count = len(answer.Jobs)
	return ok(encode(answer)), nil
}

// typesOf names kinds as REST does, all of them by one word.
func typesOf(kinds []string) []string {
	types := make([]string, len(kinds))
	for i, kind := range kinds {
		types[i] = syncjob.TypeOf(kind)
	}
	if slices.Equal(types, syncjob.Types()) {
		return []string{syncjob.All}
	}
	return types
}
