package render

import (
	"cmp"

	"github.com/proxops/proxops/libs/calendar"
	"github.com/proxops/proxops/libs/change"
)

// kind says how a field of a state becomes one of a REST object.
type kind uint8

const (
	verbatim kind = iota
	datetime
	choice
	tags
	endpointRef
	nodeRef
	storageRef
	virtualMachineRef
	customFields
	// The rest is in no state.
	created
	lastUpdated
	version
	scheduleText
)

// field is one field of a REST object, in its place.
type field struct {
	name   string
	kind   kind
	labels map[string]string // of a choice
}

// shape is what REST shows of one type of job after id, url and display.
type shape struct {
	of      change.ObjectType
	path    string
	fields  []field
	index   map[string]int
	display func(j *Job, n *Names) string
	bulky   []string // fields without a bound that would let them fit into a message
	carries bool     // fields of states that a later version wrote are shown as they are
}

var (
	statusLabels = map[string]string{"active": "Active", "stale": "Stale"}
	typeLabels   = map[string]string{"local": "Local"}
	removeLabels = map[string]string{"local": "Local", "full": "Full"}
	syncLabels   = map[string]string{
		"pending": "Pending", "scheduled": "Scheduled", "running": "Running", "completed": "Completed", "errored": "Errored", "failed": "Failed",
	}
)

// shapes gives the keys in the order of the documented samples; what the product adds comes after them.
var shapes = map[change.ObjectType]*shape{
	change.BackupRoutine: newShape(change.BackupRoutine, "/api/plugins/proxbox/backup-routines/", displayRoutine, []field{
		{name: "endpoint", kind: endpointRef},
		{name: "job_id"},
		{name: "enabled"},
		{name: "schedule"},
		{name: "next_run", kind: datetime},
		{name: "node", kind: nodeRef},
		{name: "storage", kind: storageRef},
		{name: "selection"},
		{name: "comment"},
		{name: "status", kind: choice, labels: statusLabels},
		{name: "keep_last"},
		{name: "keep_daily"},
		{name: "keep_weekly"},
		{name: "keep_monthly"},
		{name: "keep_yearly"},
		{name: "keep_all"},
		{name: "notes_template"},
		{name: "bwlimit"},
		{name: "zstd"},
		{name: "io_workers"},
		{name: "fleecing"},
		{name: "fleecing_storage", kind: storageRef},
		{name: "repeat_missed"},
		{name: "pbs_change_detection_mode"},
		{name: "raw_config"},
		{name: "tags", kind: tags},
		{name: "custom_fields", kind: customFields},
		{name: "created", kind: created},
		{name: "last_updated", kind: lastUpdated},
		{name: "stale_since", kind: datetime},
		{name: "version", kind: version},
		{name: "selection_mode"},
		{name: "exclude"},
		{name: "pool"},
		{name: "mode"},
		{name: "compress"},
		{name: "keep_hourly"},
		{name: "schedule_text", kind: scheduleText},
	}),
	change.Replication: newShape(change.Replication, "/api/plugins/proxbox/replications/", displayReplication, []field{
		{name: "endpoint", kind: endpointRef},
		{name: "replication_id"},
		{name: "virtual_machine", kind: virtualMachineRef},
		{name: "proxmox_node", kind: nodeRef},
		{name: "guest"},
		{name: "target"},
		{name: "job_type", kind: choice, labels: typeLabels},
		{name: "schedule"},
		{name: "rate"},
		{name: "comment"},
		{name: "disable"},
		{name: "source"},
		{name: "jobnum"},
		{name: "remove_job", kind: choice, labels: removeLabels},
		{name: "status", kind: choice, labels: statusLabels},
		{name: "raw_config"},
		{name: "tags", kind: tags},
		{name: "custom_fields", kind: customFields},
		{name: "created", kind: created},
		{name: "last_updated", kind: lastUpdated},
		{name: "stale_since", kind: datetime},
		{name: "version", kind: version},
		{name: "target_node", kind: nodeRef},
		{name: "schedule_text", kind: scheduleText},
	}),
	change.Job: syncShape(),
}

// syncShape is that of jobs in which endpoints are synchronised. Their logs and the results of their parts are not in it: those grow without events.
func syncShape() *shape {
	display := func(j *Job, _ *Names) string { return text(j.value("name")) }
	s := newShape(change.Job, "/api/core/jobs/", display, []field{
		{name: "name"},
		{name: "status", kind: choice, labels: syncLabels},
		{name: "created", kind: datetime},
		{name: "scheduled", kind: datetime},
		{name: "interval"},
		{name: "started", kind: datetime},
		{name: "completed", kind: datetime},
		{name: "user"},
		{name: "types"},
		{name: "endpoints"},
		{name: "schedule"},
		{name: "error"},
		{name: "counts"},
		{name: "job_id"},
	})
	s.bulky, s.carries = []string{"endpoints"}, true
	return s
}

func newShape(of change.ObjectType, path string, display func(*Job, *Names) string, fields []field) *shape {
	s := &shape{of: of, path: path, fields: fields, index: make(map[string]int, len(fields)), display: display, bulky: []string{"raw_config"}}
	for i, f := range fields {
		s.index[f.name] = i
	}
	return s
}

func displayRoutine(j *Job, n *Names) string {
	display := text(j.value("job_id"))
	if words := n.words(text(j.value("schedule"))); words != "" {
		display += " (" + words + ")"
	}
	return display
}

func displayReplication(j *Job, n *Names) string {
	vm := cmp.Or(n.VirtualMachines[reference(j.value("virtual_machine"))], "VM "+j.value("guest"))
	return text(j.value("replication_id")) + " (" + vm + " → " + text(j.value("target")) + ")"
}

// words says in a word when a schedule runs; a schedule that cannot be understood speaks for itself. Many jobs have the same.
func (n *Names) words(schedule string) string {
	if words, ok := n.schedules[schedule]; ok {
		return words
	}
	words := schedule
	if e, err := calendar.ParseAny(schedule); err == nil {
		words = e.Words()
	}
	if n.schedules == nil {
		n.schedules = map[string]string{}
	}
	n.schedules[schedule] = words
	return words
}
