package poller_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/pvesim"
	"github.com/proxops/proxops/libs/seal"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/poller"
)

const (
	scheduled = proxopsv1.Trigger_TRIGGER_SCHEDULED
	manual    = proxopsv1.Trigger_TRIGGER_MANUAL
)

var allKinds = []proxopsv1.Kind{
	proxopsv1.Kind_KIND_BACKUP_ROUTINE, proxopsv1.Kind_KIND_REPLICATION, proxopsv1.Kind_KIND_INVENTORY,
}

// projector answers claims and takes reports as the real one does, without a database.
type projector struct {
	t   *testing.T
	bus *bus.Bus

	mu       sync.Mutex
	claims   map[int64]*proxopsv1.Claim
	requests []*proxopsv1.ClaimRequest
	// refuse is answered so many times before claims are granted.
	refuse []*proxopsv1.Refusal

	reports chan *proxopsv1.RunReport
}

func (p *projector) serve(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() {
		if err := p.bus.Respond(ctx, subjects.AllClaims, subjects.QueueProjector, p.claim); err != nil {
			p.t.Error(err)
		}
	})
	both.Go(func() {
		if err := p.bus.Respond(ctx, subjects.AllReports, subjects.QueueProjector, p.report); err != nil {
			p.t.Error(err)
		}
	})
	both.Wait()
}

func (p *projector) claim(_ context.Context, m bus.Msg) (proto.Message, error) {
	var in proxopsv1.ClaimRequest
	if err := bus.Decode(m.Data, &in); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, &in)
	if len(p.refuse) > 0 {
		refusal := p.refuse[0]
		p.refuse = p.refuse[1:]
		return &proxopsv1.ClaimReply{Result: &proxopsv1.ClaimReply_Refusal{Refusal: refusal}}, nil
	}
	c := p.claims[in.GetEndpointId()]
	if c == nil {
		return &proxopsv1.ClaimReply{Result: &proxopsv1.ClaimReply_Refusal{Refusal: &proxopsv1.Refusal{
			Reason: proxopsv1.RefusalReason_REFUSAL_REASON_UNKNOWN,
		}}}, nil
	}
	c.Generation++
	return &proxopsv1.ClaimReply{Result: &proxopsv1.ClaimReply_Claim{Claim: proto.CloneOf(c)}}, nil
}

func (p *projector) report(_ context.Context, m bus.Msg) (proto.Message, error) {
	var in proxopsv1.RunReport
	if err := bus.Decode(m.Data, &in); err != nil {
		return nil, err
	}
	p.reports <- &in
	return &proxopsv1.ReportReply{Current: true}, nil
}

// next waits for the report of the next run.
func (p *projector) next() *proxopsv1.RunReport {
	p.t.Helper()
	select {
	case r := <-p.reports:
		return r
	case <-time.After(30 * time.Second):
		p.t.Fatal("no report within 30 s")
		return nil
	}
}

// world is a poller on a real bus, with a projector that is not one.
type world struct {
	*projector

	nats   *localnats.Server
	opener *seal.Opener
	key    string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := natstest.Start(t)
	admin := natstest.Join(t, server, localnats.Admin)
	if err := admin.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "site.key")
	opener, err := seal.LoadOrCreate(key)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		projector: &projector{t: t, bus: admin, claims: map[int64]*proxopsv1.Claim{}, reports: make(chan *proxopsv1.RunReport, 100)},
		nats:      server, opener: opener, key: key,
	}
	w.background(w.serve)
	return w
}

// background runs f until the test ends, and waits for it.
func (w *world) background(f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var done sync.WaitGroup
	done.Go(func() { f(ctx) })
	w.t.Cleanup(func() { cancel(); done.Wait() })
}

// poll starts a poller as its own user of NATS.
func (w *world) poll(edit func(*poller.Config), deps poller.Deps) {
	cfg := poller.Config{
		NATSURL: w.nats.URL(localnats.Poller), KeyFile: w.key, AllowLocalTargets: true,
		ConfirmPause: time.Millisecond, Timeout: 5 * time.Second,
	}
	if edit != nil {
		edit(&cfg)
	}
	w.background(func(ctx context.Context) {
		if err := poller.Run(ctx, cfg, deps); err != nil {
			w.t.Errorf("poller: %v", err)
		}
	})
}

// endpoint lets claims of an id lead to a simulated cluster.
func (w *world) endpoint(id int64, s *pvesim.Server, edit func(*proxopsv1.Claim)) {
	w.t.Helper()
	token := s.Cluster().Token()
	target := seal.Target{
		Hosts: []string{s.Host}, Port: s.Port, User: token.User, TokenName: token.Name, VerifyTLS: true, CA: string(s.CAPEM()),
	}
	box, err := seal.Seal(w.opener.PublicKey(), target, seal.Credentials{TokenValue: seal.Secret(token.Secret)})
	if err != nil {
		w.t.Fatal(err)
	}
	c := &proxopsv1.Claim{
		Generation: 41, Kinds: allKinds, ValidFor: durationpb.New(time.Minute), SealedCredentials: box,
		Target: &proxopsv1.Target{
			Name: "lab", Hosts: target.Hosts, Port: uint32(s.Port), Username: target.User, TokenName: target.TokenName,
			VerifyTls: true, CaCertificate: target.CA,
		},
	}
	if edit != nil {
		edit(c)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.claims[id] = c
}

func (w *world) task(task *proxopsv1.Task) {
	w.t.Helper()
	data, err := bus.Encode(task)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.bus.JetStream().Publish(w.t.Context(), subjects.Task(task.GetTrigger(), subjects.DefaultSite, task.GetEndpointId()), data); err != nil {
		w.t.Fatal(err)
	}
}

// snapshots are those of an endpoint in the stream, by kind; the last one of each.
func (w *world) snapshots(endpoint int64) map[proxopsv1.Kind]*proxopsv1.Snapshot {
	w.t.Helper()
	out := map[proxopsv1.Kind]*proxopsv1.Snapshot{}
	stream, err := w.bus.JetStream().Stream(w.t.Context(), subjects.StreamSnapshots)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, kind := range allKinds {
		m, err := stream.GetLastMsgForSubject(w.t.Context(), subjects.Snapshot(kind, endpoint))
		if err != nil {
			continue
		}
		var s proxopsv1.Snapshot
		if err := bus.Decode(m.Data, &s); err != nil {
			w.t.Fatal(err)
		}
		out[kind] = &s
	}
	return out
}

// left is how many tasks are in the stream.
func (w *world) left() uint64 {
	w.t.Helper()
	stream, err := w.bus.JetStream().Stream(w.t.Context(), subjects.StreamTasks)
	if err != nil {
		w.t.Fatal(err)
	}
	info, err := stream.Info(w.t.Context(), jetstream.WithSubjectFilter(subjects.AllTasks))
	if err != nil {
		w.t.Fatal(err)
	}
	return info.State.Msgs
}

// until polls a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}
