// Package probe tries the connection to a cluster: it says what a person should know who has just set it up, without reading any job.
package probe

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/poller/internal/pve"
)

const (
	// timeout bounds a probe: somebody is waiting for it.
	timeout = 25 * time.Second
	// patience is how long a probe waits for its turn.
	patience = 3 * time.Second
	// atOnce is how many probes a poller performs at once, beside its runs.
	atOnce = 4
)

// Prober performs probes. Its methods may be called at once.
type Prober struct {
	opener  pve.Opener
	name    string
	options pve.Options
	log     *slog.Logger
	probes  *prometheus.CounterVec

	turns             chan struct{}
	timeout, patience time.Duration
}

// New makes the prober of a poller, whose name people know, and registers its metric. It panics if that is registered already.
func New(opener pve.Opener, name string, options pve.Options, log *slog.Logger, metrics prometheus.Registerer) *Prober {
	p := &Prober{
		opener: opener, name: name, options: options, log: log, turns: make(chan struct{}, atOnce), timeout: timeout, patience: patience,
		probes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "proxops_poller_probes_total", Help: "Connections that were tried for somebody, by the kind of what is wrong; empty when all is well.",
		}, []string{"error"}),
	}
	metrics.MustRegister(p.probes)
	return p
}

// Handle answers a ProbeRequest. It is fault.Unavailable to ask while too many are being answered, or while the poller stops.
func (p *Prober) Handle(ctx context.Context, m bus.Msg) (proto.Message, error) {
	var in proxopsv1.ProbeRequest
	if err := bus.Decode(m.Data, &in); err != nil {
		return nil, err
	}
	select {
	case p.turns <- struct{}{}:
	case <-time.After(p.patience):
		return nil, fault.New(fault.Unavailable, "poller %s tries %d other connections: try again in half a minute", p.name, atOnce)
	case <-ctx.Done():
		return nil, p.stopping()
	}
	defer func() { <-p.turns }()
	reply := p.Probe(ctx, &in)
	if ctx.Err() != nil { // what was seen is of no cluster's making
		return nil, p.stopping()
	}
	return reply, nil
}

func (p *Prober) stopping() error {
	return fault.New(fault.Unavailable, "poller %s is stopping: try again", p.name)
}

// Probe tries a connection as a run would, and says what it saw as far as it got. It takes 25 s at most.
func (p *Prober) Probe(ctx context.Context, in *proxopsv1.ProbeRequest) *proxopsv1.ProbeReply {
	start := time.Now()
	reply := p.probe(ctx, in)
	reply.Poller, reply.Duration = p.name, durationpb.New(time.Since(start))
	wrong := ""
	if e := reply.GetError(); e != nil {
		wrong = subjects.ErrorToken(e.GetKind())
	}
	p.probes.WithLabelValues(wrong).Inc()
	p.log.InfoContext(ctx, "connection tried", "endpoint", in.GetEndpointId(), "name", in.GetTarget().GetName(), "address", reply.GetAddress(),
		"requests", reply.GetRequests(), "duration", reply.GetDuration().AsDuration(), "err", reply.GetError().GetText())
	return reply
}

func (p *Prober) probe(ctx context.Context, in *proxopsv1.ProbeRequest) *proxopsv1.ProbeReply {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	cluster, err := pve.Open(p.opener, in.GetTarget(), in.GetSealedCredentials(), p.options)
	if err != nil {
		return &proxopsv1.ProbeReply{Error: explained(err).RunError()}
	}
	defer cluster.Close()
	reply := tryAll(ctx, cluster, in.GetTarget())
	reply.Requests = cluster.Requests()
	return reply
}

// tryAll tries the addresses in their order, until one answers; only failures that may be the address's own pass on to the next one.
func tryAll(ctx context.Context, cluster *pve.Cluster, target *proxopsv1.Target) (reply *proxopsv1.ProbeReply) {
	var texts []string
	for _, host := range target.GetHosts() {
		conn := cluster.At(host)
		reply = &proxopsv1.ProbeReply{Address: conn.Address()}
		err := try(ctx, conn, target, reply)
		shown := conn.Certificate()
		reply.Fingerprint, reply.Trusted = shown.Fingerprint, shown.Trusted
		if err == nil {
			return reply
		}
		wrong := explained(err)
		texts = append(texts, wrong.Text)
		reply.Error = wrong.RunError()
		reply.Error.Text = strings.Join(texts, "; then ")
		if !wrong.Failover {
			return reply
		}
	}
	return reply
}

// explained gives any error the form that people are told of.
func explained(err error) *pve.Error {
	e, _ := errors.AsType[*pve.Error](err)
	return cmp.Or(e, &pve.Error{
		Kind: proxopsv1.ErrorKind_ERROR_KIND_INTERNAL, Text: err.Error(), Remedy: "Report this as a bug, with the poller's log.",
	})
}
