package syncjob

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
)

// state is a job in the change log and in events, flat as those of other objects: references as ids, types as REST names them, times in UTC.
type state struct {
	Completed *time.Time `json:"completed"`
	Counts    counts     `json:"counts"`
	Created   time.Time  `json:"created"`
	Endpoints []int32    `json:"endpoints"`
	Error     string     `json:"error"`
	Interval  *int32     `json:"interval"`
	JobID     uuid.UUID  `json:"job_id"`
	Name      string     `json:"name"`
	Schedule  *int32     `json:"schedule"`
	Scheduled *time.Time `json:"scheduled"`
	Started   *time.Time `json:"started"`
	Status    string     `json:"status"`
	Types     []string   `json:"types"`
	User      *int32     `json:"user"`
}

// counts are what all parts of a job did together.
type counts struct {
	Created     int64 `json:"created"`
	Reactivated int64 `json:"reactivated"`
	Skipped     int64 `json:"skipped"`
	Stale       int64 `json:"stale"`
	Unchanged   int64 `json:"unchanged"`
	Updated     int64 `json:"updated"`
}

// job is a row of jobs with what its events need.
type job struct {
	state

	id        int32
	version   int32
	userName  string
	requestID uuid.UUID
	endpoint  *int32 // the only one it is about, nil if there are several
}

// columns are those of a job that scan reads, of jobs j.
const columns = `j.id, j.version, j.user_name, j.request_id, j.completed, j.created, j.endpoint_ids, j.error, j.interval_minutes, j.job_id, j.name, j.schedule_id,
	j.scheduled, j.started, j.status, j.kinds, j.user_id`

func scan(rows pgx.Rows) ([]*job, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*job, error) {
		var j job
		err := row.Scan(&j.id, &j.version, &j.userName, &j.requestID, &j.Completed, &j.Created, &j.Endpoints, &j.Error, &j.Interval, &j.JobID, &j.Name, &j.Schedule,
			&j.Scheduled, &j.Started, &j.Status, &j.Types, &j.User)
		for i, kind := range j.Types {
			j.Types[i] = TypeOf(kind)
		}
		if len(j.Endpoints) == 1 {
			j.endpoint = &j.Endpoints[0]
		}
		j.Created, j.Completed, j.Scheduled, j.Started = j.Created.UTC(), utc(j.Completed), utc(j.Scheduled), utc(j.Started)
		return &j, err
	})
}

// utc is t as states have it, wherever the process runs.
func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(t.UTC())
}

// Started marks jobs as running, if they are not yet, with an event for each. Their ids may repeat.
func Started(ctx context.Context, tx pgx.Tx, ids []int32) error {
	if len(ids) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `WITH locked AS (SELECT id FROM jobs WHERE id = ANY ($1::integer[]) AND status = 'pending' ORDER BY id FOR NO KEY UPDATE)
		UPDATE jobs j SET status = 'running', started = clock_timestamp(), version = version + 1 FROM locked l WHERE j.id = l.id AND j.status = 'pending' RETURNING `+columns, ids)
	if err != nil {
		return fmt.Errorf("begin sync jobs: %w", err)
	}
	jobs, err := scan(rows)
	if err != nil {
		return fmt.Errorf("begin sync jobs: %w", err)
	}
	return record(ctx, tx, jobs, nil)
}

// record writes what happened to jobs, as they are now, into the change log. Before has the states of those that had an event before. The caller
// holds the locks of their rows, so that the versions of a job commit in their order.
func record(ctx context.Context, tx pgx.Tx, jobs []*job, before map[int32]state) error {
	slices.SortFunc(jobs, func(a, b *job) int { return cmp.Compare(a.id, b.id) })
	for _, j := range jobs {
		row := change.Row{
			ObjectType: change.Job, ObjectID: j.id, EndpointID: j.endpoint, Action: change.Create, Version: j.version, Key: j.JobID.String(),
			Status: j.Status, ObjectRepr: j.Name,
		}
		switch {
		case j.Completed == nil:
			row.Event, row.Time = change.Started, *j.Started
		case j.Status == "completed":
			row.Event, row.Time = change.Completed, *j.Completed
		default:
			row.Event, row.Time = change.Failed, *j.Completed
		}
		var err error
		if row.Post, err = json.Marshal(j.state); err != nil {
			return fmt.Errorf("encode sync job %d: %w", j.id, err)
		}
		if was, ok := before[j.id]; ok && j.version > 1 {
			row.Action = change.Update
			if row.Pre, err = json.Marshal(was); err != nil {
				return fmt.Errorf("encode sync job %d: %w", j.id, err)
			}
			if row.Changed, err = change.Diff(row.Pre, row.Post); err != nil {
				return fmt.Errorf("compare states of sync job %d: %w", j.id, err)
			}
		}
		origin := change.Origin{Cause: change.System, UserID: j.User, UserName: j.userName, RequestID: j.requestID}
		if err := change.Write(ctx, tx, origin, []change.Row{row}); err != nil {
			return fmt.Errorf("log sync job %d: %w", j.id, err)
		}
	}
	return nil
}
