package resource

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// lockAll locks the endpoints of objects as they were found and as they will be, then the objects, which it returns as they are under the
// lock, by id. What is gone meanwhile, or is no longer in the scope, is not among them.
func (r *Resource) lockAll(ctx context.Context, tx pgx.Tx, scope Scope, found, states []*Record) (map[int64]*Record, error) {
	if r.Hooks.Reach != nil {
		reached, err := r.Hooks.Reach(ctx, tx, found, states)
		if err != nil {
			return nil, err
		}
		if err := lockEndpoints(ctx, tx, reached); err != nil {
			return nil, err
		}
	}
	locked, err := r.lock(ctx, tx, states...)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(found))
	for i, o := range found {
		ids[i] = o.ID
	}
	condition, args := r.condition(scope, ids...)
	records, err := r.load(ctx, tx, true, condition, args...)
	if err != nil {
		return nil, err
	}
	now := make(map[int64]*Record, len(records))
	for _, o := range records {
		if o.endpoint != 0 && !slices.Contains(locked, o.endpoint) {
			return nil, errMoved
		}
		now[o.ID] = o
	}
	return now, nil
}

// lock takes the row locks of the endpoints that objects belong to, in the order of their ids, and returns those ids.
func (r *Resource) lock(ctx context.Context, tx pgx.Tx, states ...*Record) ([]int64, error) {
	ids, err := r.endpointsOf(ctx, tx, states)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return ids, lockEndpoints(ctx, tx, ids)
}

// lockEndpoints takes the row locks of endpoints, in the order of their ids.
func lockEndpoints(ctx context.Context, tx pgx.Tx, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, "SELECT FROM endpoints WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE", ids); err != nil {
		return fmt.Errorf("lock %d endpoints: %w", len(ids), err)
	}
	return nil
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

// endpointsOf returns the endpoints that objects belong to as they are or will be, each once.
func (r *Resource) endpointsOf(ctx context.Context, tx pgx.Tx, states []*Record) ([]int64, error) {
	if !r.LockSelf && len(r.LockVia) == 0 {
		return nil, nil
	}
	var ids []int64
	for _, o := range states {
		id, ok := o.ID, true
		if !r.LockSelf {
			id, ok = o.Int(r.LockVia[0])
		}
		if ok && id != 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if r.LockSelf || len(r.LockVia) == 1 || len(ids) == 0 {
		return ids, nil
	}
	to := r.target(r.fields[r.LockVia[0]])
	rest := Resource{LockVia: r.LockVia[1:], fields: to.fields, set: r.set}
	rows, err := tx.Query(ctx, "SELECT DISTINCT e.id FROM (SELECT ("+rest.endpointSQL("t")+")::bigint AS id FROM "+to.Table+" t WHERE t.id = ANY($1::bigint[])) e WHERE e.id IS NOT NULL", ids)
	if err != nil {
		return nil, fmt.Errorf("find the endpoints of %s: %w", r.Name, err)
	}
	if ids, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		return nil, fmt.Errorf("find the endpoints of %s: %w", r.Name, err)
	}
	return ids, nil
}
