package resource

import "github.com/getkin/kin-openapi/openapi3"

// TagUse is no value: it makes the filters of tags by the types of the objects that have them, and by the types that they may be given to.
type TagUse struct{ derived }

func (TagUse) encode(*plan, *Resource, string, *Field, Shape) appender {
	return func(b []byte, _ *Row) []byte { return append(b, "null"...) }
}

func (TagUse) filters(_ *Field, add func(string, filter)) {
	const used = "t.id IN (SELECT ti.tag_id FROM tagged_items ti WHERE ti.object_type_id = ANY("
	add("=content_type", func(q *query, _ string, values []string) {
		if ids := typesNamed(values); ids != nil {
			q.cond(used + q.arg(ids) + "::int[]))")
		}
	})
	byID := func(sql func(parameter string) string) filter {
		return func(q *query, param string, values []string) {
			var ids []int64
			for _, v := range parseAll(q, param, values, wholeNumber, "Enter a whole number.") {
				ids = append(ids, v.(int64))
			}
			if ids != nil {
				q.cond(sql(q.arg(ids)))
			}
		}
	}
	add("=content_type_id", byID(func(p string) string { return used + p + "::bigint[]))" }))
	add("=for_object_type_id", byID(func(p string) string {
		return "(EXISTS (SELECT FROM tag_object_types o WHERE o.tag_id = t.id AND o.object_type_id = ANY(" + p +
			"::bigint[])) OR NOT EXISTS (SELECT FROM tag_object_types o WHERE o.tag_id = t.id))"
	}))
}

func (TagUse) meta(*Resource, *Field) meta { return meta{Type: "field"} }

func (TagUse) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	return openapi3.NewStringSchema().NewRef(), nil
}
