package catalog

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// maxSmallInt is the largest value of what NetBox keeps in two bytes.
const maxSmallInt = 32767

func tags() *resource.Resource {
	return &resource.Resource{
		Name: nameTags, Path: extras + "tags", Table: "tags", Type: change.Tag,
		Class: "Tag", Verbose: "Tag",
		Fields: fields(leadingCore(resource.Name("name")), []resource.Field{
			{Name: "name", Kind: resource.Char{Max: 100}, Required: true},
			{Name: "slug", Kind: resource.Slug{Char: resource.Char{Max: 100}}, Required: true},
			{Name: "color", Kind: resource.Color{Char: resource.Char{Max: 6}}, Default: "9e9e9e", Help: "RGB, six hexadecimal digits"},
			{Name: "description", Kind: resource.Char{Max: 200}, Blank: true},
			{Name: "weight", Kind: resource.Integer{Max: maxSmallInt}, Default: int64(1000), Help: "Tags are listed by weight, then by name"},
			{
				Name: "object_types", Help: "Types of objects that the tag may be given to; none: all",
				Kind: resource.ObjectTypes{Via: resource.Link{Table: "tag_object_types", Own: "tag_id", Other: "object_type_id"}, Only: (*resource.Resource).Tagged},
			},
			{Name: "tagged_items", Kind: resource.Integer{}, Expr: "(SELECT count(*) FROM tagged_items ti WHERE ti.tag_id = {t}.id)", Unlogged: true, NoFilter: true},
		}, stamps()),
		More:   []resource.Field{{Name: "tag_use", Kind: resource.TagUse{}}},
		Brief:  resource.Picks("id", "url", "display", "name", "slug", "color", "description"),
		Order:  []string{"weight", "name"},
		Search: []string{"name", "slug"},
		Unique: []resource.Unique{{Constraint: "tags_name_key", Fields: []string{"name"}}, {Constraint: "tags_slug_key", Fields: []string{"slug"}}},
		Hooks:  resource.Hooks{Reach: taggedEndpoints, BeforeWrite: renameTags, BeforeDelete: untag},
	}
}

// taggedJobs finds the jobs of a type that have any of the tags $1.
func taggedJobs(r *resource.Resource) string {
	return fmt.Sprintf("t.id IN (SELECT ti.object_id FROM tagged_items ti WHERE ti.object_type_id = %d AND ti.tag_id = ANY($1::bigint[]))", r.Type)
}

// taggedEndpoints returns the endpoints of the jobs that tags are on which get another name or go.
func taggedEndpoints(ctx context.Context, tx pgx.Tx, found, states []*resource.Record) ([]int64, error) {
	name := map[int64]string{}
	for _, o := range states {
		name[o.ID] = o.Text("name") // what it will be comes last
	}
	var ids []int64
	for _, o := range found {
		if len(states) == len(found) || name[o.ID] != o.Text("name") {
			ids = append(ids, o.ID)
		}
	}
	if ids == nil {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `SELECT j.endpoint_id::bigint FROM tagged_items ti
		JOIN (SELECT $2::int, id, endpoint_id FROM backup_routines UNION ALL SELECT $3::int, id, endpoint_id FROM replications) j (object_type_id, id, endpoint_id)
		ON j.object_type_id = ti.object_type_id AND j.id = ti.object_id
		WHERE ti.tag_id = ANY($1::bigint[]) AND j.endpoint_id IS NOT NULL GROUP BY 1`, ids, int32(change.BackupRoutine), int32(change.Replication))
	if err != nil {
		return nil, fmt.Errorf("find the endpoints of tagged jobs: %w", err)
	}
	endpoints, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("find the endpoints of tagged jobs: %w", err)
	}
	return endpoints, nil
}

// renameTags tells the change log of every tagged job, whose state has the names of its tags.
func renameTags(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
	renamed := map[string]string{}
	var ids []int64
	var names []string
	var origin change.Origin
	for _, w := range all {
		if w.Action == change.Update && w.Differs("name") {
			origin = w.Origin
			renamed[w.Before.Text("name")] = w.After.Text("name")
			ids, names = append(ids, w.After.ID), append(names, w.After.Text("name"))
		}
	}
	if ids == nil {
		return nil
	}
	var order []string
	err := tx.QueryRow(ctx, `SELECT array_agg(n.name ORDER BY n.name COLLATE "und-x-icu", n.id)
		FROM (SELECT g.id, coalesce(u.name, g.name) FROM tags g LEFT JOIN unnest($1::bigint[], $2::text[]) u (id, name) ON u.id = g.id) n (id, name)`, ids, names).Scan(&order)
	if err != nil {
		return fmt.Errorf("order the names of tags: %w", err)
	}
	place := make(map[string]int, len(order))
	for i, name := range order {
		place[name] = i
	}
	return relogTagged(ctx, tx, all[0].Set(), origin, ids, func(tags []string) []string {
		for i, name := range tags {
			if to, ok := renamed[name]; ok {
				tags[i] = to
			}
		}
		slices.SortFunc(tags, func(a, b string) int { return place[a] - place[b] })
		return tags
	})
}

// untag takes tags from all objects, and tells the change log of the jobs among them.
func untag(ctx context.Context, d *resource.Deletion) error {
	rows, err := d.Tx.Query(ctx, "SELECT name FROM tags WHERE id = ANY($1::bigint[])", d.IDs)
	if err != nil {
		return fmt.Errorf("read the names of tags: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read the names of tags: %w", err)
	}
	err = relogTagged(ctx, d.Tx, d.Set, d.Origin, d.IDs, func(tags []string) []string {
		return slices.DeleteFunc(tags, func(name string) bool { return slices.Contains(names, name) })
	})
	if err != nil {
		return err
	}
	if _, err := d.Tx.Exec(ctx, "DELETE FROM tagged_items WHERE tag_id = ANY($1::bigint[])", d.IDs); err != nil {
		return fmt.Errorf("take tags from their objects: %w", err)
	}
	return nil
}

// relogTagged gives each job that has any of the tags its next version, with the tags that edit makes of its own.
func relogTagged(ctx context.Context, tx pgx.Tx, set *resource.Set, origin change.Origin, ids []int64, edit func(tags []string) []string) error {
	for _, r := range set.All {
		if r.Job == nil {
			continue
		}
		err := r.Relog(ctx, tx, origin, resource.Edit{Where: taggedJobs(r), Args: []any{ids}, Apply: func(o *resource.Record) { o.Tags = edit(o.Tags) }})
		if err != nil {
			return err
		}
	}
	return nil
}
