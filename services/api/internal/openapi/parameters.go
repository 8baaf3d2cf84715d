package openapi

import (
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/services/api/internal/resource"
)

func query(name, description string, schema *openapi3.Schema) *openapi3.Parameter {
	return openapi3.NewQueryParameter(name).WithDescription(description).WithSchema(schema)
}

func addParameters(op *openapi3.Operation, params ...*openapi3.Parameter) {
	for _, p := range params {
		op.AddParameter(p)
	}
}

// listParameters are what lists take beside filters.
func listParameters(r *resource.Resource) []*openapi3.Parameter {
	integer := openapi3.NewIntegerSchema
	return append(shaping(), brief(), format("json", "api", "csv"),
		query("limit", "Number of results to return per page; 0 for as many as a page may have.", integer()),
		query("offset", "The initial index from which to return the results.", integer()),
		query("start", "Return results with this id or a larger one, ordered by id and not counted; not together with offset or ordering.", integer().WithMin(0)),
		query("ordering", "Which fields to use when ordering the results, separated by commas, with - in front for descending: "+strings.Join(r.OrderNames(), ", ")+".", openapi3.NewStringSchema()),
		query("q", "Search: objects that contain this text, in any case.", openapi3.NewStringSchema()),
		query("exclude", "Taken from clients of NetBox, and without effect.", openapi3.NewStringSchema()),
		query("export", "csv for the whole list, as filtered and ordered, as a file. Its columns come in the order of fields, which may name cf_<name> too.", openapi3.NewStringSchema().WithEnum("csv")),
	)
}

// shaping are the parameters that choose keys of objects.
func shaping() []*openapi3.Parameter {
	return []*openapi3.Parameter{
		query("fields", "Only these fields of each object, separated by commas.", openapi3.NewStringSchema()),
		query("omit", "All but these fields of each object, separated by commas.", openapi3.NewStringSchema()),
	}
}

func brief() *openapi3.Parameter {
	return query("brief", "With any value, only the fields that identify an object.", openapi3.NewBoolSchema())
}

func format(names ...any) *openapi3.Parameter {
	return query("format", "The form of the answer, whatever Accept says.", openapi3.NewStringSchema().WithEnum(names...))
}

func ifMatch() *openapi3.Parameter {
	p := openapi3.NewHeaderParameter("If-Match").WithSchema(openapi3.NewStringSchema())
	p.Description = "ETags, separated by commas: nothing is done if the object has another by now."
	return p
}
