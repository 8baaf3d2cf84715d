package resource

import (
	"encoding/json"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Kind is what a field is: its column, its JSON form, its validation, its filters and its metadata. The kinds are in this package.
type Kind interface {
	// column names the column of a field with this name, "-" for none.
	column(name string) string
	// computed says that the value is made from other columns.
	computed() bool
	// encode returns what appends the value of f in rows of the table alias. r has the field; shape narrows a reference.
	encode(p *plan, r *Resource, alias string, f *Field, shape Shape) appender
	// decode makes a value for a Record from a column in the binary format of Postgres.
	decode(v []byte) any
	// read checks input, which is not null, and returns the value to store or what is wrong. A reference is a lookup, which is found later.
	read(in *input, f *Field, v any) (any, []string)
	// empty is the value of an absent field at creation, if it may be absent.
	empty() any
	// flat is the value in the flat state of the change log.
	flat(v any) any
	// filters hands over the lookups of a field.
	filters(f *Field, add func(suffix string, fn filter))
	// meta describes the kind for OPTIONS.
	meta(r *Resource, f *Field) meta
	// schema describes the kind for the OpenAPI document: its values in answers, and in requests; write is nil if that is the same. What all
	// fields have, such as label, help, null and default, is added to it.
	schema(r *Resource, f *Field) (read, write *openapi3.SchemaRef)
	// query describes the values of the plain filter of a field. Lookups that continue its name are known by their suffix.
	query(f *Field) *openapi3.Schema
}

// common is what most kinds have in common.
type common struct{}

func (common) column(name string) string                      { return name }
func (common) computed() bool                                 { return false }
func (common) empty() any                                     { return nil }
func (common) flat(v any) any                                 { return v }
func (common) filters(*Field, func(suffix string, fn filter)) {}
func (common) query(*Field) *openapi3.Schema                  { return openapi3.NewStringSchema() }

// derived is what kinds without a column of their own have in common.
type derived struct{ common }

func (derived) column(string) string                     { return "-" }
func (derived) computed() bool                           { return true }
func (derived) decode([]byte) any                        { return nil }
func (derived) read(*input, *Field, any) (any, []string) { return nil, nil }

const nullCharacters = "Null characters are not allowed."

// typeName is what Python calls the type of a decoded JSON value.
func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case string:
		return "str"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "float"
		}
		return "int"
	case []any:
		return "list"
	}
	return "dict"
}
