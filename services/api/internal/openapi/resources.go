package openapi

import (
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// resourcePaths describes the collection of a resource and its objects under one of its paths.
func resourcePaths(r *resource.Resource, path string) (list, object *openapi3.PathItem) {
	p := paths{r, "/api/" + path + "/"}
	list = &openapi3.PathItem{Get: p.list()}
	id := openapi3.NewPathParameter("id").WithSchema(openapi3.NewInt32Schema().WithMin(0))
	id.Description = "Which " + r.Verbose
	object = &openapi3.PathItem{Get: p.retrieve(), Parameters: openapi3.Parameters{{Value: id}}}
	if r.ReadOnly {
		return list, object
	}
	list.Post, list.Put, list.Patch, list.Delete = p.create(), p.bulkUpdate("PUT"), p.bulkUpdate("PATCH"), p.bulkDestroy()
	object.Put, object.Patch, object.Delete = p.update("PUT"), p.update("PATCH"), p.destroy()
	return list, object
}

type paths struct {
	r    *resource.Resource
	path string
}

func (p paths) operation(verb, description string, errors ...int) *openapi3.Operation {
	op := openapi3.NewOperation()
	op.OperationID, op.Description, op.Tags = operationID(p.path, verb), description, tag(p.path)
	op.Responses = refusals(append([]int{400, 403, 404, 406}, errors...)...)
	return op
}

func (p paths) list() *openapi3.Operation {
	op := p.operation("list", "Objects of the type "+p.r.Verbose+", a page at a time, or all of them as CSV.")
	for _, param := range append(p.r.Parameters(), listParameters(p.r)...) {
		op.AddParameter(param)
	}
	if p.path != "/api/"+p.r.Path+"/" {
		for _, name := range p.r.Heavy {
			op.AddParameter(query("include_"+name, "Show "+name+" too, which this list leaves out.", openapi3.NewBoolSchema()))
		}
	}
	slices.SortFunc(op.Parameters, func(a, b *openapi3.ParameterRef) int { return strings.Compare(a.Value.Name, b.Value.Name) })
	table := openapi3.NewStringSchema()
	table.Description = "Names of the columns, then a line for each object: references as name and, in a column more, id; choices as their values; tags separated by commas."
	answer := success("A page of the list, or the list as CSV.", ref("Paginated"+p.r.Class+"List"), "X-Ignored-Parameters")
	answer.Content["text/csv"] = openapi3.NewMediaType().WithSchema(table)
	op.Responses.Set("200", &openapi3.ResponseRef{Value: answer})
	return op
}

func (p paths) retrieve() *openapi3.Operation {
	op := p.operation("retrieve", "One "+p.r.Verbose+".")
	addParameters(op, append(shaping(), brief(), format("json", "api"))...)
	p.answer(op, "200", "The object.", ref(p.r.Class), p.etag()...)
	return op
}

func (p paths) create() *openapi3.Operation {
	op := p.operation("create", "Make one "+p.r.Verbose+", or one of each item of a list: all of them or none.", 408, 413, 415)
	addParameters(op, shaping()...)
	op.RequestBody = body(either(ref(p.r.Class+"Request"), listOf(ref(p.r.Class+"Request"))), ref(p.r.Class+"Request"))
	p.answer(op, "201", "The object; for a list, the objects in the same order.", either(ref(p.r.Class), listOf(ref(p.r.Class))))
	return op
}

func (p paths) update(method string) *openapi3.Operation {
	verb, request, text := "update", p.r.Class+"Request", "Replace one "+p.r.Verbose+". Optional fields that are left out keep their values."
	if method == "PATCH" {
		verb, request, text = "partial_update", "Patched"+request, "Change some fields of one "+p.r.Verbose+"."
	}
	op := p.operation(verb, text, 408, 412, 413, 415)
	addParameters(op, append(shaping(), ifMatch())...)
	op.RequestBody = body(ref(request), ref(request))
	op.RequestBody.Value.Required = method == "PUT"
	p.answer(op, "200", "The object as it is now.", ref(p.r.Class), p.etag()...)
	return op
}

func (p paths) bulkUpdate(method string) *openapi3.Operation {
	verb, request := "bulk_update", "Bulk"+p.r.Class+"Request"
	if method == "PATCH" {
		verb, request = "bulk_partial_update", "BulkPatched"+p.r.Class+"Request"
	}
	op := p.operation(verb, "Change several objects of the type "+p.r.Verbose+": all of them or none.", 408, 413, 415)
	addParameters(op, shaping()...)
	op.RequestBody = body(listOf(ref(request)), nil)
	p.answer(op, "200", "The objects as they are now, in the default order.", listOf(ref(p.r.Class)))
	return op
}

func (p paths) destroy() *openapi3.Operation {
	op := p.operation("destroy", "Delete one "+p.r.Verbose+".", 408, 409, 412, 413, 415)
	addParameters(op, ifMatch())
	op.Responses.Set("204", &openapi3.ResponseRef{Value: gone()})
	return op
}

func (p paths) bulkDestroy() *openapi3.Operation {
	op := p.operation("bulk_destroy", "Delete several objects of the type "+p.r.Verbose+": all of them or none.", 408, 409, 413, 415)
	op.RequestBody = body(listOf(ref("BulkDestroyRequest")), nil)
	op.Responses.Set("204", &openapi3.ResponseRef{Value: gone()})
	return op
}

func (p paths) etag() []string {
	if p.r.ReadOnly {
		return nil
	}
	return []string{"ETag"}
}

func (p paths) answer(op *openapi3.Operation, status, text string, schema *openapi3.SchemaRef, headers ...string) {
	op.Responses.Set(status, &openapi3.ResponseRef{Value: success(text, schema, headers...)})
}

func listOf(of *openapi3.SchemaRef) *openapi3.SchemaRef {
	s := openapi3.NewArraySchema()
	s.Items = of
	return s.NewRef()
}

func either(schemas ...*openapi3.SchemaRef) *openapi3.SchemaRef {
	return (&openapi3.Schema{OneOf: schemas}).NewRef()
}

// body is a request body as JSON, and as a form if that has a schema.
func body(asJSON, asForm *openapi3.SchemaRef) *openapi3.RequestBodyRef {
	b := openapi3.NewRequestBody().WithRequired(true).WithJSONSchemaRef(asJSON)
	if asForm != nil {
		b.Content["multipart/form-data"] = openapi3.NewMediaType().WithSchemaRef(asForm)
	}
	return &openapi3.RequestBodyRef{Value: b}
}
