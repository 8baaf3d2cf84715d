package syncjob_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
)

// jobsLab is a database with the endpoints alpha, beta and gamma, 1 to 3, of which gamma is disabled, and user 7.
type jobsLab struct {
	*testing.T
	pool *pgxpool.Pool
}

func newJobsLab(t *testing.T) *jobsLab {
	t.Helper()
	l := &jobsLab{t, pgtest.New(t)}
	l.exec(`INSERT INTO users (id, username) VALUES (7, 'ada')`)
	l.exec(`INSERT INTO endpoints (id, name, domain, site, enabled) VALUES (1, 'alpha', 'a', 'default', true), (2, 'beta', 'b', 'dc-2', true), (3, 'gamma', 'c', 'default', false)`)
	l.exec(`INSERT INTO endpoint_states (endpoint_id, issued_generation) VALUES (1, 10), (2, 20), (3, 30)`)
	return l
}

func (l *jobsLab) exec(sql string, args ...any) {
	l.Helper()
	if _, err := l.pool.Exec(l.Context(), sql, args...); err != nil {
		l.Fatal(err)
	}
}

// text is what a query returns, which is one text.
func (l *jobsLab) text(sql string, args ...any) (s string) {
	l.Helper()
	if err := l.pool.QueryRow(l.Context(), sql, args...).Scan(&s); err != nil {
		l.Fatalf("%s: %v", sql, err)
	}
	return s
}

func (l *jobsLab) inTx(fn func(tx pgx.Tx) error) error {
	l.Helper()
	return postgres.InTx(l.Context(), l.pool, fn)
}

// create makes a job of Ada's for both lists of jobs.
func (l *jobsLab) create(endpoints ...int32) (id int32) {
	l.Helper()
	id, err := l.tryCreate(endpoints...)
	if err != nil {
		l.Fatal(err)
	}
	return id
}

func (l *jobsLab) tryCreate(endpoints ...int32) (id int32, err error) {
	l.Helper()
	err = l.inTx(func(tx pgx.Tx) (err error) {
		id, err = syncjob.Create(l.Context(), tx, syncjob.New{
			Name: "Nightly", Kinds: []string{"backup_routine", "replication"}, Endpoints: endpoints, UserID: new(int32(7)), UserName: "ada", RequestID: request,
		})
		return err
	})
	return id, err
}

var request = uuid.MustParse("0198c3a5-7d5e-7cc0-8f3e-0123456789ab")

// begin marks what waits for an endpoint as read by the run with its last generation, as a claim does.
func (l *jobsLab) begin(endpoint int32) {
	l.Helper()
	err := l.inTx(func(tx pgx.Tx) error {
		if _, err := tx.Exec(l.Context(), `SELECT FROM endpoints WHERE id = $1 FOR NO KEY UPDATE`, endpoint); err != nil {
			return err
		}
		rows, err := tx.Query(l.Context(), `WITH s AS (UPDATE endpoint_states SET claim_pending = '{backup_routine,replication}', claim_expires_at = now() + interval '1 minute'
				WHERE endpoint_id = $1 RETURNING issued_generation)
			UPDATE job_parts SET status = 'running', generation = s.issued_generation, attempts = attempts + 1, queued = now(), started = now() FROM s
			WHERE endpoint_id = $1 AND status = 'pending' RETURNING job_id`, endpoint)
		if err != nil {
			return err
		}
		jobs, err := pgx.CollectRows(rows, pgx.RowTo[int32])
		if err != nil {
			return err
		}
		return syncjob.Started(l.Context(), tx, jobs)
	})
	if err != nil {
		l.Fatal(err)
	}
}

// settle gives all parts of a job that are open the same outcome.
func (l *jobsLab) settle(job int32, status string) {
	l.Helper()
	l.exec(`UPDATE job_parts SET status = $2, created = 1, updated = 2, unchanged = 3, stale = 4, reactivated = 5, skipped = 6,
		error_text = CASE $2 WHEN 'completed' THEN '' ELSE 'it ' || $2 END WHERE job_id = $1 AND status IN ('pending', 'running')`, job, status)
}

func (l *jobsLab) close(jobs ...int32) (ended []syncjob.Ended) {
	l.Helper()
	err := l.inTx(func(tx pgx.Tx) (err error) {
		ended, err = syncjob.Close(l.Context(), tx, jobs)
		return err
	})
	if err != nil {
		l.Fatal(err)
	}
	return ended
}

func (l *jobsLab) cancel(job int32) syncjob.Cancelled {
	l.Helper()
	var c syncjob.Cancelled
	err := l.inTx(func(tx pgx.Tx) (err error) {
		c, err = syncjob.Cancel(l.Context(), tx, job, "bob")
		return err
	})
	if err != nil {
		l.Fatal(err)
	}
	return c
}

// status is the status of a job and why, and the number of its events: "failed 2: cancelled by bob".
func (l *jobsLab) status(job int32) string {
	l.Helper()
	return l.text(`SELECT status || ' ' || version || CASE error WHEN '' THEN '' ELSE ': ' || error END FROM jobs WHERE id = $1`, job)
}

// parts are the statuses of a job's parts, those of the first endpoint first: "alpha pending, alpha running".
func (l *jobsLab) parts(job int32) string {
	l.Helper()
	return l.text(`SELECT coalesce(string_agg(endpoint_name || ' ' || status, ', ' ORDER BY endpoint_name, kind), '') FROM job_parts WHERE job_id = $1`, job)
}

func (l *jobsLab) log(job int32) string {
	l.Helper()
	return l.text(`SELECT coalesce(string_agg(level || ' ' || message, E'\n' ORDER BY id), '') FROM job_logs WHERE job_id = $1`, job)
}

// events are those of a job: "started 1 create, completed 2 update completed,counts,status". All of them must wait in the outbox, the state before each
// must be the one after the event before, and version, status and time those that the row had.
func (l *jobsLab) events(job int32) string {
	l.Helper()
	rows, err := l.pool.Query(l.Context(), `SELECT c.event, c.version, c.action, c.changed, c.status, coalesce(c.prechange::text, ''), c.postchange::text, c.time = coalesce(
			nullif(c.postchange ->> 'completed', ''), c.postchange ->> 'started')::timestamptz, o.change_id IS NOT NULL, c.key = j.job_id::text AND c.object_repr = j.name
			AND c.cause = 'system' AND c.user_id = j.user_id AND c.user_name = j.user_name AND c.request_id = j.request_id
		FROM changes c JOIN jobs j ON j.id = c.object_id LEFT JOIN outbox o ON o.change_id = c.id WHERE c.object_type_id = $1 AND c.object_id = $2 ORDER BY c.id`, int32(change.Job), job)
	if err != nil {
		l.Fatal(err)
	}
	var event, action, status, pre, post, last string
	var version int32
	var changed, all []string
	var timely, waits, told bool
	_, err = pgx.ForEachRow(rows, []any{&event, &version, &action, &changed, &status, &pre, &post, &timely, &waits, &told}, func() error {
		var state struct{ Status string }
		if err := json.Unmarshal([]byte(post), &state); err != nil {
			return err
		}
		if pre != last || state.Status != status || !timely || !waits || !told {
			l.Errorf("event %d of job %d: waits in the outbox %t, tells its time %t, and whose it is %t, status %q, from\n%s to\n%s, after\n%s", version, job, waits, timely, told, status, pre, post, last)
		}
		last = post
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %d %s %s", event, version, action, strings.Join(changed, ","))))
		return nil
	})
	if err != nil {
		l.Fatal(err)
	}
	return strings.Join(all, ", ")
}

// awaitLock returns when a transaction waits for a lock in this database.
func (l *jobsLab) awaitLock() {
	l.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		if l.text(`SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) != "0" {
			return
		}
		if time.Now().After(deadline) {
			l.Fatal("nobody waits for a lock")
		}
		<-time.After(time.Millisecond)
	}
}
