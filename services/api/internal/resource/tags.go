package resource

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// apply returns the tags an object has after an edit, and whether they are others than before.
func (t tagEdit) apply(before *Record) (ids []int32, changed bool) {
	var had []int32
	if before != nil {
		had = slices.Sorted(slices.Values(before.tagIDs))
	}
	if t.replace {
		return t.set, !slices.Equal(t.set, had)
	}
	ids = append(slices.Clone(had), t.add...)
	ids = slices.DeleteFunc(ids, func(id int32) bool { return slices.Contains(t.remove, id) })
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids, !slices.Equal(ids, had)
}

// writeTags makes these the tags of an object.
func (r *Resource) writeTags(ctx context.Context, tx pgx.Tx, id int64, tags []int32) error {
	tags = append([]int32{}, tags...) // no tags are an empty array, not NULL
	_, err := tx.Exec(ctx, "DELETE FROM tagged_items WHERE object_type_id = $1 AND object_id = $2 AND tag_id <> ALL($3)", int32(r.Type), id, tags)
	if err == nil {
		_, err = tx.Exec(ctx, "INSERT INTO tagged_items (object_type_id, object_id, tag_id) SELECT $1, $2, unnest($3::int[]) ON CONFLICT DO NOTHING", int32(r.Type), id, tags)
	}
	if err != nil {
		return fmt.Errorf("write tags of %s %d: %w", r.Name, id, err)
	}
	return nil
}
