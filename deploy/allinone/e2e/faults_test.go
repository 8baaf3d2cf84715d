package e2e

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/pvesim"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/poller"
)

const patience = 2 * time.Second // for an answer of a cluster: slow ones are never waited for, loaded machines are

// Every fault of the simulator, one at a time, over three polls, in every version: no job becomes stale, no row of a job is written, no change
// is recorded. The sync state says what is wrong, and the poll after it has passed is well again.
func TestNoFaultMakesAJobStale(t *testing.T) {
	t.Parallel()
	l := bareLab(t)
	l.startProjector(t, nil)
	l.startPoller(t, func(cfg *poller.Config) { cfg.Timeout = patience })
	l.startAPI(t)
	// Slow faults cost time and hardly any work, so they have a cluster of their own.
	var quick, slow []pvesim.NamedFault
	for _, f := range pvesim.AllFaults() {
		if strings.HasPrefix(f.Name, "slow_") {
			slow = append(slow, f)
		} else {
			quick = append(quick, f)
		}
	}
	if len(quick) < 100 || len(slow) < 8 {
		t.Fatalf("there are only %d quick and %d slow faults", len(quick), len(slow))
	}
	half := len(quick) / 2
	var wg sync.WaitGroup
	var all []*endpoint
	for _, v := range pvesim.Versions() {
		for i, share := range [][]pvesim.NamedFault{quick[:half], quick[half:], slow} {
			world := pvesim.Generate(fmt.Sprintf("share-%d", i), 9, 3, 6, 5)
			world.Replications[2].Source = "" // an old job, whose source the guests tell
			e := l.add(t, pvesim.New(v, pvesim.WithWorld(world), pvesim.WithClock(newClock().read)))[0]
			all = append(all, e)
			wg.Go(func() { l.suffer(t, e, share) })
		}
	}
	wg.Wait()
	for _, ev := range l.events(t) {
		if ev.Data.Version != 1 {
			t.Errorf("event %s of %s", ev.Type, ev.Subject)
		}
	}
	for _, e := range all {
		for _, jobs := range []map[string]object{l.rest.routines(t, e), l.rest.replications(t, e)} {
			if len(jobs) != 5 {
				t.Errorf("%s has %d jobs of a kind, want 5", e.name, len(jobs))
			}
			for id, o := range jobs {
				if o.choice("status") != "active" {
					t.Errorf("%s: %s is %s", e.name, id, o.choice("status"))
				}
			}
		}
	}
}

// suffer puts one cluster through faults.
func (l *lab) suffer(t *testing.T, e *endpoint, faults []pvesim.NamedFault) {
	t.Helper()
	if !l.tryPoll(t, e) {
		return
	}
	before := l.tuples(t, e)
	if before.changes != 10 {
		t.Errorf("%s: %d changes after the first poll, want 10", e.name, before.changes)
	}
	for _, f := range faults {
		f.Apply(e.cluster)
		kinds := []proxopsv1.Kind{proxopsv1.Kind_KIND_BACKUP_ROUTINE, proxopsv1.Kind_KIND_REPLICATION}
		if f.Call == "*" || f.Call == "" {
			kinds = nil // the inventory too
		}
		for range 3 {
			if !l.tryPoll(t, e, kinds...) {
				return
			}
		}
		l.mustSay(t, e, f)
		if diff := cmp.Diff(before, l.tuples(t, e), cmp.AllowUnexported(tuples{})); diff != "" {
			t.Errorf("%s: %s wrote jobs or changes:\n%s", e.name, f.Name, diff)
			before = l.tuples(t, e)
		}
		f.Undo(e.cluster)
		if !l.tryPoll(t, e, kinds...) {
			return
		}
		states := l.rest.syncState(t, e)
		for _, kind := range jobKinds {
			if s := states.sub(kind); s.text("status") != "ok" || s.text("error_kind") != "" || s.text("error") != "" {
				t.Errorf("%s: after %s had passed, %s is %s: %s", e.name, f.Name, kind, s.text("status"), s.text("error"))
			}
		}
	}
	if diff := cmp.Diff(before, l.tuples(t, e), cmp.AllowUnexported(tuples{})); diff != "" {
		t.Errorf("%s: after all faults jobs or changes differ:\n%s", e.name, diff)
	}
}

// outcome is what the sync state of a kind says.
type outcome struct{ status, kind string }

// mustSay holds the sync states against what a fault must have them say.
func (l *lab) mustSay(t *testing.T, e *endpoint, f pvesim.NamedFault) {
	t.Helper()
	states := l.rest.syncState(t, e)
	for _, kind := range jobKinds {
		s := states.sub(kind)
		want := wantOutcome(version(t, e), f, kind)
		if got := (outcome{s.text("status"), s.text("error_kind")}); got != want {
			t.Errorf("%s: with %s, %s is %v, want %v: %s", e.name, f.Name, kind, got, want, s.text("error"))
		}
		if want.status != "ok" && (s.text("error") == "" || s.text("remedy") == "" || s.text("since") == "") {
			t.Errorf("%s: with %s, %s does not say why, since when and what to do: %v", e.name, f.Name, kind, s)
		}
		if priv := s.text("missing_privilege"); strings.HasPrefix(f.Name, "lost permission") && want.status != "ok" && !strings.HasPrefix(priv, "/vms/") {
			t.Errorf("%s: with %s, the missing privilege is %q", e.name, f.Name, priv)
		}
	}
}

// wantOutcome is what must be said of a kind while a fault lasts.
func wantOutcome(v float64, f pvesim.NamedFault, kind string) outcome {
	call := map[string]string{"backup_routine": "/cluster/backup", "replication": "/cluster/replication"}[kind]
	if f.Harmless || f.Call != "" && f.Call != "*" && f.Call != "/cluster/status" && f.Call != call {
		return outcome{"ok", ""}
	}
	if f.Call != "" {
		name, _, _ := strings.Cut(f.Name, " on ")
		return outcome{"failing", kindOfFault(name)}
	}
	switch f.Name {
	case "lost permission on some guests", "lost permission on all guests":
		switch {
		case kind == "backup_routine":
			return outcome{"ok", ""}
		case v < 8.2: // the whole list is refused
			return outcome{"failing", "permission"}
		}
		return outcome{"partial", "permission"}
	default:
		return outcome{"failing", map[string]string{
			"no quorum and an old list": "quorum", "no quorum and no jobs": "quorum", "another cluster's name": "identity",
			"members and guests forgotten": "identity", "lost all permissions": "permission", "token revoked": "auth",
			"certificate of another authority": "tls",
		}[f.Name]}
	}
}

func kindOfFault(name string) string {
	switch {
	case strings.HasPrefix(name, "http_401"):
		return "auth"
	case strings.HasPrefix(name, "http_403"):
		return "permission"
	case strings.HasPrefix(name, "http_5"), strings.HasSuffix(name, "_503"), name == "bad_gateway_502", name == "empty_list_599", name == "too_many_429":
		return "unavailable"
	case strings.HasPrefix(name, "slow_"):
		return "timeout"
	case name == "reset":
		return "connect"
	case name == "half_list", name == "empty_list":
		return "unconfirmed"
	}
	return "malformed"
}

// tuples tells whether Postgres wrote any row of an endpoint's jobs: every write gives a row another xmin or ctid.
type tuples struct {
	routines, replications string
	changes                int
}

func (l *lab) tuples(t *testing.T, e *endpoint) (s tuples) {
	t.Helper()
	err := l.pool.QueryRow(t.Context(), `SELECT
		(SELECT json_agg(json_build_array(id, xmin::text, ctid::text, status, version) ORDER BY id) FROM backup_routines WHERE endpoint_id = $1)::text,
		(SELECT json_agg(json_build_array(id, xmin::text, ctid::text, status, version) ORDER BY id) FROM replications WHERE endpoint_id = $1)::text,
		(SELECT count(*) FROM changes WHERE endpoint_id = $1 AND version IS NOT NULL)`, e.id).Scan(&s.routines, &s.replications, &s.changes)
	if err != nil {
		t.Error(err)
	}
	return s
}

// Pinning the certificate itself has a price: a renewed one is refused until its fingerprint is entered.
func TestAPinnedCertificateMayNotChange(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c := pvesim.New("9.2")
	e := l.addOne(t, c, func(s *pvesim.Server) object {
		return object{"ca_certificate": "", "fingerprints": []string{s.Fingerprint()}}
	})
	path := fmt.Sprintf("%s%d/", endpointsPath, e.id)
	l.poll(t, e)
	l.mustBe(t, "ok", e)
	before := l.tuples(t, e)
	c.RotateCertificate()
	l.poll(t, e)
	states := l.rest.syncState(t, e)
	for _, kind := range jobKinds {
		if s := states.sub(kind); s.text("status") != "failing" || s.text("error_kind") != "fingerprint" {
			t.Errorf("after the certificate was renewed, %s is %s, %s: %s", kind, s.text("status"), s.text("error_kind"), s.text("error"))
		}
	}
	_, err := l.rest.try(t.Context(), "PATCH", path, object{"fingerprints": []string{e.server.Fingerprint()}})
	if refused, ok := errors.AsType[*refusal](err); !ok || refused.status != 400 || !strings.Contains(refused.body, "token_value") {
		t.Errorf("another fingerprint without the secret was answered with %v, want 400 about token_value", err)
	}
	l.rest.patch(t, path, object{"fingerprints": []string{e.server.Fingerprint()}, "token_value": c.Token().Secret})
	l.poll(t, e)
	l.mustBe(t, "ok", e)
	if diff := cmp.Diff(before, l.tuples(t, e), cmp.AllowUnexported(tuples{})); diff != "" {
		t.Errorf("jobs or changes were written:\n%s", diff)
	}
}
