package rest

import (
	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/openapi"
	"github.com/proxops/proxops/services/api/internal/resource"
)

var scheduleDoc = map[string]*openapi.Operation{
	"GET": {
		Description: "The sync jobs that are planned or under way, in the form of the NetBox plugin.", Answer: openapi.Ref("ScheduledJobs"),
	},
	"POST": {
		Description: "Start a sync, or schedule one or many, in the form of the NetBox plugin. Without a time and an interval a job begins at once; else a sync schedule is made, with the job of its first run.",
		Request:     openapi.Ref("ScheduleSyncRequest"), Optional: true, Answer: openapi.Ref("ScheduledSync"), Status: 201, Errors: []int{400, 408, 413, 415},
	},
}

// scheduleSchemas are the bodies of the plugin's form of schedules.
func scheduleSchemas() openapi3.Schemas {
	text, number, list := openapi3.NewStringSchema, openapi3.NewIntegerSchema, openapi3.NewArraySchema
	types := func() *openapi3.Schema { return list().WithItems(catalog.SyncType()) }
	interval := func(unit string) *openapi3.Schema {
		return number().WithMin(1).WithMax(float64(catalog.MaxInterval / units[unit]))
	}
	recurrence := openapi3.NewObjectSchema().WithMinProperties(1).WithMaxProperties(1).WithNullable()
	unit := text().WithNullable()
	for _, name := range []string{"minutes", "hours", "days", "weeks"} {
		recurrence.WithProperty(name, interval(name))
		unit.Enum = append(unit.Enum, name)
	}
	recurrence.AdditionalProperties.Has = new(false)
	unit.Enum = append(unit.Enum, nil)
	ids := func() *openapi3.Schema { return list().WithItems(number().WithMin(1)).WithMinItems(1).WithNullable() }
	request := openapi3.NewObjectSchema().WithProperties(map[string]*openapi3.Schema{
		keyTypes: types().WithMinItems(1).WithNullable(), keyName: text().WithMaxLength(maxJobName).WithNullable(), keyAt: openapi3.NewDateTimeSchema().WithNullable(),
		keyValue: interval("minutes").WithNullable(), keyUnit: unit, keyRecurrence: recurrence, keyEndpoints: ids(), keyNetBoxes: ids(),
	})
	request.Description = "What is left out, or null, means: all types, all endpoints that are enabled, now, once. interval_value goes with interval_unit, or recurrence has both."
	request.AdditionalProperties.Has = new(false)
	answer := resource.Complete(map[string]*openapi3.Schema{"ok": openapi3.NewBoolSchema(), "job_id": number(), "schedule_id": number().WithNullable(), "message": text()})
	time := func() *openapi3.Schema { return openapi3.NewDateTimeSchema().WithNullable() }
	job := resource.Complete(map[string]*openapi3.Schema{
		"id": number(), "pk": number(), "name": text(), "status": text().WithEnum("pending", "scheduled", "running"), "scheduled": time(), "schedule": time(),
		"interval": number().WithNullable(), "created": openapi3.NewDateTimeSchema(), "user": text().WithNullable(), keyTypes: types(), keyEndpoints: list().WithItems(number()),
		"schedule_id": number().WithNullable(),
	})
	jobs := resource.Complete(map[string]*openapi3.Schema{"count": number(), "scheduled_jobs": list().WithItems(job)})
	return openapi3.Schemas{"ScheduleSyncRequest": request.NewRef(), "ScheduledSync": answer.NewRef(), "ScheduledJobs": jobs.NewRef()}
}
