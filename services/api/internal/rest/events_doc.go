package rest

import (
	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/services/api/internal/live"
	"github.com/proxops/proxops/services/api/internal/openapi"
)

var eventsDoc = get(&openapi.Operation{
	Verb: "stream",
	Description: "Changes of backup routines and replications, and starts and ends of syncs, as they happen: server-sent events without an end. The `id` of an event is its " +
		"sequence in the stream `EVENTS`, `event` the type of the CloudEvent, and `data` the CloudEvent in one line. Who comes back with the `id` they had last gets " +
		"each event that follows exactly once, in order. An event `reset` with `first`, `last` and `reason` says that events which follow are gone: load all lists again; " +
		"what is there goes on with the next event. An event `error` with `detail` comes before the server ends the stream. Only events of objects that the client may view " +
		"are sent, judged by the object as it was after the change, or before its deletion. Comments are sent while nothing happens.",
	Parameters: []*openapi3.Parameter{
		anyOf("endpoint", "Events of the endpoint with this id. Repeated: of any of them.", openapi3.NewInt64Schema()),
		anyOf("kind", "Events about this kind of object. Repeated: any of them.", openapi3.NewStringSchema().WithEnum(live.Routine, "backup-routines", live.Replication, "replications", live.Sync)),
		anyOf("type", "Events of this type: `proxops.backup_routine.stale.v1`, or only what happened: `created`, `updated`, `stale`, `reactivated`, `deleted`, `started`, `completed`, `failed`. Repeated: any of them.", openapi3.NewStringSchema()),
		anyOf("object_id", "Events of the object with this id. Repeated: of any of them.", openapi3.NewInt64Schema()),
		openapi3.NewQueryParameter(afterParam).WithSchema(openapi3.NewInt64Schema().WithMin(0)).WithDescription("Instead of the header, for those who cannot set one: begin after the event with this id."),
		lastEvent("Begin after the event with this id. Without it: with what happens from now on."),
		openapi.Format("sse", "json", "api"),
	},
	Content: streamContent(), Errors: []int{400},
})

// anyOf is a query parameter that may be repeated.
func anyOf(name, text string, schema *openapi3.Schema) *openapi3.Parameter {
	return openapi3.NewQueryParameter(name).WithSchema(openapi3.NewArraySchema().WithItems(schema)).WithDescription(text)
}

func lastEvent(text string) *openapi3.Parameter {
	p := openapi3.NewHeaderParameter(lastEventID).WithSchema(openapi3.NewInt64Schema().WithMin(0))
	p.Description = text
	return p
}

// streamContent describes one event, as clients of server-sent events take a stream apart.
func streamContent() openapi3.Content {
	event := openapi3.NewObjectSchema()
	for _, field := range []string{"id", "event", "data"} {
		event.WithProperty(field, openapi3.NewStringSchema())
	}
	return openapi3.Content{live.MediaType: text(event)}
}
