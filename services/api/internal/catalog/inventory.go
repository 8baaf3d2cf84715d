package catalog

import (
	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

var present = resource.Field{Name: "present", Kind: resource.Boolean{}, ReadOnly: true, Default: true, Help: "false: the last complete inventory lacks it"}

func flag(name string, otherwise bool) resource.Field {
	return resource.Field{Name: name, Kind: resource.Boolean{}, Default: otherwise}
}

func text(name string, limit int) resource.Field {
	return resource.Field{Name: name, Kind: resource.Char{Max: limit}, Blank: true}
}

func amount(name, help string) resource.Field {
	return resource.Field{Name: name, Kind: resource.Integer{Max: 1 << 53}, Null: true, Help: help}
}

func nodes() *resource.Resource {
	return &resource.Resource{
		Name: nameNodes, Path: plugin + "nodes", Aliases: []string{plugin + "proxmox-nodes"}, Table: "nodes", Type: change.ProxmoxNode,
		Class: "ProxmoxNode", Verbose: "Proxmox Node",
		Fields: fields(leading(resource.Name("name")), []resource.Field{
			{Name: "endpoint", Kind: resource.Reference{To: Endpoints, CascadeFrom: goesWithEndpoint}, Required: true, Label: "Proxmox endpoint"},
			{Name: "proxmox_cluster", Kind: resource.Reference{To: nameProxmoxClusters}, Null: true, Label: "Proxmox cluster"},
			{Name: "name", Kind: resource.Char{Max: 255}, Required: true},
			{Name: "node_id", Kind: resource.Integer{}, Null: true, Label: "Node ID", Help: "Number in the cluster"},
			{Name: "ip_address", Kind: resource.Char{Max: 64, Clean: ipAddress}, Blank: true, Label: "IP address"},
			flag("online", false),
			text("ssl_fingerprint", 255), amount("max_cpu", "Cores"), amount("max_memory", "Bytes"),
		}, trailing(), []resource.Field{present}),
		Brief:   resource.Picks("id", "url", "display", "name", "node_id", "online"),
		Order:   []string{"endpoint", "name"},
		Search:  []string{"name", "ip_address"},
		Unique:  []resource.Unique{{Constraint: "nodes_endpoint_id_name_key", Fields: []string{"endpoint", "name"}}},
		LockVia: []string{"endpoint"},
	}
}

func storages() *resource.Resource {
	return &resource.Resource{
		Name: nameStorages, Path: plugin + "storage", Table: "storages", Type: change.ProxmoxStorage,
		Class: "ProxmoxStorage", Verbose: "Proxmox Storage",
		Fields: fields(leading(resource.Name("name")), []resource.Field{
			{Name: "cluster", Kind: resource.Reference{To: nameClusters, CascadeFrom: goesWithEndpoint}, Required: true},
			{Name: "name", Kind: resource.Char{Max: 255}, Required: true},
			text("storage_type", 50), text("content", 255), text("nodes", 1000), flag("shared", false), flag("enabled", true),
			{Name: "raw_config", Kind: resource.JSON{Form: resource.ObjectJSON}},
		}, trailing(), []resource.Field{present}),
		Brief:   resource.Picks("id", "url", "display", "cluster", "name").Narrow("cluster", "id", "name"),
		Order:   []string{"cluster", "name"},
		Search:  []string{"name", "storage_type", "content"},
		Unique:  []resource.Unique{{Constraint: "storages_cluster_id_name_key", Fields: []string{"cluster", "name"}}},
		LockVia: []string{"cluster", "proxmox_endpoint"},
	}
}

func proxmoxClusters() *resource.Resource {
	return &resource.Resource{
		Name: nameProxmoxClusters, Path: plugin + "proxmox-clusters", Table: "proxmox_clusters", Type: change.ProxmoxCluster,
		Class: "ProxmoxCluster", Verbose: "Proxmox Cluster",
		Fields: fields(leading(resource.Name("name")), []resource.Field{
			{Name: "endpoint", Kind: resource.Reference{To: Endpoints, CascadeFrom: goesWithEndpoint}, Required: true, Label: "Proxmox endpoint"},
			ref("cluster", nameClusters),
			{Name: "name", Kind: resource.Char{Max: 255}, Required: true},
			{Name: "mode", Kind: resource.Choice{Choices: resource.Options("cluster", "standalone")}, Default: "cluster"},
			text("version", 50),
		}, trailing()),
		Brief:   named,
		Order:   []string{"name"},
		Search:  []string{"name", "version"},
		Unique:  []resource.Unique{{Constraint: "proxmox_clusters_endpoint_id_key", Fields: []string{"endpoint"}}},
		LockVia: []string{"endpoint"},
	}
}

// displayURL is the page of an object of NetBox's own; it comes last in nested objects, whose first keys the documents name.
var displayURL = resource.Field{Name: "display_url", Kind: resource.URL{Page: true}, ReadOnly: true, Label: "Display URL"}

func clusters() *resource.Resource {
	return &resource.Resource{
		Name: nameClusters, Path: virtualization + "clusters", Table: "clusters", Type: change.Cluster,
		Class: "Cluster", Verbose: "Cluster",
		Fields: fields(leading(resource.Name("name")), []resource.Field{
			displayURL,
			{Name: "name", Kind: resource.Char{Max: 100}, Required: true},
			{Name: "status", Kind: resource.Choice{Choices: resource.Options("planned", "staging", "active", "decommissioning", "offline")}, Default: "active"},
			{Name: "description", Kind: resource.Char{Max: 200}, Blank: true},
			{Name: "comments", Kind: resource.Text{}, Blank: true},
		}, trailing(), []resource.Field{
			// Not "endpoint": a field of that name, which NetBox's cluster does not have, breaks writes of pynetbox's records.
			{Name: "proxmox_endpoint", Column: "endpoint_id", Kind: resource.Reference{To: Endpoints, CascadeFrom: goesWithEndpoint}, Null: true, Label: "Proxmox endpoint", Help: "The endpoint that discovered it"},
		}),
		Brief:   append(append(resource.Shape{}, named...), resource.Picks("display_url", "description")...),
		Order:   []string{"name"},
		Search:  []string{"name", "description", "comments"},
		Unique:  []resource.Unique{{Constraint: "clusters_endpoint_id_key", Fields: []string{"proxmox_endpoint"}}},
		LockVia: []string{"proxmox_endpoint"},
	}
}

func virtualMachines() *resource.Resource {
	return &resource.Resource{
		Name: nameVMs, Path: virtualization + "virtual-machines", Table: "virtual_machines", Type: change.VirtualMachine,
		Class: "VirtualMachine", Verbose: "Virtual Machine",
		Fields: fields(leading(resource.Name("name")), []resource.Field{
			displayURL,
			{Name: "name", Kind: resource.Char{Max: 64}, Required: true},
			{Name: "status", Kind: resource.Choice{Choices: resource.Options("offline", "active", "planned", "staged", "failed", "decommissioning", "paused")}, Default: "active"},
			{Name: "cluster", Kind: resource.Reference{To: nameClusters, CascadeFrom: goesWithEndpoint}, Required: true},
			{Name: "vcpus", Kind: resource.Float{}, Null: true, Label: "vCPUs"},
			amount("memory", "MB"), amount("disk", "MB"),
		}, trailing(), []resource.Field{
			{Name: "vmid", Kind: resource.Integer{}, Null: true, Label: "VMID"},
			{Name: "vm_type", Kind: resource.Choice{Choices: []resource.Option{{Value: "qemu", Label: "QEMU"}, {Value: "lxc", Label: "LXC"}}}, Blank: true, Label: "Type"},
			ref("node", nameNodes), flag("template", false), text("pool", 255), text("proxmox_tags", 1000), present,
			{Name: "placeholder", Kind: resource.Boolean{}, ReadOnly: true, Help: "Only a job named it so far"},
		}),
		Brief:   append(append(resource.Shape{}, named...), resource.Pick{Name: "display_url"}),
		Order:   []string{"name"},
		Search:  []string{"name", "pool", "proxmox_tags"},
		Unique:  []resource.Unique{{Constraint: "virtual_machines_vmid", Fields: []string{"cluster", "vmid"}}},
		LockVia: []string{"cluster", "proxmox_endpoint"},
	}
}
