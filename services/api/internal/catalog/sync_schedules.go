package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/libs/calendar"
	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// SyncSchedules is the name of the resource of sync schedules.
const SyncSchedules = "sync-schedules"

// MaxInterval is the longest interval of a schedule, in minutes: ten years.
const MaxInterval = 10 * 525600

// syncSchedules are the times at which syncs begin by themselves. When each runs next is the work of libs/syncjob.
func syncSchedules(o Options) *resource.Resource {
	unlogged := func(name, help string) resource.Field {
		return resource.Field{Name: name, Kind: resource.DateTime{}, Null: true, ReadOnly: true, Unlogged: true, Help: help}
	}
	return &resource.Resource{
		Name: SyncSchedules, Path: plugin + "sync-schedules", Table: "sync_schedules", Type: change.SyncSchedule,
		Class: "SyncSchedule", Verbose: "Sync Schedule",
		Fields: fields(leading(resource.Name("name")), []resource.Field{
			{Name: "name", Kind: resource.Char{Max: 100}, Required: true},
			text("description", 200),
			{Name: "types", Column: "kinds", Kind: resource.JSON{Form: resource.ListJSON, Clean: syncTypes, Of: SyncType()}, Help: "What is read: backup-routines, replications, inventory; empty: all"},
			{
				Name: "endpoints", Kind: resource.References{To: Endpoints, Via: resource.Link{Table: "sync_schedule_endpoints", Own: "schedule_id", Other: "endpoint_id"}, Filter: "endpoint"},
				Help: "Whose ids; empty: all that are enabled then",
			},
			{Name: "first_run", Kind: resource.DateTime{}, Null: true, Help: "The only run, unless there is an interval or a calendar: those begin with it"},
			{Name: "interval", Column: "interval_minutes", Kind: resource.Integer{Min: 1, Max: MaxInterval}, Null: true, Help: "Minutes between runs"},
			{Name: "calendar", Kind: resource.Char{Max: calendar.MaxLength, Clean: calendarEvent}, Blank: true, Help: "Calendar event of Proxmox, or five fields of cron"},
			{Name: "time_zone", Kind: resource.Char{Max: 64, Clean: timeZone}, Blank: true, Help: "Of the calendar, like Europe/Berlin; empty: UTC"},
			{Name: "enabled", Kind: resource.Boolean{}, Default: true},
			{Name: "missed", Kind: resource.Choice{Choices: resource.Options("run", "skip")}, Default: "run", Help: "What becomes of a run that nobody was there for"},
			unlogged("last_run", "When the last run was due"),
			unlogged("next_run", "Null: it does not run any more"),
			{Name: "user", Kind: resource.Reference{To: Users, SetNull: true, Named: true}, Null: true, ReadOnly: true, Help: "Who made it"},
		}, trailing()),
		Brief:  append(append(resource.Shape{}, named...), resource.Pick{Name: "enabled"}),
		Order:  []string{"name"},
		Search: []string{"name", "description"},
		Unique: []resource.Unique{{Constraint: "sync_schedules_name_key", Fields: []string{"name"}}},
		Hooks:  resource.Hooks{BeforeAll: checkSchedules, AfterAll: planSchedules, BeforeDelete: unplanSchedules, Committed: o.JobsChanged},
	}
}

// SyncType describes one of the types that a sync is asked for with.
func SyncType() *openapi3.Schema { return typeEnum(append(syncjob.Types(), syncjob.All)) }

func typeEnum(names []string) *openapi3.Schema {
	s := openapi3.NewStringSchema()
	for _, name := range names {
		s.Enum = append(s.Enum, name)
	}
	return s
}

// syncTypes brings types into their usual order, each once. All of them are none.
func syncTypes(v any) (any, []string) {
	list, _ := v.([]any)
	var names, wrong []string
	for _, e := range list {
		name, isText := e.(string)
		if _, known := syncjob.KindOf(name); !isText || !known && name != syncjob.All {
			wrong = append(wrong, fmt.Sprintf("%s is not a valid choice. Choices are: %s, %s.", resource.PythonString(e), strings.Join(syncjob.Types(), ", "), syncjob.All))
			continue
		}
		names = append(names, name)
	}
	if wrong != nil {
		return nil, wrong
	}
	out := []any{}
	if slices.Contains(names, syncjob.All) {
		if len(names) > 1 {
			return nil, []string{`Cannot combine "all" with other sync types.`}
		}
		return out, nil
	}
	for _, name := range syncjob.Types() {
		if slices.Contains(names, name) {
			out = append(out, name)
		}
	}
	return out, nil
}

func calendarEvent(s string) (value, wrong string) {
	if _, err := calendar.ParseAny(s); err != nil {
		text := err.Error()
		return "", strings.ToUpper(text[:1]) + text[1:] + "."
	}
	return s, ""
}
