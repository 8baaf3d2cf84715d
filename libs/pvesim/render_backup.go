package pvesim

import (
	"fmt"
	"strconv"
	"time"
)

// wireBackup is a backup job under the id that clients see.
type wireBackup struct {
	id  string
	job *BackupJob
	row func() object
}

func vzdump(j *BackupJob) bool { return j.Type == "" || j.Type == "vzdump" }

// backups lists the jobs in the order of the list: leftovers of vzdump.cron first.
func backups(d dialect, w *World) []wireBackup {
	jobs := make([]wireBackup, 0, len(w.Backups))
	digest := ""
	for i, j := range cronJobs(d, w) {
		if digest == "" {
			digest = cronDigest(d, w)
		}
		id := digest + ":" + strconv.Itoa(i+1)
		jobs = append(jobs, wireBackup{id, j.BackupJob, func() object { return cronRow(d, id, j) }})
	}
	for i := range w.Backups {
		if j := &w.Backups[i]; !inCron(d, j) && vzdump(j) {
			jobs = append(jobs, wireBackup{j.ID, j, func() object { return jobRow(d, j) }})
		}
	}
	return jobs
}

// cronRow is a line of vzdump.cron: the only shape of 6.4, and a hybrid of both shapes later.
func cronRow(d dialect, id string, j cronJob) object {
	o := render(d, true, backupFields, j.BackupJob)
	o["id"] = id
	o["enabled"] = "1"
	if j.Disabled {
		o["enabled"] = ""
	}
	if d.has(cronStartTime) {
		o["starttime"] = j.startTime
		o["dow"] = joinDays(j.days)
	}
	if d.has(jobsCfg) {
		o["schedule"] = j.schedule()
	}
	return o
}

func jobRow(d dialect, j *BackupJob) object {
	o := render(d, false, backupFields, j)
	o["id"] = j.ID
	o["type"] = "vzdump"
	o["enabled"] = number(!j.Disabled)
	if j.Schedule != "" {
		o["schedule"] = j.Schedule
	}
	return o
}

func listBackups(x *exchange) answer {
	now := x.now()
	jobs := backups(x.dialect, x.world)
	rows := make([]object, 0, len(jobs))
	next := map[string]any{} // many jobs share a schedule
	for _, j := range jobs {
		row := j.row()
		if !inCron(x.dialect, j.job) {
			addNextRun(row, j.job.Schedule, now, next)
		}
		rows = append(rows, row)
	}
	return x.data(rows)
}

// addNextRun sets when the job runs next: for disabled jobs as well, and left out when there is no such time.
func addNextRun(row object, schedule string, now time.Time, known map[string]any) {
	v, ok := known[schedule]
	if !ok {
		if at, found := nextEvent(schedule, now); found {
			v = at.Unix()
		}
		known[schedule] = v
	}
	if v != nil {
		row["next-run"] = v
	}
}

// maxBackupID is the length beyond which a job is listed but cannot be asked for.
const maxBackupID = 50

func getBackup(x *exchange) answer {
	id := x.param("id")
	if len(id) > maxBackupID {
		return x.invalid("id", fmt.Sprintf("value may only be %d characters long", maxBackupID))
	}
	for _, j := range backups(x.dialect, x.world) {
		if j.id == id {
			return x.data(j.row())
		}
	}
	return x.invalid("id", fmt.Sprintf("No such job '%s'", id))
}

// notBackedUp lists the guests that no job covers, whether the job is enabled or not.
func notBackedUp(x *exchange) answer {
	covered := map[int]bool{}
	for i := range x.world.Backups {
		for _, vmid := range covers(&x.world.Backups[i], x.world.Guests) {
			covered[vmid] = true
		}
	}
	rows := []object{}
	for _, g := range x.world.Guests {
		if covered[g.VMID] || !x.may("VM.Audit", fmt.Sprintf("/vms/%d", g.VMID)) {
			continue
		}
		row := object{"vmid": g.VMID, "type": g.Type}
		if g.Name != "" {
			row["name"] = g.Name
		}
		rows = append(rows, row)
	}
	return x.data(rows)
}
