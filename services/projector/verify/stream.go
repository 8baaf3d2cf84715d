package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
)

const atOnce = 500

// event is what a subscriber sees.
type event struct {
	ID       string    `json:"id"`
	Sequence string    `json:"sequence"`
	Subject  string    `json:"subject"`
	Time     time.Time `json:"time"`
	Data     struct {
		ObjectID   int32                      `json:"object_id"`
		Key        string                     `json:"key"`
		EndpointID int32                      `json:"endpoint_id"`
		Kind       string                     `json:"kind"`
		Version    int32                      `json:"version"`
		Status     string                     `json:"status"`
		Changed    []string                   `json:"changed"`
		Before     map[string]json.RawMessage `json:"before"`
		Cause      string                     `json:"cause"`
		Object     map[string]json.RawMessage `json:"object"`
		Omitted    []string                   `json:"omitted"`
	} `json:"data"`
}

// folded is what a subscriber knows of a job after all its events.
type folded struct {
	version int32
	ended   bool // there need be no row any more: it was deleted, or is a sync that ended, of which the row is deleted some day
	object  map[string]json.RawMessage
	omitted []string
}

// checkStream holds every message up to what the snapshot knows against its change. It returns what a subscriber who kept the last event of each
// job knows, and up to which position.
func (v *run) checkStream(ctx context.Context, state store.VerifyStateRow) (known map[object]folded, end int64, err error) {
	stream, err := v.streamState(ctx)
	if err != nil {
		return nil, 0, err
	}
	// Later than the stream: positions are given before messages are published.
	now, err := v.now.VerifyState(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("read the state of the relay: %w", err)
	}
	last := int64(stream.LastSeq)
	if last > now.LastPosition {
		v.fail(v.positions, "the stream ends at %d, but only %d positions were given", last, now.LastPosition)
	}
	if last < state.PublishedPosition {
		v.fail(v.positions, "the stream ends at %d, but %d were published", last, state.PublishedPosition)
	}
	known, end = map[object]folded{}, min(last, state.LastPosition)
	if stream.Msgs == 0 {
		return known, end, nil
	}
	for next := int64(stream.FirstSeq); next <= end; {
		n, err := v.checkMessages(ctx, next, min(end, next+atOnce-1), known)
		if err != nil {
			return nil, 0, err
		}
		next += n
	}
	return known, end, nil
}

// checkMessages checks the messages from a sequence on, and returns how many sequences it is done with.
func (v *run) checkMessages(ctx context.Context, first, last int64, known map[object]folded) (int64, error) {
	changes, err := v.q.RelayEvents(ctx, first-1, last, atOnce)
	if err != nil {
		return 0, fmt.Errorf("read the changes from position %d on: %w", first, err)
	}
	byPosition := make(map[int64]*store.RelayEventsRow, len(changes))
	for i := range changes {
		byPosition[changes[i].Position] = &changes[i]
	}
	messages, err := jetstreamext.GetBatch(ctx, v.js, subjects.StreamEvents, int(last-first+1), jetstreamext.GetBatchSeq(uint64(first)))
	if err != nil {
		return 0, fmt.Errorf("read messages from %d on: %w", first, err)
	}
	next := first
	for m, err := range messages {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("read messages from %d on: %w", first, err)
		}
		sequence := int64(m.Sequence)
		if sequence > last {
			break
		}
		if sequence != next && len(known) > 0 { // else the oldest have expired meanwhile
			v.fail(v.positions, "the stream lacks the messages from %d to %d", next, sequence-1)
		}
		next = sequence + 1
		v.checkMessage(m, byPosition[sequence], known)
	}
	if next == first {
		v.fail(v.positions, "the stream lacks the messages from %d to %d", first, last)
		next = last + 1
	}
	return next - first, nil
}

func (v *run) checkMessage(m *jetstream.RawStreamMsg, c *store.RelayEventsRow, known map[object]folded) {
	v.report.Events++
	var e event
	if err := json.Unmarshal(m.Data, &e); err != nil {
		v.fail(v.positions, "message %d is no event: %v", m.Sequence, err)
		return
	}
	if c == nil {
		v.fail(v.positions, "message %d is event %s, but no change has this position", m.Sequence, e.ID)
		return
	}
	if difference := differs(m, &e, c); difference != "" {
		v.fail(v.positions, "message %d is not change %d: %s", m.Sequence, c.ID, difference)
		return
	}
	o := object{c.ObjectTypeID, c.ObjectID}
	if before, ok := known[o]; ok && e.Data.Version != before.version+1 {
		v.fail(v.folding, "%s: version %d follows version %d in the stream", o, e.Data.Version, before.version)
	}
	ended := slices.Contains([]change.Event{change.Deleted, change.Completed, change.Failed}, change.Event(value(c.Event)))
	known[o] = folded{version: e.Data.Version, ended: ended, object: e.Data.Object, omitted: e.Data.Omitted}
}

// differs says in what an event differs from its change.
func differs(m *jetstream.RawStreamMsg, e *event, c *store.RelayEventsRow) string {
	for _, f := range []struct {
		name      string
		got, want any
	}{
		{"id", e.ID, fmt.Sprint(c.ID)},
		{"sequence", e.Sequence, fmt.Sprint(c.Position)},
		{"time", e.Time.UnixMicro(), c.Time.UnixMicro()},
		{"subject", e.Subject, c.Key},
		{"key", e.Data.Key, c.Key},
		{"object_id", e.Data.ObjectID, c.ObjectID},
		{"endpoint_id", e.Data.EndpointID, value(c.EndpointID)},
		{"kind", e.Data.Kind, jobTypes[change.ObjectType(c.ObjectTypeID)].kind},
		{"version", e.Data.Version, value(c.Version)},
		{"status", e.Data.Status, c.Status},
		{"cause", e.Data.Cause, c.Cause},
		{"nats subject", m.Subject, subjects.Event(int64(value(c.EndpointID)), e.Data.Kind, int64(c.ObjectID))},
	} {
		if f.got != f.want {
			return fmt.Sprintf("%s is %v, want %v", f.name, f.got, f.want)
		}
	}
	if !slices.Equal(e.Data.Changed, c.Changed) {
		return fmt.Sprintf("changed is %v, want %v", e.Data.Changed, c.Changed)
	}
	state, previous := c.Postchange, c.Prechange
	if value(c.Event) == "deleted" {
		state = c.Prechange
	}
	if d := differsFlat(e.Data.Object, state, e.Data.Omitted); d != "" {
		return "object: " + d
	}
	if len(c.Changed) > 0 {
		if d := differsBefore(e.Data.Before, previous, c.Changed, e.Data.Omitted); d != "" {
			return "before: " + d
		}
	}
	return ""
}

// differsBefore compares the old values of changed fields.
func differsBefore(before map[string]json.RawMessage, previous []byte, changed, omitted []string) string {
	var want map[string]json.RawMessage
	if err := json.Unmarshal(previous, &want); err != nil {
		return err.Error()
	}
	for _, name := range changed {
		if slices.Contains(omitted, name) {
			continue
		}
		if !sameJSON(before[name], want[name]) {
			return fmt.Sprintf("%s is %s, want %s", name, before[name], want[name])
		}
	}
	return ""
}
