package live

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/proxops/proxops/proto-events/subjects"
)

// Kinds of objects that events are about, as subjects spell them.
const (
	Routine     = "backup_routine"
	Replication = "replication"
	Sync        = subjects.KindSync
)

// names are the events of each kind.
var names = map[string][]string{
	Routine:     {"created", "updated", "stale", "reactivated", "deleted"},
	Replication: {"created", "updated", "stale", "reactivated", "deleted"},
	Sync:        {"started", "completed", "failed"},
}

// Types returns the types of events that a text names: itself, or those of all kinds that end in it; nil if there are none.
func Types(text string) []string {
	var out []string
	for kind, of := range names {
		for _, name := range of {
			if t := "proxops." + kind + "." + name + ".v1"; text == name || text == t {
				out = append(out, t)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Event is a message of the stream EVENTS, ready to be sent.
type Event struct {
	Sequence         uint64
	Change           int64  // its row in the change log
	Kind             string // "": what the message is about is not known, and nobody gets it
	Type             string
	Endpoint, Object int64
	frame            []byte
}

// size is about what the event takes in memory.
func (e *Event) size() int { return len(e.frame) + 200 }

// newEvent makes a frame of a message. A message that is no event is kept as one of no kind, so that no number is missing.
func newEvent(sequence uint64, subject string, data []byte) *Event {
	e := &Event{Sequence: sequence}
	tokens := strings.Split(subject, ".") // proxops.v1.event.<endpoint>.<kind>.<object>
	var cloud struct{ ID, Type string }
	if len(tokens) != 6 || json.Unmarshal(data, &cloud) != nil || names[tokens[4]] == nil || strings.ContainsAny(cloud.Type, "\r\n") {
		return e
	}
	var wrong [3]error
	e.Endpoint, wrong[0] = strconv.ParseInt(tokens[3], 10, 64)
	e.Object, wrong[1] = strconv.ParseInt(tokens[5], 10, 64)
	e.Change, wrong[2] = strconv.ParseInt(cloud.ID, 10, 64)
	if wrong != [3]error{} {
		return e
	}
	e.Kind, e.Type = tokens[4], cloud.Type
	if bytes.ContainsAny(data, "\r\n") {
		var line bytes.Buffer
		_ = json.Compact(&line, data) // it was read above
		data = line.Bytes()
	}
	e.frame = make([]byte, 0, len(data)+len(e.Type)+40)
	e.frame = strconv.AppendUint(append(e.frame, "id: "...), sequence, 10)
	e.frame = append(append(e.frame, "\nevent: "...), e.Type...)
	e.frame = append(append(append(e.frame, "\ndata: "...), data...), "\n\n"...)
	return e
}

// Filter picks events. An empty list picks all.
type Filter struct {
	Endpoints, Objects []int64
	Kinds, Types       []string
}

func (f *Filter) match(e *Event) bool {
	return e.Kind != "" && has(f.Endpoints, e.Endpoint) && has(f.Objects, e.Object) && has(f.Kinds, e.Kind) && has(f.Types, e.Type)
}

func has[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }

// subject is the narrowest subject of all events that the filter picks, as far as one can tell.
func (f *Filter) subject() string {
	kind := "*"
	if len(f.Kinds) == 1 {
		kind = f.Kinds[0]
	}
	return "proxops.v1.event." + token(f.Endpoints) + "." + kind + "." + token(f.Objects)
}

func token(ids []int64) string {
	if len(ids) == 1 {
		return strconv.FormatInt(ids[0], 10)
	}
	return "*"
}
