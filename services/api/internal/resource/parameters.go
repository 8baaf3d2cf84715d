package resource

import (
	"cmp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// lookupOf is what a filter looks at: a field, in the way that a suffix says.
type lookupOf struct {
	field  *Field
	suffix string
}

// suffixes says what lookups do, after the name of the field.
var suffixes = map[string]string{
	"n": "is none of these", "ic": "contains, in any case", "nic": "does not contain, in any case", "isw": "begins with, in any case",
	"nisw": "does not begin with, in any case", "iew": "ends with, in any case", "niew": "does not end with, in any case",
	"ie": "is, in any case", "nie": "is not, in any case", "regex": "matches a regular expression of PostgreSQL",
	"iregex": "matches a regular expression of PostgreSQL, in any case", "empty": "is empty or null", "any": "has any of these",
	"lt": "is less than", "lte": "is at most", "gt": "is greater than", "gte": "is at least",
	"after": "is then or later", "before": "is then or earlier",
}

// Parameters describes the filters of the resource, sorted by name.
func (r *Resource) Parameters() []*openapi3.Parameter {
	var out []*openapi3.Parameter
	for _, name := range r.Filters() {
		p := openapi3.NewQueryParameter(name)
		of, known := r.filtered[name]
		if known {
			r.describeFilter(p, of)
		} else {
			p.Schema = openapi3.NewUUIDSchema().NewRef()
			p.Description = "Objects that the request of this X-Request-ID changed: " + spaced(strings.TrimSuffix(name, "_by_request")) + "."
		}
		out = append(out, p)
	}
	return out
}

// describeFilter fills in what a filter takes: of most parameters, repeated values mean any of them.
func (r *Resource) describeFilter(p *openapi3.Parameter, of lookupOf) {
	lookup := of.suffix
	if i := strings.LastIndex(lookup, "__"); i >= 0 {
		lookup = lookup[i+2:]
	} else if strings.HasPrefix(lookup, "_") || strings.HasPrefix(lookup, "=") {
		lookup = ""
	}
	value := of.field.Kind.query(of.field)
	boolean := value.Type.Is("boolean")
	switch {
	case strings.HasSuffix(strings.TrimSuffix(p.Name, "__"+lookup), "_id") && strings.ContainsAny(of.suffix, "_="):
		value = openapi3.NewIntegerSchema()
	case lookup == "empty":
		value, boolean = openapi3.NewBoolSchema(), true
	case lookup != "" && (value.Enum != nil || value.Type.Is("string") && value.Format == ""):
		value = openapi3.NewStringSchema()
	}
	p.Description = strings.TrimSpace(cmp.Or(of.field.Label, capitalise(spaced(of.field.Name))) + " " + suffixes[lookup])
	if lookup == "" && of.field.Help != "" {
		p.Description += ": " + of.field.Help
	}
	if boolean {
		p.Schema = value.NewRef()
		return
	}
	p.Schema = openapi3.NewArraySchema().WithItems(value).NewRef()
	p.Style, p.Explode = openapi3.SerializationForm, new(true)
}

// OrderNames returns what ?ordering= takes, without the "-" for descending, sorted.
func (r *Resource) OrderNames() []string {
	var names []string
	for i := range r.Fields {
		if orderable(&r.Fields[i]) {
			names = append(names, r.Fields[i].Name)
		}
	}
	slices.Sort(names)
	return names
}
