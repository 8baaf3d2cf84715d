package resource

import (
	"encoding/json"

	"github.com/getkin/kin-openapi/openapi3"
)

// CustomFields is the object of custom fields, which has a column custom_field_data. The column holds the values that are set, by name, each in
// one form only: what is unset has no key. See [CustomField].
type CustomFields struct{ common }

func (CustomFields) column(string) string { return "custom_field_data" }

func (CustomFields) encode(p *plan, _ *Resource, alias string, f *Field, _ Shape) appender {
	i := p.value(f.sql(alias))
	p.custom = true
	return func(b []byte, r *Row) []byte { return r.Custom.append(b, decodeJSON(r.Vals[i])) }
}

func (CustomFields) decode(v []byte) any {
	return json.RawMessage(appendJSON(nil, decodeJSON(v), true))
}

func (CustomFields) empty() any { return json.RawMessage("{}") }

// customInput is what a request says of custom fields. Its names are checked when the definitions are known, its values with the object.
type customInput map[string]any

func (CustomFields) read(_ *input, _ *Field, v any) (any, []string) {
	values, ok := v.(map[string]any)
	if !ok {
		return nil, []string{"Invalid data format. Custom field data must be passed as a dictionary mapping field names to their values."}
	}
	return customInput(values), nil
}

func (CustomFields) meta(*Resource, *Field) meta { return meta{Type: "field"} }

func (CustomFields) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	s := openapi3.NewObjectSchema()
	s.Description = "Values of custom fields by name. Answers have every custom field of the object type; requests, those to change."
	value := openapi3.NewSchema()
	value.Nullable = true
	s.AdditionalProperties.Schema = value.NewRef()
	return s.NewRef(), nil
}
