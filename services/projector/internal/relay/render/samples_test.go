package render

var sampleNames = &Names{
	Endpoints: map[int32]Endpoint{1: {Name: "prod-proxmox", Host: "proxmox.example.com"}},
	Nodes: map[int32]Node{
		1: {Name: "pve-node-01", NodeID: new(int32(1)), Online: true},
		2: {Name: "pve-node-02"},
	},
	Storages:        map[int32]Storage{2: {Name: "backup-storage", ClusterID: 5, ClusterName: "prod-cluster"}},
	VirtualMachines: map[int32]string{10: "web-server-01"},
	Tags:            map[string]Tag{"gold": {ID: 7, Name: "gold", Slug: "gold", Color: "ffd700"}},
}

// The documented sample of a routine, with what the product adds after it. The key order counts, so it is compared as text.
const routineSample = `{
  "id": 1,
  "url": "/api/plugins/proxbox/backup-routines/1/",
  "display": "job-1 (daily)",
  "endpoint": {
    "id": 1,
    "url": "/api/plugins/proxbox/endpoints/proxmox/1/",
    "display": "prod-proxmox (proxmox.example.com)",
    "name": "prod-proxmox"
  },
  "job_id": "job-1",
  "enabled": true,
  "schedule": "0 2 * * *",
  "next_run": "2026-04-02T02:00:00Z",
  "node": {
    "id": 1,
    "url": "/api/plugins/proxbox/nodes/1/",
    "display": "pve-node-01",
    "name": "pve-node-01",
    "node_id": 1,
    "online": true
  },
  "storage": {
    "id": 2,
    "url": "/api/plugins/proxbox/storage/2/",
    "display": "backup-storage",
    "cluster": {"id": 5, "name": "prod-cluster"},
    "name": "backup-storage"
  },
  "selection": [100, 101, 102],
  "comment": "nightly VM backups",
  "status": {"value": "active", "label": "Active"},
  "keep_last": null,
  "keep_daily": 7,
  "keep_weekly": 4,
  "keep_monthly": 3,
  "keep_yearly": null,
  "keep_all": null,
  "notes_template": "",
  "bwlimit": null,
  "zstd": null,
  "io_workers": null,
  "fleecing": "",
  "fleecing_storage": null,
  "repeat_missed": false,
  "pbs_change_detection_mode": "",
  "raw_config": {"compress": "zstd", "mode": "snapshot"},
  "tags": [{"id": 7, "url": "/api/extras/tags/7/", "display_url": "/extras/tags/7/", "display": "gold", "name": "gold", "slug": "gold", "color": "ffd700"}],
  "custom_fields": {},
  "created": "2026-01-01T00:00:00Z",
  "last_updated": "2026-04-01T00:00:00.120000Z",
  "stale_since": null,
  "version": 3,
  "selection_mode": "vmid",
  "exclude": [],
  "pool": "",
  "mode": "snapshot",
  "compress": "zstd",
  "keep_hourly": null,
  "schedule_text": "daily"
}`

const routineState = `{"endpoint": 1, "job_id": "job-1", "enabled": true, "schedule": "0 2 * * *", "next_run": "2026-04-02T02:00:00Z", "node": 1, "storage": 2,
	"selection": [100, 101, 102], "comment": "nightly VM backups", "status": "active", "keep_last": null, "keep_daily": 7, "keep_weekly": 4,
	"keep_monthly": 3, "keep_yearly": null, "keep_all": null, "notes_template": "", "bwlimit": null, "zstd": null, "io_workers": null, "fleecing": "",
	"fleecing_storage": null, "repeat_missed": false, "pbs_change_detection_mode": "", "raw_config": {"compress": "zstd", "mode": "snapshot"},
	"tags": ["gold", "gone"], "custom_fields": {}, "selection_mode": "vmid", "exclude": [], "pool": "", "mode": "snapshot", "compress": "zstd",
	"keep_hourly": null, "stale_since": null, "of_a_later_version": {"x": [1, "}"]}}`

const replicationSample = `{
  "id": 1,
  "url": "/api/plugins/proxbox/replications/1/",
  "display": "100-0 (web-server-01 → pve-node-02)",
  "endpoint": {
    "id": 1,
    "url": "/api/plugins/proxbox/endpoints/proxmox/1/",
    "display": "prod-proxmox (proxmox.example.com)",
    "name": "prod-proxmox"
  },
  "replication_id": "100-0",
  "virtual_machine": {
    "id": 10,
    "url": "/api/virtualization/virtual-machines/10/",
    "display": "web-server-01",
    "name": "web-server-01",
    "display_url": "/virtualization/virtual-machines/10/"
  },
  "proxmox_node": {
    "id": 1,
    "url": "/api/plugins/proxbox/nodes/1/",
    "display": "pve-node-01",
    "name": "pve-node-01",
    "node_id": 1,
    "online": true
  },
  "guest": 100,
  "target": "pve-node-02",
  "job_type": {"value": "local", "label": "Local"},
  "schedule": "*/15",
  "rate": null,
  "comment": "HA replication",
  "disable": false,
  "source": "pve-node-01",
  "jobnum": 0,
  "remove_job": null,
  "status": {"value": "stale", "label": "Stale"},
  "raw_config": {"type": "local"},
  "tags": [],
  "custom_fields": {},
  "created": "2026-01-01T00:00:00Z",
  "last_updated": "2026-04-01T00:00:00.120000Z",
  "stale_since": "2026-04-01T00:00:00.500000Z",
  "version": 3,
  "target_node": {
    "id": 2,
    "url": "/api/plugins/proxbox/nodes/2/",
    "display": "pve-node-02",
    "name": "pve-node-02",
    "node_id": null,
    "online": false
  },
  "schedule_text": "*/15"
}`

const replicationState = `{"endpoint":1,"replication_id":"100-0","virtual_machine":10,"proxmox_node":1,"target_node":2,"guest":100,"target":"pve-node-02",
	"job_type":"local","schedule":"*/15","rate":null,"comment":"HA replication","disable":false,"source":"pve-node-01","jobnum":0,"remove_job":null,
	"status":"stale","raw_config":{"type":"local"},"tags":[],"custom_fields":{},"stale_since":"2026-04-01T00:00:00.5Z"}`

const syncSample = `{
  "id": 1,
  "url": "/api/core/jobs/1/",
  "display": "Nightly \"all\"",
  "name": "Nightly \"all\"",
  "status": {"value": "errored", "label": "Errored"},
  "created": "2026-04-01T02:00:00.250000Z",
  "scheduled": "2026-04-01T02:00:00Z",
  "interval": 60,
  "started": null,
  "completed": "2026-04-01T02:00:03Z",
  "user": 7,
  "types": ["backup-routines", "replications"],
  "endpoints": [1, 2],
  "schedule": 4,
  "error": "1 of 4 parts failed: prod-proxmox, replications: x",
  "counts": {"created": 1, "reactivated": 0, "skipped": 0, "stale": 2, "unchanged": 30, "updated": 4},
  "job_id": "0198c3a5-7d5e-7cc0-8f3e-0123456789ab",
  "queue": {"x": [1, "}"]},
  "priority": null
}`

// With fields of a later version.
const syncState = `{"completed": "2026-04-01T02:00:03Z", "counts": {"created": 1, "reactivated": 0, "skipped": 0, "stale": 2, "unchanged": 30, "updated": 4},
	"created": "2026-04-01T02:00:00.25Z", "endpoints": [1, 2], "error": "1 of 4 parts failed: prod-proxmox, replications: x", "id": 99, "interval": 60,
	"queue": {"x": [1, "}"]}, "job_id": "0198c3a5-7d5e-7cc0-8f3e-0123456789ab", "name": "Nightly \"all\"", "priority": null, "schedule": 4,
	"scheduled": "2026-04-01T04:00:00+02:00", "started": null, "status": "errored", "types": ["backup-routines", "replications"], "user": 7}`
