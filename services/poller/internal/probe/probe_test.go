package probe

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/pvesim"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

const (
	tlsError    = proxopsv1.ErrorKind_ERROR_KIND_TLS
	fingerprint = proxopsv1.ErrorKind_ERROR_KIND_FINGERPRINT
	connect     = proxopsv1.ErrorKind_ERROR_KIND_CONNECT
	timedOut    = proxopsv1.ErrorKind_ERROR_KIND_TIMEOUT
	credentials = proxopsv1.ErrorKind_ERROR_KIND_CREDENTIALS
)

func TestAClusterThatCanBeReadIsToldOf(t *testing.T) {
	versions := map[string]string{"6.4": "6.4-15", "7.4": "7.4", "8.4": "8.4", "9.2": "9.2.3"}
	for _, version := range pvesim.Versions() {
		l := newLab(t, version)
		r := l.probe()
		l.wantError(r, 0)
		if r.GetPoller() != "test/1" || r.GetAddress() != fmt.Sprintf("127.0.0.1:%d", l.server.Port) || !strings.HasPrefix(r.GetVersion(), versions[version]) {
			t.Errorf("reply is %v", r)
		}
		if r.GetFingerprint() != l.server.Fingerprint() || !r.GetTrusted() {
			t.Errorf("fingerprint %s, trusted %v", r.GetFingerprint(), r.GetTrusted())
		}
		if i := r.GetIdentity(); i.GetName() != "prod-cluster" || i.GetStandalone() || !r.GetQuorate() || !slices.Equal(r.GetNodes(), []string{"pve1", "pve2", "pve3"}) {
			t.Errorf("reply is %v", r)
		}
		if !slices.Equal(r.GetPrivileges(), []string{"/ Sys.Audit", "/vms VM.Audit", "/storage Datastore.Audit"}) || len(r.GetMissingPrivileges()) > 0 {
			t.Errorf("privileges are %q, missing %q", r.GetPrivileges(), r.GetMissingPrivileges())
		}
		want := map[string]int{"GET /version": 1, "GET /cluster/status": 1, "GET /access/permissions": 1}
		if got := l.sim.Requests(); !maps.Equal(got, want) || r.GetRequests() != 3 || r.GetDuration().AsDuration() <= 0 {
			t.Errorf("requests are %v, and %d are told, in %v", got, r.GetRequests(), r.GetDuration().AsDuration())
		}
	}
}

func TestAStandaloneHostAndANodeWithoutQuorum(t *testing.T) {
	for _, version := range pvesim.Versions() {
		l := newLab(t, version)
		l.sim.LoseQuorum(l.sim.World())
		r := l.probe()
		l.wantError(r, proxopsv1.ErrorKind_ERROR_KIND_QUORUM)
		if r.GetQuorate() || r.GetIdentity().GetName() != "prod-cluster" || len(r.GetPrivileges()) != 3 {
			t.Errorf("reply is %v", r)
		}
		l.sim.Heal()
		l.sim.Edit(func(w *pvesim.World) { w.Standalone = true })
		r = l.probe()
		l.wantError(r, 0)
		if i := r.GetIdentity(); !r.GetQuorate() || !i.GetStandalone() || i.GetName() != "pve1" {
			t.Errorf("reply is %v", r)
		}
	}
}

func TestTheCertificateIsToldWhetherItIsBelievedOrNot(t *testing.T) {
	const wrong = "AA:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F"
	foreign := string(pvesim.StartT(t, pvesim.New("8.4")).CAPEM())
	for _, version := range pvesim.Versions() {
		for name, tc := range map[string]struct {
			edit func(*lab)
			want proxopsv1.ErrorKind
		}{
			"another CA":          {func(l *lab) { l.target.CaCertificate = foreign }, tlsError},
			"the system's CAs":    {func(l *lab) { l.target.CaCertificate = "" }, tlsError},
			"replaced":            {func(l *lab) { l.sim.ReplaceCertificate() }, tlsError},
			"another fingerprint": {func(l *lab) { l.target.Fingerprints = []string{wrong} }, fingerprint},
			"another CA and fingerprint": {func(l *lab) {
				l.target.CaCertificate, l.target.Fingerprints = foreign, []string{l.server.Fingerprint()}
			}, tlsError},
			"the fingerprint": {func(l *lab) { l.target.CaCertificate, l.target.Fingerprints = "", []string{l.server.Fingerprint()} }, 0},
			"not verified":    {func(l *lab) { l.target.CaCertificate, l.target.VerifyTls = "", false }, 0},
		} {
			t.Run(version+"/"+name, func(t *testing.T) {
				l := newLab(t, version)
				tc.edit(l)
				r := l.probe()
				l.wantError(r, tc.want)
				if r.GetFingerprint() != l.server.Fingerprint() || r.GetTrusted() != (tc.want == 0) {
					t.Errorf("fingerprint %s, trusted %v", r.GetFingerprint(), r.GetTrusted())
				}
				if n := len(l.sim.Requests()); tc.want != 0 && (n > 0 || r.GetVersion() != "" || r.GetIdentity() != nil) {
					t.Errorf("%d calls, and so the token, reached a server that is not believed: %v", n, r)
				}
			})
		}
	}
}

func TestWhatIsWrongOnTheWay(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := uint32(ln.Addr().(*net.TCPAddr).Port)
	_ = ln.Close()
	for _, version := range pvesim.Versions() {
		for name, tc := range map[string]struct {
			edit  func(*lab)
			want  proxopsv1.ErrorKind
			shown bool // whether a certificate was seen
		}{
			"token revoked": {func(l *lab) { l.sim.RevokeTokens() }, proxopsv1.ErrorKind_ERROR_KIND_AUTH, true},
			"refused":       {func(l *lab) { l.target.Port = closed }, connect, false},
			"no such name":  {func(l *lab) { l.target.Hosts = []string{"no-such-name.invalid"} }, proxopsv1.ErrorKind_ERROR_KIND_DNS, false},
			"local address": {func(l *lab) { l.prober.options.AllowLocal = false }, connect, false},
			"no address":    {func(l *lab) { l.target.Hosts = nil }, connect, false},
			"no token":      {func(l *lab) { l.target.TokenName = "" }, credentials, false},
			"no PEM":        {func(l *lab) { l.target.CaCertificate = "x" }, tlsError, false},
			"HTML":          {func(l *lab) { l.sim.Fault("*", pvesim.HTML) }, proxopsv1.ErrorKind_ERROR_KIND_MALFORMED, true},
			"596":           {func(l *lab) { l.sim.Fault("*", pvesim.FromTranscript("http_596_timeout")) }, proxopsv1.ErrorKind_ERROR_KIND_UNAVAILABLE, true},
			"slow": {func(l *lab) {
				l.prober.options.RequestTimeout = 500 * time.Millisecond
				l.sim.Fault("*", pvesim.SlowHeader(time.Minute))
			}, timedOut, true},
			"slow as a whole": {func(l *lab) {
				l.prober.timeout = 500 * time.Millisecond
				l.sim.Fault("/cluster/status", pvesim.SlowHeader(time.Minute))
			}, timedOut, true},
		} {
			t.Run(version+"/"+name, func(t *testing.T) {
				t.Parallel() // some wait
				l := newLab(t, version)
				tc.edit(l)
				start := time.Now()
				r := l.probe()
				l.wantError(r, tc.want)
				if (r.GetFingerprint() != "") != tc.shown || r.GetTrusted() != tc.shown || len(r.GetPrivileges()) > 0 {
					t.Errorf("reply is %v", r)
				}
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		}
	}
}

func TestCredentialsThatCannotBeOpened(t *testing.T) {
	l := newLab(t, "9.2")
	for name, edit := range map[string]func(*proxopsv1.ProbeRequest){
		"none":           func(r *proxopsv1.ProbeRequest) { r.SealedCredentials = nil },
		"damaged":        func(r *proxopsv1.ProbeRequest) { r.SealedCredentials[70] ^= 1 },
		"another target": func(r *proxopsv1.ProbeRequest) { r.Target.Port++ },
		"no target":      func(r *proxopsv1.ProbeRequest) { r.Target = nil },
	} {
		in := l.request()
		edit(in)
		r := l.prober.Probe(t.Context(), in)
		l.wantError(r, credentials)
		if n := len(l.sim.Requests()); n > 0 || r.GetRequests() > 0 || r.GetAddress() != "" {
			t.Errorf("%s: %d requests, reply is %v", name, n, r)
		}
	}
}

func TestAnotherAddressIsTriedAsInARun(t *testing.T) {
	l := newLab(t, "9.2")
	l.target.Hosts = []string{"127.0.0.2", "127.0.0.1"} // nobody listens at the first
	r := l.probe()
	l.wantError(r, 0)
	if !strings.HasPrefix(r.GetAddress(), "127.0.0.1:") || !r.GetTrusted() || r.GetRequests() != 4 {
		t.Errorf("reply is %v", r)
	}
	l.target.Hosts = []string{"127.0.0.1", "127.0.0.2"}
	l.sim.Fault("/cluster/status", pvesim.BadGateway)
	r = l.probe()
	l.wantError(r, connect)
	if text := r.GetError().GetText(); !strings.Contains(text, "502") || !strings.Contains(text, "; then 127.0.0.2") {
		t.Errorf("text is %q", text)
	}
	if !strings.HasPrefix(r.GetAddress(), "127.0.0.2:") || r.GetVersion() != "" || r.GetFingerprint() != "" {
		t.Errorf("what one address showed is told of another: %v", r)
	}
	l.sim.Heal()
	l.sim.RevokeTokens()
	if r = l.probe(); !strings.HasPrefix(r.GetAddress(), "127.0.0.1:") {
		t.Errorf("another address was tried after an answer: %v", r)
	}
}

func TestOnlySoManyAreTriedAtOnceAndAStoppingPollerSaysSo(t *testing.T) {
	l := newLab(t, "9.2")
	l.prober.patience = 20 * time.Millisecond
	l.sim.Fault("*", pvesim.SlowHeader(time.Minute))
	data, err := bus.Encode(l.request())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var asking sync.WaitGroup
	for range atOnce {
		asking.Go(func() {
			if _, err := l.prober.Handle(ctx, bus.Msg{Data: data}); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "stopping") {
				t.Errorf("error is %v", err)
			}
		})
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for l.sim.Requests()["GET /version"] < atOnce {
		<-tick.C
	}
	if _, err := l.prober.Handle(ctx, bus.Msg{Data: data}); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "other connections") {
		t.Errorf("error is %v", err)
	}
	stop()
	asking.Wait()
	l.sim.ClearFaults()
	if reply, err := l.prober.Handle(t.Context(), bus.Msg{Data: data}); err != nil || reply.(*proxopsv1.ProbeReply).GetError() != nil {
		t.Errorf("reply %v, error %v", reply, err)
	}
	if _, err := l.prober.Handle(t.Context(), bus.Msg{Data: []byte("nonsense")}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("nonsense: %v", err)
	}
}

func TestNoSecretIsInAReply(t *testing.T) {
	const secret = "3f1c2d4e-planted-secret-0badcafe"
	l := newLab(t, "9.2", pvesim.WithToken(pvesim.Token{User: "a@pve", Name: "b", Secret: secret}))
	l.prober.options.RequestTimeout = 100 * time.Millisecond
	l.sim.Edit(func(w *pvesim.World) { w.Nodes[0].Name = secret })
	var told strings.Builder
	look := func(what string) {
		r := l.probe()
		fmt.Fprintf(&told, "%v %+v", r, r)
		if e := r.GetError(); e != nil && (e.GetText() == "" || e.GetRemedy() == "") {
			t.Errorf("%s: error is %v", what, e)
		}
	}
	look("all well")
	for _, f := range pvesim.AllFaults() {
		f.Apply(l.sim)
		look(f.Name)
		f.Undo(l.sim)
	}
	l.sim.SetACL(pvesim.ACL{Path: "/", Role: "PVEAuditor"}, pvesim.ACL{Path: "/vms/" + secret, Role: "VM.Console"})
	look("a path that tells it")
	l.target.Hosts = []string{"127.0.0.2"}
	look("refused")
	l.target.TokenName = ""
	look("no token")
	if strings.Contains(told.String()+l.log.String(), secret) {
		t.Error("the secret was told")
	}
	if !strings.Contains(told.String(), "/vms/[redacted] VM.Audit") {
		t.Error("the path that repeats the secret was not seen at all")
	}
}
