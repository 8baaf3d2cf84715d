package syncjob_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/syncjob"
)

func TestAJobStartsOnceHoweverOftenItIsToldSo(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	one, two, other := l.create(1, 2), l.create(1), l.create(2)
	start := func(ids ...int32) {
		if err := l.inTx(func(tx pgx.Tx) error { return syncjob.Started(t.Context(), tx, ids) }); err != nil {
			t.Error(err)
		}
	}
	start()
	start(99)
	start(two, one, two)
	start(one)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() { start(other, one, two) })
	}
	all.Wait()
	for _, id := range []int32{one, two, other} {
		if got := l.status(id) + ", " + l.events(id); got != "running 1, started 1 create" {
			t.Errorf("job %d: %s", id, got)
		}
	}
}

func TestAJobThatEndedDoesNotStartAgain(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	id := l.create(1)
	l.cancel(id)
	if err := l.inTx(func(tx pgx.Tx) error { return syncjob.Started(t.Context(), tx, []int32{id}) }); err != nil {
		t.Fatal(err)
	}
	if got := l.status(id) + ", " + l.events(id); got != "failed 1: cancelled by bob, failed 1 create" {
		t.Error(got)
	}
}

// Not parallel: it moves this process to another time zone.
func TestStatesAreFlatAndInUTC(t *testing.T) {
	defer func(zone *time.Location) { time.Local = zone }(time.Local)
	time.Local = time.FixedZone("elsewhere", 3*60*60)
	t.Run("", func(t *testing.T) { // whose database is closed before the zone is set back
		l := newJobsLab(t)
		id := l.create(2)
		l.exec(`UPDATE jobs SET job_id = '0198c3a5-0000-7000-8000-000000000001', created = '2026-04-01 10:00:00.25+02', scheduled = '2026-04-01 09:59+02', interval_minutes = 60, schedule_id = 4`)
		l.begin(2)
		l.settle(id, "failed")
		l.close(id)
		l.exec(`UPDATE changes SET postchange = jsonb_set(postchange::jsonb, '{completed}', '"then"')::json WHERE postchange ->> 'completed' LIKE '%Z'`)
		l.exec(`UPDATE changes SET postchange = jsonb_set(postchange::jsonb, '{started}', '"first"')::json WHERE postchange ->> 'started' LIKE '%Z'`)
		got := l.text(`SELECT postchange::jsonb::text FROM changes WHERE object_type_id = $1 AND object_id = $2 AND version = 2`, int32(change.Job), id)
		want := l.text(`SELECT ('{"job_id": "0198c3a5-0000-7000-8000-000000000001", "name": "Nightly", "status": "failed", "created": "2026-04-01T08:00:00.25Z",
			"scheduled": "2026-04-01T07:59:00Z", "started": "first", "completed": "then", "interval": 60, "schedule": 4, "user": 7, "types": ["backup-routines", "replications"],
			"endpoints": [2], "error": "2 of 2 parts failed: beta, backup-routines, replications: it failed",
			"counts": {"created": 2, "updated": 4, "unchanged": 6, "stale": 8, "reactivated": 10, "skipped": 12}}'::jsonb)::text`)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := l.text(`SELECT string_agg(DISTINCT endpoint_id::text, ' ') FROM changes WHERE object_type_id = $1`, int32(change.Job)); got != "2" {
			t.Errorf("the rows belong to endpoints %s", got)
		}
	})
}

func TestEventsOfAJobOfSeveralEndpointsBelongToNone(t *testing.T) {
	t.Parallel()
	l := newJobsLab(t)
	for _, endpoints := range [][]int32{nil, {1, 2}} {
		l.create(endpoints...)
	}
	l.begin(1)
	if got := l.text(`SELECT count(*) || ' ' || count(endpoint_id) || ' ' || string_agg((postchange -> 'endpoints')::text, ' ' ORDER BY id) FROM changes`); got != "2 0 [] [1,2]" {
		t.Error(got)
	}
}
