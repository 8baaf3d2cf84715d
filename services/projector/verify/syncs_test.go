package verify_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/projector/verify"
)

func (l *lab) inTx(steps ...func(tx pgx.Tx) error) {
	l.t.Helper()
	for _, step := range steps {
		if err := postgres.InTx(l.t.Context(), l.pool, step); err != nil {
			l.t.Fatal(err)
		}
	}
}

// sync makes a job, has it begin if it is to be running, and then ends it if its parts are to have another status.
func (l *lab) sync(status string) (id int32) {
	l.t.Helper()
	ctx := l.t.Context()
	l.inTx(func(tx pgx.Tx) (err error) {
		id, err = syncjob.Create(ctx, tx, syncjob.New{Name: "Nightly", Kinds: []string{"backup_routine", "replication"}, Endpoints: []int32{2}, UserID: new(int32(7)), UserName: "ada", RequestID: uuid.New()})
		return err
	})
	if status == "pending" {
		return id
	}
	l.inTx(func(tx pgx.Tx) error { return syncjob.Started(ctx, tx, []int32{id}) })
	if status == "running" {
		l.exec(`UPDATE job_parts SET status = 'running' WHERE job_id = $1`, id)
		l.exec(`UPDATE job_parts SET status = 'completed', created = 5 WHERE job_id = $1 AND kind = 'replication'`, id)
		return id
	}
	l.exec(`UPDATE job_parts SET status = $2, created = 1, skipped = 2, error_text = 'x' WHERE job_id = $1`, id, status)
	l.inTx(func(tx pgx.Tx) error {
		_, err := syncjob.Close(ctx, tx, []int32{id})
		return err
	})
	return id
}

func (l *lab) cancel(id int32) {
	l.t.Helper()
	l.inTx(func(tx pgx.Tx) error {
		_, err := syncjob.Cancel(l.t.Context(), tx, id, "bob")
		return err
	})
}

// syncs gives the lab jobs 1 to 7: completed, errored, running, waiting, cancelled before and after they began, and planned.
func (l *lab) syncs() {
	l.t.Helper()
	l.exec(`INSERT INTO users (id, username) VALUES (7, 'ada')`)
	l.exec(`INSERT INTO endpoints (id, name, domain) VALUES (2, 'lab', 'lab.example.com')`)
	for _, status := range []string{"completed", "errored", "running", "pending"} {
		l.sync(status)
	}
	l.apply(routines(routine("a", "1")))
	l.cancel(l.sync("pending"))
	l.cancel(l.sync("running"))
	l.exec(`INSERT INTO jobs (name, kinds, status, request_id) VALUES ('Planned', '{inventory}', 'scheduled', gen_random_uuid())`)
}

func TestSyncsHoldAmongJobs(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.syncs()
	r := l.verify(verify.Options{})
	// 2 + 2 of those that ended, 1 of the one that runs, 1 + 2 of those that were cancelled, and 1 of a routine.
	if !r.OK() || r.Events != 9 || r.Objects != 6 {
		t.Errorf("checked %d events and %d jobs, want 9 and 6:\n%s", r.Events, r.Objects, r)
	}
}

// Old jobs are deleted without a change, and users as well.
func TestWhatSyncsForgetIsNoCounterExample(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.syncs()
	l.exec(`DELETE FROM jobs WHERE completed IS NOT NULL AND id IN (1, 5, 6)`)
	l.exec(`UPDATE jobs SET user_id = NULL`)
	if r := l.verify(verify.Options{}); !r.OK() || r.Events != 9 || r.Objects != 3 {
		t.Errorf("checked %d events and %d jobs, want 9 and 3:\n%s", r.Events, r.Objects, r)
	}
}

func TestEveryDamageOfSyncsIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage    string
		invariant int
		says      string
	}{
		"status changed":       {`UPDATE jobs SET status = 'completed' WHERE id = 2`, 8, `sync job 2, version 2: status is "errored", want "completed"`},
		"error changed":        {`UPDATE jobs SET error = 'y' WHERE id = 5`, 8, `sync job 5, version 1: error is "cancelled by bob", want "y"`},
		"counts changed":       {`UPDATE job_parts SET created = 9 WHERE job_id = 1`, 8, `sync job 1, version 2: counts is`},
		"ended silently":       {`UPDATE jobs SET status = 'failed', completed = now() WHERE id = 3`, 8, `sync job 3, version 1: `},
		"began silently":       {`UPDATE jobs SET status = 'running' WHERE id = 4`, 6, "sync job 4 has no change at all"},
		"version counted up":   {`UPDATE jobs SET version = 3 WHERE id = 1`, 6, `sync job 1 is version 3, but its last change is version 2, "completed"`},
		"removed while it ran": {`DELETE FROM jobs WHERE id = 3`, 6, `sync job 3 is gone, but its last change, version 1, is "started"`},
		"change removed":       {`DELETE FROM changes WHERE object_type_id = 19 AND object_id = 1 AND version = 1`, 6, "sync job 1 has 1 changes numbered from 2 to 2"},
		"change altered":       {`UPDATE changes SET postchange = jsonb_set(postchange::jsonb, '{counts,stale}', '1')::json WHERE object_type_id = 19 AND object_id = 1 AND version = 2`, 7, "object: counts is"},
		"old value altered":    {`UPDATE changes SET prechange = jsonb_set(prechange::jsonb, '{status}', '"pending"')::json WHERE object_type_id = 19 AND object_id = 1 AND version = 2`, 7, `before: status is "running", want "pending"`},
		"another type":         {`UPDATE changes SET object_type_id = 2 WHERE object_type_id = 19 AND object_id = 3`, 7, "kind is sync, want replication"},
		"position removed":     {`DELETE FROM event_positions WHERE position = 2`, 7, "there is no position 2 before 3"},
		"positions swapped":    {`UPDATE event_positions SET position = -position WHERE position IN (1, 2); UPDATE event_positions SET position = 3 + position WHERE position < 0`, 7, "version 2 of sync job 1 has position 1, before its version 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.syncs()
			if r := l.verify(verify.Options{}); !r.OK() {
				t.Fatal(r)
			}
			l.stop()
			l.exec(c.damage)
			r := l.verify(verify.Options{Examples: 20})
			if found := failures(r)[c.invariant]; r.OK() || !strings.Contains(found, c.says) {
				t.Errorf("invariant %d says %q, want %q:\n%s", c.invariant, found, c.says, r)
			}
		})
	}
}
