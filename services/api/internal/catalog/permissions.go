package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

func permissions() *resource.Resource {
	return &resource.Resource{
		Name: namePermissions, Path: usersApp + "permissions", Table: "permissions", Type: change.Permission,
		Class: "ObjectPermission", Verbose: "Permission",
		Fields: fields(leadingCore(resource.Name("name")), []resource.Field{
			{Name: "name", Kind: resource.Char{Max: 100}, Required: true},
			{Name: "description", Kind: resource.Char{Max: 200}, Blank: true},
			{Name: "enabled", Kind: resource.Boolean{}, Default: true},
			{Name: "object_types", Kind: resource.ObjectTypes{Via: typesOfPermission}, Required: true},
			{Name: "actions", Kind: resource.TextItems{Max: 30, Flags: map[string]string{"can_view": "view", "can_add": "add", "can_change": "change", "can_delete": "delete"}}, Required: true, Help: "The list of actions granted by this permission"},
			{Name: "constraints", Kind: resource.JSON{}, Null: true, Help: "Queryset filter matching the applicable objects of the selected type(s)"},
			{Name: "groups", Kind: resource.References{To: nameGroups, Via: groupsOfPermission, Filter: "group"}},
			{Name: "users", Kind: resource.References{To: Users, Via: usersOfPermission, Filter: "user"}},
		}, stamps()),
		Brief:  resource.Picks("id", "url", "display", "name", "description", "enabled", "object_types", "actions"),
		Order:  []string{"name"},
		Search: []string{"name", "description"},
		Hooks:  resource.Hooks{BeforeSave: checkConstraints},
	}
}

// checkConstraints tries the constraints of a permission on each of its object types. What cannot be understood would permit nothing, and nobody
// would know why.
func checkConstraints(ctx context.Context, w *resource.Write) error {
	raw, _ := w.After.Get("constraints").(json.RawMessage)
	if raw == nil || !w.Differs("constraints", "object_types") {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var constraints any
	if err := d.Decode(&constraints); err != nil {
		return fmt.Errorf("decode the constraints of a permission: %w", err)
	}
	rows, err := w.Tx.Query(ctx, "SELECT id FROM object_types WHERE app_label || '.' || model = ANY($1::text[]) ORDER BY id", w.After.Get("object_types"))
	if err != nil {
		return fmt.Errorf("read the object types of a permission: %w", err)
	}
	types, err := pgx.CollectRows(rows, pgx.RowTo[change.ObjectType])
	if err != nil {
		return fmt.Errorf("read the object types of a permission: %w", err)
	}
	for _, r := range w.Set().All {
		if !slices.Contains(types, r.Type) {
			continue
		}
		wrong, err := r.CheckConstraints(ctx, w.Tx, constraints)
		if err != nil {
			return err
		}
		if wrong != "" {
			w.Errors.Add("constraints", wrong)
			return nil
		}
	}
	return nil
}
