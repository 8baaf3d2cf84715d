package pvesim

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// BackupJob is a vzdump job. Empty strings, nil pointers, nil maps and nil slices stand for options that were never set, which
// Proxmox VE leaves out of its answers. The JSON names are those of Proxmox VE; the values are not in any version's dialect.
type BackupJob struct {
	// ID is the job's name in jobs.cfg. A line of vzdump.cron (every job on 6.4) is shown under the id that the file gives it,
	// and this one only names it in World.
	ID       string `json:"id"`
	Type     string `json:"type,omitempty"` // "" = vzdump; jobs.cfg holds other types, too, which the list leaves out
	Cron     bool   `json:"cron,omitempty"` // left over in vzdump.cron by an upgrade
	Disabled bool   `json:"disabled,omitempty"`
	// Schedule is a calendar event. A cron line knows a time and weekdays only ("02:00", "sat 21:30", "mon,wed,fri 03:15"): a
	// schedule beyond that becomes the nearest one it can say.
	Schedule string `json:"schedule,omitempty"`

	All     *bool  `json:"all,omitempty"`
	VMID    string `json:"vmid,omitempty"` // as entered: "100,101, 102;103"
	Exclude string `json:"exclude,omitempty"`
	Pool    string `json:"pool,omitempty"`
	Node    string `json:"node,omitempty"`

	Storage      string    `json:"storage,omitempty"`
	DumpDir      string    `json:"dumpdir,omitempty"`
	Mode         string    `json:"mode,omitempty"`
	Compress     string    `json:"compress,omitempty"`
	Comment      string    `json:"comment,omitempty"`
	Prune        Numbers   `json:"prune-backups,omitempty"` // keep-last, ..., keep-all
	MaxFiles     *int      `json:"maxfiles,omitempty"`
	Size         *int      `json:"size,omitempty"`
	Fleecing     *Fleecing `json:"fleecing,omitempty"`
	Performance  Numbers   `json:"performance,omitempty"` // max-workers, pbs-entries-max
	ExcludePath  []string  `json:"exclude-path,omitempty"`
	NotesTmpl    string    `json:"notes-template,omitempty"`
	PBSDetection string    `json:"pbs-change-detection-mode,omitempty"`
	Script       string    `json:"script,omitempty"`
	TmpDir       string    `json:"tmpdir,omitempty"`

	MailTo             string `json:"mailto,omitempty"`
	MailNotification   string `json:"mailnotification,omitempty"`
	NotificationMode   string `json:"notification-mode,omitempty"`
	NotificationPolicy string `json:"notification-policy,omitempty"`
	NotificationTarget string `json:"notification-target,omitempty"`

	Quiet        *bool `json:"quiet,omitempty"`
	Remove       *bool `json:"remove,omitempty"`
	Protected    *bool `json:"protected,omitempty"`
	RepeatMissed *bool `json:"repeat-missed,omitempty"`
	StdExcludes  *bool `json:"stdexcludes,omitempty"`
	BWLimit      *int  `json:"bwlimit,omitempty"`
	IONice       *int  `json:"ionice,omitempty"`
	LockWait     *int  `json:"lockwait,omitempty"`
	StopWait     *int  `json:"stopwait,omitempty"`
	Pigz         *int  `json:"pigz,omitempty"`
	Zstd         *int  `json:"zstd,omitempty"`
}

// Numbers is a property string of numbers, such as {"keep-last": 3}.
type Numbers map[string]int

// Fleecing says where a backup buffers what a guest overwrites meanwhile.
type Fleecing struct {
	Enabled bool   `json:"enabled"`
	Storage string `json:"storage,omitempty"`
}

// Clone returns a copy that shares nothing with j.
func (j BackupJob) Clone() BackupJob {
	for _, p := range []**bool{&j.All, &j.Quiet, &j.Remove, &j.Protected, &j.RepeatMissed, &j.StdExcludes} {
		*p = clonePtr(*p)
	}
	for _, p := range []**int{&j.MaxFiles, &j.Size, &j.BWLimit, &j.IONice, &j.LockWait, &j.StopWait, &j.Pigz, &j.Zstd} {
		*p = clonePtr(*p)
	}
	j.Prune, j.Performance = maps.Clone(j.Prune), maps.Clone(j.Performance)
	j.Fleecing, j.ExcludePath = clonePtr(j.Fleecing), slices.Clone(j.ExcludePath)
	return j
}

// Replication is a storage replication job.
type Replication struct {
	Guest    int      `json:"guest"`
	JobNum   int      `json:"jobnum"`
	Source   string   `json:"source,omitempty"` // "" on jobs from before 6.2 and on hand-written ones
	Target   string   `json:"target"`
	Schedule string   `json:"schedule,omitempty"` // "" = every 15 minutes
	Rate     *float64 `json:"rate,omitempty"`     // MB/s
	Comment  string   `json:"comment,omitempty"`
	Disabled bool     `json:"disabled,omitempty"`
	Remove   string   `json:"remove_job,omitempty"` // "local" or "full" once it is to be removed

	State ReplicationState `json:"-"`
}

// ReplicationState is what the source node remembers of the last runs.
type ReplicationState struct {
	LastSync, LastTry time.Time // zero = never
	Duration          time.Duration
	FailCount         int
	Error             string
}

// ID is the job's name, <guest>-<number>.
func (r Replication) ID() string { return fmt.Sprintf("%d-%d", r.Guest, r.JobNum) }

// Clone returns a copy that shares nothing with r.
func (r Replication) Clone() Replication {
	r.Rate = clonePtr(r.Rate)
	return r
}
