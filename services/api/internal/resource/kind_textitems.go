package resource

import (
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// TextItems is a list of short texts that is not empty, in a column of jsonb.
type TextItems struct {
	common
	Max   int               // characters of a text
	Flags map[string]string // boolean filters, by the text that an object has or has not
}

func (TextItems) encode(p *plan, r *Resource, alias string, f *Field, shape Shape) appender {
	return JSON{Form: ListJSON}.encode(p, r, alias, f, shape)
}

func (TextItems) decode(v []byte) any { return JSON{}.decode(v) }

func (k TextItems) read(in *input, f *Field, v any) (any, []string) {
	items, ok := v.([]any)
	switch {
	case !ok:
		return nil, []string{`Expected a list of items but got type "` + typeName(v) + `".`}
	case len(items) == 0:
		return nil, []string{"This list may not be empty."}
	}
	var wrong Errors
	texts := make([]any, len(items))
	for i, item := range items {
		messages := []string{"This field may not be null."}
		if item != nil {
			texts[i], messages = readText(f, item, k.Max, false, nil)
		}
		if messages != nil {
			wrong.Add(strconv.Itoa(i), messages...)
		}
	}
	if !wrong.None() {
		in.errors.Nest(f.Name, wrong)
		return nil, []string{}
	}
	return Marshal(texts), nil
}

func (k TextItems) filters(f *Field, add func(string, filter)) {
	for name, text := range k.Flags {
		add("="+name, func(q *query, _ string, values []string) {
			if has, ok := queryBool(values); ok {
				q.either([]string{f.sql("t") + " @> " + q.arg(string(Marshal([]any{text}))) + "::jsonb"}, !has)
			}
		})
	}
}

func (TextItems) query(*Field) *openapi3.Schema { return openapi3.NewBoolSchema() }

func (k TextItems) meta(*Resource, *Field) meta {
	return meta{Type: "list", Child: &meta{Type: "string", Required: true, MaxLength: k.Max}}
}

func (k TextItems) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	text := openapi3.NewStringSchema().WithMinLength(1).WithMaxLength(int64(k.Max))
	return openapi3.NewArraySchema().WithItems(openapi3.NewStringSchema()).NewRef(), openapi3.NewArraySchema().WithItems(text).WithMinItems(1).NewRef()
}
