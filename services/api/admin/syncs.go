package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/store"
)

// Syncs starts sync jobs and looks how they go.
type Syncs struct {
	Pool *pgxpool.Pool
}

// Start makes a job that synchronises these types of these endpoints, named or by id: all types, and all endpoints that are enabled, if none are
// given. It returns the id of the job. Projectors have to be told (subjects.ControlJobs), or they notice within seconds. Unknown types and disabled
// endpoints are fault.Invalid, unknown endpoints fault.NotFound.
func (s Syncs) Start(ctx context.Context, types, endpoints []string) (id int32, err error) {
	n := syncjob.New{UserName: "proxops sync", RequestID: uuid.New(), Name: "Sync all"}
	if n.Kinds, err = syncjob.KindsOf(types); err != nil {
		return 0, err
	}
	if len(types) > 0 {
		n.Name = "Sync " + strings.Join(types, ", ")
	}
	var names []string
	for _, name := range endpoints {
		e, err := Endpoints{Pool: s.Pool}.Find(ctx, name)
		if err != nil {
			return 0, err
		}
		if !e.Enabled {
			return 0, fault.New(fault.Invalid, "endpoint %s is disabled: enable it with proxops endpoint enable %s", e.Name, e.Name)
		}
		n.Endpoints, names = append(n.Endpoints, e.ID), append(names, e.Name)
	}
	if names != nil {
		n.Name += " of " + strings.Join(names, ", ")
	}
	if len(n.Endpoints) == 1 {
		n.ObjectType, n.ObjectID = change.ProxmoxEndpoint, n.Endpoints[0]
	}
	err = postgres.InTx(ctx, s.Pool, func(tx pgx.Tx) (err error) {
		id, err = syncjob.Create(ctx, tx, n)
		return err
	})
	return id, err
}

// SyncProgress is how far a job is.
type SyncProgress struct {
	Status      string // as REST names it
	Error       string // why it is not completed, when it has ended
	Done, Total int    // parts: endpoints times types
	Lines       []SyncLine
}

// SyncLine is one line of the log of a job.
type SyncLine struct {
	ID      int64
	Time    time.Time
	Level   string
	Message string
}

// Ended says whether nothing of the job is under way any more.
func (p SyncProgress) Ended() bool { return syncjob.Over(p.Status) }

// Progress returns how far a job is, with the lines of its log after the one with this id. A job that is gone is fault.NotFound.
func (s Syncs) Progress(ctx context.Context, job int32, after int64) (SyncProgress, error) {
	q := store.New(s.Pool)
	// The state before the log: of a job that has ended all lines are there.
	row, err := q.SyncProgress(ctx, job)
	if errors.Is(err, pgx.ErrNoRows) {
		return SyncProgress{}, fault.New(fault.NotFound, "there is no sync job %d any more", job)
	}
	if err != nil {
		return SyncProgress{}, fmt.Errorf("look at sync job %d: %w", job, err)
	}
	lines, err := q.SyncLines(ctx, job, after)
	if err != nil {
		return SyncProgress{}, fmt.Errorf("read the log of sync job %d: %w", job, err)
	}
	p := SyncProgress{Status: row.Status, Error: row.Error, Done: int(row.Done), Total: int(row.Total)}
	for _, l := range lines {
		p.Lines = append(p.Lines, SyncLine{l.ID, l.Time, l.Level, l.Message})
	}
	return p, nil
}
