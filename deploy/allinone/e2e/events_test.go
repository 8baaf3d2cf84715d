package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/proxops/proxops/proto-events/subjects"
)

// event is a CloudEvent about a job of Proxmox, or about a sync.
type event struct {
	ID       string `json:"id"`
	Source   string `json:"source"`
	Type     string `json:"type"`
	Subject  string `json:"subject"`
	Sequence string `json:"sequence"`
	Data     struct {
		ObjectID   int             `json:"object_id"`
		Key        string          `json:"key"`
		EndpointID int             `json:"endpoint_id"`
		Kind       string          `json:"kind"`
		Version    int             `json:"version"`
		Status     string          `json:"status"`
		Changed    []string        `json:"changed"`
		Before     json.RawMessage `json:"before"`
		Cause      string          `json:"cause"`
		Object     json.RawMessage `json:"object"`
	} `json:"data"`

	raw []byte
}

// events returns all events of Proxmox's jobs so far.
func (l *lab) events(t *testing.T) []event {
	t.Helper()
	return slices.DeleteFunc(l.allEvents(t), func(e event) bool { return e.Data.Kind == subjects.KindSync })
}

// allEvents returns all events so far, those of syncs too, when everything that changed was published. Their positions must be the sequences of the
// stream, without a gap.
func (l *lab) allEvents(t *testing.T) []event {
	t.Helper()
	last := l.published(t)
	all := make([]event, 0, last)
	err := l.messages(t.Context(), subjects.StreamEvents, func(m *jetstream.RawStreamMsg) error {
		e := event{raw: m.Data}
		if err := json.Unmarshal(m.Data, &e); err != nil {
			return fmt.Errorf("event %d: %w: %s", m.Sequence, err, m.Data)
		}
		if all = append(all, e); m.Sequence != uint64(len(all)) || e.Sequence != strconv.Itoa(len(all)) {
			return fmt.Errorf("event %d of the stream is at %d and says it is %s", len(all), m.Sequence, e.Sequence)
		}
		return nil
	})
	if err != nil || uint64(len(all)) != last {
		t.Fatalf("%d of %d events were read: %v", len(all), last, err)
	}
	return all
}

// published waits until every change is in the stream and returns the sequence of the last one.
func (l *lab) published(t *testing.T) uint64 {
	t.Helper()
	var last int64
	eventually(t, "the publication of all changes", func() error {
		var waiting int
		var done int64
		err := l.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM outbox), last_position, published_position FROM relay_state`).
			Scan(&waiting, &last, &done)
		if err != nil {
			return err
		}
		if waiting > 0 || done < last {
			return fmt.Errorf("%d changes wait, and %d of %d are published", waiting, done, last)
		}
		stream, err := l.bus.JetStream().Stream(t.Context(), subjects.StreamEvents)
		if err != nil {
			return err
		}
		if at := stream.CachedInfo().State.LastSeq; at != uint64(last) {
			return fmt.Errorf("the stream ends at %d, the positions at %d", at, last)
		}
		return nil
	})
	return uint64(last)
}

// story is what happened to one job, "created 1", "updated 2" and so on.
func story(events []event, kind string, id int) []string {
	var out []string
	for _, e := range events {
		if e.Data.Kind == kind && e.Data.ObjectID == id {
			name, err := eventName(e)
			if err != nil {
				name = err.Error()
			}
			out = append(out, fmt.Sprintf("%s %d", name, e.Data.Version))
		}
	}
	return out
}

func eventName(e event) (string, error) {
	var name string
	if _, err := fmt.Sscanf(e.Type, "proxops."+e.Data.Kind+".%s", &name); err != nil {
		return "", errors.New("event of type " + e.Type)
	}
	const version = ".v1"
	if len(name) <= len(version) || name[len(name)-len(version):] != version {
		return "", errors.New("event of type " + e.Type)
	}
	return name[:len(name)-len(version)], nil
}

// after returns the events that follow the first n.
func after(events []event, n int) []event { return events[min(n, len(events)):] }
