package rest_test

import (
	"fmt"

	"github.com/proxops/proxops/libs/change"
)

// named numbers the names of objects.
func named(i int) string { return fmt.Sprint("sample-", i) }

var brief = []string{"id", "url", "display", "name"}

// samples has an entry for each resource of the catalog.
var samples = map[string]sample{
	"backup-routines": {
		brief: []string{"id", "url", "display", "endpoint", "job_id", "enabled", "schedule", "next_run", "storage", "status"},
		object: func(w *world, i int) object {
			return object{
				"endpoint": w.prod, "job_id": named(i), "enabled": i%2 == 0, "schedule": "sat 02:00", "next_run": "2026-04-02T02:00:00Z", "node": w.node1, "storage": w.pbs,
				"selection": []int{100, 100 + i}, "comment": "c", "status": "stale", "keep_last": i, "keep_all": false, "notes_template": "{{vmid}}", "bwlimit": 0, "fleecing": "enabled=1",
				"fleecing_storage": w.pbs, "repeat_missed": true, "pbs_change_detection_mode": "data", "raw_config": object{"a": []any{1, nil}}, "tags": []any{},
			}
		},
		update:     object{"comment": "changed", "keep_daily": 7, "storage": nil, "selection": []int{}, "raw_config": object{}, "mode": "stop"},
		bulkUpdate: object{"enabled": true, "schedule": "daily", "status": "active", "keep_last": nil},
	},
	"replications": {
		brief: []string{"id", "url", "display", "replication_id", "virtual_machine", "target", "status"},
		object: func(w *world, i int) object {
			return object{
				"endpoint": w.prod, "replication_id": fmt.Sprint(i, "-0"), "virtual_machine": w.web, "proxmox_node": w.node1, "target_node": w.node2, "guest": i, "target": "pve-node-02", "job_type": "local",
				"schedule": "*/5", "rate": 1.5, "comment": "c", "disable": true, "source": "pve-node-01", "jobnum": 0, "remove_job": "local", "status": "active", "raw_config": object{"x": "y"},
			}
		},
		update:     object{"rate": nil, "remove_job": "full", "disable": false, "proxmox_node": nil},
		bulkUpdate: object{"comment": "bulk", "schedule": "*/15", "status": "stale"},
	},
	"proxmox-endpoints": {
		brief: brief,
		object: func(_ *world, i int) object {
			return object{
				"name": named(i), "domain": "pve.example.com", "port": 8007, "enabled": false, "verify_ssl": true, "poll_interval": 30, "time_zone": "Europe/Berlin", "site": "remote",
				"username": "proxops@pve", "token_name": "proxops", "token_value": "CANARY", "password": "",
			}
		},
		update:     object{"poll_interval": 0, "time_zone": ""},
		bulkUpdate: object{"poll_interval": 120},
		hidden:     []string{"token_value", "password"},
	},
	"nodes": {
		brief: []string{"id", "url", "display", "name", "node_id", "online"},
		object: func(w *world, i int) object {
			return object{"endpoint": w.prod, "name": named(i), "node_id": 10 + i, "ip_address": "192.0.2.9", "online": true, "max_cpu": 8, "max_memory": 1 << 40}
		},
		update:     object{"online": false, "node_id": nil},
		bulkUpdate: object{"ip_address": "2001:db8::1"},
	},
	"storage": {
		brief: []string{"id", "url", "display", "cluster", "name"},
		object: func(w *world, i int) object {
			return object{"cluster": w.prodCluster, "name": named(i), "storage_type": "nfs", "content": "backup", "nodes": "", "shared": true, "enabled": false, "raw_config": object{"path": "/mnt"}}
		},
		update:     object{"content": "backup,images", "raw_config": object{}},
		bulkUpdate: object{"enabled": true, "shared": false},
	},
	"proxmox-clusters": {
		brief: brief,
		object: func(w *world, i int) object {
			endpoint := w.make(endpointPath, object{"name": fmt.Sprint("of-cluster-", i), "domain": "pve.example.com", "enabled": false})
			return object{"endpoint": endpoint, "cluster": w.prodCluster, "name": named(i), "mode": "cluster", "version": "8.4.5"}
		},
		update:     object{"mode": "standalone", "cluster": nil},
		bulkUpdate: object{"version": "9.0.1"},
	},
	"clusters": {
		brief: append([]string{"display_url", "description"}, brief...),
		object: func(_ *world, i int) object {
			return object{"name": named(i), "status": "planned", "description": "d", "comments": "c"}
		},
		update:     object{"status": "offline"},
		bulkUpdate: object{"description": "bulk"},
	},
	"virtual-machines": {
		brief: append([]string{"display_url"}, brief...),
		object: func(w *world, i int) object {
			return object{"name": named(i), "cluster": w.prodCluster, "status": "staged", "vcpus": 1.5, "memory": 1024, "disk": 20, "vmid": 100 + i, "vm_type": "qemu", "node": w.node1, "pool": "gold"}
		},
		update:     object{"vcpus": nil, "vm_type": "lxc"},
		bulkUpdate: object{"status": "active", "pool": ""},
	},
	"tags": {
		brief: []string{"id", "url", "display", "name", "slug", "color", "description"},
		object: func(_ *world, i int) object {
			return object{"name": named(i), "slug": named(i), "color": "00ff00", "weight": i}
		},
		update:     object{"color": "aa1409", "object_types": []string{"netbox_proxbox.backuproutine"}},
		bulkUpdate: object{"description": "bulk"},
	},
	"journal-entries": {
		brief: []string{"id", "url", "display", "created"},
		object: func(w *world, i int) object {
			return object{"assigned_object_type": "netbox_proxbox.proxmoxnode", "assigned_object_id": w.node1, "kind": "info", "comments": named(i)}
		},
		update:     object{"kind": "warning"},
		bulkUpdate: object{"comments": "bulk"},
	},
	"custom-fields": {
		brief: []string{"id", "url", "display", "name", "description"},
		object: func(_ *world, i int) object {
			return object{"object_types": []string{"netbox_proxbox.backuproutine", "netbox_proxbox.replication"}, "name": fmt.Sprint("field_", i), "type": "integer", "label": "L", "validation_minimum": 1, "default": 5}
		},
		update:     object{"description": "changed", "weight": 7},
		bulkUpdate: object{"group_name": "bulk", "required": false},
	},
	"custom-field-choice-sets": {
		brief: []string{"id", "url", "display", "name", "description", "choices_count"},
		object: func(_ *world, i int) object {
			return object{"name": named(i), "extra_choices": [][]string{{"a", "A"}, {"b", "B"}}}
		},
		update:     object{"extra_choices": [][]string{{"b", "B"}, {"c", "C"}}, "order_alphabetically": true},
		bulkUpdate: object{"description": "bulk"},
	},
	"users": {
		brief: []string{"id", "url", "display", "username"},
		object: func(_ *world, i int) object {
			return object{"username": named(i), "password": "Abcdefgh12345", "first_name": "A", "email": "a@example.com", "groups": []int{}}
		},
		update:     object{"last_name": "changed"},
		bulkUpdate: object{"is_active": false},
		hidden:     []string{"password"},
	},
	"groups": {
		brief:      []string{"id", "url", "display", "name", "description"},
		object:     func(_ *world, i int) object { return object{"name": named(i), "description": "d"} },
		update:     object{"name": "changed"},
		bulkUpdate: object{"description": "bulk"},
	},
	"permissions": {
		brief: []string{"id", "url", "display", "name", "description", "enabled", "object_types", "actions"},
		object: func(_ *world, i int) object {
			return object{"name": named(i), "object_types": []string{"netbox_proxbox.backuproutine"}, "actions": []string{"view", "change"}, "constraints": object{"job_id": "x"}, "groups": []int{}, "users": []int{1}}
		},
		update:     object{"constraints": nil, "actions": []string{"delete"}},
		bulkUpdate: object{"enabled": false, "description": "bulk"},
	},
	"tokens": {
		brief: []string{"id", "url", "display", "version", "key", "enabled", "write_enabled", "description"},
		object: func(_ *world, i int) object {
			return object{"description": named(i), "write_enabled": false, "expires": "2099-01-01T00:00:00Z", "allowed_ips": []string{"192.0.2.0/24"}}
		},
		update:     object{"description": "changed", "expires": nil},
		bulkUpdate: object{"enabled": false, "allowed_ips": []string{}},
		personal:   true,
	},
	"sync-schedules": {
		brief: append([]string{"enabled"}, brief...),
		object: func(w *world, i int) object {
			return object{
				"name": named(i), "description": "d", "types": []string{"replications", "inventory"}, "endpoints": []int{w.lab, w.prod}, "first_run": "2099-01-01T00:00:00Z", "interval": 60 * i,
				"enabled": i%2 == 0, "missed": "skip",
			}
		},
		update:     object{"types": []string{}, "endpoints": []int{}, "first_run": nil, "interval": nil, "calendar": "mon..fri 22:00", "time_zone": "Europe/Berlin"},
		bulkUpdate: object{"missed": "run", "description": "bulk"},
		also:       map[change.ObjectType]string{change.Job: "add", change.ProxmoxEndpoint: "view"},
	},
	"object-changes": {brief: []string{
		"id", "url", "display_url", "display", "time", "user", "user_name", "request_id", "action", "changed_object_type", "changed_object_id", "changed_object", "object_repr", "message",
		"prechange_data", "postchange_data",
	}},
	"jobs": {brief: []string{"url", "created", "completed", "user", "status"}, plant: func(w *world) { w.plantSyncJobs() }},
	"object-types": {brief: []string{
		"id", "url", "display", "app_label", "app_name", "model", "model_name", "model_name_plural", "public", "features", "is_plugin_model", "rest_api_endpoint", "description",
	}},
}
