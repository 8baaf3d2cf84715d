package catalog

import (
	"context"
	"fmt"

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
			{Name: "tagged_items", Kind: resource.Integer{}, Expr: "(SELECT count(*) FROM tagged_items ti WHERE ti.tag_id = {t}.id)", Unlogged: true, NoFilter: true},
		}, stamps()),
		Brief:  resource.Picks("id", "url", "display", "name", "slug", "color", "description"),
		Order:  []string{"weight", "name"},
		Search: []string{"name", "slug"},
		Unique: []resource.Unique{{Constraint: "tags_name_key", Fields: []string{"name"}}, {Constraint: "tags_slug_key", Fields: []string{"slug"}}},
		Hooks:  resource.Hooks{BeforeDelete: untag},
	}
}

// untag takes tags from all objects.
func untag(ctx context.Context, d *resource.Deletion) error {
	if _, err := d.Tx.Exec(ctx, "DELETE FROM tagged_items WHERE tag_id = ANY($1::bigint[])", d.IDs); err != nil {
		return fmt.Errorf("take tags from their objects: %w", err)
	}
	return nil
}
