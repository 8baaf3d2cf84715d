package rest

import (
	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/openapi"
	"github.com/proxops/proxops/services/api/internal/resource"
)

var syncDoc = map[string]*openapi.Operation{"POST": {
	Description: "Synchronise endpoints now: those that are named, or all that are enabled and that the client may view. What is read is said by types, by default all there is.",
	Request:     openapi.Ref("SyncRequest"), Optional: true, Answer: openapi.Ref("Job"), Status: 202, Headers: []string{"Location"}, Errors: []int{400, 408, 413, 415},
}}

var syncEndpointDoc = &openapi.Operation{
	Description: "Synchronise the endpoint now. What is read is said by types, by default all there is.",
	Request:     openapi.Ref("EndpointSyncRequest"), Optional: true, Answer: openapi.Ref("Job"), Status: 202, Headers: []string{"Location"}, Errors: []int{400, 408, 413, 415},
}

var cancelDoc = &openapi.Operation{
	Description: "End the job now: nothing is applied any more of what is read for it. For one that stands for the next run of a schedule that run is left out.",
	Answer:      openapi.Ref("JobCancelled"),
}

// syncRequest is what a sync is asked for with, of endpoints that it names or of a known one.
func syncRequest(ofEndpoints bool) *openapi3.Schema {
	one := catalog.SyncType()
	reference := openapi3.NewAnyOfSchema(openapi3.NewIntegerSchema(), openapi3.NewStringSchema(), openapi3.NewObjectSchema().WithAnyAdditionalProperties())
	list := func(of *openapi3.Schema) *openapi3.Schema { return openapi3.NewArraySchema().WithItems(of) }
	alone := func(of *openapi3.Schema) *openapi3.Schema {
		return openapi3.NewAnyOfSchema(of, list(of).WithMinItems(1).WithMaxItems(1))
	}
	s := openapi3.NewObjectSchema().WithProperties(map[string]*openapi3.Schema{
		"types": list(one), "type": alone(one), "name": openapi3.NewStringSchema().WithMinLength(1).WithMaxLength(maxJobName),
	})
	s.Description = "Lists that are left out, or empty, mean all. The singular takes one value, or a list of one, and does not go with the plural."
	s.AdditionalProperties.Has = new(false)
	if ofEndpoints {
		s.WithProperty("endpoints", list(reference)).WithProperty("endpoint", alone(reference))
	}
	return s
}

// jobCancelledSchema is what who cancels a job is told.
func jobCancelledSchema() *openapi3.Schema {
	return resource.Complete(map[string]*openapi3.Schema{
		"ok": openapi3.NewBoolSchema(), "job_id": openapi3.NewIntegerSchema(), "status": openapi3.NewStringSchema(), "detail": openapi3.NewStringSchema(),
	})
}

var runScheduleDoc = &openapi.Operation{
	Description: "Begin a job of the schedule now, outside of its times. Those stay as they are.",
	Answer:      openapi.Ref("Job"), Status: 202, Headers: []string{"Location"}, Errors: []int{400},
}
