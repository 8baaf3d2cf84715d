package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// apps are NetBox's names of the applications that models belong to.
var apps = map[string]string{"netbox_proxbox": "Proxbox", "virtualization": "Virtualization", "extras": "Extras", "users": "Users", "core": "Core"}

// typeWords says types of objects in words: "Proxbox | backup routine".
type typeWords map[change.ObjectType]string

func (w typeWords) add(r *resource.Resource) {
	app, _, _ := strings.Cut(r.Type.String(), ".")
	w[r.Type] = apps[app] + " | " + strings.ToLower(r.Verbose)
}

// of returns the words for a type, whatever its number: the log may tell of objects that are no resource here, or that a later version knows.
func (w typeWords) of(t change.ObjectType) string {
	if words, ok := w[t]; ok {
		return words
	}
	app, model, ok := strings.Cut(t.String(), ".")
	if !ok {
		return fmt.Sprintf("object of type %d", t)
	}
	return cmp.Or(apps[app], app) + " | " + model
}

// objectTypes lists the resources themselves. Their table joins what the declarations say to the rows of object_types.
func objectTypes(words typeWords, all []*resource.Resource) *resource.Resource {
	r := &resource.Resource{
		Name: "object-types", Path: core + "object-types", Type: change.ObjectTypeType, ReadOnly: true, Public: true,
		Class: "ObjectType", Verbose: "Object Type",
		Fields: append(leading(resource.Words{Needs: []string{"id"}, Write: func(b []byte, a resource.Args) []byte { return append(b, words.of(a.Type(0))...) }}), []resource.Field{
			{Name: "app_label", Kind: resource.Char{}},
			{Name: "app_name", Kind: resource.Char{}, NoFilter: true},
			{Name: "model", Kind: resource.Char{}},
			{Name: "model_name", Kind: resource.Char{}, NoFilter: true},
			{Name: "model_name_plural", Kind: resource.Char{}, NoFilter: true},
			{Name: "public", Kind: resource.Boolean{}},
			{Name: "features", Kind: resource.TextList{}, Help: "What objects of the type take part in"},
			{Name: "is_plugin_model", Kind: resource.Boolean{}, NoFilter: true},
			{Name: "rest_api_endpoint", Kind: resource.Char{}, NoFilter: true, Label: "REST API endpoint"},
			{Name: "description", Kind: resource.Char{}, NoFilter: true},
		}...),
		Order:  []string{"app_label", "model"},
		Search: []string{"app_label", "model"},
	}
	var rows []string
	for _, t := range append(slices.Clone(all), r) {
		words.add(t)
		rows = append(rows, typeRow(t))
	}
	r.Table = "(SELECT ot.id, ot.app_label, ot.model, d.app_name, d.model_name, d.model_name_plural, true AS public, d.features, d.is_plugin_model, d.rest_api_endpoint, d.description" +
		" FROM object_types ot JOIN (VALUES " + strings.Join(rows, ", ") + ") d (id, app_name, model_name, model_name_plural, features, is_plugin_model, rest_api_endpoint, description) ON d.id = ot.id)"
	for i := range r.Fields {
		r.Fields[i].ReadOnly = true
		r.Brief = append(r.Brief, resource.Pick{Name: r.Fields[i].Name}) // NetBox has no shorter form
	}
	return r
}

// typeRow describes a type as SQL. All words in it come from declarations.
func typeRow(r *resource.Resource) string {
	app, _, _ := strings.Cut(r.Type.String(), ".")
	name := strings.ToLower(r.Verbose)
	plural := name + "s"
	if stem, ok := strings.CutSuffix(name, "y"); ok {
		plural = stem + "ies"
	}
	return fmt.Sprintf("(%d, '%s', '%s', '%s', '{%s}'::text[], %t, '/api/%s/', '%s')",
		r.Type, apps[app], name, plural, strings.Join(features(r), ","), app == "netbox_proxbox", r.Path, r.Verbose)
}

// features are NetBox's words for what the objects of a resource take part in.
func features(r *resource.Resource) []string {
	has := func(name string) bool {
		return slices.ContainsFunc(r.Fields, func(f resource.Field) bool { return f.Name == name })
	}
	var out []string
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"change_logging", !r.ReadOnly}, {"custom_fields", has("custom_fields")}, {"event_rules", r.Job != nil}, {"journaling", journaling(r)}, {"tags", has("tags")},
	} {
		if f.has {
			out = append(out, f.name)
		}
	}
	return out
}

// journaling says whether objects of a resource may have journal entries: those that have both tags and custom fields, but for entries themselves.
func journaling(r *resource.Resource) bool {
	has := map[string]bool{}
	for _, f := range r.Fields {
		has[f.Name] = true
	}
	return has["tags"] && has["custom_fields"] && r.Type != change.JournalEntry
}
