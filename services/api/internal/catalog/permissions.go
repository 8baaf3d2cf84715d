package catalog

import (
	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

func permissions() *resource.Resource {
	return &resource.Resource{
		Name: namePermissions, Path: usersApp + "permissions", Table: "permissions", Type: change.Permission,
		Class: "ObjectPermission", Verbose: "Permission",
		Fields: fields(leading(resource.Name("name")), []resource.Field{
			displayURL,
			{Name: "name", Kind: resource.Char{Max: 100}, Required: true},
			{Name: "description", Kind: resource.Char{Max: 200}, Blank: true},
			{Name: "enabled", Kind: resource.Boolean{}, Default: true},
			{Name: "object_types", Kind: resource.ObjectTypes{Via: typesOfPermission}, Required: true},
			{Name: "actions", Kind: resource.JSON{Form: resource.ListJSON}, Required: true, Help: "The list of actions granted by this permission"},
			{Name: "constraints", Kind: resource.JSON{}, Null: true, Help: "Queryset filter matching the applicable objects of the selected type(s)"},
			{Name: "groups", Kind: resource.References{To: nameGroups, Via: groupsOfPermission, Filter: "group"}},
			{Name: "users", Kind: resource.References{To: nameUsers, Via: usersOfPermission, Filter: "user"}},
		}, stamps()),
		Brief:  resource.Picks("id", "url", "display", "name", "description", "enabled", "object_types", "actions"),
		Order:  []string{"name"},
		Search: []string{"name", "description"},
	}
}
