package openapi

import (
	"cmp"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// Operation describes what belongs to no resource.
type Operation struct {
	Verb        string // of the operation's id; default: retrieve for GET, create for POST
	Description string
	Parameters  []*openapi3.Parameter
	Request     *openapi3.SchemaRef // of the body, which may be a form too; nil: none
	Optional    bool                // the body may be left out
	Status      int                 // of success; default 200
	Answer      *openapi3.SchemaRef // as JSON
	Content     openapi3.Content    // instead of Answer
	Headers     []string            // of the answer, beside those that all have
	Errors      []int               // statuses beside 403, 406 and those that anything may answer
	Open        bool                // nobody has to authenticate
}

func (o *Operation) operation(path, method string) *openapi3.Operation {
	verbs := map[string]string{"GET": "retrieve", "POST": "create"}
	op := openapi3.NewOperation()
	op.OperationID, op.Description, op.Tags = operationID(path, cmp.Or(o.Verb, verbs[method])), o.Description, tag(path)
	if o.Open {
		op.Security = openapi3.NewSecurityRequirements().With(openapi3.NewSecurityRequirement())
		op.Security.With(openapi3.NewSecurityRequirement().Authenticate("tokenAuth"))
	}
	addParameters(op, o.Parameters...)
	op.Responses = refusals(append([]int{403, 404, 406}, o.Errors...)...)
	if o.Request != nil {
		op.RequestBody = body(o.Request, o.Request)
		op.RequestBody.Value.Required = !o.Optional
	}
	answer := success("As asked.", o.Answer, o.Headers...)
	if o.Content != nil {
		answer.Content = o.Content
	}
	op.Responses.Set(strconv.Itoa(cmp.Or(o.Status, 200)), &openapi3.ResponseRef{Value: answer})
	return op
}

// Format is the parameter that chooses the form of an answer.
func Format(names ...any) *openapi3.Parameter { return format(names...) }

// WriteParameters are those of what changes an object and answers with it: which of its fields to show, and If-Match.
func WriteParameters() []*openapi3.Parameter { return append(shaping(), ifMatch()) }

// Ref refers to a schema of the document.
func Ref(schema string) *openapi3.SchemaRef { return ref(schema) }
