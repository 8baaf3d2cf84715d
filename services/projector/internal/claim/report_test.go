package claim_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/postgres"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/projector/internal/claim"
)

func TestAReportOfAnotherGenerationChangesNothing(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint()
	old := o.granted(e, manual, backups)
	o.pass(3 * time.Minute)
	current := o.granted(e, manual, backups)
	state := func() string {
		return one[string](o, `SELECT concat_ws(' ', s.*::text, k.*::text) FROM endpoint_states s JOIN sync_states k USING (endpoint_id)`)
	}
	before := state()
	for _, generation := range []int64{old.GetGeneration(), current.GetGeneration() + 1, 0, -1} {
		if o.report(e, generation, failed(backups, proxopsv1.ErrorKind_ERROR_KIND_AUTH)) {
			t.Errorf("generation %d counts as current", generation)
		}
	}
	for _, site := range []string{"branch", ""} {
		reply, err := o.desk.Report(t.Context(), site, &proxopsv1.RunReport{EndpointId: e, Generation: current.GetGeneration(), Kinds: []*proxopsv1.KindReport{failed(backups, 1)}})
		if err != nil || reply.GetCurrent() {
			t.Errorf("site %q may report: %v, %v", site, reply, err)
		}
	}
	if o.report(4711, 1, failed(backups, 1)) || o.report(1<<40, 1, failed(backups, 1)) {
		t.Error("an endpoint that does not exist has a current run")
	}
	equal(o, "state", state(), before)
	if !o.report(e, current.GetGeneration(), failed(backups, proxopsv1.ErrorKind_ERROR_KIND_AUTH)) || state() == before {
		t.Error("the report of the current run does not count")
	}
}

func TestAReportSaysWhatFailedAndSinceWhen(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint()
	denied := &proxopsv1.KindReport{
		Kind: replications, Outcome: proxopsv1.Outcome_OUTCOME_PARTIAL, Warnings: []string{"rate of 100-0 is\x00 no number"},
		Error: &proxopsv1.RunError{Kind: proxopsv1.ErrorKind_ERROR_KIND_PERMISSION, Text: "hidden", Remedy: "grant it", MissingPrivilege: "/vms/205 VM.Audit"},
	}
	c := o.granted(e, manual, backups, replications, inventory)
	o.report(e, c.GetGeneration(), failed(backups, proxopsv1.ErrorKind_ERROR_KIND_TLS), denied, published(inventory, "w1", "w2"))
	got := func(kind string) string {
		return one[string](o, `SELECT concat_ws('|', status, error_kind, error_text, remedy, missing_privilege, warnings) FROM sync_states WHERE kind = $1`, kind)
	}
	equal(o, "routines", got("backup_routine"), `failing|tls|GET https://pve.example.com:8006/api2/json/cluster/backup: it went wrong|mend it||[]`)
	equal(o, "replications", got("replication"), `partial|permission|hidden|grant it|/vms/205 VM.Audit|["rate of 100-0 is no number"]`)
	equal(o, "inventory", got("inventory"), `never|||||["w1", "w2"]`)
	equal(o, "pending", one[[]string](o, `SELECT claim_pending FROM endpoint_states`), []string{"inventory"})

	since := func() time.Time {
		return one[time.Time](o, `SELECT since FROM sync_states WHERE kind = 'backup_routine'`)
	}
	o.pass(time.Hour)
	first := since()
	c = o.granted(e, manual, backups)
	o.report(e, c.GetGeneration(), failed(backups, proxopsv1.ErrorKind_ERROR_KIND_AUTH))
	if !since().Equal(first) || !strings.HasPrefix(got("backup_routine"), "failing|auth|") {
		t.Error("it fails for another reason, but not since another time")
	}
	c = o.granted(e, manual, backups)
	partial := failed(backups, proxopsv1.ErrorKind_ERROR_KIND_UNCONFIRMED)
	partial.Outcome = proxopsv1.Outcome_OUTCOME_PARTIAL
	o.report(e, c.GetGeneration(), partial)
	if !since().After(first) {
		t.Error("another status has the same since")
	}
}

func TestTheSameReportTwiceChangesNothing(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint()
	c := o.granted(e, manual, backups, replications)
	var states []string
	for range 2 {
		if !o.report(e, c.GetGeneration(), failed(backups, proxopsv1.ErrorKind_ERROR_KIND_TIMEOUT), failed(replications, proxopsv1.ErrorKind_ERROR_KIND_TIMEOUT)) {
			t.Error("the report is not current")
		}
		states = append(states, one[string](o, `SELECT concat_ws(' ', (SELECT string_agg(k::text, ' ' ORDER BY k.kind) FROM sync_states k), s::text) FROM endpoint_states s`))
	}
	equal(o, "state", states[1], states[0])
	if n := one[int](o, `SELECT failures FROM endpoint_states`); n != 1 {
		t.Errorf("one failed run counts as %d failures", n)
	}
}

func TestReportsAreBounded(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint()
	c := o.granted(e, manual, backups)
	r := failed(backups, proxopsv1.ErrorKind_ERROR_KIND_MALFORMED)
	r.Error.Text = strings.Repeat("ü", 5000)
	for range 1000 {
		r.Warnings = append(r.Warnings, strings.Repeat("x", 10_000))
	}
	o.report(e, c.GetGeneration(), r)
	if n := one[int](o, `SELECT octet_length(error_text) + octet_length(warnings::text) FROM sync_states`); n > 300_000 {
		t.Errorf("a report fills %d bytes", n)
	}
}

func TestFailEndsOneKindOnce(t *testing.T) {
	o := newOffice(t)
	e := o.endpoint()
	c := o.granted(e, manual, backups, replications)
	for range 2 {
		err := postgres.InTx(context.Background(), o.desk.Pool, func(tx pgx.Tx) error {
			_, err := claim.Fail(context.Background(), tx, int32(e), backups, &proxopsv1.RunError{Kind: proxopsv1.ErrorKind_ERROR_KIND_IDENTITY, Text: "another cluster"})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	got := one[string](o, `SELECT concat_ws(' ', failures, claim_pending, status, error_kind) FROM endpoint_states JOIN sync_states USING (endpoint_id) WHERE kind = 'backup_routine'`)
	equal(o, "state", got, "0 {replication} failing identity")
	// The poller does not know that its snapshot was refused. The whole run counts as one failure.
	o.report(e, c.GetGeneration(), published(backups), failed(replications, proxopsv1.ErrorKind_ERROR_KIND_IDENTITY))
	if n := one[int](o, `SELECT failures FROM endpoint_states WHERE next_attempt_at > now()`); n != 1 {
		t.Errorf("%d failures", n)
	}
}
