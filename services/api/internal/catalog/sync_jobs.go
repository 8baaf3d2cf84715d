package catalog

import (
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// Jobs is the name of the resource of sync jobs.
const Jobs = "jobs"

// syncJobs are the syncs that people and schedules start, as NetBox shows its jobs. Requests make and cancel them in ways of their own; all else is
// the work of libs/syncjob.
func syncJobs() *resource.Resource {
	r := &resource.Resource{
		Name: Jobs, Path: core + "jobs", Aliases: []string{plugin + "sync-jobs"}, Heavy: []string{"log_entries"}, MaxPage: 100,
		Table: "jobs", Type: change.Job, ReadOnly: true, Class: "Job", Verbose: "Job",
		Fields: fields(leadingCore(resource.Name("name")), []resource.Field{
			{Name: "object_type", Column: "object_type_id", Kind: resource.ObjectType{}, Null: true, Help: "Of what was asked for: an endpoint if it is one, or a schedule"},
			{Name: "object_id", Kind: resource.Integer{}, Null: true, Label: "Object ID"},
			{Name: "object", Kind: resource.Generic{Type: "object_type", ID: "object_id"}, Null: true},
			{Name: "name", Kind: resource.Char{}},
			{Name: "status", Kind: resource.Choice{Choices: resource.Options("pending", "scheduled", "running", "completed", "errored", "failed")}},
			{Name: "created", Kind: resource.DateTime{Range: true, Bounds: true}},
			{Name: "scheduled", Kind: resource.DateTime{Range: true, Bounds: true}, Null: true},
			{Name: "interval", Column: "interval_minutes", Kind: resource.Integer{}, Null: true, Help: "Recurrence interval (in minutes)"},
			{Name: "started", Kind: resource.DateTime{Range: true, Bounds: true}, Null: true},
			{Name: "completed", Kind: resource.DateTime{Range: true, Bounds: true}, Null: true},
			{Name: "user", Kind: resource.Reference{To: Users, SetNull: true}, Null: true},
			{Name: "data", Kind: resource.JSON{Form: resource.VerbatimJSON, Whole: jobDataSchema()}, Expr: jobData, Null: true, Help: "What was asked for and what came of it; null while scheduled"},
			{Name: "error", Kind: resource.Text{}, Help: "Why it is not completed"},
			{Name: "job_id", Kind: resource.UUID{}, Label: "Job ID"},
			{Name: "queue_name", Kind: resource.Char{}, Expr: "''::text"},
			{Name: "log_entries", Kind: resource.JSON{Form: resource.VerbatimJSON, Whole: jobLogSchema()}, Expr: jobLog, Help: "The oldest first"},
			{Name: "schedule", Column: "schedule_id", Kind: resource.Integer{}, Null: true, Help: "The id of the schedule that began it"},
		}),
		More: []resource.Field{
			{Name: "sync_type", Kind: coversType, Help: "Jobs that read this type; those that read all types match each"},
			{
				Name: "proxmox_endpoint_id", Kind: resource.Finder{SQL: "cardinality({t}.endpoint_ids) = 0 OR {v} = ANY({t}.endpoint_ids)"},
				Help: "Jobs of this endpoint; those that name none are for every endpoint", Label: "Proxmox endpoint ID",
			},
			{Name: "errored", Expr: "({t}.status IN ('errored', 'failed') OR {t}.error <> '')", Kind: resource.Boolean{}, Help: "Jobs that failed, or that have an error"},
		},
		Brief:  resource.Picks("url", "status", "created", "completed", "user"), // as short as NetBox's
		Order:  []string{"-created", "-id"},
		Search: []string{"name", "user.username"},
	}
	for i := range r.Fields {
		r.Fields[i].ReadOnly = true
	}
	return r
}

// coversType finds jobs by what they read.
var coversType = func() resource.Finder {
	words := map[string]string{syncjob.All: syncjob.All}
	for _, name := range syncjob.Types() {
		words[name], _ = syncjob.KindOf(name)
	}
	return resource.Finder{SQL: allKinds + " OR {v} = ANY({t}.kinds)", Words: words}
}()

// allKinds is the condition that a job reads all there is.
var allKinds = "{t}.kinds @> ARRAY['" + strings.Join(kindNames(), "', '") + "']"

func kindNames() (kinds []string) {
	for _, name := range syncjob.Types() {
		kind, _ := syncjob.KindOf(name)
		kinds = append(kinds, kind)
	}
	return kinds
}

// typeSQL is the name that REST has for a kind.
func typeSQL(kind string) string {
	var cases []string
	for _, name := range kindNames() {
		cases = append(cases, "WHEN '"+name+"' THEN '"+syncjob.TypeOf(name)+"'")
	}
	return "CASE " + kind + " " + strings.Join(cases, " ") + " END"
}

// stampSQL writes a time as JSON of the API has it.
func stampSQL(column string) string {
	return `replace(to_char(` + column + ` AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z')`
}

// jobCounts are what a part of a job did to objects.
var jobCounts = []string{"created", "updated", "unchanged", "stale", "reactivated", "skipped"}

// jobData is what a job was asked for, and the results of its parts. proxbox_sync is for clients of the NetBox plugin.
var jobData = func() string {
	var counts, sums []string
	for _, name := range jobCounts {
		counts = append(counts, "'"+name+"', p."+name)
		sums = append(sums, "'"+name+"', coalesce(sum(p."+name+"), 0)")
	}
	types := "(SELECT json_agg(" + typeSQL("k.kind") + " ORDER BY k.n) FROM unnest({t}.kinds) WITH ORDINALITY k (kind, n))"
	result := "json_build_object('endpoint_id', p.endpoint_id, 'endpoint_name', p.endpoint_name, 'type', " + typeSQL("p.kind") + ", 'status', p.status, " + strings.Join(counts, ", ") +
		", 'requests', p.requests, 'duration_ms', round(extract(epoch FROM p.duration) * 1000)::bigint, 'error_kind', p.error_kind, 'error', p.error_text, 'remedy', p.remedy" +
		", 'missing_privilege', p.missing_privilege, 'attempts', p.attempts, 'started', " + stampSQL("p.started") + ", 'completed', " + stampSQL("p.completed") + ")"
	order := "p.endpoint_name, p.endpoint_id, array_position(ARRAY['" + strings.Join(kindNames(), "', '") + "'], p.kind)"
	return "CASE WHEN {t}.status <> 'scheduled' THEN (SELECT json_build_object('types', " + types + ", 'endpoints', to_json({t}.endpoint_ids)" +
		", 'counts', json_build_object(" + strings.Join(sums, ", ") + "), 'results', coalesce(json_agg(" + result + " ORDER BY " + order + "), '[]')" +
		", 'proxbox_sync', json_build_object('params', json_build_object('sync_types', CASE WHEN " + allKinds + " THEN '[\"" + syncjob.All + "\"]' ELSE " + types + " END" +
		", 'proxmox_endpoint_ids', to_json({t}.endpoint_ids::text[])))) FROM job_parts p WHERE p.job_id = {t}.id) END"
}()

// jobLog is the lines that were written about a job.
var jobLog = "(SELECT coalesce(json_agg(json_build_object('timestamp', " + stampSQL("l.time") +
	", 'level', l.level, 'message', l.message) ORDER BY l.id), '[]') FROM job_logs l WHERE l.job_id = {t}.id)"

func jobDataSchema() *openapi3.Schema {
	number, text, list := openapi3.NewIntegerSchema, openapi3.NewStringSchema, openapi3.NewArraySchema
	types := typeEnum(syncjob.Types())
	time := func() *openapi3.Schema { return openapi3.NewDateTimeSchema().WithNullable() }
	result := map[string]*openapi3.Schema{
		"endpoint_id": number(), "endpoint_name": text(), "type": types, "status": text().WithEnum("pending", "running", "completed", "partial", "failed", "errored", "cancelled"),
		"requests": number(), "duration_ms": number(), "error_kind": text(), "error": text(), "remedy": text(), "missing_privilege": text(), "attempts": number(),
		"started": time(), "completed": time(),
	}
	counts := map[string]*openapi3.Schema{}
	for _, name := range jobCounts {
		result[name], counts[name] = number(), number()
	}
	params := resource.Complete(map[string]*openapi3.Schema{"sync_types": list().WithItems(text()), "proxmox_endpoint_ids": list().WithItems(text())})
	return resource.Complete(map[string]*openapi3.Schema{
		"types": list().WithItems(types), "endpoints": list().WithItems(number()), "counts": resource.Complete(counts), "results": list().WithItems(resource.Complete(result)),
		"proxbox_sync": resource.Complete(map[string]*openapi3.Schema{"params": params}),
	})
}

func jobLogSchema() *openapi3.Schema {
	return openapi3.NewArraySchema().WithItems(resource.Complete(map[string]*openapi3.Schema{
		"timestamp": openapi3.NewDateTimeSchema(), "level": openapi3.NewStringSchema().WithEnum("debug", "info", "warning", "error"), "message": openapi3.NewStringSchema(),
	}))
}
