package resource

import (
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
)

// UUID is a UUID that requests do not write.
type UUID struct{ common }

func (UUID) encode(p *plan, _ *Resource, alias string, f *Field, _ Shape) appender {
	i := p.value(f.sql(alias))
	return func(b []byte, row *Row) []byte {
		id, err := uuid.FromBytes(row.Vals[i])
		if err != nil {
			return append(b, "null"...)
		}
		return append(append(append(b, '"'), id.String()...), '"')
	}
}

func (UUID) decode(v []byte) any                      { id, _ := uuid.FromBytes(v); return id.String() }
func (UUID) read(*input, *Field, any) (any, []string) { return nil, nil }

func (UUID) filters(f *Field, add func(string, filter)) {
	add("", func(q *query, param string, values []string) {
		text := Last(values)
		if text == "" {
			return
		}
		id, err := uuid.Parse(text)
		if err != nil {
			q.fail(param, "Enter a valid UUID.")
			return
		}
		q.cond(f.sql("t") + " = " + q.arg(id))
	})
}

func (UUID) meta(*Resource, *Field) meta { return meta{Type: "string"} }

func (UUID) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	return openapi3.NewUUIDSchema().NewRef(), nil
}

func (UUID) query(*Field) *openapi3.Schema { return openapi3.NewUUIDSchema() }
