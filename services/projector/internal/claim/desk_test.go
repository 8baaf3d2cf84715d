package claim_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/pgtest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/projector/internal/claim"
)

const (
	backups      = proxopsv1.Kind_KIND_BACKUP_ROUTINE
	replications = proxopsv1.Kind_KIND_REPLICATION
	inventory    = proxopsv1.Kind_KIND_INVENTORY

	scheduled = proxopsv1.Trigger_TRIGGER_SCHEDULED
	manual    = proxopsv1.Trigger_TRIGGER_MANUAL
)

// office is a desk with a database.
type office struct {
	*testing.T
	desk *claim.Desk
}

func newOffice(t *testing.T) *office {
	t.Helper()
	t.Parallel()
	return &office{t, &claim.Desk{
		Pool: pgtest.New(t), Log: slog.New(slog.DiscardHandler), ClaimTimeout: 2 * time.Minute, InventoryInterval: 5 * time.Minute,
	}}
}

func (o *office) exec(sql string, args ...any) {
	o.Helper()
	if _, err := o.desk.Pool.Exec(context.Background(), sql, args...); err != nil {
		o.Fatal(err)
	}
}

func one[T any](o *office, sql string, args ...any) T {
	o.Helper()
	rows, err := o.desk.Pool.Query(context.Background(), sql, args...)
	if err != nil {
		o.Fatal(err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		o.Fatalf("%s: %v", sql, err)
	}
	return v
}

// endpoint makes an endpoint with credentials; set are assignments to its columns.
func (o *office) endpoint(set ...string) int64 {
	o.Helper()
	id := one[int64](o, `INSERT INTO endpoints (name, domain, sealed_credentials) VALUES ('e' || gen_random_uuid(), 'pve.example.com', '\x5ea1') RETURNING id`)
	for _, s := range set {
		o.exec(`UPDATE endpoints SET `+s+` WHERE id = $1`, id)
	}
	return id
}

func (o *office) ask(endpoint int64, trigger proxopsv1.Trigger, kinds ...proxopsv1.Kind) *proxopsv1.ClaimReply {
	o.Helper()
	reply, err := o.desk.Claim(o.Context(), "default", &proxopsv1.ClaimRequest{EndpointId: endpoint, Poller: "p1", Trigger: trigger, Kinds: kinds})
	if err != nil {
		o.Fatal(err)
	}
	return reply
}

func (o *office) granted(endpoint int64, trigger proxopsv1.Trigger, kinds ...proxopsv1.Kind) *proxopsv1.Claim {
	o.Helper()
	reply := o.ask(endpoint, trigger, kinds...)
	if reply.GetClaim() == nil {
		o.Fatalf("refused: %v", reply.GetRefusal())
	}
	return reply.GetClaim()
}

func (o *office) refused(reply *proxopsv1.ClaimReply, want proxopsv1.RefusalReason) *proxopsv1.Refusal {
	o.Helper()
	if got := reply.GetRefusal().GetReason(); got != want || reply.GetClaim() != nil {
		o.Errorf("answered %v, want a refusal for %s", reply, want)
	}
	return reply.GetRefusal()
}

// pass makes everything look as if it had happened d earlier.
func (o *office) pass(d time.Duration) {
	o.Helper()
	o.exec(`UPDATE endpoint_states SET claim_expires_at = claim_expires_at - $1::interval, next_attempt_at = next_attempt_at - $1::interval`, d)
	o.exec(`UPDATE sync_states SET last_attempt = last_attempt - $1::interval, since = since - $1::interval`, d)
}

func (o *office) report(endpoint, generation int64, kinds ...*proxopsv1.KindReport) bool {
	o.Helper()
	reply, err := o.desk.Report(o.Context(), "default", &proxopsv1.RunReport{EndpointId: endpoint, Generation: generation, Kinds: kinds})
	if err != nil {
		o.Fatal(err)
	}
	return reply.GetCurrent()
}

func failed(kind proxopsv1.Kind, e proxopsv1.ErrorKind) *proxopsv1.KindReport {
	return &proxopsv1.KindReport{Kind: kind, Outcome: proxopsv1.Outcome_OUTCOME_FAILED, Error: &proxopsv1.RunError{
		Kind: e, Text: "GET https://pve.example.com:8006/api2/json/cluster/backup: it went wrong", Remedy: "mend it",
	}}
}

func published(kind proxopsv1.Kind, warnings ...string) *proxopsv1.KindReport {
	return &proxopsv1.KindReport{Kind: kind, Outcome: proxopsv1.Outcome_OUTCOME_PUBLISHED, Warnings: warnings}
}

func equal[T any](o *office, what string, got, want T) {
	o.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		o.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestAClaimCarriesWhatThePollerNeeds(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint(`ip_address = '192.0.2.7', port = 443, username = 'root@pam', token_name = 'proxops', verify_ssl = false,
		fingerprints = '["AA:BB"]', ca_certificate = 'pem', name = 'prod'`)
	o.exec(`INSERT INTO backup_routines (endpoint_id, job_id, seen, status) VALUES ($1, 'known', true, 'active'), ($1, 'gone', true, 'stale'), ($1, 'planned', false, 'active')`, e)
	c := o.granted(e, scheduled)
	equal(o, "hosts", c.GetTarget().GetHosts(), []string{"pve.example.com", "192.0.2.7"})
	target := c.GetTarget()
	if target.GetPort() != 443 || target.GetUsername() != "root@pam" || target.GetTokenName() != "proxops" || target.GetVerifyTls() ||
		target.GetFingerprints()[0] != "AA:BB" || target.GetCaCertificate() != "pem" || target.GetName() != "prod" {
		t.Errorf("target %v", target)
	}
	if c.GetGeneration() != 1 || c.GetValidFor().AsDuration() != 2*time.Minute || string(c.GetSealedCredentials()) != "\x5e\xa1" || c.GetIdentity() != nil {
		t.Errorf("claim %v", c)
	}
	if len(c.GetKnownJobs()) != 2 || c.GetKnownJobs()[0].GetKind() != backups || c.GetKnownJobs()[1].GetKind() != replications {
		t.Fatalf("known jobs %v", c.GetKnownJobs())
	}
	equal(o, "known routines", c.GetKnownJobs()[0].GetKeys(), []string{"known"})
	o.exec(`UPDATE endpoint_states SET cluster_name = 'prod-cluster', claim_pending = '{}'`)
	o.exec(`UPDATE endpoints SET domain = '192.0.2.7'`)
	c = o.granted(e, manual, backups)
	equal(o, "the same host twice", c.GetTarget().GetHosts(), []string{"192.0.2.7"})
	if c.GetGeneration() != 2 || c.GetIdentity().GetName() != "prod-cluster" || len(c.GetKnownJobs()) != 1 {
		t.Errorf("claim %v", c)
	}
}

func TestWhoMayNotReadIsRefused(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint()
	reply, err := o.desk.Claim(t.Context(), "branch", &proxopsv1.ClaimRequest{EndpointId: e, Trigger: manual})
	if err != nil {
		t.Fatal(err)
	}
	o.refused(reply, proxopsv1.RefusalReason_REFUSAL_REASON_UNKNOWN)
	o.refused(o.ask(4711, manual), proxopsv1.RefusalReason_REFUSAL_REASON_UNKNOWN)
	o.refused(o.ask(1<<40, manual), proxopsv1.RefusalReason_REFUSAL_REASON_UNKNOWN)
	o.refused(o.ask(0, manual), proxopsv1.RefusalReason_REFUSAL_REASON_UNKNOWN)
	o.refused(o.ask(o.endpoint("enabled = false"), manual), proxopsv1.RefusalReason_REFUSAL_REASON_DISABLED)
	o.refused(o.ask(e, manual, proxopsv1.Kind(77)), proxopsv1.RefusalReason_REFUSAL_REASON_NOT_DUE)
	if n := one[int](o, `SELECT count(*) FROM endpoint_states WHERE issued_generation > 0`); n != 0 {
		t.Errorf("%d refused runs got a generation", n)
	}
}

func TestAnEndpointWithoutCredentialsSaysSo(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint("sealed_credentials = NULL", "name = 'bare'")
	for range 2 {
		o.refused(o.ask(e, manual, backups), proxopsv1.RefusalReason_REFUSAL_REASON_NO_CREDENTIALS)
		got := one[string](o, `SELECT concat_ws('|', kind, status, error_kind, error_text, remedy <> '', last_attempt IS NOT NULL) FROM sync_states`)
		if got != "backup_routine|failing|credentials|endpoint bare has no credentials, so it cannot be read|t|t" {
			t.Errorf("the sync state says %q", got)
		}
	}
	o.exec(`UPDATE endpoints SET sealed_credentials = '\x00'`)
	o.granted(e, manual, backups)
}

func TestOneRunAtATime(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint()
	c := o.granted(e, manual, backups, inventory)
	r := o.refused(o.ask(e, manual), proxopsv1.RefusalReason_REFUSAL_REASON_BUSY)
	if d := r.GetRetryAfter().AsDuration(); d <= time.Minute || d > 2*time.Minute || !strings.Contains(r.GetText(), "p1") {
		t.Errorf("refusal %v does not say who has it and until when", r)
	}
	o.report(e, c.GetGeneration(), failed(backups, proxopsv1.ErrorKind_ERROR_KIND_CONNECT))
	o.refused(o.ask(e, manual), proxopsv1.RefusalReason_REFUSAL_REASON_BUSY)
	o.report(e, c.GetGeneration(), failed(inventory, proxopsv1.ErrorKind_ERROR_KIND_CONNECT))
	second := o.granted(e, manual)
	if second.GetGeneration() != c.GetGeneration()+1 {
		t.Errorf("generation %d follows %d", second.GetGeneration(), c.GetGeneration())
	}
	o.pass(2*time.Minute + time.Second)
	third := o.granted(e, manual, backups)
	if third.GetGeneration() != second.GetGeneration()+1 {
		t.Errorf("generation %d follows %d", third.GetGeneration(), second.GetGeneration())
	}
	got := one[string](o, `SELECT string_agg(concat_ws(' ', kind, status, error_kind), ', ' ORDER BY kind) FROM sync_states`)
	if got != "backup_routine failing internal, inventory failing internal, replication failing internal" {
		t.Errorf("after a claim ran out: %s", got)
	}
}

func TestConcurrentClaimsGetDifferentGenerationsOrNone(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint()
	const askers = 8
	replies := make(chan *proxopsv1.ClaimReply, askers)
	for range askers {
		go func() {
			reply, err := o.desk.Claim(context.Background(), "default", &proxopsv1.ClaimRequest{EndpointId: e, Trigger: manual, Poller: "p"})
			if err != nil {
				t.Error(err)
			}
			replies <- reply
		}()
	}
	grants := 0
	for range askers {
		if r := <-replies; r.GetClaim() != nil {
			grants++
		} else {
			o.refused(r, proxopsv1.RefusalReason_REFUSAL_REASON_BUSY)
		}
	}
	if grants != 1 || one[int64](o, `SELECT issued_generation FROM endpoint_states`) != 1 {
		t.Errorf("%d of %d got the endpoint", grants, askers)
	}
}

func TestKindsOfARun(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint()
	jobs, all := []proxopsv1.Kind{backups, replications}, []proxopsv1.Kind{backups, replications, inventory}
	settle := func() { o.exec(`UPDATE endpoint_states SET claim_pending = '{}'`) }
	for _, step := range []struct {
		name    string
		trigger proxopsv1.Trigger
		kinds   []proxopsv1.Kind
		want    []proxopsv1.Kind
		after   func()
	}{
		{"the first run reads everything", scheduled, nil, all, func() { o.pass(time.Minute) }},
		{"the inventory was never applied", scheduled, nil, all, func() {
			o.exec(`UPDATE sync_states SET applied_generation = 1`)
			o.pass(time.Minute)
		}},
		{"the inventory is young", scheduled, nil, jobs, func() { o.pass(time.Minute) }},
		{"only what is asked for, once, in order", scheduled, []proxopsv1.Kind{inventory, backups, inventory, 99}, []proxopsv1.Kind{backups, inventory}, func() { o.pass(time.Minute) }},
		{"people get everything", manual, nil, all, func() { o.pass(5 * time.Minute) }},
		{"the inventory is old", scheduled, nil, all, func() {}},
	} {
		got := o.granted(e, step.trigger, step.kinds...).GetKinds()
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		settle()
		step.after()
	}
}

func TestTicksThatComeTooEarlyAreNotDue(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint("poll_interval = 60")
	settle := func() { o.exec(`UPDATE endpoint_states SET claim_pending = '{}'`) }
	o.granted(e, scheduled)
	settle()
	o.pass(30 * time.Second)
	r := o.refused(o.ask(e, scheduled), proxopsv1.RefusalReason_REFUSAL_REASON_NOT_DUE)
	if d := r.GetRetryAfter().AsDuration(); d <= 0 || d > 15*time.Second {
		t.Errorf("retry after %s, want what is missing to three quarters of the interval", d)
	}
	o.granted(e, scheduled, backups) // a stored schedule is no tick
	settle()
	o.granted(e, manual)
	settle()
	o.pass(50 * time.Second)
	o.granted(e, scheduled)
	off := o.endpoint("poll_interval = 0")
	o.refused(o.ask(off, scheduled), proxopsv1.RefusalReason_REFUSAL_REASON_NOT_DUE)
	o.granted(off, manual)
}

func TestAFailedEndpointBacksOffAndAPersonProbesAtOnce(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint("poll_interval = 60")
	for i := range 12 {
		c := o.granted(e, manual)
		o.report(e, c.GetGeneration(), failed(backups, proxopsv1.ErrorKind_ERROR_KIND_CONNECT), failed(replications, proxopsv1.ErrorKind_ERROR_KIND_CONNECT),
			failed(inventory, proxopsv1.ErrorKind_ERROR_KIND_CONNECT))
		longest := min(time.Hour, time.Minute<<i)
		wait := one[time.Duration](o, `SELECT next_attempt_at - now() FROM endpoint_states`)
		if wait < longest/2-time.Second || wait > longest {
			t.Errorf("after failure %d it waits %s, want between half of %s and that", i+1, wait, longest)
		}
		r := o.refused(o.ask(e, scheduled), proxopsv1.RefusalReason_REFUSAL_REASON_BACKING_OFF)
		if r.GetRetryAfter().AsDuration() > longest || !strings.Contains(r.GetText(), fmt.Sprintf("failed %d times", i+1)) {
			t.Errorf("refusal %v", r)
		}
	}
	o.pass(time.Hour)
	c := o.granted(e, scheduled)
	o.report(e, c.GetGeneration(), published(backups), failed(replications, proxopsv1.ErrorKind_ERROR_KIND_PERMISSION), published(inventory))
	if got := one[string](o, `SELECT concat_ws(' ', failures, next_attempt_at > now()) FROM endpoint_states`); got != "12 f" {
		t.Errorf("an endpoint of which one list can be read backs off: %s", got)
	}
}
