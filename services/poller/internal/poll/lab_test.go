package poll

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/proxops/proxops/libs/pvesim"
	"github.com/proxops/proxops/libs/seal"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

const (
	backups      = proxopsv1.Kind_KIND_BACKUP_ROUTINE
	replications = proxopsv1.Kind_KIND_REPLICATION
	inventory    = proxopsv1.Kind_KIND_INVENTORY

	published = proxopsv1.Outcome_OUTCOME_PUBLISHED
	partial   = proxopsv1.Outcome_OUTCOME_PARTIAL
	wasFailed = proxopsv1.Outcome_OUTCOME_FAILED

	leftBehind = proxopsv1.Outcome_OUTCOME_ABANDONED

	manual    = proxopsv1.Trigger_TRIGGER_MANUAL
	scheduled = proxopsv1.Trigger_TRIGGER_SCHEDULED
)

// lab is a runner between a simulated cluster and a bus that only remembers.
type lab struct {
	t      *testing.T
	runner *Runner
	sim    *pvesim.Cluster
	claim  *proxopsv1.Claim
	log    lockedBuffer
	opener *seal.Opener
	counts *prometheus.Registry

	mu        sync.Mutex
	claimed   int
	refusal   *proxopsv1.Refusal
	claimErr  error
	reportErr []error // of the first reports
	onReport  func()
	publish   func(context.Context, *proxopsv1.Snapshot) error
	snapshots []*proxopsv1.Snapshot
	reports   []*proxopsv1.RunReport
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newLab(t *testing.T, version string, opts ...pvesim.Option) *lab {
	t.Helper()
	opener, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "site.key"))
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, sim: pvesim.New(version, opts...), opener: opener, counts: prometheus.NewRegistry()}
	l.runner = &Runner{
		Projector: l, Publisher: l, Opener: opener, Name: "test", Metrics: NewMetrics(l.counts),
		Log:    slog.New(slog.NewTextHandler(&l.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Limits: Limits{MaxConfirmations: 20, ConfirmPause: time.Millisecond, RequestTimeout: 5 * time.Second, AllowLocal: true},
	}
	l.claim = l.claimOf(pvesim.StartT(t, l.sim), nil)
	return l
}

// claimOf is a claim of all jobs of a cluster, which it has read completely before.
func (l *lab) claimOf(s *pvesim.Server, edit func(*proxopsv1.Target)) *proxopsv1.Claim {
	l.t.Helper()
	token := s.Cluster().Token()
	target := &proxopsv1.Target{
		Name: "lab", Hosts: []string{s.Host}, Port: uint32(s.Port), Username: token.User, TokenName: token.Name,
		VerifyTls: true, CaCertificate: string(s.CAPEM()),
	}
	if edit != nil {
		edit(target)
	}
	return &proxopsv1.Claim{
		Generation: 42, Kinds: []proxopsv1.Kind{backups, replications}, ValidFor: durationpb.New(time.Minute), Target: target,
		SealedCredentials: l.seal(target, token.Secret), Identity: &proxopsv1.Identity{Name: s.Cluster().Name()},
		KnownJobs: []*proxopsv1.KnownJobs{
			{Kind: backups, Keys: s.Cluster().BackupIDs()}, {Kind: replications, Keys: replicationIDs(s.Cluster())},
		},
	}
}

func (l *lab) seal(t *proxopsv1.Target, secret string) []byte {
	l.t.Helper()
	box, err := seal.Seal(l.opener.PublicKey(), seal.Target{
		Hosts: t.GetHosts(), Port: int(t.GetPort()), User: t.GetUsername(), TokenName: t.GetTokenName(),
		VerifyTLS: t.GetVerifyTls(), Fingerprints: t.GetFingerprints(), CA: t.GetCaCertificate(),
	}, seal.Credentials{TokenValue: seal.Secret(secret)})
	if err != nil {
		l.t.Fatal(err)
	}
	return box
}

func replicationIDs(c *pvesim.Cluster) []string {
	var ids []string
	for _, r := range c.World().Replications {
		ids = append(ids, r.ID())
	}
	return ids
}

func (l *lab) Claim(context.Context, *proxopsv1.ClaimRequest) (*proxopsv1.ClaimReply, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claimed++
	if l.claimErr != nil {
		return nil, l.claimErr
	}
	if l.refusal != nil {
		return &proxopsv1.ClaimReply{Result: &proxopsv1.ClaimReply_Refusal{Refusal: l.refusal}}, nil
	}
	return &proxopsv1.ClaimReply{Result: &proxopsv1.ClaimReply_Claim{Claim: proto.CloneOf(l.claim)}}, nil
}

func (l *lab) Report(_ context.Context, in *proxopsv1.RunReport) (*proxopsv1.ReportReply, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.onReport != nil {
		l.onReport()
	}
	if len(l.reportErr) > 0 {
		err := l.reportErr[0]
		l.reportErr = l.reportErr[1:]
		return nil, err
	}
	l.reports = append(l.reports, in)
	return &proxopsv1.ReportReply{Current: true}, nil
}

func (l *lab) Publish(ctx context.Context, s *proxopsv1.Snapshot) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.publish != nil {
		if err := l.publish(ctx, s); err != nil {
			return err
		}
	}
	l.snapshots = append(l.snapshots, s)
	return nil
}

// run performs one run and returns what it reported, by kind, and what it published.
func (l *lab) run() (map[proxopsv1.Kind]*proxopsv1.KindReport, map[proxopsv1.Kind]*proxopsv1.Snapshot) {
	l.t.Helper()
	l.mu.Lock()
	l.reports, l.snapshots = nil, nil
	l.mu.Unlock()
	l.sim.ResetRequests()
	if err := l.runner.Run(l.t.Context(), &proxopsv1.Task{EndpointId: 7, Trigger: scheduled}); err != nil {
		l.t.Fatalf("run: %v", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.reports) != 1 {
		l.t.Fatalf("%d reports", len(l.reports))
	}
	reports, snapshots := map[proxopsv1.Kind]*proxopsv1.KindReport{}, map[proxopsv1.Kind]*proxopsv1.Snapshot{}
	for _, k := range l.reports[0].GetKinds() {
		reports[k.GetKind()] = k
	}
	for _, s := range l.snapshots {
		if reports[s.GetKind()].GetOutcome() != published {
			l.t.Errorf("a snapshot of %v was published, and its outcome is %v", s.GetKind(), reports[s.GetKind()])
		}
		snapshots[s.GetKind()] = s
	}
	for _, k := range l.claim.GetKinds() {
		r := reports[k]
		if (r.GetOutcome() == published) != (snapshots[k] != nil) || (r.GetError() == nil) != (r.GetOutcome() == published) {
			l.t.Errorf("report of %v is %v, its snapshot %v", k, r, snapshots[k])
		}
	}
	return reports, snapshots
}

// want checks one outcome.
func (l *lab) want(r *proxopsv1.KindReport, outcome proxopsv1.Outcome, kind proxopsv1.ErrorKind) {
	l.t.Helper()
	if r.GetOutcome() != outcome || r.GetError().GetKind() != kind {
		l.t.Errorf("report is %v, want %v, %v", r, outcome, kind)
	}
	if e := r.GetError(); e != nil && (e.GetText() == "" || e.GetRemedy() == "") {
		l.t.Errorf("error %v does not say what happened and what to do", e)
	}
}

// runs is how many runs were counted with an outcome.
func (l *lab) runs(outcome string) (n float64) {
	l.t.Helper()
	families, err := l.counts.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, label := range m.GetLabel() {
				if f.GetName() == "proxops_poller_runs_total" && label.GetName() == "outcome" && label.GetValue() == outcome {
					n += m.GetCounter().GetValue()
				}
			}
		}
	}
	return n
}

func (l *lab) wantRequests(call string, n int) {
	l.t.Helper()
	if got := l.sim.Requests()["GET "+call]; got != n {
		l.t.Errorf("%d requests of %s, want %d", got, call, n)
	}
}

// jobs is a cluster with so many replications, each of a guest of its own, and as many backup jobs.
func jobs(n int) pvesim.Option {
	w := pvesim.World{Name: "prod-cluster", Nodes: []pvesim.Node{{Name: "pve1"}, {Name: "pve2"}}}
	for i := range n {
		w.Guests = append(w.Guests, pvesim.Guest{VMID: 100 + i, Type: "qemu", Name: fmt.Sprintf("vm%d", i), Node: "pve1"})
		w.Backups = append(w.Backups, pvesim.BackupJob{ID: fmt.Sprintf("backup-%04d", i), Schedule: "02:00", Storage: "local", All: new(true)})
		w.Replications = append(w.Replications, pvesim.Replication{Guest: 100 + i, Source: "pve1", Target: "pve2", Schedule: "*/15"})
	}
	return pvesim.WithWorld(w)
}
