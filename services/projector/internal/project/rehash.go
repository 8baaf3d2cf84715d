package project

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
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
	id      int32 // of the row; zero for a job of the snapshot
	job     int   // its place in the snapshot; zero for a row
	line    int   // its place in the file
	content string
	stale   bool
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
			if content, ok := cronContent(t.jobs[i].GetRawConfig()); ok {
				list = append(list, cronJob{job: i, line: line, content: content})
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
		if job.content, ok = cronContent(c.RawConfig); ok {
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

// cronContent is everything a job says but its id. A job with a type is none of the cron file: it keeps its id, whatever that looks like.
func cronContent(raw []byte) (string, bool) {
	var config map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&config); err != nil || len(config) == 0 {
		return "", false
	}
	if _, typed := config["type"]; typed {
		return "", false
	}
	delete(config, "id")
	content, err := json.Marshal(strip(config))
	return string(content), err == nil
}

// matchCron pairs rows with jobs, each at most once, by what is surest first:
//  1. an active row and a job of equal content; of several with the same content in the order of their lines;
//  2. a stale row and a job of equal content, the last row that was made first: a job that was deleted and made again;
//  3. an active row and a job that are alone at the same line: a job that was edited while all ids moved.
//
// Whatever remains is gone, or new.
func matchCron(old, fresh []cronJob) []pair {
	byLine := func(a, b cronJob) int { return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.id, b.id)) }
	slices.SortFunc(old, byLine)
	slices.SortFunc(fresh, byLine)
	var returning []cronJob
	vanished := slices.DeleteFunc(slices.Clone(old), func(c cronJob) bool {
		if c.stale {
			returning = append(returning, c)
		}
		return c.stale
	})
	slices.SortStableFunc(returning, func(a, b cronJob) int { return cmp.Compare(b.id, a.id) })

	sameContent := func(c cronJob) string { return c.content }
	pairs, vanished, fresh := zip(vanished, fresh, sameContent)
	more, _, fresh := zip(returning, fresh, sameContent)
	pairs = append(pairs, more...)
	more, _, _ = zip(lonely(vanished), lonely(fresh), func(c cronJob) int { return c.line })
	return append(pairs, more...)
}

// zip pairs rows and jobs that have the same key, in their order, and returns what is left of both.
func zip[K comparable](old, fresh []cronJob, key func(cronJob) K) (pairs []pair, oldRest, freshRest []cronJob) {
	waiting := map[K][]cronJob{}
	for _, c := range old {
		waiting[key(c)] = append(waiting[key(c)], c)
	}
	taken := map[int32]bool{}
	for _, c := range fresh {
		queue := waiting[key(c)]
		if len(queue) == 0 {
			freshRest = append(freshRest, c)
			continue
		}
		pairs = append(pairs, pair{queue[0].id, c.job})
		taken[queue[0].id] = true
		waiting[key(c)] = queue[1:]
	}
	oldRest = slices.DeleteFunc(slices.Clone(old), func(c cronJob) bool { return taken[c.id] })
	return pairs, oldRest, freshRest
}

// lonely keeps those that share their line with no other.
func lonely(list []cronJob) []cronJob {
	n := map[int]int{}
	for _, c := range list {
		n[c.line]++
	}
	return slices.DeleteFunc(slices.Clone(list), func(c cronJob) bool { return n[c.line] > 1 })
}
