package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
)

// CustomValues changes the values of a custom field that objects have, as a change of its definition wants it. It runs in a transaction that
// writes objects of a resource that Defines, so no request writes values meanwhile; and all endpoints are locked, as syncs make objects that have
// the defaults.
type CustomValues struct {
	Tx     pgx.Tx
	Set    *Set
	Origin change.Origin // of the change rows of jobs
}

// have returns the resources of these object types that have custom fields.
func (c CustomValues) have(types []string) ([]*Resource, error) {
	out := make([]*Resource, 0, len(types))
	for _, t := range types {
		r := c.Set.OfType(t)
		if r == nil || r.custom == nil {
			return nil, fmt.Errorf("no resource of type %s has custom fields", t)
		}
		out = append(out, r)
	}
	return out, nil
}

// Fill gives the value to all objects of the types that have none.
func (c CustomValues) Fill(ctx context.Context, types []string, name string, value json.RawMessage) error {
	v := (&CustomField{Default: value}).DefaultValue()
	if v == nil {
		return nil
	}
	return c.edit(ctx, types, "NOT %s ? $1", name, func(values map[string]any) { values[name] = v })
}

// Remove takes the value from all objects of the types.
func (c CustomValues) Remove(ctx context.Context, types []string, name string) error {
	return c.edit(ctx, types, "%s ? $1", name, func(values map[string]any) { delete(values, name) })
}

// Rename moves the values of all objects of the types to another name.
func (c CustomValues) Rename(ctx context.Context, types []string, from, to string) error {
	return c.edit(ctx, types, "%s ? $1", from, func(values map[string]any) {
		values[to] = values[from]
		delete(values, from)
	})
}

func (c CustomValues) edit(ctx context.Context, types []string, where, name string, apply func(map[string]any)) error {
	resources, err := c.have(types)
	if err != nil {
		return err
	}
	for _, r := range resources {
		err := r.Relog(ctx, c.Tx, c.Origin, Edit{
			Where: fmt.Sprintf(where, r.custom.sql("t")), Args: []any{name}, Columns: []string{r.custom.Name}, Everywhere: true,
			Apply: func(o *Record) {
				values := decodeCustom(o.values[r.custom.Name])
				apply(values)
				o.values[r.custom.Name] = Marshal(values)
			},
		})
		if err != nil {
			return fmt.Errorf("change custom field %s: %w", name, err)
		}
	}
	return nil
}

// Used says whether any object of a type has one of the values in the field; lists have it as an element.
func (c CustomValues) Used(ctx context.Context, objectType, name, value string) (used bool, err error) {
	resources, err := c.have([]string{objectType})
	if err != nil {
		return false, err
	}
	r := resources[0]
	member := r.custom.sql("t") + " -> $1"
	err = c.Tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+r.Table+" t WHERE "+member+" @> to_jsonb($2::text))", name, value).Scan(&used)
	if err != nil {
		return false, fmt.Errorf("look for custom field %s of %s: %w", name, r.Name, err)
	}
	return used, nil
}

// CustomTypes returns the object types that may have custom fields, as "app_label.model".
func (s *Set) CustomTypes() []string {
	var out []string
	for _, r := range s.All {
		if r.custom != nil {
			out = append(out, r.Type.String())
		}
	}
	slices.Sort(out)
	return out
}
