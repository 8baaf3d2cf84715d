package resource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/proxops/proxops/libs/fault"
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
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == "23503" {
		var wrong Errors
		wrong.Add("tags", "Related object not found: it was deleted meanwhile.")
		return wrong.Err()
	}
	if err != nil {
		return fmt.Errorf("write tags of %s: %w", r.Name, err)
	}
	return nil
}

// checkTags refuses tags that objects of this type may not have. Those that an object has already are not asked about.
func (r *Resource) checkTags(ctx context.Context, tx pgx.Tx, items []*item) error {
	var added []int32
	for _, it := range items {
		for _, tag := range it.tags {
			if it.newTags && (it.w.Before == nil || !slices.Contains(it.w.Before.tagIDs, tag)) {
				added = append(added, tag)
			}
		}
	}
	if added == nil {
		return nil
	}
	var name string
	err := tx.QueryRow(ctx, `SELECT g.name FROM tags g WHERE g.id = ANY($1::int[]) AND EXISTS (SELECT FROM tag_object_types o WHERE o.tag_id = g.id)
		AND NOT EXISTS (SELECT FROM tag_object_types o WHERE o.tag_id = g.id AND o.object_type_id = $2) ORDER BY g.weight, g.name LIMIT 1`, added, int32(r.Type)).Scan(&name)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("ask which tags %s may have: %w", r.Name, err)
	}
	_, model, _ := strings.Cut(r.Type.String(), ".")
	return fault.Wrap(fault.Invalid, Detail("Tag "+name+" cannot be assigned to "+model+" objects."), "check tags")
}
