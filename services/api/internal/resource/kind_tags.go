package resource

import (
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// tagsName is the resource that tags are objects of. A set with the kind Tags has it.
const tagsName = "tags"

// Tags are the tags of an object, which lie in tagged_items. They are shown in the order of tags: by weight, then by name.
type Tags struct{ derived }

func (Tags) encode(p *plan, r *Resource, alias string, _ *Field, _ Shape) appender {
	i := p.value("(SELECT array_agg(ARRAY[g.id::text, g.name, g.slug, g.color] ORDER BY g.weight, g.name, g.id) FROM tagged_items ti JOIN tags g ON g.id = ti.tag_id" +
		" WHERE ti.object_type_id = " + strconv.Itoa(int(r.Type)) + " AND ti.object_id = " + alias + ".id)")
	return func(b []byte, row *Row) []byte {
		texts, width := decodeTexts(row.Vals[i])
		b = append(b, '[')
		for n := 0; width == 4 && n < len(texts); n += width {
			if n > 0 {
				b = append(b, ',')
			}
			b = appendTag(b, row, texts[n:n+width])
		}
		return append(b, ']')
	}
}

// appendTag writes the nested form of a tag from id, name, slug and color.
func appendTag(b []byte, row *Row, t [][]byte) []byte {
	b = append(append(b, `{"id":`...), t[0]...)
	b = append(append(append(append(b, `,"url":"`...), row.Origin...), "/api/extras/tags/"...), t[0]...)
	b = append(append(append(b, '/'), row.Suffix...), `","display_url":"`...)
	b = append(append(append(b, row.Origin...), "/extras/tags/"...), t[0]...)
	b = appendString(append(b, `/","display":`...), t[1])
	b = appendString(append(b, `,"name":`...), t[1])
	b = appendString(append(b, `,"slug":`...), t[2])
	b = appendString(append(b, `,"color":`...), t[3])
	return append(b, '}')
}

// tagEdit is what a request does to the tags of an object.
type tagEdit struct {
	set, add, remove []int32
	replace          bool // set counts alone
}

// readTags reads tags, add_tags and remove_tags. The tags themselves are looked up with the other references.
func (in *input) readTags(body map[string]any, create bool) {
	lists := map[string][]*lookup{}
	for _, name := range []string{"tags", "add_tags", "remove_tags"} {
		v, ok := body[name]
		if !ok {
			continue
		}
		items, isList := v.([]any)
		switch {
		case v == nil:
			in.errors.Add(name, "This field may not be null.")
		case !isList:
			var inner Errors
			inner.Add(NonField, `Expected a list of items but got type "`+typeName(v)+`".`)
			in.errors.Nest(name, inner)
		default:
			lists[name] = make([]*lookup, 0, len(items))
			for _, item := range items {
				l, wrong := readLookup(item)
				if wrong != nil {
					in.errors.Add(name, wrong...)
					continue
				}
				l.field = &Field{Name: name}
				l.to = in.r.set.byName[tagsName]
				lists[name] = append(lists[name], l)
			}
		}
	}
	_, adds := lists["add_tags"]
	_, removes := lists["remove_tags"]
	switch {
	case len(lists["tags"]) > 0 && (adds || removes):
		in.errors.Add("tags", `Cannot specify "tags" together with "add_tags" or "remove_tags".`)
	case create && removes:
		in.errors.Add("remove_tags", `Cannot use "remove_tags" when creating a new object.`)
	}
	in.tagLookups = lists
	_, in.tags.replace = lists["tags"]
}

func (Tags) filters(_ *Field, add func(string, filter)) {
	slug, id := tagFilter{column: "slug"}, tagFilter{column: "id"}
	for spelling, by := range map[string]tagFilter{"tag": slug, "tag_id": id} {
		add("="+spelling, by.all)
		add("="+spelling+"__n", by.none)
		add("="+spelling+"__any", by.any)
	}
}

// tagFilter makes the lookups of tags by slug or by id.
type tagFilter struct{ column string }

// read returns the values that name tags, and whether untagged objects are asked for; it has the tags checked.
func (t tagFilter) read(q *query, param string, values []string) (keys []string, untagged bool) {
	c := check{param: param, to: q.r.set.byName[tagsName], strict: true, column: "slug"}
	for _, v := range allValues(values) {
		if v == "null" {
			untagged = true
			continue
		}
		if t.column == "id" {
			id, ok := parseID(v)
			if !ok {
				q.failID(param, v)
				return nil, false
			}
			c.ids, v = append(c.ids, id), strconv.FormatInt(id, 10)
		} else {
			c.names = append(c.names, v)
		}
		keys = append(keys, v)
	}
	if keys != nil {
		q.checks = append(q.checks, c)
	}
	return keys, untagged
}

func (t tagFilter) tagged(q *query, keys []string) string {
	return "t.id IN (SELECT ti.object_id FROM tagged_items ti JOIN tags g ON g.id = ti.tag_id WHERE ti.object_type_id = " +
		strconv.Itoa(int(q.r.Type)) + " AND g." + t.column + "::text = ANY(" + q.arg(keys) + "::text[]))"
}

func untagged(q *query) string {
	return "NOT EXISTS (SELECT FROM tagged_items ti WHERE ti.object_type_id = " + strconv.Itoa(int(q.r.Type)) + " AND ti.object_id = t.id)"
}

func (t tagFilter) all(q *query, param string, values []string) {
	keys, null := t.read(q, param, values)
	for _, key := range keys {
		q.cond(t.tagged(q, []string{key}))
	}
	if null {
		q.cond(untagged(q))
	}
}

func (t tagFilter) any(q *query, param string, values []string) {
	keys, null := t.read(q, param, values)
	var either []string
	if keys != nil {
		either = append(either, t.tagged(q, keys))
	}
	if null {
		either = append(either, untagged(q))
	}
	q.either(either, false)
}

func (t tagFilter) none(q *query, param string, values []string) {
	if keys, _ := t.read(q, param, values); keys != nil {
		q.either([]string{t.tagged(q, keys)}, true)
	}
}

func (Tags) meta(*Resource, *Field) meta {
	tag := meta{Type: "nested object", Label: "Tag"}
	for _, c := range []struct {
		name, kind string
		limit      int
	}{{"id", "integer", 0}, {"url", "field", 0}, {"display_url", "field", 0}, {"display", "field", 0}, {"name", "string", 100}, {"slug", "slug", 100}, {"color", "string", 6}} {
		own := slices.Contains([]string{"name", "slug"}, c.name)
		tag.Children = append(tag.Children, namedMeta{c.name, meta{Type: c.kind, Required: own, ReadOnly: !own && c.name != "color", Label: capitalise(strings.ReplaceAll(c.name, "_", " ")), MaxLength: c.limit}})
	}
	return meta{Type: "field", Child: &tag}
}

// Names of the schemas of tags in answers and in requests.
const (
	tagSchema  = "NestedTag"
	tagRequest = "NestedTagRequest"
)

func (Tags) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	of := func(name string) *openapi3.SchemaRef {
		s := openapi3.NewArraySchema()
		s.Items = component(name)
		return s.NewRef()
	}
	return of(tagSchema), of(tagRequest)
}

// SharedComponents returns the schemas that those of resources refer to beside each other.
func SharedComponents() openapi3.Schemas {
	tag, request := newObject(), newObject()
	for name, s := range map[string]*openapi3.Schema{
		"id": openapi3.NewIntegerSchema(), "url": openapi3.NewStringSchema().WithFormat("uri"), "display_url": openapi3.NewStringSchema().WithFormat("uri"),
		"display": openapi3.NewStringSchema(), "name": openapi3.NewStringSchema(), "slug": openapi3.NewStringSchema(), "color": openapi3.NewStringSchema(),
	} {
		tag.Properties[name] = s.NewRef()
		tag.Required = append(tag.Required, name)
	}
	slices.Sort(tag.Required)
	request.Description = "Describes one tag by any of these."
	request.Properties["id"] = openapi3.NewIntegerSchema().NewRef()
	for name, limit := range map[string]int64{"name": 100, "slug": 100} {
		request.Properties[name] = openapi3.NewStringSchema().WithMinLength(1).WithMaxLength(limit).NewRef()
	}
	return openapi3.Schemas{tagSchema: tag.NewRef(), tagRequest: openapi3.NewOneOfSchema(openapi3.NewIntegerSchema(), request).NewRef()}
}
