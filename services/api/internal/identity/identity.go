// Package identity makes another cluster the one that an endpoint is, when a person says so.
package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/clusterid"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
)

// What becomes of the jobs that an endpoint has when it becomes another cluster.
const (
	// Keep leaves them as they are: the next complete reading decides about each.
	Keep = "keep"
	// Stale makes the active ones stale. Those that the cluster has become active again with the next complete reading.
	Stale = "stale"
)

// changed is the name of the identity in the change log.
const changed = "cluster_identity"

// Acceptance is what a person says.
type Acceptance struct {
	Jobs string // Keep or Stale
	// Cluster is the name of the cluster that they mean; empty: whichever answered last.
	Cluster string
}

// Apply makes the cluster that answered last the one that the endpoint is, in the transaction of the write, which holds the lock of the endpoint.
// Whatever reads it meanwhile loses its generation; Apply returns that run. When no other cluster answered, or another one than is meant, it is
// fault.Conflict.
func (a Acceptance) Apply(ctx context.Context, w *resource.Write) ([]syncjob.Run, error) {
	q, endpoint, name := store.New(w.Tx), int32(w.Before.ID), w.Before.Text("name")
	s, err := q.EndpointIdentity(ctx, endpoint)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("read the identity of endpoint %s: %w", name, err)
	}
	was, is := clusterid.Name(s.ClusterName, s.Standalone), clusterid.Name(s.OtherName, s.OtherStandalone)
	switch {
	case s.ClusterName == "":
		return nil, conflict("Endpoint %s was never read completely, so it becomes whichever cluster answers: there is nothing to accept.", name)
	case s.OtherName == "":
		return nil, conflict("Endpoint %s answers as %s, which it is: there is nothing to accept.", name, was)
	case a.Cluster != "" && a.Cluster != s.OtherName:
		return nil, conflict("Endpoint %s answers as %s, not as %s: nothing was accepted.", name, is, a.Cluster)
	}
	w.Note(changed, was, is)
	runs, err := syncjob.Fence(ctx, w.Tx, endpoint)
	if err != nil {
		return nil, fmt.Errorf("stop what reads endpoint %s: %w", name, err)
	}
	if err := q.EndpointIdentityAccept(ctx, endpoint); err != nil {
		return nil, fmt.Errorf("pin another identity of endpoint %s: %w", name, err)
	}
	if err := q.DigestsForget(ctx, endpoint); err != nil {
		return nil, fmt.Errorf("have the next poll of endpoint %s compare: %w", name, err)
	}
	if a.Jobs == Stale {
		if err := forsake(ctx, w, q); err != nil {
			return nil, fmt.Errorf("make the jobs of endpoint %s stale: %w", name, err)
		}
	}
	return runs, nil
}

// forsake makes all active jobs of an endpoint stale, with a change row and an event for each. Its statements do not depend on how many there are.
func forsake(ctx context.Context, w *resource.Write, q *store.Queries) error {
	now, endpoint := time.Now().UTC().Truncate(time.Microsecond), int32(w.Before.ID)
	for _, kind := range []struct {
		of    change.ObjectType
		write func(context.Context, time.Time, int32) error
	}{
		{change.BackupRoutine, q.RoutinesStale}, {change.Replication, q.ReplicationsStale},
	} {
		jobs := w.Set().Of(kind.of)
		err := jobs.Relog(ctx, w.Tx, w.Origin, resource.Edit{Where: "t.endpoint_id = $1 AND t.status = 'active'", Args: []any{endpoint}, Apply: func(o *resource.Record) {
			o.Set("status", "stale")
			o.Set("stale_since", now)
			if jobs.Field("next_run") != nil {
				o.Set("next_run", nil)
			}
		}})
		if err != nil {
			return err
		}
		if err := kind.write(ctx, now, endpoint); err != nil {
			return fmt.Errorf("write %s: %w", jobs.Name, err)
		}
	}
	return nil
}

func conflict(format string, args ...any) error {
	return fault.Wrap(fault.Conflict, resource.Detail(fmt.Sprintf(format, args...)), "accept another identity")
}
