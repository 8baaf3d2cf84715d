package change

import (
	"encoding/json"
	"time"
)

// RoutineState is the flat state of a backup routine, as Row.Pre and Row.Post hold it: column values under the names of REST fields,
// references as ids, choices as plain values, tags as sorted names. Times are in UTC.
type RoutineState struct {
	Endpoint               int32           `json:"endpoint"`
	JobID                  string          `json:"job_id"`
	Enabled                bool            `json:"enabled"`
	Schedule               string          `json:"schedule"`
	NextRun                *time.Time      `json:"next_run"`
	Node                   *int32          `json:"node"`
	Storage                *int32          `json:"storage"`
	Selection              json.RawMessage `json:"selection"`
	Comment                string          `json:"comment"`
	Status                 string          `json:"status"`
	KeepLast               *int32          `json:"keep_last"`
	KeepDaily              *int32          `json:"keep_daily"`
	KeepWeekly             *int32          `json:"keep_weekly"`
	KeepMonthly            *int32          `json:"keep_monthly"`
	KeepYearly             *int32          `json:"keep_yearly"`
	KeepAll                *bool           `json:"keep_all"`
	NotesTemplate          string          `json:"notes_template"`
	BWLimit                *int32          `json:"bwlimit"`
	Zstd                   *int32          `json:"zstd"`
	IOWorkers              *int32          `json:"io_workers"`
	Fleecing               string          `json:"fleecing"`
	FleecingStorage        *int32          `json:"fleecing_storage"`
	RepeatMissed           *bool           `json:"repeat_missed"`
	PBSChangeDetectionMode string          `json:"pbs_change_detection_mode"`
	RawConfig              json.RawMessage `json:"raw_config"`
	SelectionMode          string          `json:"selection_mode"`
	Exclude                json.RawMessage `json:"exclude"`
	Pool                   string          `json:"pool"`
	Mode                   string          `json:"mode"`
	Compress               string          `json:"compress"`
	KeepHourly             *int32          `json:"keep_hourly"`
	StaleSince             *time.Time      `json:"stale_since"`
	Tags                   []string        `json:"tags"`
	CustomFields           json.RawMessage `json:"custom_fields"`
}

// ReplicationState is the flat state of a replication, as RoutineState is of a routine.
type ReplicationState struct {
	Endpoint       *int32          `json:"endpoint"`
	ReplicationID  string          `json:"replication_id"`
	VirtualMachine int32           `json:"virtual_machine"`
	ProxmoxNode    *int32          `json:"proxmox_node"`
	TargetNode     *int32          `json:"target_node"`
	Guest          int64           `json:"guest"`
	Target         string          `json:"target"`
	JobType        string          `json:"job_type"`
	Schedule       string          `json:"schedule"`
	Rate           *float64        `json:"rate"`
	Comment        string          `json:"comment"`
	Disable        bool            `json:"disable"`
	Source         string          `json:"source"`
	Jobnum         int32           `json:"jobnum"`
	RemoveJob      *string         `json:"remove_job"`
	Status         string          `json:"status"`
	RawConfig      json.RawMessage `json:"raw_config"`
	StaleSince     *time.Time      `json:"stale_since"`
	Tags           []string        `json:"tags"`
	CustomFields   json.RawMessage `json:"custom_fields"`
}
