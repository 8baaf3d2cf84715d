package resource

import (
	"context"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
)

// MaxItems is how many objects a request may change at once.
const MaxItems = maxItems

// Matching returns the ids of the objects that a list with these parameters has, whatever its pages, in the default order, as far as the actor may do
// something to them beside seeing them. They are at most MaxItems + 1: so many are too many for one request.
func (s *Store) Matching(ctx context.Context, r *Resource, actor Actor, action Action, params url.Values) ([]int64, error) {
	view, err := actor.Scope(r, View)
	if err != nil {
		return nil, err
	}
	scope, err := actor.Scope(r, action)
	if err != nil {
		return nil, err
	}
	custom, err := s.customFilters(ctx, r, params)
	if err != nil {
		return nil, err
	}
	q := &query{r: r, custom: custom}
	q.filter(params)
	q.search(params["q"])
	if err := q.errors.Err(); err != nil {
		return nil, s.refuse(ctx, q, err)
	}
	if err := s.refuse(ctx, q, nil); err != nil {
		return nil, err
	}
	q.within(view)
	q.within(scope)
	rows, err := s.Pool.Query(ctx, r.orderedSQL(q, r.order(""), "")+page{limit: MaxItems + 1}.window(q), q.args...)
	if err != nil {
		return nil, s.explain(ctx, q, fmt.Errorf("find what of %s is selected: %w", r.Name, err))
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, s.explain(ctx, q, fmt.Errorf("find what of %s is selected: %w", r.Name, err))
	}
	return ids, nil
}
