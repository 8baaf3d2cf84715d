package relay

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"

	"github.com/proxops/proxops/services/projector/internal/store"
)

// Bounds of a batch: nats-server takes a thousand messages; the bytes are held in memory here and there.
const (
	maxBatch      = 1000
	maxBatchBytes = 16 << 20
	// numbered is how many changes get positions at once: one lock for several batches when many wait.
	numbered = 4 * maxBatch
	// queryTimeout is for what one batch asks of Postgres.
	queryTimeout = 30 * time.Second
	// headerRoom is what the headers of a message may take of its maximal size.
	headerRoom = 1 << 10
)

// batch is a run of messages with adjacent positions.
type batch struct {
	after    int64 // the position before its first
	messages []*nats.Msg
	oldest   time.Time
}

func (b *batch) last() int64 { return b.after + int64(len(b.messages)) }

// source makes batches of what follows a position.
type source struct {
	session *pgx.Conn // where the relay's lock is held
	limit   int       // bytes of a message
	after   int64     // the position that the next batch follows
	known   int64     // the last position that was given, as far as known
	size    int       // bytes of the last batch
	step    func(string) error
}

// next returns the next batch, or nil if there is nothing to publish now.
func (s *source) next(ctx context.Context) (*batch, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	q := store.New(s.session)
	if s.known < s.after+maxBatch {
		pending, err := q.RelayPending(ctx)
		if err != nil {
			return nil, fmt.Errorf("look for changes to publish: %w", err)
		}
		s.known = pending.LastPosition
		if pending.Waiting {
			if s.known, err = number(ctx, s.session); err != nil {
				return nil, err
			}
			if err := s.step("numbered"); err != nil {
				return nil, err
			}
		}
	}
	if s.known <= s.after {
		return nil, nil
	}
	rows, err := q.RelayEvents(ctx, s.after, s.known, maxBatch)
	if err != nil {
		return nil, fmt.Errorf("read the changes after position %d: %w", s.after, err)
	}
	b, err := s.render(ctx, q, rows)
	if err != nil {
		return nil, err
	}
	s.after = b.last()
	return b, s.step("rendered")
}

// number gives positions to changes that have none, and returns the last position.
func number(ctx context.Context, session *pgx.Conn) (last int64, err error) {
	err = pgx.BeginFunc(ctx, session, func(tx pgx.Tx) error {
		q := store.New(tx)
		if last, err = q.RelayStateLock(ctx); err != nil {
			return err
		}
		last, err = q.RelayNumber(ctx, numbered, last)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("number changes: %w", err)
	}
	return last, nil
}

// render turns changes into messages, up to the first that cannot be one. They must follow each other without a gap.
func (s *source) render(ctx context.Context, q *store.Queries, rows []store.RelayEventsRow) (*batch, error) {
	events := make([]*event, 0, len(rows))
	var trouble error
	for _, row := range rows {
		if want := s.after + 1 + int64(len(events)); row.Position != want {
			trouble = removed(want)
			break
		}
		e, err := newEvent(row)
		if err != nil {
			trouble = err
			break
		}
		events = append(events, e)
	}
	if len(events) == 0 {
		if trouble == nil {
			trouble = removed(s.after + 1)
		}
		return nil, trouble
	}
	names, err := lookUp(ctx, q, events)
	if err != nil {
		return nil, err
	}
	b := &batch{after: s.after, messages: make([]*nats.Msg, 0, len(events)), oldest: rows[0].Time}
	buf := make([]byte, 0, s.size+s.size/8)
	for _, e := range events {
		var m *nats.Msg
		if m, buf, err = e.message(buf, names, s.limit); err != nil {
			return nil, err
		}
		b.messages = append(b.messages, m)
		if len(buf) > maxBatchBytes {
			break
		}
	}
	s.size = len(buf)
	return b, nil
}

func removed(position int64) error {
	return fmt.Errorf("the change at position %d was removed from the change log before it was published", position)
}
