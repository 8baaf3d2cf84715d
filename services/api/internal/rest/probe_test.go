package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/obs"
	"github.com/proxops/proxops/libs/seal"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/api/internal/probe"
	"github.com/proxops/proxops/services/api/internal/store"
)

// site is a poller of the default site that sees what a test wants, behind a nats-server with the users of production.
type site struct {
	*server
	poller *bus.Bus
	asked  atomic.Pointer[proxopsv1.ProbeRequest]
	sees   atomic.Pointer[proxopsv1.ProbeReply] // nil: it never answers
	fault  atomic.Value                         // the kind of fault with which it answers, if any
}

// connected serves with a prober, and with a poller that answers if there is one.
func connected(t *testing.T, poller bool) *site {
	t.Helper()
	n := natstest.Start(t)
	s := &site{server: serve(t), poller: natstest.Join(t, n, localnats.Poller)}
	log := obs.NewLogger(s.log, obs.LogConfig{})
	s.api.Prober = &probe.Prober{Queries: store.New(s.pool), Bus: natstest.Join(t, n, localnats.API), Log: log, Timeout: 10 * time.Second}
	if !poller {
		return s
	}
	sub, err := s.poller.Conn().QueueSubscribeSync(subjects.Probe("default"), subjects.QueuePollers("default"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.poller.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			m, err := sub.NextMsgWithContext(ctx)
			if err != nil {
				return
			}
			asked := &proxopsv1.ProbeRequest{}
			err = bus.Decode(m.Data, asked)
			s.asked.Store(asked)
			if seen := s.sees.Load(); seen != nil {
				m.Data, _ = bus.Encode(seen)
			}
			kind, refuses := s.fault.Load().(string)
			if refuses {
				m.Header, m.Data = map[string][]string{"Proxops-Fault": {kind}, "Proxops-Error": {"the " + kind + " reason"}}, nil
			}
			if m.Subject = m.Reply; refuses || s.sees.Load() != nil {
				err = errors.Join(err, s.poller.Conn().PublishMsg(m))
			}
			if err != nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return s
}

// endpoint makes one that has been sealed a secret and is not polled.
func (s *site) endpoint(more map[string]any) int {
	s.t.Helper()
	fields := map[string]any{
		"name": "prod", "domain": "pve.example.com", "ip_address": "192.0.2.7", "port": 8007, "username": "proxops@pve", "token_name": "reader", "token_value": planted,
		"fingerprints": []string{strings.Repeat("AB", 32)}, "enabled": false, "poll_interval": 0,
	}
	maps.Copy(fields, more)
	return s.make(endpointPath, fields)
}

// refused asks for a test that fails on the side of the server, and returns what it says.
func (s *site) refused(id int) string {
	s.t.Helper()
	url := path(endpointPath, id) + "test/"
	res, err := s.try(s.t.Context(), "POST", url, "") //nolint:bodyclose // try closes it when the test ends
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	s.conforms("POST", url, answer{res.StatusCode, res.Header, string(body)})
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		s.t.Errorf("status %d, %v", res.StatusCode, res.Header)
	}
	return string(body)
}

// everything is all that a request could have changed.
func (s *server) everything() string {
	s.t.Helper()
	var all strings.Builder
	for _, table := range []string{"endpoints", "endpoint_states", "sync_states", "changes", "outbox", "backup_routines", "replications"} {
		var rows string
		if err := s.pool.QueryRow(s.t.Context(), "SELECT coalesce(string_agg(t::text || t.xmin::text, ' ' ORDER BY t::text), '') FROM "+table+" t").Scan(&rows); err != nil {
			s.t.Fatal(err)
		}
		all.WriteString(rows)
	}
	return all.String()
}

func TestATestSaysWhatAPollerSawAndChangesNothing(t *testing.T) {
	s := connected(t, true)
	id := s.endpoint(nil)
	test := path(endpointPath, id) + "test/"
	s.sees.Store(&proxopsv1.ProbeReply{
		Poller: "host-1", Address: "pve.example.com:8007", Fingerprint: "AB:CD", Trusted: true, Version: "8.4.5", Identity: &proxopsv1.Identity{Name: "alpha"}, Quorate: true,
		Nodes: []string{"pve1", "pve2"}, Privileges: []string{"/ Sys.Audit", "/vms VM.Audit"}, Requests: 4, Duration: durationpb.New(1234 * time.Millisecond),
	})
	before := s.everything()
	a := s.ask("POST", test, nil)
	a.want(t, 200, `{"ok":true,"address":"pve.example.com:8007","fingerprint":"AB:CD","trusted":true,"verify_ssl":true,"version":"8.4.5",`+
		`"cluster":{"name":"alpha","standalone":false,"quorate":true,"nodes":["pve1","pve2"]},"identity":"new","pinned_cluster":"",`+
		`"privileges":["/ Sys.Audit","/vms VM.Audit"],"missing_privileges":[],"error":null,"grant":"","poller":"host-1","requests":4,"duration_ms":1234}`)
	asked := s.asked.Load()
	target := asked.GetTarget()
	opened, err := s.site.Open(asked.GetSealedCredentials(), seal.Target{
		Hosts: target.GetHosts(), Port: int(target.GetPort()), User: target.GetUsername(), TokenName: target.GetTokenName(), VerifyTLS: target.GetVerifyTls(),
		Fingerprints: target.GetFingerprints(), CA: target.GetCaCertificate(),
	})
	if err != nil || opened.TokenValue.Reveal() != planted {
		t.Errorf("the poller cannot open what it is sent: %v", err)
	}
	if got := fmt.Sprintf("%v %s %d", target.GetHosts(), target.GetName(), asked.GetEndpointId()); got != fmt.Sprintf("[pve.example.com 192.0.2.7] prod %d", id) {
		t.Errorf("it is asked for %s", got)
	}

	s.sees.Store(&proxopsv1.ProbeReply{Poller: "host-1", Address: "192.0.2.7:8007", Error: &proxopsv1.RunError{Kind: proxopsv1.ErrorKind_ERROR_KIND_CONNECT, Text: "nobody listens", Remedy: "start it"}})
	s.ask("POST", test, map[string]any{}).want(t, 200, `{"ok":false,"address":"192.0.2.7:8007","fingerprint":"","trusted":false,"verify_ssl":true,"version":"","cluster":null,"identity":null,`+
		`"pinned_cluster":"","privileges":[],"missing_privileges":[],"error":{"kind":"connect","text":"nobody listens","remedy":"start it","missing_privilege":""},"grant":"","poller":"host-1","requests":0,"duration_ms":0}`)
	if s.everything() != before || s.hints.Load() != 1 {
		t.Error("a test changed something")
	}
	if strings.Contains(a.body+s.log.String(), planted) {
		t.Error("it shows the secret")
	}
}

func TestATestComparesTheClusterWithTheOneThatIsPinned(t *testing.T) {
	s := connected(t, true)
	id := s.endpoint(nil)
	s.exec("INSERT INTO endpoint_states (endpoint_id, cluster_name) VALUES ($1, 'alpha')", id)
	for name, c := range map[string]struct {
		seen *proxopsv1.ProbeReply
		want string
	}{
		"the same":                {&proxopsv1.ProbeReply{Identity: &proxopsv1.Identity{Name: "alpha"}}, "true same cluster alpha <nil>"},
		"another":                 {&proxopsv1.ProbeReply{Identity: &proxopsv1.Identity{Name: "beta"}, Address: "h:1"}, "false other cluster alpha identity: h:1 answers as cluster beta, but this endpoint is cluster alpha"},
		"a host of the same name": {&proxopsv1.ProbeReply{Identity: &proxopsv1.Identity{Name: "alpha", Standalone: true}, Address: "h:1"}, "false other cluster alpha identity: h:1 answers as standalone host alpha, but this endpoint is cluster alpha"},
		"another error before": {
			&proxopsv1.ProbeReply{Identity: &proxopsv1.Identity{Name: "beta"}, Error: &proxopsv1.RunError{Kind: proxopsv1.ErrorKind_ERROR_KIND_QUORUM, Text: "no quorum"}},
			"false other cluster alpha quorum: no quorum",
		},
		"unknown": {&proxopsv1.ProbeReply{Error: &proxopsv1.RunError{Kind: proxopsv1.ErrorKind_ERROR_KIND_AUTH, Text: "no"}}, "false <nil> cluster alpha auth: no"},
	} {
		s.sees.Store(c.seen)
		o := s.ask("POST", path(endpointPath, id)+"test/", nil).json(t)
		failure := "<nil>"
		if f, wrong := o["error"].(map[string]any); wrong {
			failure = fmt.Sprint(f["kind"], ": ", f["text"])
			if other := f["kind"] == "identity"; other != strings.HasSuffix(f["remedy"].(string), fmt.Sprintf("/%d/accept-identity/", id)) {
				t.Errorf("%s: remedy %v", name, f["remedy"])
			}
		}
		if got := fmt.Sprintf("%v %v %v %v", o["ok"], o["identity"], o["pinned_cluster"], failure); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestATestNamesTheCommandThatGrantsWhatIsMissing(t *testing.T) {
	s := connected(t, true)
	id := s.endpoint(nil)
	s.sees.Store(&proxopsv1.ProbeReply{MissingPrivileges: []string{"/vms VM.Audit"}, Error: &proxopsv1.RunError{Kind: proxopsv1.ErrorKind_ERROR_KIND_PERMISSION, MissingPrivilege: "/ Sys.Audit"}})
	o := s.ask("POST", path(endpointPath, id)+"test/", nil).json(t)
	if o["ok"] != false || o["grant"] != "pveum acl modify / --users proxops@pve --tokens 'proxops@pve!reader' --roles PVEAuditor" {
		t.Errorf("got %v", o)
	}
	s.sees.Store(&proxopsv1.ProbeReply{MissingPrivileges: []string{"/vms VM.Audit"}})
	if o = s.ask("POST", path(endpointPath, id)+"test/", nil).json(t); o["ok"] != false {
		t.Errorf("without a privilege it is ok: %v", o)
	}
}

func TestATestThatNobodyCanDoSaysWhatToDo(t *testing.T) {
	s := connected(t, true)
	bare, id := s.endpoint(map[string]any{"name": "bare", "token_value": ""}), s.endpoint(nil)
	remote := s.endpoint(map[string]any{"name": "far", "site": "remote"})
	s.ask("POST", path(endpointPath, bare)+"test/", nil).want(t, 400, `{"detail":"Endpoint bare has no credentials to try: set an API token (username, token_name and token_value) on it."}`)
	got := s.refused(remote)
	if want := `{"detail":"No poller of site remote is connected to NATS, so nobody can try endpoint far. Start a poller with PROXOPS_POLLER_SITE=remote, or correct the site of the endpoint."}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.api.Prober.(*probe.Prober).Timeout = 50 * time.Millisecond
	got = s.refused(id)
	if want := `{"detail":"The poller of site default that was to try endpoint prod did not answer within 50ms. Look at its log, and try again."}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.api.Prober.(*probe.Prober).Timeout = 10 * time.Second
	s.fault.Store("unavailable")
	got = s.refused(id)
	if want := `{"detail":"Endpoint prod was not tried: the unavailable reason."}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.fault.Store("internal")
	got = s.refused(id)
	if want := `{"detail":"Endpoint prod was not tried: NATS or the poller of site default refused the request. Look at the log of the api for the reason, and try again."}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !strings.Contains(s.log.String(), "the internal reason") {
		t.Errorf("the log does not have the reason: %s", s.log)
	}
}

func TestATestTakesTheRightToChangeTheEndpoint(t *testing.T) {
	s := connected(t, true)
	s.sees.Store(&proxopsv1.ProbeReply{Poller: "host-1"})
	mine, other := s.endpoint(nil), s.endpoint(map[string]any{"name": "other"})
	const missing = `{"detail":"No ProxmoxEndpoint matches the given query."}`
	as := func(name string, grants ...string) string {
		user := s.newUser(name, false)
		for i := 0; i < len(grants); i += 2 {
			s.grant(user, change.ProxmoxEndpoint, grants[i], grants[i+1])
		}
		return "Bearer " + s.newToken(user, true)
	}
	for _, action := range []string{"test/", "accept-identity/"} {
		ask := func(token string, id int) answer {
			return s.ask("POST", path(endpointPath, id)+action, map[string]any{"existing_jobs": "keep"}, "Authorization", token)
		}
		done, body := 200, ""
		if action == "accept-identity/" {
			done, body = 409, `{"detail":"Endpoint prod was never read completely, so it becomes whichever cluster answers: there is nothing to accept."}`
		}
		ask(as("viewer"+action, "view", ""), mine).want(t, 403, forbidden)
		ask(as("changer"+action, "change", ""), mine).want(t, 404, missing)
		ask(as("adder"+action, "view add delete", ""), mine).want(t, 403, forbidden)
		ask(as("both"+action, "view change", ""), mine).want(t, done, body)
		narrow := as("narrow"+action, "view", "", "change", `{"name": "prod"}`)
		ask(narrow, mine).want(t, done, body)
		ask(narrow, other).want(t, 403, forbidden)
		ask(as("blind"+action, "view change", `{"name": "prod"}`), other).want(t, 404, missing)
		ask("Bearer "+s.token, 4711).want(t, 404, missing)
		s.ask("POST", endpointPath+"x/"+action, nil).want(t, 404, `{"detail":"Not found."}`)
		s.ask("POST", path(endpointPath, mine)+strings.TrimSuffix(action, "/"), nil).want(t, 404, `{"detail":"Not found."}`)
		s.ask("GET", path(endpointPath, mine)+action, nil).want(t, 405, `{"detail":"Method \"GET\" not allowed."}`)
		s.ask("POST", path(endpointPath, mine)+action, nil, "Authorization", "").want(t, 403, `{"detail":"Authentication credentials were not provided."}`)
		user := s.newUser("reads"+action, true)
		s.ask("POST", path(endpointPath, mine)+action, nil, "Authorization", "Bearer "+s.newToken(user, false)).want(t, 403, forbidden)
		if a := s.ask("OPTIONS", path(endpointPath, mine)+action, nil); a.status != 200 || a.header.Get("Allow") != "POST, OPTIONS" {
			t.Errorf("OPTIONS: %d %s", a.status, a.header.Get("Allow"))
		}
	}
}
