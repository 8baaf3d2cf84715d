package syncjob_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
)

func TestFenceStopsWhatReadsAnEndpointAndHasItsJobsWait(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	exec := func(sql string) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	fence := func(endpoint int32) (runs []syncjob.Run) {
		t.Helper()
		err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) (err error) {
			runs, err = syncjob.Fence(t.Context(), tx, endpoint)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return runs
	}
	state := func() (text string) {
		t.Helper()
		err := pool.QueryRow(t.Context(), `SELECT (SELECT string_agg(concat_ws(' ', endpoint_id, issued_generation, claim_pending, claim_expires_at IS NULL), '; ' ORDER BY endpoint_id) FROM endpoint_states) || ' | ' ||
			(SELECT string_agg(concat_ws(' ', job_id, endpoint_id, kind, status, generation, attempts, queued IS NULL), '; ' ORDER BY job_id, endpoint_id, kind) FROM job_parts)`).Scan(&text)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	exec(`INSERT INTO endpoints (id, name, site) VALUES (1, 'one', 'branch'), (2, 'two', 'default'), (3, 'never claimed', 'default')`)
	exec(`INSERT INTO endpoint_states (endpoint_id, issued_generation, claim_pending, claim_expires_at) VALUES (1, 7, '{replication}', now()), (2, 4, '{inventory}', now())`)
	exec(`INSERT INTO jobs (id, name, kinds, request_id, status) SELECT n, 'job', '{replication}', gen_random_uuid(), 'running' FROM generate_series(1, 2) n`)
	exec(`INSERT INTO job_parts (job_id, endpoint_id, kind, endpoint_name, status, generation, attempts, queued) VALUES
		(1, 1, 'backup_routine', 'one', 'completed', 7, 1, now()), (1, 1, 'replication', 'one', 'running', 7, 1, now()), (2, 1, 'replication', 'one', 'running', 7, 2, now()),
		(2, 2, 'inventory', 'two', 'running', 4, 1, now())`)
	if runs := fence(1); !slices.Equal(runs, []syncjob.Run{{Endpoint: 1, Site: "branch", Generation: 7}}) {
		t.Errorf("stopped %v", runs)
	}
	const want = "1 8 {} t; 2 4 {inventory} f | 1 1 backup_routine completed 7 1 f; 1 1 replication pending 0 t; 2 1 replication pending 1 t; 2 2 inventory running 4 1 f"
	if got := state(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// Where nothing runs, a late snapshot or report of the last run still counts for nothing any more.
	if runs := fence(1); runs != nil || state()[:3] != "1 9" {
		t.Errorf("stopped %v, %s", runs, state())
	}
	if runs := fence(3); len(runs) > 0 {
		t.Errorf("stopped %v of an endpoint that was never claimed", runs)
	}
}
