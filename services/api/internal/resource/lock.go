package resource

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// lockOne locks the endpoints of an object as it was found and as it will be, then the object, which it returns as it is under the lock if
// it is in the scope then.
func (r *Resource) lockOne(ctx context.Context, tx pgx.Tx, scope Scope, states ...*Record) (*Record, error) {
	locked, err := r.lock(ctx, tx, states...)
	if err != nil {
		return nil, err
	}
	now, err := r.one(ctx, tx, true, scope, states[0].ID)
	if err != nil {
		return nil, err
	}
	if now.endpoint != 0 && !slices.Contains(locked, now.endpoint) {
		return nil, errMoved
	}
	return now, nil
}

// lock takes the row locks of the endpoints that objects belong to, in the order of their ids, and returns those ids.
func (r *Resource) lock(ctx context.Context, tx pgx.Tx, states ...*Record) ([]int64, error) {
	var ids []int64
	for _, o := range states {
		id, err := r.endpointOf(ctx, tx, o)
		if err != nil {
			return nil, err
		}
		if id != 0 && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	if _, err := tx.Exec(ctx, "SELECT FROM endpoints WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE", ids); err != nil {
		return nil, fmt.Errorf("lock endpoints %v: %w", ids, err)
	}
	return ids, nil
}

// endpointSQL is the expression for the endpoint that a row of the table alias belongs to: LockVia, followed.
func (r *Resource) endpointSQL(alias string) string {
	switch {
	case r.LockSelf:
		return alias + ".id"
	case len(r.LockVia) == 0:
		return "NULL::integer"
	}
	sql, at := r.fields[r.LockVia[0]].sql(alias), r.target(r.fields[r.LockVia[0]])
	for i, name := range r.LockVia[1:] {
		next := fmt.Sprintf("%sl%d", alias, i)
		sql = "(SELECT " + at.fields[name].sql(next) + " FROM " + at.Table + " " + next + " WHERE " + next + ".id = " + sql + ")"
		at = at.target(at.fields[name])
	}
	return sql
}

// endpointOf returns the endpoint that an object belongs to as it is or will be, 0 for none.
func (r *Resource) endpointOf(ctx context.Context, tx pgx.Tx, o *Record) (int64, error) {
	switch {
	case r.LockSelf:
		return o.ID, nil
	case len(r.LockVia) == 0:
		return 0, nil
	}
	id, ok := o.Int(r.LockVia[0])
	if !ok || len(r.LockVia) == 1 {
		return id, nil
	}
	to := r.target(r.fields[r.LockVia[0]])
	rest := Resource{LockVia: r.LockVia[1:], fields: to.fields, set: r.set}
	var endpoint *int64
	err := tx.QueryRow(ctx, "SELECT ("+rest.endpointSQL("t")+")::bigint FROM "+to.Table+" t WHERE t.id = $1::bigint", id).Scan(&endpoint)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("find the endpoint of one of %s: %w", r.Name, err)
	}
	if endpoint == nil {
		return 0, nil
	}
	return *endpoint, nil
}
