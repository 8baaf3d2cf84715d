package resource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// JSON is a column of JSON.
type JSON struct {
	common
	Form  Form
	Clean func(any) (any, []string) // further validation of the decoded value, which it may replace
	Of    *openapi3.Schema          // of the elements of a list, or of the values of an object; nil: any
	Whole *openapi3.Schema          // of the whole value; nil: as Form and Of say
}

// Form says what JSON a field takes.
type Form uint8

// The forms.
const (
	AnyJSON      Form = iota
	ObjectJSON        // absent: {}
	ListJSON          // absent: []
	VerbatimJSON      // read-only, made by SQL with its keys in the order that is meant
)

func (k JSON) encode(p *plan, _ *Resource, alias string, f *Field, _ Shape) appender {
	i := p.value(f.sql(alias))
	return func(b []byte, r *Row) []byte {
		if r.Vals[i] == nil {
			return append(b, "null"...)
		}
		return appendJSON(b, decodeJSON(r.Vals[i]), k.Form != VerbatimJSON)
	}
}

func (JSON) decode(v []byte) any { return json.RawMessage(appendJSON(nil, decodeJSON(v), true)) }

func (k JSON) empty() any {
	switch k.Form {
	case ObjectJSON:
		return json.RawMessage("{}")
	case ListJSON:
		return json.RawMessage("[]")
	}
	return nil
}

func (k JSON) read(_ *input, _ *Field, v any) (any, []string) {
	switch v.(type) {
	case map[string]any:
		if k.Form == ListJSON {
			return nil, []string{`Expected a list of items but got type "dict".`}
		}
	case []any:
		if k.Form == ObjectJSON {
			return nil, []string{"Expected a dictionary of items but got type \"list\"."}
		}
	default:
		if k.Form == ListJSON || k.Form == ObjectJSON {
			form := map[Form]string{ListJSON: "list", ObjectJSON: "dictionary"}[k.Form]
			return nil, []string{fmt.Sprintf("Expected a %s of items but got type %q.", form, typeName(v))}
		}
	}
	if wrong := storable(v); wrong != "" {
		return nil, []string{wrong}
	}
	if k.Clean != nil {
		var wrong []string
		if v, wrong = k.Clean(v); wrong != nil {
			return nil, wrong
		}
	}
	return Marshal(v), nil
}

// storable says what in a decoded value jsonb would refuse, if anything.
func storable(v any) string {
	switch v := v.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			return nullCharacters
		}
	case json.Number:
		if _, err := v.Float64(); err != nil || len(v) > 400 {
			return "A valid number is required."
		}
	case []any:
		for _, e := range v {
			if wrong := storable(e); wrong != "" {
				return wrong
			}
		}
	case map[string]any:
		for key, e := range v {
			if wrong := storable(key); wrong != "" {
				return wrong
			}
			if wrong := storable(e); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}

// Marshal writes a decoded JSON value with sorted keys, as columns of JSON hold it.
func Marshal(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("a decoded JSON value cannot be encoded: %v", err))
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

func (JSON) meta(_ *Resource, _ *Field) meta { return meta{Type: "field"} }

func (k JSON) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	if k.Whole != nil {
		return k.Whole.NewRef(), nil
	}
	of := k.Of
	if of == nil {
		of = openapi3.NewSchema()
		of.Nullable = true
	}
	switch k.Form {
	case ListJSON:
		return openapi3.NewArraySchema().WithItems(of).NewRef(), nil
	case ObjectJSON, VerbatimJSON:
		s := openapi3.NewObjectSchema()
		s.AdditionalProperties.Schema = of.NewRef()
		return s.NewRef(), nil
	}
	return of.NewRef(), nil
}
