package resource

import (
	"github.com/getkin/kin-openapi/openapi3"
)

// TextList is a list of texts that requests do not write: a column of the type text[]. Its filter finds rows whose list has any of the values.
type TextList struct{ common }

func (TextList) encode(p *plan, _ *Resource, alias string, f *Field, _ Shape) appender {
	at := p.value(f.sql(alias))
	return func(b []byte, row *Row) []byte {
		b = append(b, '[')
		for i, text := range decodeTextList(row.Vals[at]) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, text)
		}
		return append(b, ']')
	}
}

func (TextList) decode(v []byte) any                      { return decodeTextList(v) }
func (TextList) read(*input, *Field, any) (any, []string) { return nil, nil }

func (TextList) filters(f *Field, add func(string, filter)) {
	add("", func(q *query, _ string, values []string) {
		if values = allValues(values); len(values) > 0 {
			q.cond(f.sql("t") + " && " + q.arg(values) + "::text[]")
		}
	})
}

func (TextList) meta(*Resource, *Field) meta { return meta{Type: "field"} }

func (TextList) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	return openapi3.NewArraySchema().WithItems(openapi3.NewStringSchema()).NewRef(), nil
}
