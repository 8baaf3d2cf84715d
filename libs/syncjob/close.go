package syncjob

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/postgres"
)

// maxError bounds the error of a job, in bytes, and maxTold how many failures it tells of.
const (
	maxError = 2000
	maxTold  = 5
)

// maxPart bounds what is told of one failure, in bytes, so that there is room for all that are told.
const maxPart = maxError / (maxTold + 1)

// Ended is a job that ended, and how.
type Ended struct {
	ID            int32
	Status, Error string
}

// Over says whether a job of this status has ended.
func Over(status string) bool {
	return status == "completed" || status == "failed" || status == "errored"
}

// Close ends those of the jobs that are under way and have no open part, with an event for each. It belongs into a transaction after the one that
// settled a part: of two that settle the last parts at once, neither sees the other's.
func Close(ctx context.Context, tx pgx.Tx, ids []int32) ([]Ended, error) {
	return closeJobs(ctx, tx, ids, "")
}

// closeJobs is Close for jobs that end because of something else than their parts, if there is a because.
func closeJobs(ctx context.Context, tx pgx.Tx, ids []int32, because string) ([]Ended, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `SELECT `+columns+` FROM jobs j WHERE j.id = ANY ($1::integer[]) AND j.status IN ('pending', 'running')
		AND NOT EXISTS (SELECT FROM job_parts p WHERE p.job_id = j.id AND p.status IN ('pending', 'running')) ORDER BY j.id FOR NO KEY UPDATE`, ids)
	if err != nil {
		return nil, fmt.Errorf("look for sync jobs that are done: %w", err)
	}
	jobs, err := scan(rows)
	if err != nil {
		return nil, fmt.Errorf("look for sync jobs that are done: %w", err)
	}
	before := make(map[int32]state, len(jobs))
	var ended []Ended
	for _, j := range jobs {
		before[j.id] = j.state
		if err := j.close(ctx, tx, because); err != nil {
			return nil, fmt.Errorf("end sync job %d: %w", j.id, err)
		}
		ended = append(ended, Ended{j.id, j.Status, j.Error})
	}
	return ended, record(ctx, tx, jobs, before)
}

// close ends a job as its parts did. The caller holds the lock of its row.
func (j *job) close(ctx context.Context, tx pgx.Tx, because string) error {
	rows, err := tx.Query(ctx, `SELECT endpoint_name, kind, status, error_text, created, updated, unchanged, stale, reactivated, skipped
		FROM job_parts WHERE job_id = $1 ORDER BY endpoint_name, kind`, j.id)
	if err != nil {
		return err
	}
	var name, kind, status, text string
	var c counts
	var total int
	by := map[string]int{}
	var failed []failure
	_, err = pgx.ForEachRow(rows, []any{&name, &kind, &status, &text, &c.Created, &c.Updated, &c.Unchanged, &c.Stale, &c.Reactivated, &c.Skipped}, func() error {
		total++
		by[status]++
		j.Counts.add(c)
		if status != "completed" && status != "cancelled" {
			failed = told(failed, name, TypeOf(kind), text)
		}
		return nil
	})
	if err != nil {
		return err
	}
	outcome, why := outcomeOf(by, total, failed, because)
	level := "info"
	if outcome != "completed" {
		level = "error"
	}
	message := fmt.Sprintf("%s: %d of %d parts completed; %s", outcome, by["completed"], total, j.Counts)
	if why != "" {
		message += ": " + why
	}
	if err := Log(ctx, tx, Entry{Job: j.id, Level: level, Message: message}); err != nil {
		return err
	}
	return j.end(ctx, tx, outcome, why)
}

// end writes that a job ended. The caller holds the lock of its row, and records it.
func (j *job) end(ctx context.Context, tx pgx.Tx, status, why string) error {
	j.Status, j.Error = status, postgres.Text(why, maxError)
	err := tx.QueryRow(ctx, `UPDATE jobs SET status = $2, error = $3, completed = clock_timestamp(), version = version + 1 WHERE id = $1 RETURNING completed, version`,
		j.id, j.Status, j.Error).Scan(&j.Completed, &j.version)
	j.Completed = utc(j.Completed)
	return err
}

// failure is what failed on one endpoint for one reason.
type failure struct {
	endpoint, text string
	types          []string
}

// told adds a part that failed, to what failed before it on the same endpoint for the same reason.
func told(all []failure, endpoint, part, text string) []failure {
	if n := len(all); n > 0 && all[n-1].endpoint == endpoint && all[n-1].text == text {
		all[n-1].types = append(all[n-1].types, part)
		return all
	}
	return append(all, failure{endpoint, text, []string{part}})
}

// outcomeOf is the status of a job with so many parts of each status, and why it is not completed. What it ends because of comes first.
func outcomeOf(by map[string]int, total int, failed []failure, because string) (status, text string) {
	bad, cancelled := by["partial"]+by["failed"]+by["errored"], by["cancelled"]
	switch {
	case total == 0:
		return "failed", "there was no enabled endpoint to synchronise"
	case bad == 0 && cancelled == 0:
		return "completed", ""
	case by["errored"] > 0 && cancelled == 0:
		status = "errored"
	default:
		status = "failed"
	}
	var all []string
	switch {
	case because != "":
		all = append(all, because)
	case cancelled > 0:
		all = append(all, fmt.Sprintf("%d of %d parts were cancelled", cancelled, total))
	}
	if bad > 0 {
		more := bad
		var list []string
		for _, f := range failed[:min(len(failed), maxTold)] {
			list = append(list, postgres.Text(fmt.Sprintf("%s, %s: %s", f.endpoint, strings.Join(f.types, ", "), f.text), maxPart))
			more -= len(f.types)
		}
		if more > 0 {
			list = append(list, fmt.Sprintf("and %d more", more))
		}
		all = append(all, fmt.Sprintf("%d of %d parts failed: %s", bad, total, strings.Join(list, "; ")))
	}
	return status, strings.Join(all, "; ")
}

func (c *counts) add(o counts) {
	c.Created += o.Created
	c.Updated += o.Updated
	c.Unchanged += o.Unchanged
	c.Stale += o.Stale
	c.Reactivated += o.Reactivated
	c.Skipped += o.Skipped
}

// String says what was changed, for people.
func (c counts) String() string {
	text := fmt.Sprintf("%d created, %d updated, %d unchanged, %d stale, %d reactivated", c.Created, c.Updated, c.Unchanged, c.Stale, c.Reactivated)
	if c.Skipped > 0 {
		text += fmt.Sprintf(", %d skipped", c.Skipped)
	}
	return text
}
