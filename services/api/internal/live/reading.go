package live

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
)

// reading is what one look at a job finds.
type reading struct {
	job   store.LiveJobRow
	parts []store.LivePartsRow
	lines []store.LiveLogRow
	log   tail
}

// readJob reads a job, and the lines of its log that are new. The job comes first: if it has ended, the last line is there as well.
func (h *Hub) readJob(ctx context.Context, job int32, log tail) (r reading, err error) {
	if r.job, err = h.queries.LiveJob(ctx, job); errors.Is(err, pgx.ErrNoRows) {
		return r, fault.Wrap(fault.NotFound, resource.Detail("The job was deleted."), "read sync job %d", job)
	}
	if err == nil {
		r.parts, err = h.queries.LiveParts(ctx, job)
	}
	var last int64
	var writers []string
	if err == nil {
		err = h.Pool.QueryRow(ctx, logEnd, job).Scan(&last, &writers)
	}
	if r.log = log.next(last, writers); err == nil && r.log.upto > log.upto {
		r.lines, err = h.queries.LiveLog(ctx, job, log.upto, r.log.upto)
	}
	if err != nil {
		return r, fmt.Errorf("read sync job %d: %w", job, err)
	}
	return r, nil
}

// logEnd reads the last line of a job's log, and which transactions may still bring earlier ones: ids are given when a line is written, not when it
// can be seen. A statement sees lines as they were when it began, and locks as they are after that: so an earlier line that comes later is of one of
// these transactions, or the next statement sees it. (It is not one of sqlc's, which does not know of pg_locks.)
const logEnd = `SELECT coalesce((SELECT max(l.id) FROM job_logs l WHERE l.job_id = $1), 0),
	ARRAY(SELECT k.virtualtransaction FROM pg_locks k WHERE k.locktype = 'relation' AND k.relation = 'job_logs'::regclass AND k.mode = 'RowExclusiveLock'
		AND k.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))`

// tail is how far a log can be told without a line that comes in between later.
type tail struct {
	upto int64
	held *held
}

// held are lines that wait for transactions to end.
type held struct {
	last    int64
	writers []string
}

// next is the tail when the log ends with a line and these transactions write.
func (t tail) next(last int64, writers []string) tail {
	if t.held != nil && !slices.ContainsFunc(t.held.writers, func(w string) bool { return slices.Contains(writers, w) }) {
		t = tail{upto: t.held.last}
	}
	switch {
	case len(writers) == 0:
		return tail{upto: last}
	case t.held == nil && last > t.upto:
		t.held = &held{last, writers}
	}
	return t
}
