package syncjob_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/syncjob"
)

// outcome gives the parts of a job these statuses, those of the first endpoint first.
func (l *jobsLab) outcome(job int32, statuses ...string) {
	l.Helper()
	l.exec(`UPDATE job_parts p SET status = n.status, created = 1, error_text = CASE WHEN n.status IN ('completed', 'cancelled') THEN '' ELSE 'it ' || n.status END
		FROM (SELECT endpoint_id, kind, ($2::text[])[row_number() OVER (ORDER BY endpoint_id, kind)] AS status FROM job_parts WHERE job_id = $1) n
		WHERE p.job_id = $1 AND p.endpoint_id = n.endpoint_id AND p.kind = n.kind`, job, statuses)
}

func TestAJobEndsAsItsPartsDid(t *testing.T) {
	t.Parallel()
	const completed, failed = "completed", "failed"
	for name, c := range map[string]struct {
		parts        []string
		status, text string
	}{
		"all completed":         {[]string{completed, completed, completed, completed}, completed, ""},
		"one failed":            {[]string{completed, failed, completed, completed}, failed, "1 of 4 parts failed: alpha, replications: it failed"},
		"one partial":           {[]string{completed, completed, "partial", completed}, failed, "1 of 4 parts failed: beta, backup-routines: it partial"},
		"one errored":           {[]string{completed, completed, completed, "errored"}, "errored", "1 of 4 parts failed: beta, replications: it errored"},
		"errored before failed": {[]string{failed, completed, completed, "errored"}, "errored", "2 of 4 parts failed: alpha, backup-routines: it failed; beta, replications: it errored"},
		"all kinds of trouble": {
			[]string{"partial", failed, "errored", "cancelled"},
			failed,
			"1 of 4 parts were cancelled; 3 of 4 parts failed: alpha, backup-routines: it partial; alpha, replications: it failed; beta, backup-routines: it errored",
		},
		"some cancelled": {[]string{completed, completed, "cancelled", "cancelled"}, failed, "2 of 4 parts were cancelled"},
		"no parts":       {nil, failed, "there was no enabled endpoint to synchronise"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newJobsLab(t)
			id := l.create()
			l.begin(1)
			if c.parts == nil {
				l.exec(`DELETE FROM job_parts`)
			}
			l.outcome(id, c.parts...)
			ended := l.close(id)
			if diff := cmp.Diff([]syncjob.Ended{{ID: id, Status: c.status, Error: c.text}}, ended); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got, want := l.status(id), strings.TrimSuffix(fmt.Sprintf("%s 2: %s", c.status, c.text), ": "); got != want {
				t.Errorf("the job is %s, want %s", got, want)
			}
			event := map[bool]string{true: "completed", false: "failed"}[c.status == completed]
			changed := []string{"completed", "counts", "error", "status"}
			if c.parts == nil {
				changed = slices.DeleteFunc(changed, func(s string) bool { return s == "counts" })
			}
			if c.text == "" {
				changed = slices.DeleteFunc(changed, func(s string) bool { return s == "error" })
			}
			if got, want := l.events(id), fmt.Sprintf("started 1 create, %s 2 update %s", event, strings.Join(changed, ",")); got != want {
				t.Errorf("events %s, want %s", got, want)
			}
			if again := l.close(id); again != nil {
				t.Errorf("it ended again: %v", again)
			}
		})
	}
}

func TestAJobWithAnOpenPartGoesOn(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	id, done, planned := l.create(1, 2), l.create(1), l.create(2)
	l.exec(`UPDATE jobs SET status = 'scheduled' WHERE id = $1`, planned)
	l.exec(`DELETE FROM job_parts WHERE job_id = $1`, planned)
	l.settle(done, "completed")
	for _, open := range []string{"pending", "running"} {
		l.outcome(id, "completed", "failed", "completed", open)
		if ended := l.close(id, planned, 99); ended != nil {
			t.Errorf("with a part that is %s: %v", open, ended)
		}
	}
	if ended := l.close(planned, id, done, done); len(ended) != 1 || ended[0].ID != done {
		t.Errorf("ended: %v, want %d alone", ended, done)
	}
	// It never started, but it has ended.
	if got := l.status(done) + ", " + l.events(done); got != "completed 1, completed 1 create" {
		t.Error(got)
	}
	if got := l.status(planned) + l.events(planned); got != "scheduled 0" {
		t.Error(got)
	}
}

// Those that settle the last parts at once both look afterwards; the job ends once.
func TestOfTwoSettlementsAtOnceOneEndsTheJob(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	for range 10 {
		id := l.create(1, 2)
		l.begin(1)
		var all sync.WaitGroup
		ended := make([]int, 2)
		for i := range ended {
			all.Go(func() {
				l.exec(`UPDATE job_parts SET status = 'completed' WHERE job_id = $1 AND endpoint_id = $2`, id, i+1)
				ended[i] = len(l.close(id))
			})
		}
		all.Wait()
		if ended[0]+ended[1] != 1 {
			t.Errorf("job %d was ended by %v", id, ended)
		}
		if got := l.status(id) + ", " + l.events(id); got != "completed 2, started 1 create, completed 2 update completed,status" {
			t.Error(got)
		}
	}
}

func TestWhoWaitsForAnotherToEndAJobDoesNotEndItAgain(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	id := l.create(1)
	l.settle(id, "completed")
	first, err := l.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ended, err := syncjob.Close(t.Context(), first, []int32{id}); err != nil || len(ended) != 1 {
		t.Fatal(ended, err)
	}
	var second sync.WaitGroup
	second.Go(func() {
		if ended := l.close(id); ended != nil {
			t.Errorf("it ended again: %v", ended)
		}
	})
	l.awaitLock()
	if err := first.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	second.Wait()
	if got := l.events(id); got != "completed 1 create" {
		t.Error(got)
	}
}

func TestTheLogTellsHowAJobEnded(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	good, bad := l.create(1), l.create(2)
	l.settle(good, "completed")
	l.settle(bad, "failed")
	l.exec(`UPDATE job_parts SET skipped = 0 WHERE job_id = $1`, bad)
	l.close(good, bad)
	for id, want := range map[int32]string{
		good: "info completed: 2 of 2 parts completed; 2 created, 4 updated, 6 unchanged, 8 stale, 10 reactivated, 12 skipped",
		bad:  "error failed: 0 of 2 parts completed; 2 created, 4 updated, 6 unchanged, 8 stale, 10 reactivated: 2 of 2 parts failed: beta, backup-routines, replications: it failed",
	} {
		if got := l.log(id); !strings.HasSuffix(got, "\n"+want) {
			t.Errorf("the log ends\n%s\nwant\n%s", got, want)
		}
	}
}

// However much there is to tell, the error of a job stays short, tells of each part that it tells of, and says how many others there are.
func TestTheErrorOfAJobIsBounded(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	l.exec(`INSERT INTO endpoints (id, name, domain) SELECT n, 'many ' || n, 'x' FROM generate_series(100, 199) n`)
	id := l.create()
	l.settle(id, "failed")
	l.exec(`UPDATE job_parts SET error_text = repeat('日本', 5000) WHERE job_id = $1`, id)
	ended := l.close(id)[0].Error
	if len(ended) > 2000 || !utf8.ValidString(ended) || ended != l.text(`SELECT error FROM jobs WHERE id = $1`, id) {
		t.Errorf("%d bytes: %s", len(ended), ended)
	}
	for _, want := range []string{"204 of 204 parts failed: alpha, backup-routines, replications: 日", "; many 100, backup-routines, replications: 日", "; and 194 more"} {
		if !strings.Contains(ended, want) {
			t.Errorf("%q is not in %s", want, ended)
		}
	}
}

func TestLinesOfALogKeepTheirOrderAndAreBounded(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	id, other := l.create(1), l.create(2)
	l.exec(`DELETE FROM job_logs`)
	var entries []syncjob.Entry
	for n := range 50 {
		entries = append(entries, syncjob.Entry{Job: id, Message: fmt.Sprint("n", n, "\x00")}, syncjob.Entry{Job: other, Level: "debug", Message: strings.Repeat("ü", 2000)})
	}
	if err := l.inTx(func(tx pgx.Tx) error { return syncjob.Log(t.Context(), tx, entries...) }); err != nil {
		t.Fatal(err)
	}
	if err := l.inTx(func(tx pgx.Tx) error { return syncjob.Log(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
	var want []string
	for n := range 50 {
		want = append(want, fmt.Sprint("info n", n))
	}
	if diff := cmp.Diff(want, strings.Split(l.log(id), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := l.text(`SELECT level || ' ' || count(*) || ' ' || max(octet_length(message)) FROM job_logs WHERE job_id = $1 GROUP BY level`, other); got != "debug 50 2000" {
		t.Error(got)
	}
}
