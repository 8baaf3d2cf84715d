package syncs

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// Named chooses endpoints by references to them, which are the value of a field. Those that the actor may not view do not exist for them. What is wrong
// with the references is resource.Errors.
func (s Starter) Named(actor resource.Actor, field string, references []any) Choice {
	return func(ctx context.Context, tx pgx.Tx) ([]Target, error) {
		ids, wrong, err := s.Store.Set.Get(catalog.Endpoints).Refer(ctx, tx, actor, field, references)
		if err != nil {
			return nil, err
		}
		found, err := Targets(ctx, tx, ids)
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			if !e.Enabled {
				wrong.Add(field, e.Refusal())
			}
		}
		return found, wrong.Err()
	}
}
