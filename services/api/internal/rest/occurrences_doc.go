package rest

import (
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/services/api/internal/occurrence"
	"github.com/proxops/proxops/services/api/internal/openapi"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// occurrencesDoc describes the coming runs, with the filters of both lists.
func occurrencesDoc(lists ...*resource.Resource) map[string]*openapi.Operation {
	moment := func(name, text string) *openapi3.Parameter {
		return openapi3.NewQueryParameter(name).WithSchema(openapi3.NewDateTimeSchema()).WithDescription(text)
	}
	parameters := []*openapi3.Parameter{
		moment("after", "Runs from this time on; default: now. What is past is no coming run."),
		moment("before", "Runs before this time, at most 400 days after `after`; default: seven days after it, of a calendar 31."),
		openapi3.NewQueryParameter("days").WithSchema(openapi3.NewIntegerSchema().WithMin(1).WithMax(400)).WithDescription("Instead of `before`: so many days after `after`."),
		anyOf("kind", "Runs of jobs of this kind. Repeated: of any of them.", openapi3.NewStringSchema().WithEnum(occurrence.Routine, "backup-routines", occurrence.Replication, "replications")),
		openapi3.NewQueryParameter("include").WithSchema(openapi3.NewStringSchema()).WithDescription("`disabled`, `stale`, or both separated by a comma: jobs that are left out otherwise, unless a filter asks for them."),
		openapi3.NewQueryParameter("q").WithSchema(openapi3.NewStringSchema()).WithDescription("Search: jobs that contain this text, in any case."),
		openapi3.NewQueryParameter("limit").WithSchema(openapi3.NewIntegerSchema()).WithDescription("Taken from clients of NetBox, and without effect: the answer has one page."),
		openapi.Format("json", "api", "ics"),
	}
	named := map[string]bool{}
	for _, p := range parameters {
		named[p.Name] = true
	}
	for _, r := range lists {
		for _, p := range r.Parameters() {
			if !named[p.Name] {
				named[p.Name] = true
				parameters = append(parameters, p)
			}
		}
	}
	slices.SortFunc(parameters, func(a, b *openapi3.Parameter) int { return strings.Compare(a.Name, b.Name) })
	calendar := openapi3.NewStringSchema()
	calendar.Description = "iCalendar (RFC 5545) with the times in UTC. An event is called the same each time for the same job and time, or job and day where it stands for all runs of a day."
	return get(&openapi.Operation{
		Verb: "list",
		Description: "The coming runs of backup routines and replications, in the order of time, as their schedules say in the time zones of their clusters. A job that runs more than " +
			"four times a day has one entry for each day, with how often it runs. The filters are those of both lists; `virtual_machine_id` also finds the routines that cover the guest. " +
			"Jobs of a kind that lacks a filter are left out. " +
			"With `format=ics` it is a calendar for programs that subscribe to one, which may send an API token as the password of HTTP Basic, with any name: only one that cannot write is taken, " +
			"and never in the address. To programs that send none the answer is 401.",
		Parameters: parameters, Headers: []string{"X-Ignored-Parameters"}, Errors: []int{400, 401},
		Content: openapi3.Content{
			offerJSON.media: openapi3.NewMediaType().WithSchemaRef(openapi.Ref("Occurrences")), offerICS.media: text(calendar),
		},
	})
}

// occurrencesSchema is the answer as JSON.
func occurrencesSchema() *openapi3.Schema {
	kind := func() *openapi3.Schema {
		return openapi3.NewStringSchema().WithEnum(occurrence.Routine, occurrence.Replication)
	}
	described := func(s *openapi3.Schema, text string) *openapi3.Schema {
		s.Description = text
		return s
	}
	object := func(properties map[string]*openapi3.Schema) *openapi3.Schema {
		s := openapi3.NewObjectSchema().WithProperties(properties)
		for name := range properties {
			s.Required = append(s.Required, name)
		}
		slices.Sort(s.Required)
		s.Properties["object"] = (&openapi3.Schema{AnyOf: openapi3.SchemaRefs{openapi.Ref("BriefBackupRoutine"), openapi.Ref("BriefReplication")}}).NewRef()
		s.Required = append(s.Required, "object")
		return s
	}
	run := object(map[string]*openapi3.Schema{
		"time":         described(openapi3.NewDateTimeSchema(), "Of the run, or of the first of those that the entry stands for"),
		"until":        described(openapi3.NewDateTimeSchema().WithNullable(), "The last run that the entry stands for, if there are several"),
		"kind":         kind(),
		"object_id":    openapi3.NewIntegerSchema(),
		"endpoint_id":  openapi3.NewIntegerSchema().WithNullable(),
		"zone":         described(openapi3.NewStringSchema(), "In which the schedule is read"),
		"zone_assumed": described(openapi3.NewBoolSchema(), "The zone of the cluster is not known"),
		"per_day":      described(openapi3.NewIntegerSchema().WithMin(1), "How many runs the entry stands for: one, or all of the day"),
		"text":         described(openapi3.NewStringSchema(), "The schedule in words where there are some"),
	})
	unplaced := object(map[string]*openapi3.Schema{
		"kind": kind(), "object_id": openapi3.NewIntegerSchema(), "endpoint_id": openapi3.NewIntegerSchema().WithNullable(), "schedule": openapi3.NewStringSchema(),
		"reason": openapi3.NewStringSchema(),
	})
	link := func() *openapi3.Schema {
		return described(openapi3.NewStringSchema().WithNullable(), "Always null: there is one page")
	}
	s := openapi3.NewObjectSchema().WithProperties(map[string]*openapi3.Schema{
		"count": described(openapi3.NewIntegerSchema(), "How many entries there are"), "next": link(), "previous": link(),
		"results":   openapi3.NewArraySchema().WithItems(run),
		"unplaced":  described(openapi3.NewArraySchema().WithItems(unplaced), "Jobs whose runs cannot be told, or not beyond the one that the cluster tells"),
		"truncated": described(openapi3.NewBoolSchema(), "There are more runs or jobs than one answer holds: ask for fewer days, or filter"),
	})
	s.Required = []string{"count", "next", "previous", "results", "unplaced", "truncated"}
	return s
}
