package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
)

// stopped means that stream and database do not belong together. Publishing would give subscribers two histories, so it waits for a person.
type stopped struct{ reason string }

func (s *stopped) Error() string {
	return s.reason + ": one of them was restored from a backup; restore the other to the same time, " +
		"or delete the stream " + subjects.StreamEvents + " to have it made again from the database"
}

// resume compares the stream with the database, mends what can be mended, and returns the position up to which the stream is complete.
func (r *Relay) resume(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	q := store.New(r.Pool)
	state, err := q.RelayState(ctx)
	if err != nil {
		return 0, fmt.Errorf("read how far events were published: %w", err)
	}
	stream, err := r.Bus.JetStream().Stream(ctx, subjects.StreamEvents)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return r.recreate(ctx, q, state)
	}
	if err != nil {
		return 0, fmt.Errorf("look at stream %s: %w", subjects.StreamEvents, err)
	}
	end := int64(stream.CachedInfo().State.LastSeq)
	if end > state.LastPosition {
		return 0, &stopped{fmt.Sprintf("the stream %s ends at sequence %d, but the database knows only %d positions", subjects.StreamEvents, end, state.LastPosition)}
	}
	if err := verifyEnd(ctx, q, stream, end); err != nil {
		return 0, err
	}
	if err := r.Bus.EnsureEvents(ctx, 1); err != nil { // it is there, so this is about its configuration
		return 0, err
	}
	if end < state.PublishedPosition {
		return r.refill(ctx, q, stream, end, state.PublishedPosition)
	}
	// Beyond what is recorded: a batch whose acknowledgement was lost.
	if err := q.RelayPublished(ctx, end); err != nil {
		return 0, fmt.Errorf("record that events were published up to %d: %w", end, err)
	}
	return end, nil
}

// recreate makes the stream so that what is published again keeps its numbers.
func (r *Relay) recreate(ctx context.Context, q *store.Queries, state store.RelayStateRow) (int64, error) {
	from, err := r.refillFrom(ctx, q, 0, state.PublishedPosition, bus.EventsMaxAge)
	if err != nil {
		return 0, err
	}
	if err := r.Bus.EnsureEvents(ctx, uint64(from)); err != nil {
		return 0, err
	}
	if state.PublishedPosition > 0 {
		r.alarm(ctx, 0, state.PublishedPosition, from)
	}
	return from - 1, nil
}

// refill makes the stream ready for the changes that it lost after its present end.
func (r *Relay) refill(ctx context.Context, q *store.Queries, stream jetstream.Stream, end, published int64) (int64, error) {
	from, err := r.refillFrom(ctx, q, end, published, stream.CachedInfo().Config.MaxAge)
	if err != nil {
		return 0, err
	}
	if from > end+1 {
		// What lies between is no longer in the change log, or older than the stream keeps anything. Purging up to a sequence beyond
		// its end moves the end there.
		if err := stream.Purge(ctx, jetstream.WithPurgeSequence(uint64(from))); err != nil {
			return 0, fmt.Errorf("move the end of stream %s to %d: %w", subjects.StreamEvents, from-1, err)
		}
		info, err := stream.Info(ctx)
		if err != nil {
			return 0, fmt.Errorf("look at stream %s: %w", subjects.StreamEvents, err)
		}
		if got := int64(info.State.LastSeq); got != from-1 {
			return 0, fmt.Errorf("move the end of stream %s to %d: it is at %d", subjects.StreamEvents, from-1, got)
		}
	}
	r.alarm(ctx, end, published, from)
	return from - 1, nil
}

// refillFrom returns the first position to publish again. Older changes than the stream would keep are not: they would only look new.
func (r *Relay) refillFrom(ctx context.Context, q *store.Queries, after, published int64, maxAge time.Duration) (int64, error) {
	from, err := q.RelayRefillFrom(ctx, after, published, r.now().Add(-maxAge))
	if err != nil {
		return 0, fmt.Errorf("find what stream %s lost after position %d: %w", subjects.StreamEvents, after, err)
	}
	return from, nil
}

func (r *Relay) alarm(ctx context.Context, end, published, from int64) {
	r.metrics.lost.Inc()
	r.Log.ErrorContext(ctx, "the event stream lost messages, they are published again",
		"stream", subjects.StreamEvents, "stream_end", end, "published", published, "again_from", from)
}

// verifyEnd proves by its last message that the stream tells the history of this database. A message that has expired proves nothing, and
// that is no reason to stop.
func verifyEnd(ctx context.Context, q *store.Queries, stream jetstream.Stream, end int64) error {
	if info := stream.CachedInfo().State; end == 0 || info.Msgs == 0 {
		return nil
	}
	m, err := stream.GetMsg(ctx, uint64(end))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the last message of stream %s: %w", subjects.StreamEvents, err)
	}
	want, err := q.RelayIdentity(ctx, end)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // the change log was cut, by age as well
	}
	if err != nil {
		return fmt.Errorf("read the change at position %d: %w", end, err)
	}
	var got struct {
		ID   string    `json:"id"`
		Time time.Time `json:"time"`
		Data struct {
			ObjectID int32 `json:"object_id"`
			Version  int32 `json:"version"`
		} `json:"data"`
	}
	err = json.Unmarshal(m.Data, &got)
	same := err == nil && got.ID == changeID(want.ID) && got.Time.Equal(want.Time) && got.Data.ObjectID == want.ObjectID &&
		got.Data.Version == value(want.Version)
	if !same {
		return &stopped{fmt.Sprintf("message %d of the stream %s is not the change that the database has at that position", end, subjects.StreamEvents)}
	}
	return nil
}
