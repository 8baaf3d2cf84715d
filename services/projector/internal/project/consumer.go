package project

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/postgres"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/claim"
	"github.com/proxops/proxops/services/projector/internal/store"
	"github.com/proxops/proxops/services/projector/internal/syncs"
)

// Consumer applies the messages of the stream SNAPSHOTS. Any number of consumers may work on one database at
// once, and messages may come in any order and more than once.
type Consumer struct {
	Pool    *pgxpool.Pool
	Log     *slog.Logger
	Metrics *Metrics
	// Workers is how many snapshots this instance applies at once.
	Workers int
	// Moved hears, after the commit, what a snapshot did for sync jobs. Nil: nobody cares; the other fields are required.
	Moved func(ctx context.Context, m syncs.Moved)
}

// patience bounds the work on one message: far longer than the largest snapshot takes, so that a lock that is never given back ends here.
const patience = 2 * time.Minute

// Run consumes until ctx ends.
func (c *Consumer) Run(ctx context.Context, b *bus.Bus) error {
	return b.Consume(ctx, bus.ConsumerConfig{
		Stream:  subjects.StreamSnapshots,
		Name:    subjects.ConsumerProjector,
		Workers: c.Workers,
		OnDead:  c.GiveUp,
	}, c.Handle)
}

// Handle applies one message. It returns nil when the outcome is committed.
func (c *Consumer) Handle(ctx context.Context, m bus.Msg) error {
	start := time.Now()
	s, err := Decode(m.Subject, m.Data)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var result Result
	err = postgres.InTx(ctx, c.Pool, func(tx pgx.Tx) (err error) {
		result, err = Snapshot(ctx, tx, s)
		return err
	})
	if err != nil {
		return err
	}
	c.tell(ctx, result.Moved)
	took := time.Since(start)
	c.Metrics.record(s, result, took)
	level := slog.LevelInfo
	if result.Outcome == Same {
		level = slog.LevelDebug
	}
	c.Log.Log(ctx, level, "snapshot handled", "endpoint_id", s.GetEndpointId(), "kind", subjects.KindToken(s.GetKind()),
		"generation", s.GetGeneration(), "outcome", result.Outcome, "created", result.Created, "updated", result.Updated,
		"unchanged", result.Unchanged, "stale", result.Stale, "reactivated", result.Reactivated, "took", took)
	return nil
}

// GiveUp fails the run of a message that will never be applied. A run that was overtaken has nothing to fail any more.
func (c *Consumer) GiveUp(ctx context.Context, m bus.Msg, reason error) error {
	kind, endpoint, ok := subjects.ParseSnapshot(m.Subject)
	if !ok {
		return nil
	}
	s, _ := Decode(m.Subject, m.Data) // the reason says what is wrong with it
	var moved syncs.Moved
	err := postgres.InTx(ctx, c.Pool, func(tx pgx.Tx) (err error) {
		moved, err = giveUp(ctx, tx, endpoint, kind, s.GetGeneration(), reason)
		return err
	})
	if err != nil {
		return fmt.Errorf("fail the run of a given up %s of endpoint %d: %w", subjects.KindToken(kind), endpoint, err)
	}
	c.tell(ctx, moved)
	c.Metrics.outcomes.WithLabelValues(subjects.KindToken(kind), "given_up").Inc()
	return nil
}

func (c *Consumer) tell(ctx context.Context, m syncs.Moved) {
	if c.Moved != nil {
		c.Moved(ctx, m)
	}
}

// giveUp knows no generation if the message could not even be read: then it is one of the run that waits for it now.
func giveUp(ctx context.Context, tx pgx.Tx, endpoint int32, kind proxopsv1.Kind, generation int64, reason error) (moved syncs.Moved, err error) {
	q := store.New(tx)
	if _, err := q.EndpointLock(ctx, endpoint); errors.Is(err, pgx.ErrNoRows) {
		return moved, nil
	} else if err != nil {
		return moved, fmt.Errorf("lock the endpoint: %w", err)
	}
	state, err := q.SnapshotState(ctx, subjects.KindToken(kind), endpoint)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && generation > 0 && generation != state.IssuedGeneration {
		return moved, nil
	}
	if err != nil {
		return moved, fmt.Errorf("read the sync state: %w", err)
	}
	return claim.Fail(ctx, tx, endpoint, kind, &proxopsv1.RunError{
		Kind:   proxopsv1.ErrorKind_ERROR_KIND_INTERNAL,
		Text:   "the reading could not be stored: " + reason.Error(),
		Remedy: "this is a fault of Proxops: please report it with the message in the stream DEAD; nothing was changed, and the next poll tries again",
	})
}
