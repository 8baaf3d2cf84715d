package resource

import (
	"github.com/getkin/kin-openapi/openapi3"
)

// OneTime is a secret without a column, which only the answer to the creation of its object shows; see Write.Reveal. A request may give one:
// hooks find it among Write.Secrets.
type OneTime struct{ common }

func (OneTime) column(string) string { return "-" }
func (OneTime) computed() bool       { return true }
func (OneTime) decode([]byte) any    { return nil }

func (OneTime) encode(p *plan, _ *Resource, alias string, _ *Field, _ Shape) appender {
	id := p.value(alias + ".id")
	return func(b []byte, row *Row) []byte {
		secret, ok := row.reveal[decodeInt(row.Vals[id])]
		if !ok {
			return append(b, "null"...)
		}
		return appendString(b, secret.Reveal())
	}
}

func (OneTime) read(_ *input, f *Field, v any) (any, []string) {
	return readText(f, v, 0, true, nil)
}

func (OneTime) meta(*Resource, *Field) meta { return meta{Type: "string"} }

func (OneTime) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	return openapi3.NewStringSchema().WithNullable().NewRef(), nil
}
