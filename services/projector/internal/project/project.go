// Package project writes complete readings of clusters into the database: jobs with their changes, and the inventory that jobs refer to.
package project

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/clusterid"
	"github.com/proxops/proxops/libs/fault"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/claim"
	"github.com/proxops/proxops/services/projector/internal/store"
	"github.com/proxops/proxops/services/projector/internal/syncs"
)

// Outcome says what became of a snapshot. Each of them is final: the message may be acknowledged after the commit.
type Outcome string

// The outcomes.
const (
	// Applied: the rows are what the snapshot says now.
	Applied Outcome = "applied"
	// Same: so they were before.
	Same Outcome = "same"
	// Old: this snapshot, or a newer one, was applied before.
	Old Outcome = "old"
	// Superseded: a newer generation was issued, so its run will tell.
	Superseded Outcome = "superseded"
	// Refused: it is of another cluster than the endpoint was so far. The sync state says so.
	Refused Outcome = "refused"
	// Gone: the endpoint was deleted.
	Gone Outcome = "gone"
)

// Result counts what a snapshot changed. Of an inventory, Stale are objects that are listed no more and Reactivated those that are again.
type Result struct {
	Outcome                                         Outcome
	Created, Updated, Unchanged, Stale, Reactivated int
	// RequestID is that of the change rows.
	RequestID uuid.UUID
	// Moved is what that did for sync jobs, who are to hear of it after the commit.
	Moved syncs.Moved
}

// Snapshot applies a snapshot that Check has passed. It holds the lock of the endpoint until tx ends, and applies only if the snapshot's
// generation is the last issued and newer than the last applied: so applying twice changes nothing, and a poller that was overtaken cannot
// overwrite what a later one read. A snapshot that Postgres cannot store is fault.Invalid.
func Snapshot(ctx context.Context, tx pgx.Tx, s *proxopsv1.Snapshot) (Result, error) {
	r, err := apply(ctx, tx, s)
	if err != nil {
		return r, classify(fmt.Errorf("apply %s of endpoint %d, generation %d: %w", subjects.KindToken(s.GetKind()), s.GetEndpointId(), s.GetGeneration(), err))
	}
	return r, nil
}

// run is one snapshot on its way into the database.
type run struct {
	tx       pgx.Tx
	q        *store.Queries
	snapshot *proxopsv1.Snapshot
	kind     string
	endpoint int32
	state    store.SnapshotStateRow
	now      time.Time
	zone     *time.Location
	// zoneByHand is the name of the zone that a user set; it wins over what the cluster says.
	zoneByHand string
	calendar   calendars
	scope      *scope
	result     Result
}

func apply(ctx context.Context, tx pgx.Tx, s *proxopsv1.Snapshot) (Result, error) {
	r := &run{
		tx:       tx,
		q:        store.New(tx),
		snapshot: s,
		kind:     subjects.KindToken(s.GetKind()),
		endpoint: int32(s.GetEndpointId()),
		calendar: calendars{},
	}
	endpoint, err := r.q.EndpointLock(ctx, r.endpoint)
	if errors.Is(err, pgx.ErrNoRows) {
		return Result{Outcome: Gone}, nil
	}
	if err != nil {
		return Result{}, fmt.Errorf("lock the endpoint: %w", err)
	}
	r.state, err = r.q.SnapshotState(ctx, r.kind, r.endpoint)
	if errors.Is(err, pgx.ErrNoRows) { // no claim was ever granted
		return Result{Outcome: Superseded}, nil
	}
	if err != nil {
		return Result{}, fmt.Errorf("read the sync state: %w", err)
	}
	r.now = r.state.Now
	r.zoneByHand = endpoint.TimeZone
	r.zone = location(r.zoneByHand, r.state.TimeZone)
	err = r.decide(ctx)
	return r.result, err
}

// decide says what may be applied, and does as little as that needs.
func (r *run) decide(ctx context.Context) error {
	s := r.snapshot
	switch {
	case s.GetGeneration() <= r.state.AppliedGeneration:
		r.result.Outcome = Old
		return nil
	case s.GetGeneration() != r.state.IssuedGeneration:
		r.result.Outcome = Superseded
		return nil
	case r.foreign():
		r.result.Outcome = Refused
		return r.refuse(ctx)
	case r.state.Digest != nil && bytes.Equal(r.state.Digest, s.GetDigest()):
		r.result.Outcome = Same
		r.result.Unchanged = int(s.GetCount())
	default:
		r.result.Outcome = Applied
		r.result.RequestID = uuid.New()
		if err := r.write(ctx); err != nil {
			return err
		}
	}
	if s.GetKind() == proxopsv1.Kind_KIND_BACKUP_ROUTINE {
		if err := r.renewNextRuns(ctx); err != nil {
			return err
		}
	}
	return r.finish(ctx)
}

func (r *run) write(ctx context.Context) error {
	switch r.snapshot.GetKind() {
	case proxopsv1.Kind_KIND_BACKUP_ROUTINE:
		return writeJobs(ctx, r, newRoutines(r))
	case proxopsv1.Kind_KIND_REPLICATION:
		return writeJobs(ctx, r, newReplications(r))
	case proxopsv1.Kind_KIND_INVENTORY:
		return r.writeInventory(ctx)
	}
	return fault.New(fault.Invalid, "unknown kind %d", r.snapshot.GetKind())
}

// foreign says whether the snapshot is of another cluster than the one whose identity was pinned.
func (r *run) foreign() bool {
	id := r.snapshot.GetIdentity()
	return r.state.ClusterName != "" && (r.state.ClusterName != text(id.GetName()) || r.state.Standalone != id.GetStandalone())
}

func (r *run) refuse(ctx context.Context) (err error) {
	other := r.snapshot.GetIdentity()
	if err := claim.NoteOther(ctx, r.q, r.endpoint, other); err != nil {
		return err
	}
	r.result.Moved, err = claim.Fail(ctx, r.tx, r.endpoint, r.snapshot.GetKind(), &proxopsv1.RunError{
		Kind: proxopsv1.ErrorKind_ERROR_KIND_IDENTITY,
		Text: fmt.Sprintf("the address answers as %s, but this endpoint is %s",
			clusterid.Name(other.GetName(), other.GetStandalone()), clusterid.Name(r.state.ClusterName, r.state.Standalone)),
		Remedy: clusterid.Remedy(int64(r.endpoint)),
	})
	return err
}

// finish records that the reading was applied, and settles its part of the claim.
func (r *run) finish(ctx context.Context) error {
	s := r.snapshot
	waiting, err := r.q.SnapshotApplied(ctx, store.SnapshotAppliedParams{
		EndpointID:  r.endpoint,
		Kind:        r.kind,
		Generation:  s.GetGeneration(),
		Digest:      s.GetDigest(),
		ObjectCount: int32(s.GetCount()),
		At:          r.now,
		ClusterName: text(s.GetIdentity().GetName()),
		Standalone:  s.GetIdentity().GetStandalone(),
		Recovered:   s.GetKind() != proxopsv1.Kind_KIND_INVENTORY,
	})
	if err != nil {
		return fmt.Errorf("record the reading: %w", err)
	}
	jobs, err := syncs.Settle(ctx, r.tx, r.endpoint, s.GetGeneration(), r.kind, syncs.Outcome{
		Status: "completed", Created: r.result.Created, Updated: r.result.Updated, Unchanged: r.result.Unchanged, Stale: r.result.Stale,
		Reactivated: r.result.Reactivated, Skipped: int(s.GetSkipped()), Requests: s.GetRequests(), Duration: s.GetDuration().AsDuration(),
	})
	r.result.Moved = syncs.Moved{Endpoint: r.endpoint, Jobs: jobs, Waiting: waiting}
	return err
}

// origin is whom the change rows of this snapshot name.
func (r *run) origin() change.Origin {
	return change.Origin{Cause: change.Sync, RequestID: r.result.RequestID}
}
