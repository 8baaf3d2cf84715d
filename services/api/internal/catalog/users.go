package catalog

import (
	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// Join tables of users, groups and permissions, each seen from both of its sides.
var (
	groupsOfUser       = resource.Link{Table: "user_groups", Own: "user_id", Other: "group_id"}
	usersOfGroup       = resource.Link{Table: "user_groups", Own: "group_id", Other: "user_id"}
	permissionsOfUser  = resource.Link{Table: "permission_users", Own: "user_id", Other: "permission_id"}
	usersOfPermission  = resource.Link{Table: "permission_users", Own: "permission_id", Other: "user_id"}
	permissionsOfGroup = resource.Link{Table: "permission_groups", Own: "group_id", Other: "permission_id"}
	groupsOfPermission = resource.Link{Table: "permission_groups", Own: "permission_id", Other: "group_id"}
	typesOfPermission  = resource.Link{Table: "permission_object_types", Own: "permission_id", Other: "object_type_id"}
)

// userDisplay is the name to log in with, and the full one if there is any.
var userDisplay = resource.Words{Needs: []string{"username", "first_name", "last_name"}, Write: func(b []byte, a resource.Args) []byte {
	b = append(b, a.Text(0)...)
	first, last := a.Text(1), a.Text(2)
	if len(first)+len(last) == 0 {
		return b
	}
	b = append(append(b, " ("...), first...)
	if len(first) > 0 && len(last) > 0 {
		b = append(b, ' ')
	}
	return append(append(b, last...), ')')
}}

func users() *resource.Resource {
	return &resource.Resource{
		Name: Users, Path: usersApp + "users", Table: "users", Type: change.User,
		Class: "User", Verbose: "User",
		Fields: fields(leadingCore(userDisplay), []resource.Field{
			{Name: "username", Kind: resource.Char{Max: auth.MaxUsername, Clean: loginName}, Required: true, Help: "Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only."},
			{Name: "password", Column: "-", Kind: resource.Char{Keep: true, Max: auth.MaxPassword}, Required: true, WriteOnly: true},
			{Name: "first_name", Kind: resource.Char{Max: 150}, Blank: true},
			{Name: "last_name", Kind: resource.Char{Max: 150}, Blank: true},
			{Name: "email", Kind: resource.Char{Max: 254, Clean: emailAddress}, Blank: true, Label: "Email address"},
			{Name: "is_active", Kind: resource.Boolean{}, Default: true, Label: "Active", Help: "Designates whether this user should be treated as active. Unselect this instead of deleting accounts."},
			{Name: "date_joined", Kind: resource.DateTime{}, Defaulted: true},
			{Name: "last_login", Kind: resource.DateTime{}, Null: true},
			{Name: "groups", Kind: resource.References{To: nameGroups, Via: groupsOfUser, Filter: "group"}},
			{Name: "permissions", Kind: resource.References{To: namePermissions, Via: permissionsOfUser, Filter: "permission"}},
		}, []resource.Field{
			{Name: "is_superuser", Kind: resource.Boolean{}, Label: "Superuser status", Help: "All permissions without being given them. Only superusers may change it"},
		}, stamps()),
		Brief:   resource.Picks("id", "url", "display", "username"),
		Order:   []string{"username"},
		KnownBy: "username",
		Search:  []string{"username", "first_name", "last_name", "email"},
		Unique:  []resource.Unique{{Constraint: "users_username_key", Fields: []string{"username"}, Text: "A user with that username already exists."}},
		Taken:   map[string]string{"users_username_upper": twinText},
		Hooks:   userHooks,
	}
}

func groups() *resource.Resource {
	return &resource.Resource{
		Name: nameGroups, Path: usersApp + "groups", Table: "groups", Type: change.Group,
		Class: "Group", Verbose: "Group",
		Fields: fields(leadingCore(resource.Name("name")), []resource.Field{
			{Name: "name", Kind: resource.Char{Max: 150}, Required: true},
			{Name: "description", Kind: resource.Char{Max: 200}, Blank: true},
			{Name: "permissions", Kind: resource.References{To: namePermissions, Via: permissionsOfGroup, Filter: "permission"}},
			{Name: "user_count", Kind: resource.Integer{}, Expr: "(SELECT count(*) FROM user_groups c WHERE c.group_id = {t}.id)"},
		}, stamps()),
		Brief:  resource.Picks("id", "url", "display", "name", "description"),
		Order:  []string{"name"},
		Search: []string{"name", "description"},
		More:   []resource.Field{{Name: "users", Kind: resource.References{To: Users, Via: usersOfGroup, Filter: "user"}}},
		Unique: []resource.Unique{{Constraint: "groups_name_key", Fields: []string{"name"}}},
	}
}
