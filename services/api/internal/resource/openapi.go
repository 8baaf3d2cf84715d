package resource

import (
	"maps"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// Components returns the schemas of the resource's objects for an OpenAPI document, by their names: the object, its brief form, what a request
// that creates or replaces takes, what one that changes some fields takes, what describes an object that a request refers to, and a page.
func (r *Resource) Components() openapi3.Schemas {
	object, request, patched := newObject(), newObject(), newObject()
	object.Description = r.Verbose + ". Every key is there unless the request leaves it out by fields, omit or brief."
	request.Description = "What creates or replaces: " + r.Verbose + ". Optional fields that are left out keep their values, or get their defaults."
	patched.Description = "What changes some fields: " + r.Verbose + ". What is left out keeps its value."
	for i := range r.Fields {
		f := &r.Fields[i]
		read, write := f.schemas(r)
		if !f.WriteOnly {
			object.Properties[f.Name] = r.alsoBrief(f, read)
		}
		if f.ReadOnly {
			continue
		}
		request.Properties[f.Name], patched.Properties[f.Name] = write, write
		if f.Required {
			request.Required = append(request.Required, f.Name)
		}
	}
	for name, s := range r.further() {
		patched.Properties[name] = s
		if name != "remove_tags" {
			request.Properties[name] = s
		}
	}
	page := newObject()
	page.Required = []string{"count", "next", "previous", "results"}
	count := openapi3.NewIntegerSchema().WithNullable()
	count.Description = "How many objects there are on all pages; null with start, which does not count."
	link := openapi3.NewStringSchema().WithFormat("uri").WithNullable()
	results := openapi3.NewArraySchema()
	results.Items = component(r.Class)
	page.Properties = openapi3.Schemas{"count": count.NewRef(), "next": link.NewRef(), "previous": link.NewRef(), "results": results.NewRef()}
	return openapi3.Schemas{
		r.Class:                             object.NewRef(),
		"Brief" + r.Class:                   r.shapeSchema(r.Brief).NewRef(),
		"Brief" + r.Class + "Request":       r.attributes().NewRef(),
		r.Class + "Request":                 request.NewRef(),
		"Patched" + r.Class + "Request":     patched.NewRef(),
		"Paginated" + r.Class + "List":      page.NewRef(),
		"BulkPatched" + r.Class + "Request": r.bulk("Patched"+r.Class+"Request", "What changes one of several objects").NewRef(),
		"Bulk" + r.Class + "Request":        r.bulk(r.Class+"Request", "What replaces one of several objects").NewRef(),
	}
}

// alsoBrief lets a field look as it does in the brief form of the object, where that shows less of it.
func (r *Resource) alsoBrief(f *Field, schema *openapi3.SchemaRef) *openapi3.SchemaRef {
	i := slices.IndexFunc(r.Brief, func(p Pick) bool { return p.Name == f.Name && p.Of != nil })
	if i < 0 {
		return schema
	}
	less := r.target(f).shapeSchema(r.Brief[i].Of)
	less.Description = "As in the brief form"
	either := *schema.Value
	either.AnyOf, either.AllOf = openapi3.SchemaRefs{either.AllOf[0], less.NewRef()}, nil
	return either.NewRef()
}

// bulk adds the id of an object to what changes it.
func (r *Resource) bulk(of, description string) *openapi3.Schema {
	id := newObject()
	id.Properties["id"] = openapi3.NewIntegerSchema().NewRef()
	id.Required = []string{"id"}
	s := openapi3.NewAllOfSchema()
	s.AllOf = openapi3.SchemaRefs{component(of), id.NewRef()}
	s.Description = description + ": " + r.Verbose + "."
	return s
}

// further are what requests may say besides fields.
func (r *Resource) further() openapi3.Schemas {
	message := openapi3.NewStringSchema().WithMaxLength(maxMessage)
	message.Description = "Kept with the change in the change log"
	message.WriteOnly = true
	out := openapi3.Schemas{"changelog_message": message.NewRef()}
	if r.Tagged() {
		for _, name := range []string{"add_tags", "remove_tags"} {
			list := openapi3.NewArraySchema()
			list.Items = component(tagRequest)
			list.WriteOnly = true
			list.Description = "Tags to " + name[:len(name)-len("_tags")] + "; not together with tags"
			out[name] = list.NewRef()
		}
	}
	return out
}

// shapeSchema describes objects of the resource that show some of their fields.
func (r *Resource) shapeSchema(shape Shape) *openapi3.Schema {
	s := newObject()
	for _, p := range shape {
		f := r.fields[p.Name]
		read, _ := f.schemas(r)
		if _, ok := f.Kind.(Reference); ok && p.Of != nil {
			inner := r.target(f).shapeSchema(p.Of)
			inner.Nullable = f.Null
			read = inner.NewRef()
		}
		s.Properties[p.Name] = read
		s.Required = append(s.Required, p.Name)
	}
	return s
}

// attributes describes an object of the resource by some of its fields, as a reference in a request may.
func (r *Resource) attributes() *openapi3.Schema {
	s := newObject()
	s.Description = "Describes one " + r.Verbose + " by any of its fields: its id, or such that no other has."
	for _, p := range r.Brief {
		f := r.fields[p.Name]
		if f.Kind.computed() {
			continue
		}
		_, write := f.schemas(r)
		if _, ok := f.Kind.(Reference); ok {
			write = openapi3.NewSchema().NewRef()
		}
		s.Properties[p.Name] = write
	}
	return s
}

// schemas returns what the field is in answers and in requests.
func (f *Field) schemas(r *Resource) (read, write *openapi3.SchemaRef) {
	read, write = f.Kind.schema(r, f)
	if write == nil {
		write = read
	}
	return f.complete(read, false), f.complete(write, true)
}

// complete adds to a schema what is the same for all kinds.
func (f *Field) complete(ref *openapi3.SchemaRef, write bool) *openapi3.SchemaRef {
	s := openapi3.NewSchema()
	if ref.Ref != "" {
		s.AllOf = openapi3.SchemaRefs{ref} // in OpenAPI 3.0 nothing may stand beside a reference
	} else {
		*s = *ref.Value
	}
	s.Title = f.label()
	if f.Help != "" {
		s.Description = f.Help
	}
	s.Nullable = s.Nullable || f.Null
	if f.ReadOnly {
		s.ReadOnly = true
	}
	if f.WriteOnly {
		s.WriteOnly = true
	}
	if write && f.Default != nil {
		s.Default = f.Default
	}
	if write && s.Type.Is("string") && s.Enum == nil && s.Format == "" && !f.Blank && !f.ReadOnly {
		s.MinLength = 1
	}
	if s.Nullable && s.Enum != nil && !slices.Contains(s.Enum, nil) {
		s.Enum = append(slices.Clone(s.Enum), nil)
	}
	return s.NewRef()
}

func newObject() *openapi3.Schema {
	s := openapi3.NewObjectSchema()
	s.Properties = openapi3.Schemas{}
	return s
}

// Complete describes an object that has all of the keys.
func Complete(properties map[string]*openapi3.Schema) *openapi3.Schema {
	s := openapi3.NewObjectSchema().WithProperties(properties)
	s.Required = slices.Sorted(maps.Keys(properties))
	return s
}

// component refers to a schema of the document by its name.
func component(name string) *openapi3.SchemaRef {
	return openapi3.NewSchemaRef("#/components/schemas/"+name, nil)
}
