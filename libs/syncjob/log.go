package syncjob

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/postgres"
)

// Entry is one line of a job's log.
type Entry struct {
	Job     int32
	Level   string // debug, info (the default), warning or error
	Message string
}

// maxMessage bounds a line, in bytes.
const maxMessage = 2000

// Log writes lines into the logs of jobs, in their order.
func Log(ctx context.Context, tx pgx.Tx, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	jobs, levels, messages := make([]int32, len(entries)), make([]string, len(entries)), make([]string, len(entries))
	for i, e := range entries {
		jobs[i], levels[i], messages[i] = e.Job, e.Level, postgres.Text(e.Message, maxMessage)
		if e.Level == "" {
			levels[i] = "info"
		}
	}
	_, err := tx.Exec(ctx, `INSERT INTO job_logs (job_id, level, message)
		SELECT e.job, e.level, e.message FROM unnest($1::integer[], $2::text[], $3::text[]) WITH ORDINALITY AS e (job, level, message, n) ORDER BY e.n`,
		jobs, levels, messages)
	if err != nil {
		return fmt.Errorf("write %d lines of job logs: %w", len(entries), err)
	}
	return nil
}
