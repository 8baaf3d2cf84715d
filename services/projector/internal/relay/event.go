package relay

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/proxops/proxops/libs/change"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/relay/render"
	"github.com/proxops/proxops/services/projector/internal/store"
)

// eventKey is what the change log says of a change that is published.
type eventKey struct {
	object change.ObjectType
	event  change.Event
}

// eventTypes are the types of CloudEvents. A change that is not listed here cannot be published.
var eventTypes = map[eventKey]string{
	{change.BackupRoutine, change.Created}:     "proxops.backup_routine.created.v1",
	{change.BackupRoutine, change.Updated}:     "proxops.backup_routine.updated.v1",
	{change.BackupRoutine, change.Stale}:       "proxops.backup_routine.stale.v1",
	{change.BackupRoutine, change.Reactivated}: "proxops.backup_routine.reactivated.v1",
	{change.BackupRoutine, change.Deleted}:     "proxops.backup_routine.deleted.v1",
	{change.Replication, change.Created}:       "proxops.replication.created.v1",
	{change.Replication, change.Updated}:       "proxops.replication.updated.v1",
	{change.Replication, change.Stale}:         "proxops.replication.stale.v1",
	{change.Replication, change.Reactivated}:   "proxops.replication.reactivated.v1",
	{change.Replication, change.Deleted}:       "proxops.replication.deleted.v1",
	{change.Job, change.Started}:               "proxops.sync.started.v1",
	{change.Job, change.Completed}:             "proxops.sync.completed.v1",
	{change.Job, change.Failed}:                "proxops.sync.failed.v1",
}

// kinds are as subjects and events spell them.
var kinds = map[change.ObjectType]string{
	change.BackupRoutine: subjects.KindToken(proxopsv1.Kind_KIND_BACKUP_ROUTINE),
	change.Replication:   subjects.KindToken(proxopsv1.Kind_KIND_REPLICATION),
	change.Job:           subjects.KindSync,
}

// event is a change on its way to becoming a message.
type event struct {
	store.RelayEventsRow
	eventType string
	kind      string
	job       *render.Job
}

// newEvent takes a change apart. A change that cannot be an event stops the relay, since leaving it out would leave a gap.
func newEvent(row store.RelayEventsRow) (*event, error) {
	object := change.ObjectType(row.ObjectTypeID)
	e := &event{RelayEventsRow: row, kind: kinds[object]}
	var ok bool
	if e.eventType, ok = eventTypes[eventKey{object, change.Event(value(row.Event))}]; !ok {
		return nil, fmt.Errorf("change %d is of type %d and event %q, which this version cannot publish: update the projector", row.ID, object, value(row.Event))
	}
	state, version := row.Postchange, value(row.Version)
	if change.Event(*row.Event) == change.Deleted {
		state, version = row.Prechange, version-1
	}
	var err error
	if e.job, err = render.Parse(object, string(state)); err != nil {
		return nil, fmt.Errorf("make an event of change %d: %w", row.ID, err)
	}
	e.job.ID, e.job.Change, e.job.Version, e.job.LastUpdated = row.ObjectID, row.ID, version, row.Time
	return e, nil
}

// contentType of a CloudEvent in structured mode.
const contentType = "application/cloudevents+json"

// message renders the event into buf, which it returns grown. An event larger than limit goes without what alone can be so large, and says so.
func (e *event) message(buf []byte, n *render.Names, limit int) (*nats.Msg, []byte, error) {
	start := len(buf)
	buf, err := e.appendJSON(buf, n, nil)
	if err == nil && len(buf)-start > limit {
		buf, err = e.appendJSON(buf[:start], n, e.job.Bulky())
	}
	if err != nil {
		return nil, buf, fmt.Errorf("make an event of change %d: %w", e.ID, err)
	}
	return &nats.Msg{
		Subject: subjects.Event(int64(value(e.EndpointID)), e.kind, int64(e.ObjectID)),
		Header:  nats.Header{"content-type": {contentType}},
		Data:    buf[start:len(buf):len(buf)],
	}, buf, nil
}

// appendJSON writes the CloudEvent. Its data is the message JobChanged as JSON, but with plain numbers, which is what subscribers and
// schemas expect of integers, and which readers of protobuf's JSON accept.
func (e *event) appendJSON(b []byte, n *render.Names, without []string) ([]byte, error) {
	b = append(b, `{"specversion":"1.0","id":"`...)
	b = strconv.AppendInt(b, e.ID, 10)
	b = append(b, `","source":"`...)
	b = append(b, sourceOf(e.EndpointID)...)
	b = append(b, `","type":"`...)
	b = append(b, e.eventType...)
	b = append(b, `","subject":`...)
	b = render.AppendString(b, e.Key)
	b = append(b, `,"time":`...)
	b = render.AppendTime(b, e.Time)
	b = append(b, `,"sequence":"`...)
	b = strconv.AppendInt(b, e.Position, 10)
	b = append(b, `","datacontenttype":"application/json","data":{"object_id":`...)
	b = strconv.AppendInt(b, int64(e.ObjectID), 10)
	b = append(b, `,"key":`...)
	b = render.AppendString(b, e.Key)
	b = append(b, `,"endpoint_id":`...)
	b = strconv.AppendInt(b, int64(value(e.EndpointID)), 10)
	b = append(b, `,"kind":"`...)
	b = append(b, e.kind...)
	b = append(b, `","version":`...)
	b = strconv.AppendInt(b, int64(value(e.Version)), 10)
	b = append(b, `,"status":`...)
	b = render.AppendString(b, e.Status)
	b = append(b, `,"changed":[`...)
	for i, name := range e.Changed {
		if i > 0 {
			b = append(b, ',')
		}
		b = render.AppendString(b, name)
	}
	b = append(b, `],"before":`...)
	b, err := render.AppendFields(b, string(e.Prechange), e.Changed, without)
	if err != nil {
		return b, err
	}
	b = append(b, `,"cause":`...)
	b = render.AppendString(b, e.Cause)
	b = append(b, `,"object":`...)
	b = e.job.Append(b, n, without)
	if len(without) > 0 {
		b = append(b, `,"omitted":["`...)
		b = append(b, strings.Join(without, `","`)...)
		b = append(b, `"]`...)
	}
	return append(b, '}', '}'), nil
}

// sourceOf is the url of the endpoint that the job belongs to, or of the product if there is none.
func sourceOf(endpoint *int32) string {
	if endpoint == nil {
		return "/api/plugins/proxbox/"
	}
	return fmt.Sprintf("/api/plugins/proxbox/endpoints/proxmox/%d/", *endpoint)
}

func changeID(id int64) string { return strconv.FormatInt(id, 10) }

// value returns what p points to, and the zero value for nil.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
