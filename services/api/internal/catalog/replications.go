package catalog

import (
	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

func replications() *resource.Resource {
	kind := jobKind{table: "replications", kind: "replication", running: func(o *resource.Record) bool { return !o.Bool("disable") }}
	return &resource.Resource{
		Name: Replications, Path: plugin + "replications", Table: "replications", Type: change.Replication,
		Class: "Replication", Verbose: "Replication",
		Fields: fields(leading(replicationDisplay), []resource.Field{
			{Name: "endpoint", Kind: resource.Reference{To: Endpoints, CascadeFrom: goesWithEndpoint}, Null: true, Label: "Proxmox endpoint"},
			{Name: "replication_id", Kind: resource.Char{Max: 255}, Required: true, Label: "Replication id", Help: "Guest and number of the job, 100-0"},
			mirrored(resource.Field{Name: "virtual_machine", Kind: resource.Reference{To: nameVMs}, Required: true}),
			mirrored(resource.Field{Name: "proxmox_node", Kind: resource.Reference{To: nameNodes}, Null: true, Help: "Source node, where the guest runs"}),
			mirrored(resource.Field{Name: "guest", Kind: resource.Integer{}, Required: true, Help: "VMID"}),
			mirrored(resource.Field{Name: "target", Kind: resource.Char{Max: 255}, Required: true}),
			mirrored(resource.Field{Name: "job_type", Kind: resource.Choice{Choices: resource.Options("local")}, Default: "local"}),
			char("schedule", 128),
			mirrored(resource.Field{Name: "rate", Kind: resource.Float{}, Null: true, Help: "MB/s, as Proxmox says it"}),
			mirrored(resource.Field{Name: "comment", Kind: resource.Text{}, Blank: true}),
			mirrored(resource.Field{Name: "disable", Kind: resource.Boolean{}}),
			mirrored(resource.Field{Name: "source", Kind: resource.Char{Max: 255, AsBlank: []any{nil}}, Blank: true}),
			mirrored(resource.Field{Name: "jobnum", Kind: resource.Integer{}, Required: true}),
			mirrored(resource.Field{Name: "remove_job", Kind: resource.Choice{Choices: resource.Options("local", "full")}, Null: true}),
			status,
			mirrored(resource.Field{Name: "raw_config", Kind: resource.JSON{Form: resource.ObjectJSON}}),
		}, trailing(), []resource.Field{
			lastSeen("replication"), staleSince, version,
			mirrored(ref("target_node", nameNodes)),
			scheduleText,
		}),
		More:    replicationFilters,
		Brief:   resource.Picks("id", "url", "display", "replication_id", "virtual_machine", "target", "status"),
		Order:   []string{"endpoint", "replication_id"},
		Search:  []string{"replication_id", "virtual_machine.name", "target", "comment", "source"},
		Unique:  []resource.Unique{{Constraint: "replications_endpoint_id_replication_id_key", Fields: []string{"endpoint", "replication_id"}}},
		LockVia: []string{"endpoint"},
		Job:     &resource.Job{Key: "replication_id"},
		Hooks:   kind.hooks(nil),
	}
}
