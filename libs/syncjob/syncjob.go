// Package syncjob makes, begins, cancels and ends the jobs in which endpoints are synchronised because a person, or a schedule, asks for it.
//
// A job has a part for each endpoint and kind. The api makes and cancels jobs, projectors begin those of schedules, join parts to runs and settle
// them. Whoever writes parts of an endpoint holds its row lock; locks come in the order schedule, endpoints by id, jobs by id.
package syncjob

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
)

// kinds are what can be synchronised, as tables and as REST name it.
var kinds = []struct{ kind, rest string }{
	{"backup_routine", "backup-routines"}, {"replication", "replications"}, {"inventory", "inventory"},
}

// All is the type that stands for all others.
const All = "all"

// Types returns the names that REST has for kinds, in the order in which results are shown.
func Types() []string {
	out := make([]string, len(kinds))
	for i, k := range kinds {
		out[i] = k.rest
	}
	return out
}

// KindOf returns the kind that a type of REST stands for.
func KindOf(name string) (kind string, ok bool) {
	for _, k := range kinds {
		if k.rest == name {
			return k.kind, true
		}
	}
	return "", false
}

// TypeOf returns the type that REST has for a kind.
func TypeOf(kind string) string {
	for _, k := range kinds {
		if k.kind == kind {
			return k.rest
		}
	}
	return kind
}

// KindsOf returns the kinds that types of REST stand for, each once in the usual order; none, or "all" among them, means all. An unknown type is
// fault.Invalid.
func KindsOf(types []string) ([]string, error) {
	var out []string
	for _, k := range kinds {
		if len(types) == 0 || slices.Contains(types, k.rest) || slices.Contains(types, All) {
			out = append(out, k.kind)
		}
	}
	for _, t := range types {
		if _, ok := KindOf(t); !ok && t != All {
			return nil, fault.New(fault.Invalid, "there is no sync type %q: the types are %s and %s", t, strings.Join(Types(), ", "), All)
		}
	}
	return out, nil
}

// New is a job to be made.
type New struct {
	Name      string
	Kinds     []string // as KindsOf returns them
	Endpoints []int32  // none: all that are enabled
	// ObjectType and ObjectID are what the job belongs to, zero for nothing: the endpoint if it is one.
	ObjectType change.ObjectType
	ObjectID   int32
	Schedule   *int32 // that it is a run of
	UserID     *int32
	UserName   string
	RequestID  uuid.UUID
}

// maxName bounds the name of a job, in characters, as NetBox does.
const maxName = 200

// Create makes a job that is to run now, and returns its id. Somebody has to tell the projectors after the commit (subjects.ControlJobs). A job
// without any enabled endpoint is fault.Invalid.
func Create(ctx context.Context, tx pgx.Tx, n New) (id int32, err error) {
	var objectType, objectID any
	if n.ObjectType != 0 {
		objectType, objectID = int32(n.ObjectType), n.ObjectID
	}
	name := []rune(n.Name)
	endpoints := append([]int32{}, n.Endpoints...)
	slices.Sort(endpoints)
	endpoints = slices.Compact(endpoints)
	err = tx.QueryRow(ctx, `INSERT INTO jobs (name, object_type_id, object_id, schedule_id, kinds, endpoint_ids, user_id, user_name, request_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id`,
		string(name[:min(len(name), maxName)]), objectType, objectID, n.Schedule, n.Kinds, endpoints, n.UserID, n.UserName, n.RequestID).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("make a sync job: %w", err)
	}
	parts, err := expand(ctx, tx, id)
	if err != nil {
		return 0, err
	}
	var open bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM job_parts WHERE job_id = $1 AND status = 'pending')`, id).Scan(&open); err != nil {
		return 0, fmt.Errorf("look at the parts of sync job %d: %w", id, err)
	}
	if !open {
		return 0, fault.New(fault.Invalid, "there is no enabled endpoint to synchronise")
	}
	return id, Log(ctx, tx, Entry{Job: id, Message: fmt.Sprintf("asked for by %s: %s", person(n.UserName), partsOf(parts, n.Kinds))})
}

// person is who did something, for people.
func person(name string) string { return cmp.Or(name, "the shell") }

// expand makes the parts of a job, and returns how many there are. Endpoints that were named and are disabled meanwhile have failed already.
func expand(ctx context.Context, tx pgx.Tx, job int32) (int, error) {
	// Whoever deletes or disables an endpoint settles its parts, and whoever ends a run of it has the next one begin for them: both have to see these.
	// Locked in a statement of its own, as what is read in the next one is as it is under the locks; shared, as jobs need not wait for each other.
	_, err := tx.Exec(ctx, `SELECT FROM endpoints e JOIN jobs j ON CASE WHEN cardinality(j.endpoint_ids) = 0 THEN e.enabled ELSE e.id = ANY (j.endpoint_ids) END
		WHERE j.id = $1 ORDER BY e.id FOR SHARE OF e`, job)
	if err != nil {
		return 0, fmt.Errorf("lock the endpoints of sync job %d: %w", job, err)
	}
	tag, err := tx.Exec(ctx, `INSERT INTO job_parts (job_id, endpoint_id, endpoint_name, kind, status, error_kind, error_text, remedy, completed)
		SELECT j.id, e.id, e.name, k.kind, s.status, CASE WHEN e.enabled THEN '' ELSE 'disabled' END,
			CASE WHEN e.enabled THEN '' ELSE 'endpoint ' || e.name || ' is disabled' END, CASE WHEN e.enabled THEN '' ELSE 'enable the endpoint' END,
			CASE WHEN e.enabled THEN NULL ELSE clock_timestamp() END
		FROM jobs j CROSS JOIN unnest(j.kinds) AS k (kind)
		JOIN endpoints e ON CASE WHEN cardinality(j.endpoint_ids) = 0 THEN e.enabled ELSE e.id = ANY (j.endpoint_ids) END
		CROSS JOIN LATERAL (SELECT CASE WHEN e.enabled THEN 'pending' ELSE 'failed' END AS status) s
		WHERE j.id = $1`, job)
	if err != nil {
		return 0, fmt.Errorf("make the parts of sync job %d: %w", job, err)
	}
	return int(tag.RowsAffected()), nil
}

// partsOf says in words how many parts there are of what.
func partsOf(parts int, kinds []string) string {
	types := make([]string, len(kinds))
	for i, k := range kinds {
		types[i] = TypeOf(k)
	}
	endpoints := parts / max(1, len(kinds))
	if endpoints == 1 {
		return strings.Join(types, ", ") + " of one endpoint"
	}
	return fmt.Sprintf("%s of %d endpoints", strings.Join(types, ", "), endpoints)
}
