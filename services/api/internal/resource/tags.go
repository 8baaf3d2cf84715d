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

// writeTags gives each object whose tags change the ones it has now.
func (r *Resource) writeTags(ctx context.Context, tx pgx.Tx, items []*item) error {
	changed := []int64{}
	objects, tags := []int64{}, []int32{}
	for _, it := range items {
		if !it.newTags {
			continue
		}
		changed = append(changed, it.w.After.ID)
		for _, tag := range it.tags {
			objects, tags = append(objects, it.w.After.ID), append(tags, tag)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, "DELETE FROM tagged_items WHERE object_type_id = $1 AND object_id = ANY($2::bigint[])", int32(r.Type), changed)
	if err == nil {
		_, err = tx.Exec(ctx, "INSERT INTO tagged_items (object_type_id, object_id, tag_id) SELECT $1, u.object, u.tag FROM unnest($2::bigint[], $3::int[]) AS u (object, tag)",
			int32(r.Type), objects, tags)
	}
	if err != nil {
		return fmt.Errorf("write tags of %s: %w", r.Name, err)
	}
	return nil
}
