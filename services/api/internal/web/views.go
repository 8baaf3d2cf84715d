package web

import (
	"slices"
	"time"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// view is how a resource is shown. What is not said follows from its declaration.
type view struct {
	// title names many objects, one names one.
	title, one string
	// columns are those of lists, unless a person chooses others.
	columns []string
	// groups are the parts of the page of an object.
	groups []group
	// events is the kind of events after which an open list is out of date; "" for none.
	events string
	// every is how often an open list is asked for in any case, as it tells how old something is; 0 for never.
	every time.Duration
}

// group is some fields of an object under a title.
type group struct {
	title  string
	fields []string
	wide   bool // needs the whole width
	side   bool // stands beside the others
	forms  bool // only forms have it
	// otherwise is said instead of the fields if none of them is set; those that are not are left out.
	otherwise string
}

var views = map[string]view{
	catalog.Routines: {
		title: "Backup Routines", one: "Backup Routine", events: routineEvents,
		columns: []string{"job_id", "endpoint", "enabled", "schedule", "next_run", "node", "storage", "selection", "status", "comment", "tags"},
		groups: []group{
			{title: "What", fields: []string{"job_id", "endpoint", "enabled", "selection", "exclude", "pool", "mode", "comment"}},
			{title: "When", fields: []string{"schedule", "schedule_text", "next_run", "repeat_missed"}},
			{title: "Where to", fields: []string{"node", "storage", "compress", "retention", "notes_template"}},
			{title: "Retention", fields: []string{"keep_all", "keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly"}, forms: true},
			{title: "Performance", fields: []string{"bwlimit", "zstd", "io_workers", "fleecing", "fleecing_storage", "pbs_change_detection_mode"}, otherwise: "Nothing is set: as Proxmox does by default"},
			{title: "Status", fields: []string{"status", "last_seen", "stale_since", "version"}, side: true},
			{title: "Raw configuration", fields: []string{"raw_config"}, wide: true},
		},
	},
	catalog.Replications: {
		title: "Replications", one: "Replication", events: replicationEvents,
		columns: []string{"replication_id", "virtual_machine", "endpoint", "proxmox_node", "target", "schedule", "rate", "disable", "status", "comment", "tags"},
		groups: []group{
			{title: "What", fields: []string{"replication_id", "endpoint", "virtual_machine", "guest", "jobnum", "job_type", "disable", "remove_job", "comment"}},
			{title: "From and to", fields: []string{"proxmox_node", "source", "target_node", "target"}},
			{title: "When", fields: []string{"schedule", "schedule_text", "rate"}},
			{title: "Status", fields: []string{"status", "last_seen", "stale_since", "version"}, side: true},
			{title: "Raw configuration", fields: []string{"raw_config"}, wide: true},
		},
	},
	"proxmox-endpoints": {
		title: "Proxmox Endpoints", one: "Proxmox Endpoint", events: syncEvents, every: 30 * time.Second,
		columns: []string{"name", "sync_status", "data_age", "sync_state", "verify_ssl", "domain", "ip_address", "tags"},
		groups: []group{
			{title: "Connection", fields: []string{"name", "enabled", "domain", "ip_address", "port", "username", "password", "token_name", "token_value", "has_credentials", "poll_interval", "time_zone", "site"}},
			{title: "TLS", fields: []string{"verify_ssl", "fingerprints", "ca_certificate"}},
		},
	},
	"nodes": {title: "Nodes", one: "Node", columns: []string{"name", "endpoint", "node_id", "online", "ip_address", "max_cpu", "max_memory", "tags"}},
	"storage": {
		title: "Storage", one: "Storage",
		columns: []string{"name", "cluster", "storage_type", "content", "nodes", "shared", "enabled", "tags"},
		groups: []group{
			{title: "Storage", fields: []string{"cluster", "name", "storage_type", "content", "nodes", "shared", "enabled", "present"}},
			{title: "Raw configuration", fields: []string{"raw_config"}, wide: true},
		},
	},
	"virtual-machines": {title: "Virtual Machines", one: "Virtual Machine", columns: []string{"name", "vmid", "cluster", "vm_type", "node", "status", "pool", "vcpus", "memory", "tags"}},
	"clusters":         {title: "Clusters", one: "Cluster", columns: []string{"name", "status", "description", "tags"}},
	"proxmox-clusters": {title: "Proxmox Clusters", one: "Proxmox Cluster", columns: []string{"name", "endpoint", "cluster", "mode", "version", "tags"}},
	"tags": {
		title: "Tags", one: "Tag",
		columns: []string{"name", "slug", "color", "description", "tagged_items"},
		groups: []group{
			{title: "Tag", fields: []string{"name", "slug", "color", "description", "weight"}},
			{title: "Where it is used", fields: []string{"object_types", "tagged_items"}},
		},
	},
	"custom-fields": {
		title: "Custom Fields", one: "Custom Field",
		columns: []string{"name", "object_types", "type", "label", "group_name", "required", "description"},
		groups: []group{
			{title: "Custom Field", fields: []string{"name", "label", "group_name", "description", "type", "data_type", "choice_set", "required", "unique", "default", "comments"}},
			{title: "Where it is used", fields: []string{"object_types"}},
			{title: "How it is shown", fields: []string{"ui_visible", "ui_editable", "weight", "search_weight", "filter_logic", "is_cloneable"}},
			{title: "Validation", fields: []string{"validation_minimum", "validation_maximum", "validation_regex"}, otherwise: "Values are checked for their type alone"},
		},
	},
	"custom-field-choice-sets": {title: "Custom Field Choice Sets", one: "Custom Field Choice Set", columns: []string{"name", "description", "extra_choices"}},
	"journal-entries":          {title: "Journal Entries", one: "Journal Entry", columns: []string{"created", "assigned_object", "assigned_object_type", "kind", "comments", "tags"}},
	"object-changes":           {title: "Change Log", one: "Change", columns: []string{"time", "user_name", "action", "changed_object_type", "object_repr", "message", "request_id"}},
	catalog.Jobs: {
		title: "Sync Jobs", one: "Sync Job", events: syncEvents,
		columns: []string{"name", "status", "created", "duration", "types", "endpoints", "user", "counts", "error"},
	},
	catalog.SyncSchedules: {
		title: "Sync Schedules", one: "Sync Schedule", events: syncEvents, columns: []string{"name", "enabled", "when", "types", "endpoints", "next_run", "last_run", "user", "tags"},
		groups: []group{
			{title: "What", fields: []string{"name", "description", "types", "endpoints", "user"}},
			{title: "When", fields: []string{"enabled", "when", "first_run", "interval", "calendar", "time_zone", "missed", "last_run", "next_run"}},
		},
	},
	"users": {
		title: "Users", one: "User",
		columns: []string{"username", "first_name", "last_name", "email", "is_active", "is_superuser", "groups", "last_login"},
		groups: []group{
			{title: "User", fields: []string{"username", "password", "first_name", "last_name", "email", "date_joined", "last_login"}},
			{title: "Access", fields: []string{"is_active", "is_superuser", "groups", "permissions"}},
		},
	},
	"groups": {
		title: "Groups", one: "Group",
		columns: []string{"name", "description"},
		groups: []group{
			{title: "Group", fields: []string{"name", "description", "user_count"}},
			{title: "Access", fields: []string{"permissions"}},
		},
	},
	"permissions": {
		title: "Permissions", one: "Permission",
		columns: []string{"name", "enabled", "object_types", "actions", "users", "groups", "description"},
		groups: []group{
			{title: "Permission", fields: []string{"name", "description", "enabled"}},
			{title: "Who", fields: []string{"groups", "users"}},
			{title: "What", fields: []string{"actions", "object_types", "constraints"}},
		},
	},
	"tokens": {
		title: "API Tokens", one: "API Token",
		columns: []string{"display", "user", "version", "enabled", "write_enabled", "expires", "last_used", "allowed_ips", "description"},
		groups: []group{
			{title: "Token", fields: []string{"version", "key", "user", "description"}},
			{title: "Secret", fields: []string{"token"}, forms: true},
			{title: "Use", fields: []string{"enabled", "write_enabled", "expires", "last_used", "allowed_ips", "pepper_id"}},
		},
	},
}

// viewOf returns how a resource is shown, with everything filled in.
func viewOf(r *resource.Resource) view {
	v := views[r.Name]
	if v.one == "" {
		v.one = r.Verbose
	}
	if v.title == "" {
		v.title = r.Verbose + "s"
	}
	if v.columns == nil {
		v.columns = shownFields(r)[:min(6, len(shownFields(r)))]
	}
	v.columns = slices.DeleteFunc(slices.Clone(v.columns), func(name string) bool { return !slices.Contains(columnNames(r), name) })
	if v.groups == nil {
		v.groups = []group{{title: v.one, fields: slices.DeleteFunc(shownFields(r), func(name string) bool { return slices.Contains(aside, name) })}}
	}
	return v
}

// aside are fields that pages of objects show in places of their own.
var aside = []string{"tags", "custom_fields", "created", "last_updated", "sync_state", "display"}

// shownFields are the names of all fields that can be shown, in the order of the declaration.
func shownFields(r *resource.Resource) []string {
	var out []string
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.WriteOnly || slices.Contains([]string{"id", "url", "display_url"}, f.Name) {
			continue
		}
		if _, once := f.Kind.(resource.OneTime); once {
			continue
		}
		out = append(out, f.Name)
	}
	return out
}

// label names a field for people. Without a resource it is one of a resource that is not known.
func label(r *resource.Resource, name string) string {
	if l, ok := labels[name]; ok {
		return l
	}
	if r != nil {
		if f := r.Field(name); f != nil && f.Label != "" {
			return f.Label
		}
	}
	return words(name)
}

// labels are names that no rule makes well.
var labels = map[string]string{
	"job_id": "Job ID", "replication_id": "Replication ID", "vmid": "VMID", "covers": "Covers (VMID)", "bwlimit": "Bandwidth limit (KiB/s)", "rate": "Rate (MB/s)", "guest": "Guest (VMID)",
	"jobnum": "Job number", "pbs_change_detection_mode": "PBS change detection", "io_workers": "I/O workers", "zstd": "Zstd threads", "ip_address": "IP address",
	"max_cpu": "CPUs", "max_memory": "Memory", "node_id": "Node ID", "vcpus": "vCPUs", "request_id": "Request ID", "object_repr": "Object", "user_name": "User",
	"changed_object_type": "Type", "poll_interval": "Poll interval (s)", "verify_ssl": "Verify TLS", "ca_certificate": "CA certificate", "has_credentials": "Secret", "schedule_text": "In words", "proxmox_node": "Source node", "target_node": "Target node",
	"disable": "Disabled", "endpoint": "Endpoint",
}
