package probe

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/proxops/proxops/libs/pvesim"
	"github.com/proxops/proxops/libs/seal"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/poller/internal/pve"
)

// lab is a prober and a simulated cluster that is to be tried.
type lab struct {
	t      *testing.T
	sim    *pvesim.Cluster
	server *pvesim.Server
	prober *Prober
	opener *seal.Opener
	log    bytes.Buffer
	target *proxopsv1.Target
}

func newLab(t *testing.T, version string, opts ...pvesim.Option) *lab {
	t.Helper()
	opener, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "site.key"))
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, sim: pvesim.New(version, opts...), opener: opener}
	l.server = pvesim.StartT(t, l.sim)
	l.prober = New(opener, "test/1", pve.Options{AllowLocal: true, RequestTimeout: 5 * time.Second},
		slog.New(slog.NewTextHandler(&l.log, nil)), prometheus.NewRegistry())
	token := l.sim.Token()
	l.target = &proxopsv1.Target{
		Name: "lab", Hosts: []string{l.server.Host}, Port: uint32(l.server.Port), Username: token.User, TokenName: token.Name,
		VerifyTls: true, CaCertificate: string(l.server.CAPEM()),
	}
	return l
}

// request asks for the target as it is now, with the secret of the cluster's token.
func (l *lab) request() *proxopsv1.ProbeRequest {
	l.t.Helper()
	t := l.target
	box, err := seal.Seal(l.opener.PublicKey(), seal.Target{
		Hosts: t.GetHosts(), Port: int(t.GetPort()), User: t.GetUsername(), TokenName: t.GetTokenName(),
		VerifyTLS: t.GetVerifyTls(), Fingerprints: t.GetFingerprints(), CA: t.GetCaCertificate(),
	}, seal.Credentials{TokenValue: seal.Secret(l.sim.Token().Secret)})
	if err != nil {
		l.t.Fatal(err)
	}
	return &proxopsv1.ProbeRequest{EndpointId: 7, Target: t, SealedCredentials: box}
}

func (l *lab) probe() *proxopsv1.ProbeReply {
	l.t.Helper()
	l.sim.ResetRequests()
	return l.prober.Probe(l.t.Context(), l.request())
}

// wantError checks what is wrong; errors say what happened and what to do.
func (l *lab) wantError(r *proxopsv1.ProbeReply, want proxopsv1.ErrorKind) {
	l.t.Helper()
	e := r.GetError()
	if e.GetKind() != want {
		l.t.Errorf("error is %v, want %v", e, want)
	}
	if e != nil && (e.GetText() == "" || e.GetRemedy() == "") {
		l.t.Errorf("error %v does not say what happened and what to do", e)
	}
}
