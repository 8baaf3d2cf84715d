// Package change writes the change log, which is also the outbox of events.
//
// Every change of an object is one row, written in the transaction that changes the object. Rows of jobs carry an event and a version; the
// relay gives them positions and publishes them. The columns are those of NetBox's object changes.
package change

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// ObjectType is the id of a row of object_types.
type ObjectType int32

// The object types, as the migrations number them.
const (
	BackupRoutine        ObjectType = 1
	Replication          ObjectType = 2
	ProxmoxEndpoint      ObjectType = 3
	ProxmoxNode          ObjectType = 4
	ProxmoxStorage       ObjectType = 5
	ProxmoxCluster       ObjectType = 6
	Cluster              ObjectType = 7
	VirtualMachine       ObjectType = 8
	Tag                  ObjectType = 9
	User                 ObjectType = 10
	Token                ObjectType = 11
	Group                ObjectType = 12
	Permission           ObjectType = 13
	CustomField          ObjectType = 14
	CustomFieldChoiceSet ObjectType = 15
	JournalEntry         ObjectType = 16
	ObjectChange         ObjectType = 17
	ObjectTypeType       ObjectType = 18
	Job                  ObjectType = 19
	SyncSchedule         ObjectType = 20
)

// Action is what NetBox calls the kinds of change.
type Action string

// The actions.
const (
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
)

// Event is the last part but one of an event's type; jobs of Proxmox and sync jobs alone have events.
type Event string

// The events. An update that turns a job stale, or active again, is Stale or Reactivated whatever else it changes.
const (
	None        Event = ""
	Created     Event = "created"
	Updated     Event = "updated"
	Stale       Event = "stale"
	Reactivated Event = "reactivated"
	Deleted     Event = "deleted"

	// Of sync jobs.

	Started   Event = "started"
	Completed Event = "completed"
	Failed    Event = "failed"
)

// EventOf names the event of a job's change from its action and its status before and after.
func EventOf(a Action, before, after string) Event {
	switch {
	case a == Create:
		return Created
	case a == Delete:
		return Deleted
	case before == "active" && after == "stale":
		return Stale
	case before == "stale" && after == "active":
		return Reactivated
	}
	return Updated
}

// Cause says what kind of actor changed the object.
type Cause string

// The causes.
const (
	Sync   Cause = "sync"
	API    Cause = "api"
	System Cause = "system"
)

// Origin says who changed objects, and in the course of what. A sync has one request id for each applied snapshot.
type Origin struct {
	Cause     Cause
	UserID    *int32
	UserName  string
	RequestID uuid.UUID
	Message   string // at most 200 characters
}

// Row is one change of one object.
type Row struct {
	Time       time.Time // what last_updated of the object became
	ObjectType ObjectType
	ObjectID   int32
	EndpointID *int32 // nil for what belongs to no endpoint
	Action     Action
	Event      Event           // None for what is no job
	Version    int32           // of the object after the change; 0 for what is no job
	Key        string          // job_id or replication_id
	Status     string          // of the job after the change
	Changed    []string        // names of the changed fields, sorted; empty unless Action is Update
	Pre, Post  json.RawMessage // flat column values, nil on Create and on Delete respectively
	ObjectRepr string          // display of the object; cut at 200 characters
	Message    string          // instead of the origin's, when set
}

// Write writes the rows in their order. The caller holds whatever lock orders the changes of these objects: the row lock of the endpoint for
// all that belongs to one.
func Write(ctx context.Context, tx pgx.Tx, o Origin, rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	ids, err := nextIDs(ctx, tx, len(rows))
	if err != nil {
		return err
	}
	// As its own type it is encoded directly; as a uuid.UUID it would take a detour over text for each row.
	request := pgtype.UUID{Bytes: o.RequestID, Valid: true}
	columns := []string{
		"id", "time", "object_type_id", "object_id", "endpoint_id", "action", "event", "version", "key", "status", "changed",
		"prechange", "postchange", "cause", "user_id", "user_name", "request_id", "message", "object_repr",
	}
	var published []int64
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"changes"}, columns, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
		r := &rows[i]
		var event, version any
		if r.Event != None {
			event, version = string(r.Event), r.Version
			published = append(published, ids[i])
		}
		changed := r.Changed
		if changed == nil {
			changed = []string{}
		}
		message := r.Message
		if message == "" {
			message = o.Message
		}
		return []any{
			ids[i], r.Time, int32(r.ObjectType), r.ObjectID, r.EndpointID, string(r.Action), event, version, r.Key, r.Status, changed,
			r.Pre, r.Post, string(o.Cause), o.UserID, o.UserName, request, cut(message), cut(r.ObjectRepr),
		}, nil
	}))
	if err != nil {
		return fmt.Errorf("write %d change rows: %w", len(rows), err)
	}
	if len(published) == 0 {
		return nil
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"outbox"}, []string{"change_id"}, pgx.CopyFromSlice(len(published), func(i int) ([]any, error) {
		return []any{published[i]}, nil
	}))
	if err != nil {
		return fmt.Errorf("put %d changes into the outbox: %w", len(published), err)
	}
	return nil
}

// nextIDs takes n ids in rising order: the outbox needs them, and COPY does not return what it made.
func nextIDs(ctx context.Context, tx pgx.Tx, n int) ([]int64, error) {
	rows, err := tx.Query(ctx, `SELECT nextval('changes_id_seq') FROM generate_series(1, $1)`, n)
	if err != nil {
		return nil, fmt.Errorf("take %d ids for change rows: %w", n, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("take %d ids for change rows: %w", n, err)
	}
	return ids, nil
}

const maxText = 200

// cut shortens s to NetBox's bound for messages and representations, in characters.
func cut(s string) string {
	n := 0
	for i := range s {
		if n == maxText {
			return s[:i]
		}
		n++
	}
	return s
}
