package catalog

import (
	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// objectChanges is the change log. Its rows are written by libs/change alone.
func objectChanges(words typeWords) *resource.Resource {
	verb := map[string]string{string(change.Create): " created", string(change.Update): " updated", string(change.Delete): " deleted"}
	display := resource.Words{Needs: []string{"changed_object_type", "object_repr", "action", "user_name"}, Write: func(b []byte, a resource.Args) []byte {
		b = append(append(b, words.of(a.Type(0))...), ' ')
		b = append(append(b, a.Text(1)...), verb[string(a.Text(2))]...)
		if len(a.Text(3)) > 0 { // a sync has no user
			b = append(append(b, " by "...), a.Text(3)...)
		}
		return b
	}}
	r := &resource.Resource{
		Name: "object-changes", Path: core + "object-changes", Table: "changes", Type: change.ObjectChange, ReadOnly: true,
		Class: "ObjectChange", Verbose: "Object Change",
		Fields: fields(leadingCore(display), []resource.Field{
			{Name: "time", Kind: resource.DateTime{Range: true}},
			{Name: "user", Kind: resource.Reference{To: Users, SetNull: true, Named: true}, Null: true},
			{Name: "user_name", Kind: resource.Char{}},
			{Name: "request_id", Kind: resource.UUID{}, Label: "Request ID"},
			{Name: "action", Kind: resource.Choice{Choices: []resource.Option{
				{Value: string(change.Create), Label: "Created"}, {Value: string(change.Update), Label: "Updated"}, {Value: string(change.Delete), Label: "Deleted"},
			}}},
			{Name: "changed_object_type", Column: "object_type_id", Kind: resource.ObjectType{}, Null: true, Help: "Null if only a later version knows it"},
			{Name: "changed_object_id", Column: "object_id", Kind: resource.Integer{}, Label: "Changed object ID"},
			{Name: "changed_object", Kind: resource.Generic{Type: "changed_object_type", ID: "changed_object_id"}, Null: true},
			{Name: "object_repr", Kind: resource.Char{}},
			{Name: "message", Kind: resource.Char{}},
			{Name: "prechange_data", Kind: resource.JSON{Form: resource.VerbatimJSON}, Expr: "coalesce({t}.prechange, '{}')", Help: "Flat values before the change"},
			{Name: "postchange_data", Kind: resource.JSON{Form: resource.VerbatimJSON}, Expr: "coalesce({t}.postchange, '{}')", Help: "Flat values after the change"},
		}),
		More: []resource.Field{
			// NetBox relates changes of parts to the whole; no object here is a part of another in that sense.
			{Name: "related_object_type", Expr: "NULL::integer", Kind: resource.ObjectType{}},
			{Name: "related_object_id", Expr: "NULL::integer", Kind: resource.Integer{}},
		},
		Order:  []string{"-time", "-id"}, // a sync has one time for all that it changes
		Search: []string{"user_name", "object_repr", "message"},
	}
	for i := range r.Fields {
		f := &r.Fields[i]
		r.Brief = append(r.Brief, resource.Pick{Name: f.Name}) // NetBox has no shorter form
		if f.ReadOnly = true; f.Name == "display_url" {
			f.Kind = resource.URL{Page: true, Path: "core/changelog"}
		}
	}
	return r
}
