package resource

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// owned returns the field with the object that owns those of r, nil if none does.
func (r *Resource) owned() *Generic {
	for i := range r.Fields {
		if k, ok := r.Fields[i].Kind.(Generic); ok && k.Owned {
			return &k
		}
	}
	return nil
}

// collectOwned adds the objects that those of target own.
func (d *removal) collectOwned(ctx context.Context, tx pgx.Tx, set *Set, target *Resource) error {
	for _, r := range set.All {
		k := r.owned()
		if k == nil || target.Type == 0 {
			continue
		}
		rows, err := tx.Query(ctx, "SELECT t.id::bigint FROM "+r.Table+" t WHERE "+r.fields[k.Type].sql("t")+" = $1 AND "+r.fields[k.ID].sql("t")+" = ANY($2::bigint[]) ORDER BY t.id FOR UPDATE",
			int32(target.Type), d.ids[target])
		if err != nil {
			return fmt.Errorf("find %s to delete: %w", r.Name, err)
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return fmt.Errorf("find %s to delete: %w", r.Name, err)
		}
		all := slices.Concat(d.ids[r], ids)
		slices.Sort(all)
		d.ids[r] = slices.Compact(all)
	}
	return nil
}

// release makes references null that do not hold on to objects of target, which will be deleted. As in NetBox, no change row tells of that.
func (s *Set) release(ctx context.Context, tx pgx.Tx, target *Resource, ids []int64) error {
	for _, r := range s.All {
		for _, f := range r.columns {
			ref, ok := f.Kind.(Reference)
			if !ok || !ref.SetNull || ref.To != target.Name || r.ReadOnly {
				continue
			}
			if _, err := tx.Exec(ctx, "UPDATE "+r.Table+" SET "+f.Column+" = NULL WHERE "+f.Column+" = ANY($1::bigint[])", ids); err != nil {
				return fmt.Errorf("release %s from %s: %w", target.Name, r.Name, err)
			}
		}
	}
	return nil
}
