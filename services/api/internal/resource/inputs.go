package resource

import (
	"maps"

	"github.com/getkin/kin-openapi/openapi3"
)

// Inputs are what a request says that does something else than to write the fields of an object. Their kinds are of those that need no database.
type Inputs []Field

// Read checks a decoded body, or a form, and returns the values that it names, and its message for the change log.
func (list Inputs) Read(body any) (values map[string]any, message string, err error) {
	r := list.resource()
	in := r.readInput(body, true, false)
	return in.values, in.message, in.errors.Err()
}

// Schema describes such bodies for the OpenAPI document.
func (list Inputs) Schema() *openapi3.Schema {
	r, s := list.resource(), newObject()
	for _, f := range r.writes {
		_, s.Properties[f.Name] = f.schemas(r)
		if f.Required {
			s.Required = append(s.Required, f.Name)
		}
	}
	maps.Copy(s.Properties, r.further())
	return s
}

// resource is one that has nothing but the inputs.
func (list Inputs) resource() *Resource {
	r := &Resource{}
	for i := range list {
		r.writes = append(r.writes, &list[i])
	}
	return r
}
