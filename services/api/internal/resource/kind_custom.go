package resource

import (
	"encoding/json"

	"github.com/getkin/kin-openapi/openapi3"
)

// CustomFields is the object of custom fields, which has a column custom_field_data.
type CustomFields struct{ common }

func (CustomFields) column(string) string { return "custom_field_data" }

func (CustomFields) encode(p *plan, _ *Resource, alias string, f *Field, _ Shape) appender {
	i := p.value(f.sql(alias))
	return func(b []byte, r *Row) []byte { return appendJSON(b, decodeJSON(r.Vals[i]), true) }
}

func (CustomFields) decode(v []byte) any {
	return json.RawMessage(appendJSON(nil, decodeJSON(v), true))
}

func (CustomFields) empty() any { return json.RawMessage("{}") }

// read refuses names that no custom field of the object type has: there are none yet.
func (CustomFields) read(in *input, f *Field, v any) (any, []string) {
	values, ok := v.(map[string]any)
	if !ok {
		return nil, []string{"Invalid data format. Custom field data must be passed as a dictionary mapping field names to their values."}
	}
	var unknown Errors
	for _, name := range sortedKeys(values) {
		unknown.addText(name, "Custom field '"+name+"' does not exist for this object type.")
	}
	if !unknown.None() {
		in.errors.Nest(f.Name, unknown)
	}
	return nil, []string{}
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
