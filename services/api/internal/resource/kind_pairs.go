package resource

import (
	"strconv"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// Pairs is a column of JSON that holds a list of pairs of a value and its label.
type Pairs struct {
	JSON
	Filter string // the name of the filter that finds objects by a value or a label
}

// maxPair is how many characters a value or a label may have.
const maxPair = 100

func (Pairs) empty() any { return JSON{Form: ListJSON}.empty() }

func (k Pairs) read(in *input, f *Field, v any) (any, []string) {
	list, ok := v.([]any)
	if !ok {
		return nil, []string{`Expected a list of items but got type "` + typeName(v) + `".`}
	}
	var wrong Errors
	for i, e := range list {
		pair, message := readPair(e)
		if message != "" {
			wrong.Add(strconv.Itoa(i), message)
		}
		list[i] = pair
	}
	if !wrong.None() {
		in.errors.Nest(f.Name, wrong)
		return nil, []string{}
	}
	return Marshal(list), nil
}

func readPair(v any) (pair []any, wrong string) {
	pair, ok := v.([]any)
	switch {
	case !ok:
		return nil, `Expected a list of items but got type "` + typeName(v) + `".`
	case len(pair) < 2:
		return nil, "Ensure this field has at least 2 elements."
	case len(pair) > 2:
		return nil, "Ensure this field has no more than 2 elements."
	}
	out := make([]any, 2)
	for i, e := range pair {
		text, messages := readText(&Field{Blank: i == 1}, e, 0, true, nil)
		switch {
		case messages != nil:
			return nil, messages[0]
		case utf8.RuneCountInString(text.(string)) > maxPair:
			return nil, "Ensure this field has no more than 100 characters."
		}
		out[i] = text
	}
	return out, ""
}

func (k Pairs) filters(f *Field, add func(string, filter)) {
	add("="+k.Filter, func(q *query, _ string, values []string) {
		if values = allValues(values); len(values) > 0 {
			p := q.arg(values) + "::text[]"
			q.cond("EXISTS (SELECT FROM jsonb_array_elements(" + f.sql("t") + ") c WHERE c ->> 0 = ANY(" + p + ") OR c ->> 1 = ANY(" + p + "))")
		}
	})
}

func (Pairs) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	pair := openapi3.NewArraySchema().WithItems(openapi3.NewStringSchema().WithMaxLength(maxPair)).WithMinItems(2).WithMaxItems(2)
	return openapi3.NewArraySchema().WithItems(pair).NewRef(), nil
}
