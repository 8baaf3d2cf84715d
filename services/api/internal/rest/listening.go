package rest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/proxops/proxops/services/api/internal/live"
	"github.com/proxops/proxops/services/api/internal/resource"
)

const (
	wholeNumber = "Enter a whole number."
	lastEventID = "Last-Event-ID"
	afterParam  = "last_event_id"
)

// kindNames are what kinds of events are called: as events do, and as REST names their objects.
var kindNames = map[string]string{
	live.Routine: live.Routine, "backup-routines": live.Routine, live.Replication: live.Replication, "replications": live.Replication, live.Sync: live.Sync,
}

// eventParameters are what a request for events may have.
var eventParameters = []string{"endpoint", "kind", "type", "object_id", afterParam, "format"}

// listening reads which events a client wants, and from where on.
func (q *request) listening() (f live.Filter, after *uint64, err error) {
	var wrong resource.Errors
	f.Endpoints, f.Objects = q.numbers("endpoint", &wrong), q.numbers("object_id", &wrong)
	for _, v := range q.params["kind"] {
		kind, known := kindNames[v]
		switch {
		case known:
			f.Kinds = append(f.Kinds, kind)
		case v != "":
			wrong.Add("kind", noChoice(v))
		}
	}
	for _, v := range q.params["type"] {
		types := live.Types(v)
		if types == nil && v != "" {
			wrong.Add("type", noChoice(v))
		}
		f.Types = append(f.Types, types...)
	}
	slices.Sort(f.Kinds)
	f.Kinds = slices.Compact(f.Kinds)
	after = q.after(&wrong)
	return f, after, wrong.Err()
}

// numbers reads ids.
func (q *request) numbers(name string, wrong *resource.Errors) (ids []int64) {
	for _, v := range q.params[name] {
		id, err := strconv.ParseInt(v, 10, 64)
		switch {
		case err == nil:
			ids = append(ids, id)
		case v != "":
			wrong.Add(name, wholeNumber)
		}
	}
	return ids
}

// after reads what a client has already. The header comes first, as browsers send it when they come back to an address with the parameter.
func (q *request) after(wrong *resource.Errors) *uint64 {
	name, v := lastEventID, q.http.Header.Get(lastEventID)
	if v == "" {
		name, v = afterParam, resource.Last(q.params[afterParam])
	}
	if v == "" {
		return nil
	}
	id, err := strconv.ParseInt(v, 10, 64)
	if err != nil || id < 0 {
		wrong.Add(name, wholeNumber)
		return nil
	}
	return new(uint64(id))
}

func noChoice(v string) string {
	return "Select a valid choice. " + strings.ToValidUTF8(v, "\uFFFD") + " is not one of the available choices."
}
