package resource

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Refer finds the objects of a resource that values of a request refer to, as references do: by id, as number or text, or by a dictionary of
// attributes. What the actor may not view is not found, not even by its id. It returns the ids, sorted and each once, and what is wrong, under the
// name of the field.
func (r *Resource) Refer(ctx context.Context, tx pgx.Tx, actor Actor, field string, values []any) (ids []int64, wrong Errors, err error) {
	in := &input{r: r, values: map[string]any{}}
	for _, v := range values {
		l, bad := readLookup(v)
		if bad != nil {
			in.errors.Add(field, bad...)
			continue
		}
		l.field, l.to = &Field{Name: field}, r
		in.lookups = append(in.lookups, l)
	}
	if err := find(ctx, tx, []*item{{in: in}}, actor); err != nil {
		return nil, wrong, err
	}
	for _, l := range in.lookups {
		ids = append(ids, l.found.ids...)
	}
	scope, _ := actor.Scope(r, View) // who may see nothing has the empty scope
	seen, err := r.among(ctx, tx, scope, ids)
	if err != nil {
		return nil, wrong, err
	}
	ids = nil
	for _, l := range in.lookups {
		switch found := l.found.ids; {
		case len(found) != 1: // that is said already
		case seen[found[0]]:
			ids = append(ids, found[0])
		default:
			l.found.ids = nil
			in.settle(l)
		}
	}
	return uniqueSorted(ids), in.errors, nil
}

// among returns those of the objects with these ids that are in a scope.
func (r *Resource) among(ctx context.Context, tx pgx.Tx, s Scope, ids []int64) (map[int64]bool, error) {
	condition, args := r.condition(s, ids...)
	rows, err := tx.Query(ctx, "SELECT t.id::bigint FROM "+r.Table+" t WHERE "+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("look which %s are permitted: %w", r.Name, err)
	}
	permitted, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("look which %s are permitted: %w", r.Name, err)
	}
	out := make(map[int64]bool, len(permitted))
	for _, id := range permitted {
		out[id] = true
	}
	return out, nil
}

// Permitted returns all objects of a resource that the actor may do something to, by their ids; all says that there are no others.
func (r *Resource) Permitted(ctx context.Context, tx pgx.Tx, actor Actor, action Action) (ids []int64, all bool, err error) {
	scope, err := actor.Scope(r, action)
	if err != nil || scope.All {
		return nil, scope.All, nil //nolint:nilerr // who may not do it at all may do it to none
	}
	q := query{r: r}
	q.within(scope)
	rows, err := tx.Query(ctx, "SELECT t.id::bigint FROM "+r.Table+" t"+q.whereSQL()+" ORDER BY 1", q.args...)
	if err == nil {
		ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	}
	if err != nil {
		return nil, false, fmt.Errorf("look which %s are permitted: %w", r.Name, err)
	}
	return ids, false, nil
}

// Recheck refuses what a transaction wrote to an object if that takes it out of what the actor may do: ErrForbidden.
func (r *Resource) Recheck(ctx context.Context, tx pgx.Tx, actor Actor, action Action, id int64) error {
	scope, err := actor.Scope(r, action)
	if err != nil {
		return err
	}
	return r.recheck(ctx, tx, scope, id)
}
