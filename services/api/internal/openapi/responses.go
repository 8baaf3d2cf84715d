package openapi

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// always are the headers of every answer.
var always = []string{"API-Version", "X-Request-ID"}

// headers describes the headers of answers, by name.
func headers() openapi3.Headers {
	out := openapi3.Headers{}
	for name, of := range map[string]struct {
		text   string
		schema *openapi3.Schema
	}{
		"API-Version":          {"The version of NetBox's API that this one is like", openapi3.NewStringSchema()},
		"X-Request-ID":         {"Names the request in the change log and in the server's log", openapi3.NewUUIDSchema()},
		"ETag":                 {"Names the state of the object, for If-Match", openapi3.NewStringSchema()},
		"Location":             {"The address of the new object, when there is one", openapi3.NewStringSchema().WithFormat("uri")},
		"X-Ignored-Parameters": {"Names of query parameters that are not known and had no effect", openapi3.NewStringSchema()},
		"WWW-Authenticate":     {"How to say who asks, for programs that cannot send a token in another way", openapi3.NewStringSchema()},
		"Retry-After":          {"Seconds to wait before another attempt", openapi3.NewIntegerSchema()},
	} {
		h := &openapi3.Header{}
		h.Description, h.Schema = of.text, of.schema.NewRef()
		out[name] = &openapi3.HeaderRef{Value: h}
	}
	return out
}

func withHeaders(r *openapi3.Response, names ...string) *openapi3.Response {
	r.Headers = openapi3.Headers{}
	for _, name := range slices.Concat(always, names) {
		r.Headers[name] = &openapi3.HeaderRef{Ref: "#/components/headers/" + name}
	}
	return r
}

// success is an answer with a body as JSON.
func success(text string, schema *openapi3.SchemaRef, headers ...string) *openapi3.Response {
	return withHeaders(openapi3.NewResponse().WithDescription(text).WithJSONSchemaRef(schema), headers...)
}

func gone() *openapi3.Response {
	return withHeaders(openapi3.NewResponse().WithDescription("Deleted."))
}

// refused are the answers to requests that fail: the name of the response and what it means.
var refused = map[int]struct{ name, text, schema string }{
	400: {"BadRequest", "What is wrong with the request: by parameter or field, by item of a list, or as a text.", "Refusal"},
	401: {"Unauthorized", "Who asks for a calendar is not known.", "Detail"},
	403: {"Forbidden", "Who asks is not known, or may not do this. There is no 401 but for calendars.", "Detail"},
	404: {"NotFound", "There is no such object, or it may not be seen; or no such format or export.", "Detail"},
	406: {"NotAcceptable", "No form of the answer satisfies the Accept header.", "Detail"},
	408: {"RequestTimeout", "The body took too long to arrive.", "Detail"},
	409: {"Conflict", "Others depend on the object, or its state forbids it.", "Detail"},
	412: {"PreconditionFailed", "The object is not in the state that If-Match names.", "Detail"},
	413: {"TooLarge", "The body is too large.", "Detail"},
	414: {"URITooLong", "The query is too long: ask in several requests.", "Detail"},
	415: {"UnsupportedMediaType", "The Content-Type of the body is neither application/json nor multipart/form-data.", "Detail"},
	429: {"TooManyRequests", "Too many attempts to authenticate failed.", "Detail"},
	500: {"ServerError", "An error of the server.", "ServerError"},
	503: {"Unavailable", "The server cannot do this at present.", "Detail"},
}

// responses describes the answers to requests that fail, by name.
func responses() openapi3.ResponseBodies {
	out := openapi3.ResponseBodies{}
	for status, r := range refused {
		var more []string
		switch status {
		case http.StatusUnauthorized:
			more = []string{"WWW-Authenticate"}
		case http.StatusPreconditionFailed:
			more = []string{"ETag"}
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			more = []string{"Retry-After"}
		}
		out[r.name] = &openapi3.ResponseRef{Value: success(r.text, ref(r.schema), more...)}
	}
	return out
}

// refusals refers to the answers of these statuses, and to those that any request may get.
func refusals(statuses ...int) *openapi3.Responses {
	out := openapi3.NewResponsesWithCapacity(len(statuses) + 5)
	for _, s := range append(statuses, 414, 429, 500, 503) {
		out.Set(fmt.Sprint(s), &openapi3.ResponseRef{Ref: "#/components/responses/" + refused[s].name})
	}
	return out
}

// schemas are those of answers to requests that fail, and of what belongs to no resource in particular.
func schemas() openapi3.Schemas {
	object := func(required []string, properties openapi3.Schemas) *openapi3.Schema {
		s := openapi3.NewObjectSchema()
		s.Properties, s.Required = properties, required
		return s
	}
	text := func() *openapi3.SchemaRef { return openapi3.NewStringSchema().NewRef() }
	messages := openapi3.NewArraySchema()
	messages.Items = text()
	fields := openapi3.NewObjectSchema()
	fields.Description = "What is wrong, by field or parameter: texts, or again by what is inside of it. __all__ and non_field_errors stand for the whole."
	fields.AdditionalProperties.Schema = (&openapi3.Schema{AnyOf: openapi3.SchemaRefs{messages.NewRef(), text(), ref("FieldErrors")}}).NewRef()
	items := openapi3.NewArraySchema()
	items.Description = "A text about the request as a whole; or for each item of a list what is wrong with it, {} for nothing; texts for an item that is null."
	items.Items = (&openapi3.Schema{AnyOf: openapi3.SchemaRefs{text(), ref("FieldErrors"), messages.NewRef()}}).NewRef()
	id := openapi3.NewIntegerSchema()
	return openapi3.Schemas{
		"Detail":      object([]string{"detail"}, openapi3.Schemas{"detail": text()}).NewRef(),
		"FieldErrors": fields.NewRef(),
		"Refusal":     (&openapi3.Schema{AnyOf: openapi3.SchemaRefs{ref("FieldErrors"), items.NewRef()}}).NewRef(),
		"ServerError": object([]string{"error", "exception"}, openapi3.Schemas{
			"error": text(), "exception": text(), "netbox_version": text(), "python_version": text(),
		}).NewRef(),
		"BulkDestroyRequest": object([]string{"id"}, openapi3.Schemas{"id": id.NewRef(), "changelog_message": openapi3.NewStringSchema().WithMaxLength(200).NewRef()}).NewRef(),
	}
}
