package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/seal"
)

// Request is a write of one object.
type Request struct {
	At      Address
	Actor   Actor
	Body    any   // decoded JSON with json.Number; nil for null
	BodyErr error // why the body could not be read; it counts after what concerns the object itself
	Partial bool  // PATCH: required fields may be left out
	IfMatch string
	Select  Selection
}

// errMoved says that an object changed its endpoint between being found and being locked.
var errMoved = errors.New("the object moved to another endpoint meanwhile")

// inTx runs fn in a transaction, and again if the object moved under it.
func (s *Store) inTx(ctx context.Context, r *Resource, fn func(tx pgx.Tx) error) error {
	err := errMoved
	for range 4 {
		if err = postgres.InTx(ctx, s.Pool, fn); !errors.Is(err, errMoved) {
			break
		}
	}
	if err != nil {
		return refused(err)
	}
	if r.Hooks.Committed != nil {
		r.Hooks.Committed(ctx)
	}
	return nil
}

// Create makes an object and returns it as it is then.
func (s *Store) Create(ctx context.Context, r *Resource, req Request) (o Object, err error) {
	scope, err := req.Actor.Scope(r, Add)
	if err != nil {
		return o, err
	}
	if req.BodyErr != nil {
		return o, req.BodyErr
	}
	err = s.inTx(ctx, r, func(tx pgx.Tx) error {
		in := r.readInput(req.Body, true, false)
		if err := in.find(ctx, tx, req.Actor); err != nil {
			return err
		}
		if err := in.errors.Err(); err != nil {
			return err
		}
		w := &Write{Tx: tx, Action: change.Create, After: in.apply(nil)}
		if _, err := r.lock(ctx, tx, w.After); err != nil {
			return err
		}
		o, err = r.save(ctx, w, in, scope, req)
		return err
	})
	if err != nil {
		return Object{}, fmt.Errorf("create one of %s: %w", r.Name, err)
	}
	return o, nil
}

// Update changes an object and returns it as it is then.
func (s *Store) Update(ctx context.Context, r *Resource, id int64, req Request) (o Object, err error) {
	scope, err := req.Actor.Scope(r, Change)
	if err != nil {
		return o, err
	}
	err = s.inTx(ctx, r, func(tx pgx.Tx) error {
		found, err := r.one(ctx, tx, false, scope, id)
		if err != nil {
			return err
		}
		if err := matches(found, req.IfMatch); err != nil {
			return err
		}
		if req.BodyErr != nil {
			return req.BodyErr
		}
		in := r.readInput(req.Body, false, req.Partial)
		if err := in.find(ctx, tx, req.Actor); err != nil {
			return err
		}
		if err := in.errors.Err(); err != nil {
			return err
		}
		before, err := r.lockOne(ctx, tx, scope, found, in.apply(found))
		if err != nil {
			return err
		}
		if err := matches(before, req.IfMatch); err != nil {
			return err
		}
		o, err = r.save(ctx, &Write{Tx: tx, Action: change.Update, Before: before, After: in.apply(before)}, in, scope, req)
		return err
	})
	if err != nil {
		return Object{}, fmt.Errorf("update %s %d: %w", r.Name, id, err)
	}
	return o, nil
}

// one loads the object of this id, or returns the error that the scope has none.
func (r *Resource) one(ctx context.Context, tx pgx.Tx, lock bool, scope Scope, id int64) (*Record, error) {
	condition, args := r.condition(scope, id)
	records, err := r.load(ctx, tx, lock, condition, args...)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, r.NotFound()
	}
	return records[0], nil
}

// matches checks If-Match against the state of an object.
func matches(o *Record, ifMatch string) error {
	if ifMatch == "" {
		return nil
	}
	current := etagOf(o.LastUpdated)
	for tag := range strings.SplitSeq(ifMatch, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == current {
			return nil
		}
	}
	return Stale{current}
}

// save runs the hooks, writes the row, its tags and its change, and reads the object again. What leaves the scope is refused.
func (r *Resource) save(ctx context.Context, w *Write, in *input, scope Scope, req Request) (Object, error) {
	w.Given, w.Secrets, w.Columns = map[string]bool{}, map[string]seal.Secret{}, map[string]any{}
	for name, v := range in.values {
		w.Given[name] = true
		if s, ok := v.(string); ok && r.fields[name].WriteOnly {
			w.Secrets[name] = seal.Secret(s)
		}
	}
	if r.Hooks.BeforeSave != nil {
		if err := r.Hooks.BeforeSave(ctx, w); err != nil {
			return Object{}, err
		}
	}
	if err := w.Errors.Err(); err != nil {
		return Object{}, err
	}
	if err := r.checkUnique(ctx, w); err != nil {
		return Object{}, err
	}
	tags, newTags := in.tags.apply(w.Before)
	changed := w.Action == change.Create || newTags || len(w.Changed) > 0 || r.changed(w)
	if err := r.writeRow(ctx, w, changed); err != nil {
		return Object{}, err
	}
	if err := r.writeLinks(ctx, w); err != nil {
		return Object{}, err
	}
	if newTags {
		if err := r.writeTags(ctx, w.Tx, w.After.ID, tags); err != nil {
			return Object{}, err
		}
	}
	after, object, err := r.again(ctx, w.Tx, w.After.ID, req)
	if err != nil {
		return Object{}, err
	}
	if r.Hooks.AfterSave != nil {
		if err := r.Hooks.AfterSave(ctx, w); err != nil {
			return Object{}, err
		}
	}
	if err := r.recheck(ctx, w.Tx, scope, w.After.ID); err != nil {
		return Object{}, err
	}
	if !changed {
		return *object, nil
	}
	row, err := r.changeRow(w.Action, w.Before, after, w.Changed)
	if err != nil {
		return Object{}, err
	}
	origin := req.Actor.Origin
	origin.Message = in.message
	return *object, change.Write(ctx, w.Tx, origin, []change.Row{row})
}

// again reads an object after it was written: as a record, and in the form the client asked for.
func (r *Resource) again(ctx context.Context, tx pgx.Tx, id int64, req Request) (*Record, *Object, error) {
	form := r.plan(r.shape(req.Select))
	batch := &pgx.Batch{}
	batch.Queue(r.loadSQL(false, "t.id = $1::bigint"), id)
	batch.Queue(r.selectSQL(form, "t.id = $1::bigint"), id)
	results := tx.SendBatch(ctx, batch)
	defer func() { _ = results.Close() }()
	rows, err := results.Query()
	if err != nil {
		return nil, nil, fmt.Errorf("read %s %d again: %w", r.Name, id, err)
	}
	records, err := r.readRecords(rows)
	rows.Close()
	if err != nil {
		return nil, nil, fmt.Errorf("read %s %d again: %w", r.Name, id, err)
	}
	if rows, err = results.Query(); err != nil {
		return nil, nil, fmt.Errorf("read %s %d again: %w", r.Name, id, err)
	}
	defer rows.Close()
	object, err := readObject(rows, form, req.At)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s %d again: %w", r.Name, id, err)
	}
	if len(records) == 0 || object == nil {
		return nil, nil, fmt.Errorf("%s %d is gone in the transaction that wrote it", r.Name, id)
	}
	return records[0], object, nil
}

// changed says whether any field differs that counts as a change.
func (r *Resource) changed(w *Write) bool {
	for _, f := range r.logged {
		if !f.Silent && !same(w.Before.values[f.Name], w.After.values[f.Name]) {
			return true
		}
	}
	return false
}

func same(a, b any) bool {
	switch a := a.(type) {
	case json.RawMessage:
		other, ok := b.(json.RawMessage)
		equal, err := change.Same(a, other)
		return ok && equal && err == nil
	case time.Time:
		other, ok := b.(time.Time)
		return ok && a.Equal(other)
	case []int64:
		other, ok := b.([]int64)
		return ok && slices.Equal(a, other)
	case []string:
		other, ok := b.([]string)
		return ok && slices.Equal(a, other)
	}
	return a == b
}

// writeRow inserts or updates the row. last_updated moves on even if the clock did not, as the ETag is made of it.
func (r *Resource) writeRow(ctx context.Context, w *Write, changed bool) error {
	var columns, values []string
	var args []any
	set := func(column string, v any) {
		if raw, ok := v.(json.RawMessage); ok {
			v = string(raw)
		}
		args = append(args, v)
		columns, values = append(columns, column), append(values, "$"+strconv.Itoa(len(args)))
	}
	for _, f := range r.columns {
		v, known := w.After.values[f.Name]
		if !known || f.Name == "id" || f.Name == "created" || f.Name == "last_updated" || f.Name == "version" {
			continue
		}
		if w.Before == nil || !same(w.Before.values[f.Name], v) {
			set(f.Column, v)
		}
	}
	for _, column := range sortedKeys(w.Columns) {
		set(column, w.Columns[column])
	}
	var sql string
	if w.Before == nil {
		sql = "INSERT INTO " + r.Table + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(values, ", ") + ") RETURNING id"
	} else {
		sql = "UPDATE " + r.Table + " SET last_updated = greatest(clock_timestamp(), last_updated + interval '1 microsecond')"
		for i, column := range columns {
			sql += ", " + column + " = " + values[i]
		}
		if changed && r.Job != nil {
			sql += ", version = version + 1"
		}
		args = append(args, w.Before.ID)
		sql += " WHERE id = $" + strconv.Itoa(len(args)) + " RETURNING id"
	}
	if err := w.Tx.QueryRow(ctx, sql, args...).Scan(&w.After.ID); err != nil {
		return r.constraint(err)
	}
	return nil
}
