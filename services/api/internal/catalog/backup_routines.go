package catalog

import (
	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// mirrored is a field whose value a sync owns.
func mirrored(f resource.Field) resource.Field {
	f.Mirrored = true
	return f
}

func char(name string, limit int) resource.Field {
	return mirrored(resource.Field{Name: name, Kind: resource.Char{Max: limit}, Blank: true})
}

func count(name string) resource.Field {
	return mirrored(resource.Field{Name: name, Kind: resource.Integer{}, Null: true})
}

// status is whether Proxmox still has a job.
var status = resource.Field{
	Name: "status", Kind: resource.Choice{Choices: resource.Options("active", "stale")}, Default: "active", NullText: "This field cannot be null.",
	Help: "active, or stale once a complete reading of the cluster has proved the job gone", Mirrored: true,
}

func backupRoutines() *resource.Resource {
	kind := jobKind{table: "backup_routines", kind: "backup_routine", running: func(o *resource.Record) bool { return o.Bool("enabled") }, nextRun: true}
	return &resource.Resource{
		Name: Routines, Path: plugin + "backup-routines", Table: "backup_routines", Type: change.BackupRoutine,
		Class: "BackupRoutine", Verbose: "Backup Routine",
		Fields: fields(leading(routineDisplay), []resource.Field{
			{Name: "endpoint", Kind: resource.Reference{To: Endpoints, CascadeFrom: goesWithEndpoint}, Required: true, Label: "Proxmox endpoint"},
			{Name: "job_id", Kind: resource.Char{Max: 255}, Required: true, Label: "Job ID", Help: "ID of the backup job in Proxmox"},
			mirrored(resource.Field{Name: "enabled", Kind: resource.Boolean{}, Default: true}),
			mirrored(resource.Field{Name: "schedule", Kind: resource.Char{Max: 255}, Blank: true, Help: "Calendar event of Proxmox, or five fields of cron"}),
			mirrored(resource.Field{Name: "next_run", Kind: resource.DateTime{}, Null: true}),
			mirrored(ref("node", nameNodes)),
			mirrored(ref("storage", nameStorages)),
			mirrored(resource.Field{Name: "selection", Kind: resource.JSON{Form: resource.ListJSON, Clean: vmids}, Help: "VMIDs that the job names"}),
			mirrored(resource.Field{Name: "comment", Kind: resource.Text{}, Blank: true}),
			status,
			count("keep_last"), count("keep_daily"), count("keep_weekly"), count("keep_monthly"), count("keep_yearly"),
			mirrored(resource.Field{Name: "keep_all", Kind: resource.Boolean{}, Null: true}),
			char("notes_template", 1024),
			mirrored(resource.Field{Name: "bwlimit", Kind: resource.Integer{}, Null: true, Help: "KiB/s"}),
			mirrored(resource.Field{Name: "zstd", Kind: resource.Integer{}, Null: true, Help: "Threads; 0: half of the cores"}),
			count("io_workers"),
			mirrored(resource.Field{Name: "fleecing", Kind: resource.Char{Max: 255, AsBlank: []any{nil, false}}, Blank: true}),
			mirrored(ref("fleecing_storage", nameStorages)),
			mirrored(resource.Field{Name: "repeat_missed", Kind: resource.Boolean{NullIsFalse: true}}),
			mirrored(resource.Field{Name: "pbs_change_detection_mode", Kind: resource.Char{Max: 50, Clean: oneOf("default", "legacy", "data", "metadata")}, Blank: true, Label: "PBS change detection mode"}),
			mirrored(resource.Field{Name: "raw_config", Kind: resource.JSON{Form: resource.ObjectJSON}}),
		}, trailing(), []resource.Field{
			lastSeen("backup_routine"), staleSince, version,
			{Name: "selection_mode", Kind: resource.Choice{Choices: append([]resource.Option{{Value: "vmid", Label: "VMIDs"}}, resource.Options("all", "pool", "none")...), Plain: true}, ReadOnly: true, Default: "vmid", Mirrored: true},
			{Name: "exclude", Kind: resource.JSON{Form: resource.ListJSON}, ReadOnly: true, Mirrored: true},
			{Name: "pool", Kind: resource.Char{}, ReadOnly: true, Mirrored: true},
			char("mode", 50), char("compress", 50), count("keep_hourly"),
			scheduleText,
		}),
		More:    routineFilters,
		Brief:   resource.Picks("id", "url", "display", "endpoint", "job_id", "enabled", "schedule", "next_run", "storage", "status"),
		Order:   []string{"endpoint", "job_id"},
		Search:  []string{"job_id", "comment"},
		Unique:  []resource.Unique{{Constraint: "backup_routines_endpoint_id_job_id_key", Fields: []string{"endpoint", "job_id"}}},
		LockVia: []string{"endpoint"},
		Job:     &resource.Job{Key: "job_id"},
		Hooks:   kind.hooks(selectionMode),
	}
}
