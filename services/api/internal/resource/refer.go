package resource

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

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
