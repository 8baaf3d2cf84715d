package pvesim

import (
	"strconv"
	"strings"
)

// field is an option of a job: its name on the wire, the releases that know it and its value in the model. The Go type of the
// value decides its form on the wire, which wire knows for every dialect.
type field[J any] struct {
	name string
	span span
	get  func(*J) any
}

var always span

// backupFields is what a release can say about a backup job, apart from its id, type, enabled flag and times.
var backupFields = []field[BackupJob]{
	{"all", always, func(j *BackupJob) any { return j.All }},
	{"vmid", always, func(j *BackupJob) any { return j.VMID }},
	{"exclude", always, func(j *BackupJob) any { return j.Exclude }},
	{"pool", always, func(j *BackupJob) any { return j.Pool }},
	{"node", always, func(j *BackupJob) any { return j.Node }},
	{"storage", always, func(j *BackupJob) any { return j.Storage }},
	{"dumpdir", always, func(j *BackupJob) any { return j.DumpDir }},
	{"mode", always, func(j *BackupJob) any { return j.Mode }},
	{"compress", always, func(j *BackupJob) any { return j.Compress }},
	{"script", always, func(j *BackupJob) any { return j.Script }},
	{"tmpdir", always, func(j *BackupJob) any { return j.TmpDir }},
	{"mailto", always, func(j *BackupJob) any { return j.MailTo }},
	{"mailnotification", always, func(j *BackupJob) any { return j.MailNotification }},
	{"exclude-path", always, func(j *BackupJob) any { return j.ExcludePath }},
	{"prune-backups", always, func(j *BackupJob) any { return j.Prune }},
	{"quiet", always, func(j *BackupJob) any { return j.Quiet }},
	{"remove", always, func(j *BackupJob) any { return j.Remove }},
	{"stdexcludes", always, func(j *BackupJob) any { return j.StdExcludes }},
	{"bwlimit", always, func(j *BackupJob) any { return j.BWLimit }},
	{"ionice", always, func(j *BackupJob) any { return j.IONice }},
	{"lockwait", always, func(j *BackupJob) any { return j.LockWait }},
	{"stopwait", always, func(j *BackupJob) any { return j.StopWait }},
	{"pigz", always, func(j *BackupJob) any { return j.Pigz }},
	{"zstd", always, func(j *BackupJob) any { return j.Zstd }},
	{"size", span{until: 700}, func(j *BackupJob) any { return j.Size }},
	{"maxfiles", span{until: 900}, func(j *BackupJob) any { return j.MaxFiles }},
	{"comment", span{since: 701}, func(j *BackupJob) any { return comment(j.Comment) }},
	{"protected", span{since: 702}, func(j *BackupJob) any { return j.Protected }},
	{"notes-template", span{since: 702}, func(j *BackupJob) any { return j.NotesTmpl }},
	{"repeat-missed", span{since: 702}, func(j *BackupJob) any { return j.RepeatMissed }},
	{"performance", span{since: 703}, func(j *BackupJob) any { return j.Performance }},
	{"notification-policy", span{since: 800, until: 900}, func(j *BackupJob) any { return j.NotificationPolicy }},
	{"notification-target", span{since: 800, until: 900}, func(j *BackupJob) any { return j.NotificationTarget }},
	{"notification-mode", span{since: 801}, func(j *BackupJob) any { return j.NotificationMode }},
	{"fleecing", span{since: 802}, func(j *BackupJob) any { return j.Fleecing }},
	{"pbs-change-detection-mode", span{since: 802}, func(j *BackupJob) any { return j.PBSDetection }},
}

// cronUnknown are the fields that only jobs.cfg can hold: a line of vzdump.cron was written before they existed.
var cronUnknown = map[string]bool{
	"comment": true, "repeat-missed": true, "protected": true, "notes-template": true, "performance": true, "fleecing": true,
	"notification-policy": true, "notification-target": true, "notification-mode": true, "pbs-change-detection-mode": true,
}

// replicationFields is what a release can say about a replication job, apart from its id and type.
var replicationFields = []field[Replication]{
	{"guest", always, func(r *Replication) any { return guestNumber(r.Guest) }},
	{"jobnum", always, func(r *Replication) any { return guestNumber(r.JobNum) }},
	{"source", always, func(r *Replication) any { return r.Source }},
	{"target", always, func(r *Replication) any { return r.Target }},
	{"schedule", always, func(r *Replication) any { return event(r.Schedule) }},
	{"rate", always, func(r *Replication) any { return r.Rate }},
	{"comment", always, func(r *Replication) any { return comment(r.Comment) }},
	{"disable", always, func(r *Replication) any { return setFlag(r.Disabled) }},
	{"remove_job", always, func(r *Replication) any { return r.Remove }},
}

type (
	comment     string // percent-encoded on disk
	event       string // a calendar event; one that the release cannot parse is dropped
	guestNumber int    // taken from the id with a regular expression
	setFlag     bool   // 1 or absent
)

// wire gives a value its form in a dialect; cron tells that it was read from a line of vzdump.cron, where numbers come out of
// the parser as strings. Without a value, ok is false.
func wire(d dialect, cron bool, v any) (_ any, ok bool) {
	switch v := v.(type) {
	case string:
		return v, v != ""
	case comment:
		return storedComment(d, string(v)), v != ""
	case event:
		return string(v), v != "" && (!d.has(perlCalendar) || perlEvent.MatchString(string(v)))
	case *bool:
		if v == nil {
			return nil, false
		}
		return number(*v), true
	case setFlag:
		return 1, bool(v)
	case *int:
		switch {
		case v == nil:
			return nil, false
		case cron:
			return strconv.Itoa(*v), true
		default:
			return *v, true
		}
	case *float64:
		if v == nil {
			return nil, false
		}
		return *v, true
	case guestNumber:
		if d.has(guestNumbers) {
			return int(v), true
		}
		return strconv.Itoa(int(v)), true
	case []string:
		if d.has(pathArrays) {
			return v, v != nil
		}
		return strings.Join(v, "\x00"), v != nil
	case Numbers:
		return numbers(v), v != nil
	case *Fleecing:
		if v == nil {
			return nil, false
		}
		return fleecing(d, *v), true
	}
	panic("pvesim: a field of a type without a wire form")
}

// numbers are strings, as a property string was split, but for keep-all, which the validator sets itself.
func numbers(n Numbers) object {
	o := make(object, len(n))
	for k, v := range n {
		if k == "keep-all" {
			o[k] = v
		} else {
			o[k] = strconv.Itoa(v)
		}
	}
	return o
}

func fleecing(d dialect, f Fleecing) object {
	o := object{"enabled": any(number(f.Enabled))}
	if !d.has(fleecingNumbers) {
		o["enabled"] = strconv.Itoa(number(f.Enabled))
	}
	if f.Storage != "" {
		o["storage"] = f.Storage
	}
	return o
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func render[J any](d dialect, cron bool, fields []field[J], j *J) object {
	o := make(object, 16)
	for _, f := range fields {
		if !f.span.covers(d.number) || cron && cronUnknown[f.name] {
			continue
		}
		if v, ok := wire(d, cron, f.get(j)); ok {
			o[f.name] = v
		}
	}
	return o
}
