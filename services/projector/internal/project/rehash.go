package project

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// Proxmox VE 6.4, and later versions for what is left of its cron file, name a job by a hash of that whole file and the place of the job in
// it. So each edit of the file gives a new id to every job. What follows tells the same jobs by their content.

var cronID = regexp.MustCompile(`^[0-9a-f]{40}:([0-9]{1,9})$`)

// cronJob is a job whose id is not its own.
type cronJob struct {
	id    int32 // of the row; zero for a job of the snapshot
	job   int   // its place in the snapshot; zero for a row
	line  int   // its place in the file
	stale bool
	cronContent
}

// rename pairs fresh jobs of the cron file with the rows they were before.
func (t *routines) rename(ctx context.Context, rows []head, d *difference) error {
	fresh := t.cronJobs(d.fresh)
	if len(fresh) == 0 {
		return nil
	}
	old, err := t.cronRows(ctx, rows, d)
	if err != nil {
		return err
	}
	pairs := matchCron(old, fresh)
	for _, p := range pairs {
		d.fresh = slices.DeleteFunc(d.fresh, func(job int) bool { return job == p.job })
		d.vanished = slices.DeleteFunc(d.vanished, func(h head) bool { return h.id == p.id })
	}
	d.compare = append(d.compare, pairs...)
	return nil
}

// cronJobs are the jobs of the cron file among those at these places of the snapshot.
func (t *routines) cronJobs(places []int) []cronJob {
	var list []cronJob
	for _, i := range places {
		if line, ok := cronLine(text(t.jobs[i].GetJobId())); ok {
			if content, ok := readCron(t.jobs[i].GetRawConfig()); ok {
				list = append(list, cronJob{job: i, line: line, cronContent: content})
			}
		}
	}
	return list
}

// cronRows are the rows that such a job can have been before: those that have just vanished, and those that are stale since earlier.
func (t *routines) cronRows(ctx context.Context, rows []head, d *difference) ([]cronJob, error) {
	candidates := slices.Clone(d.vanished)
	here := map[string]bool{}
	for _, j := range t.jobs {
		here[text(j.GetJobId())] = true
	}
	for _, row := range rows {
		if row.stale && !here[row.key] {
			candidates = append(candidates, row)
		}
	}
	lines := map[int32]cronJob{}
	var ids []int32
	for _, row := range candidates {
		if line, ok := cronLine(row.key); ok && row.seen {
			lines[row.id] = cronJob{id: row.id, line: line, stale: row.stale}
			ids = append(ids, row.id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	configs, err := t.run.q.RoutineConfigs(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of %d rows: %w", len(ids), err)
	}
	var list []cronJob
	for _, c := range configs {
		job := lines[c.ID]
		var ok bool
		if job.cronContent, ok = readCron(c.RawConfig); ok {
			list = append(list, job)
		}
	}
	return list, nil
}

func cronLine(id string) (int, bool) {
	m := cronID.FindStringSubmatch(id)
	if m == nil {
		return 0, false
	}
	line, err := strconv.Atoi(m[1])
	return line, err == nil
}
