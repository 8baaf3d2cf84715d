package syncs_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

func TestJobsAskedForBeforeARunShareIt(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint("prod")
	o.ask([]proxopsv1.Kind{backups}, e)
	o.ask([]proxopsv1.Kind{backups, replications}, e)
	g := o.run(e, backups, replications)
	o.jobs("1 running", "2 running")
	o.apply(e, g, backups, "a", "b")
	o.jobs("1 completed", "2 running")
	o.apply(e, g, replications)
	o.jobs("1 completed", "2 completed")
	o.equal("results", o.all(`SELECT concat_ws(' ', job_id, kind, created, updated, unchanged, stale, reactivated, skipped, requests, extract(milliseconds FROM duration)::int, generation, attempts) FROM job_parts ORDER BY 1`),
		"1 backup_routine 2 0 0 0 0 1 3 250 1 1", "2 backup_routine 2 0 0 0 0 1 3 250 1 1", "2 replication 0 0 0 0 0 1 3 250 1 1")
	if got := o.take(e).GetRefusal().GetReason(); got != proxopsv1.RefusalReason_REFUSAL_REASON_NOT_DUE {
		t.Errorf("the task of the second job is answered with %s, although all is read", got)
	}
	o.equal("log", o.all(`SELECT level || ' ' || message FROM job_logs WHERE job_id = 1 ORDER BY id`),
		"info asked for by anna: backup-routines of one endpoint",
		"info prod: poller p1 reads backup-routines in run 1",
		"info prod: backup-routines read with 3 requests in 250ms: 2 created, 0 updated, 0 unchanged, 0 stale, 0 reactivated, 1 skipped",
		"info completed: 1 of 1 parts completed; 2 created, 0 updated, 0 unchanged, 0 stale, 0 reactivated, 1 skipped")
}

func TestAJobAskedForDuringARunGetsTheNextOne(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint("prod")
	o.ask([]proxopsv1.Kind{backups, replications}, e)
	g := o.run(e, backups, replications)
	o.ask([]proxopsv1.Kind{backups}, e)
	if got := o.take(e).GetRefusal().GetReason(); got != proxopsv1.RefusalReason_REFUSAL_REASON_BUSY {
		t.Errorf("a second run beside the first is answered with %s", got)
	}
	o.mend()
	o.tasks() // it would be refused
	o.apply(e, g, backups, "a")
	o.tasks()
	o.apply(e, g, replications)
	o.tasks("proxops.v1.task.manual.default.1")
	o.parts("1 prod backup_routine completed", "1 prod replication completed", "2 prod backup_routine pending")
	o.apply(e, o.run(e, backups), backups, "a")
	o.jobs("1 completed", "2 completed")
}

// A tick that comes first reads what jobs wait for as well, even if it comes too early itself.
func TestATickTakesAlongWhatJobsWaitFor(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint("prod")
	o.ask([]proxopsv1.Kind{inventory}, e)
	reply, err := o.desk.Claim(t.Context(), "default", &proxopsv1.ClaimRequest{EndpointId: int64(e), Poller: "p1", Trigger: proxopsv1.Trigger_TRIGGER_SCHEDULED})
	if err != nil {
		t.Fatal(err)
	}
	if kinds := reply.GetClaim().GetKinds(); len(kinds) != 1 || kinds[0] != inventory {
		t.Errorf("a tick of an endpoint that is read only when asked reads %v", kinds)
	}
	o.parts("1 prod inventory running")
}

func TestEachFailureEndsItsPartAlone(t *testing.T) {
	o := newOffice(t)
	a, b := o.endpoint("a"), o.endpoint("b")
	o.ask([]proxopsv1.Kind{backups, replications, inventory}, a, b)
	ga, gb := o.run(a, backups, replications, inventory), o.run(b, backups, replications, inventory)
	for _, kind := range []proxopsv1.Kind{backups, replications, inventory} {
		o.apply(a, ga, kind)
	}
	o.report(b, gb, failed(backups, proxopsv1.Outcome_OUTCOME_FAILED, proxopsv1.ErrorKind_ERROR_KIND_CONNECT),
		failed(replications, proxopsv1.Outcome_OUTCOME_PARTIAL, proxopsv1.ErrorKind_ERROR_KIND_PERMISSION),
		failed(inventory, proxopsv1.Outcome_OUTCOME_FAILED, proxopsv1.ErrorKind_ERROR_KIND_INTERNAL))
	o.parts("1 a backup_routine completed", "1 a inventory completed", "1 a replication completed",
		"1 b backup_routine failed connect", "1 b inventory errored internal", "1 b replication partial permission")
	o.jobs("1 errored (3 of 6 parts failed: b, backup-routines, inventory, replications: it went wrong)")
}

func TestWhatCannotBeReadIsSaidAtOnce(t *testing.T) {
	o := newOffice(t)
	disabled, bare, gone := o.endpoint("disabled"), o.endpoint("bare"), o.endpoint("gone")
	o.exec(`UPDATE endpoints SET sealed_credentials = NULL WHERE id = $1`, bare)
	o.ask([]proxopsv1.Kind{backups}, disabled)
	o.ask([]proxopsv1.Kind{backups}, bare)
	o.ask([]proxopsv1.Kind{backups}, gone)
	o.exec(`UPDATE endpoints SET enabled = false WHERE id = $1`, disabled)
	o.exec(`DELETE FROM endpoints WHERE id = $1`, gone)
	for _, e := range []int32{disabled, bare, gone} {
		o.take(e)
	}
	o.mend()
	o.jobs(
		"1 failed (1 of 1 parts failed: disabled, backup-routines: endpoint disabled is disabled)",
		"2 failed (1 of 1 parts failed: bare, backup-routines: endpoint bare has no credentials, so it cannot be read)",
		"3 errored (1 of 1 parts failed: gone, backup-routines: the endpoint was deleted)")
}

func TestASilentPollerIsFollowedByOthersButNotForEver(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint("prod")
	o.ask([]proxopsv1.Kind{backups}, e)
	for range 3 {
		o.run(e, backups)
		o.exec(`UPDATE endpoint_states SET claim_expires_at = now() - interval '1 second'`)
	}
	o.parts("1 prod backup_routine running")
	_, err := o.desk.Claim(t.Context(), "default", &proxopsv1.ClaimRequest{EndpointId: int64(e), Poller: "p2", Trigger: proxopsv1.Trigger_TRIGGER_MANUAL})
	if err != nil {
		t.Fatal(err)
	}
	o.parts("1 prod backup_routine errored internal")
	o.jobs("1 errored (1 of 1 parts failed: prod, backup-routines: 3 pollers in a row took the run and went silent)")
}

// Who takes the credentials away from an endpoint that is being read must not leave a job behind that waits for ever.
func TestASilentRunEndsWithWhatItsEndpointCannotBeReadFor(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint("prod")
	o.ask([]proxopsv1.Kind{backups}, e)
	o.run(e, backups)
	o.ask([]proxopsv1.Kind{backups}, e)
	o.exec(`UPDATE endpoint_states SET claim_expires_at = now() - interval '1 second'`)
	o.exec(`UPDATE endpoints SET sealed_credentials = NULL`)
	if got := o.take(e).GetRefusal().GetReason(); got != proxopsv1.RefusalReason_REFUSAL_REASON_NO_CREDENTIALS {
		t.Errorf("the task is answered with %s", got)
	}
	o.jobs("1 failed (1 of 1 parts failed: prod, backup-routines: endpoint prod has no credentials, so it cannot be read)",
		"2 failed (1 of 1 parts failed: prod, backup-routines: endpoint prod has no credentials, so it cannot be read)")
}

func TestAnAbandonedRunIsTakenUpAtOnce(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint("prod")
	o.ask([]proxopsv1.Kind{backups, replications}, e)
	for range 5 { // as often as pollers are restarted
		g := o.run(e, backups, replications)
		o.clearTasks()
		o.report(e, g, &proxopsv1.KindReport{Kind: backups, Outcome: proxopsv1.Outcome_OUTCOME_ABANDONED}, &proxopsv1.KindReport{Kind: replications, Outcome: proxopsv1.Outcome_OUTCOME_ABANDONED})
		o.tasks("proxops.v1.task.manual.default.1")
	}
	o.parts("1 prod backup_routine pending", "1 prod replication pending")
	o.equal("sync states", o.all(`SELECT DISTINCT status FROM sync_states`), "never")
	for range 2 { // and none of these is held against it when pollers fall silent
		o.run(e, backups, replications)
		o.exec(`UPDATE endpoint_states SET claim_expires_at = now() - interval '1 second'`)
	}
	o.apply(e, o.run(e, backups, replications), backups)
	o.parts("1 prod backup_routine completed", "1 prod replication running")
}

// The poller reads on, and its snapshot arrives after the answer to the cancel request.
func TestACancelledJobChangesNothingMore(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint("prod")
	job, other := o.ask([]proxopsv1.Kind{backups, replications}, e), o.ask([]proxopsv1.Kind{backups}, e)
	g := o.run(e, backups, replications)
	o.apply(e, g, replications)
	c := o.cancel(job)
	if len(c.Stopped) != 1 || c.Stopped[0].Endpoint != e || c.Stopped[0].Generation != g || c.Stopped[0].Site != "default" {
		t.Errorf("it stops %v, want generation %d of endpoint %d", c.Stopped, g, e)
	}
	o.apply(e, g, backups, "a")
	o.report(e, g, failed(backups, proxopsv1.Outcome_OUTCOME_FAILED, proxopsv1.ErrorKind_ERROR_KIND_CONNECT))
	o.equal("routines", o.all(`SELECT job_id FROM backup_routines`))
	o.jobs("1 failed (cancelled by anna)", "2 running")
	o.parts("1 prod backup_routine cancelled", "1 prod replication completed", "2 prod backup_routine pending")
	o.apply(e, o.run(e, backups), backups, "a")
	o.jobs("1 failed (cancelled by anna)", "2 completed")
	if c := o.cancel(other); !c.Done {
		t.Error("a job that has ended can be cancelled")
	}
}

func TestTasksArePutOnTheQueueOnceAndAgainWhenTheyAreLost(t *testing.T) {
	o := newOffice(t)
	o.endpoint("a")
	o.endpoint("b")
	o.ask([]proxopsv1.Kind{backups})
	o.ask([]proxopsv1.Kind{replications})
	o.mend()
	o.mend()
	o.tasks("proxops.v1.task.manual.default.1", "proxops.v1.task.manual.default.2")
	o.exec(`UPDATE job_parts SET queued = queued - interval '1 minute'`) // the pollers are late
	o.mend()
	o.tasks("proxops.v1.task.manual.default.1", "proxops.v1.task.manual.default.2")
	o.clearTasks()
	o.exec(`UPDATE job_parts SET queued = queued - interval '1 minute' WHERE endpoint_id = 2`)
	o.mend()
	o.tasks("proxops.v1.task.manual.default.2")
}

func TestRunPutsTasksOnTheQueueWhenItIsTold(t *testing.T) {
	o := newOffice(t)
	o.keeper.Every = time.Hour
	o.endpoint("a")
	tasks, err := o.bus.Conn().SubscribeSync(subjects.AllTasks)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := o.keeper.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer cancel()
	o.ask([]proxopsv1.Kind{backups})
	for deadline := time.Now().Add(time.Minute); ; { // until its subscription is there
		if err := o.bus.Conn().Publish(subjects.ControlJobs, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := tasks.NextMsg(50 * time.Millisecond); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no task is put on the queue")
		}
	}
}

func TestNobodyWaitsForASiteWithoutPollers(t *testing.T) {
	o := newOffice(t)
	a, b := o.endpoint("a"), o.endpoint("b")
	o.exec(`UPDATE endpoints SET site = 'berlin' WHERE id = $1`, b)
	o.ask([]proxopsv1.Kind{backups}, a, b)
	o.exec(`INSERT INTO sync_states (endpoint_id, kind, last_attempt) VALUES ($1, 'inventory', now())`, a) // somebody reads there
	o.mend()
	o.parts("1 a backup_routine pending", "1 b backup_routine pending")
	o.exec(`UPDATE jobs SET created = now() - interval '11 minutes'`)
	o.mend()
	o.parts("1 a backup_routine pending", "1 b backup_routine errored internal")
	text := strings.Join(o.all(`SELECT error_text || ' | ' || remedy FROM job_parts WHERE endpoint_id = $1`, b), "")
	if text != "no poller of site berlin began any run for 10m0s | look whether the pollers of site berlin run and reach NATS, and at their logs" {
		t.Error(text)
	}
}

func TestMendEndsWhatNobodyGotToEndAndForgetsWhatIsOld(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint("a")
	old, lost := o.ask([]proxopsv1.Kind{backups}, e), o.ask([]proxopsv1.Kind{backups}, e)
	o.exec(`UPDATE job_parts SET status = 'completed'`)
	o.exec(`UPDATE jobs SET status = 'completed', completed = now() - interval '3 days' WHERE id = $1`, old)
	o.exec(`UPDATE jobs SET status = 'running', started = now() WHERE id = $1`, lost)
	o.mend()
	o.jobs("1 completed", "2 completed")
	o.keeper.Retention = 48 * time.Hour
	o.mend()
	o.jobs("2 completed")
	o.equal("parts", o.all(`SELECT job_id::text FROM job_parts`), "2")
}
