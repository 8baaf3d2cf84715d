package resource

import (
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/libs/change"
)

// ObjectTypes is any number of types of objects, through a join table to object_types. It is shown as a list of "app_label.model".
type ObjectTypes struct {
	linkedKind
	Via Link
	// Only says which resources' types are taken; nil: all.
	Only func(*Resource) bool
}

func (k ObjectTypes) link() Link { return k.Via }

const typeWord = "o.app_label || '.' || o.model"

func (k ObjectTypes) held(alias string) string {
	return "ARRAY(SELECT " + typeWord + " FROM " + k.Via.Table + " " + linkAlias + " JOIN object_types o ON o.id = " + linkAlias + "." + k.Via.Other +
		" WHERE " + linkAlias + "." + k.Via.Own + " = " + alias + `.id ORDER BY (` + typeWord + `) COLLATE "C")`
}

func (k ObjectTypes) encode(p *plan, _ *Resource, alias string, _ *Field, _ Shape) appender {
	i := p.value(k.held(alias))
	return func(b []byte, row *Row) []byte {
		b = append(b, '[')
		for n, text := range decodeTextList(row.Vals[i]) {
			if n > 0 {
				b = append(b, ',')
			}
			b = appendString(b, text)
		}
		return append(b, ']')
	}
}

func (ObjectTypes) decode(v []byte) any { return append([]string{}, decodeTextList(v)...) }
func (ObjectTypes) empty() any          { return []string{} }

func (ObjectTypes) others(parameter string) string {
	return "SELECT o.id FROM object_types o WHERE " + typeWord + " = ANY(" + parameter + "::text[])"
}

func (ObjectTypes) found(lookups []*lookup) any {
	words := make([]string, len(lookups))
	for i, l := range lookups {
		words[i] = l.name
	}
	return uniqueSorted(words)
}

func (k ObjectTypes) read(in *input, f *Field, v any) (any, []string) {
	items, wrong := AsList(v)
	if wrong != nil {
		return nil, wrong
	}
	lookups := make([]*lookup, len(items))
	for i, item := range items {
		text, _ := item.(string)
		app, model, ok := strings.Cut(text, ".")
		if !ok || strings.Contains(model, ".") {
			return nil, []string{"Invalid value. Specify a content type as '<app_label>.<model_name>'."}
		}
		if strings.ContainsRune(text, 0) {
			return nil, []string{nullCharacters}
		}
		if t, known := change.TypeNamed(text); known && k.Only != nil {
			if to := in.r.set.Of(t); to == nil || !k.Only(to) {
				return nil, []string{"Invalid content type: " + text}
			}
		}
		lookups[i] = &lookup{
			field: f, missing: "Invalid content type: " + text,
			sql: "SELECT o.id, " + typeWord + " FROM object_types o WHERE o.app_label = $1 AND o.model = $2", args: []any{app, model},
		}
	}
	in.lookups = append(in.lookups, lookups...)
	return lookups, nil
}

func (k ObjectTypes) filters(_ *Field, add func(string, filter)) {
	for _, negated := range []bool{false, true} {
		suffix := map[bool]string{true: "__n"}[negated]
		add("=object_type"+suffix, k.byWord(negated))
		add("=object_type_id"+suffix, k.byID(negated))
		add(strings.TrimPrefix(suffix, "__"), k.byID(negated))
	}
}

// byWord takes "app_label.model" in any case. As in NetBox, one that there is not finds nothing.
func (k ObjectTypes) byWord(negated bool) filter {
	return func(q *query, _ string, values []string) {
		var words []string
		for _, v := range allValues(values) {
			words = append(words, strings.ToLower(v))
		}
		if words != nil {
			q.either([]string{linkFilter{k.Via, k.others(q.arg(words))}.sql()}, negated)
		}
	}
}

func (k ObjectTypes) byID(negated bool) filter {
	return func(q *query, param string, values []string) {
		c := check{param: param, table: "object_types", strict: true}
		for _, v := range allValues(values) {
			id, ok := parseID(v)
			if !ok {
				q.failID(param, v)
				return
			}
			c.ids = append(c.ids, id)
		}
		if c.ids != nil {
			q.checks = append(q.checks, c)
			q.either([]string{linkFilter{k.Via, "SELECT unnest(" + q.arg(c.ids) + "::bigint[])"}.sql()}, negated)
		}
	}
}

func (ObjectTypes) meta(*Resource, *Field) meta { return meta{Type: "field"} }

func (ObjectTypes) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	word := openapi3.NewStringSchema()
	word.Description = "app_label.model"
	return openapi3.NewArraySchema().WithItems(word).NewRef(), nil
}
