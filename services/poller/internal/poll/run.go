package poll

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/poller/internal/pve"
)

// run is one run under one claim.
type run struct {
	*Runner

	endpoint int64
	claim    *proxopsv1.Claim
	start    time.Time

	cluster  *pve.Cluster
	identity *proxopsv1.Identity // which cluster answered; nil until one did
	guests   map[int64]string    // on which node each guest is; nil until read
	reports  map[proxopsv1.Kind]*proxopsv1.KindReport
	costs    costs
}

// do reads every kind of the claim and leaves a report for each.
func (r *run) do(ctx context.Context) {
	cluster, err := r.connect(ctx)
	if err != nil {
		r.failAll(r.kinds(), failureOf(err))
		return
	}
	r.cluster = cluster
	defer cluster.Close()
	r.read(ctx)
}

// kinds are those of the claim, the inventory first: it knows where the guests are that replications refer to.
func (r *run) kinds() []proxopsv1.Kind {
	kinds := slices.Clone(r.claim.GetKinds())
	slices.SortFunc(kinds, func(a, b proxopsv1.Kind) int { return rank(a) - rank(b) })
	return slices.Compact(kinds)
}

func rank(k proxopsv1.Kind) int {
	if k == proxopsv1.Kind_KIND_INVENTORY {
		return -1
	}
	return int(k)
}

// connect opens the credentials and prepares the connection.
func (r *run) connect(ctx context.Context) (*pve.Cluster, error) {
	t := r.claim.GetTarget()
	cluster, err := pve.Open(r.Opener, t, r.claim.GetSealedCredentials(), pve.Options{
		AllowLocal: r.Limits.AllowLocal, RequestTimeout: r.Limits.RequestTimeout, Observe: r.Metrics.Called,
	})
	if err != nil {
		return nil, err
	}
	if t.GetVerifyTls() {
		r.unverified.Delete(r.endpoint)
	} else if _, logged := r.unverified.LoadOrStore(r.endpoint, true); !logged {
		r.Log.WarnContext(ctx, "certificates of an endpoint are not verified", "endpoint", r.endpoint, "name", t.GetName())
	}
	return cluster, nil
}

// read tries the addresses in their order. What one address read completely is done; only failures that may be the address's own
// pass on to the next one, where the reading starts over with the status of the cluster.
func (r *run) read(ctx context.Context) {
	pending := r.kinds()
	before := map[proxopsv1.Kind][]*failure{}
	hosts := r.claim.GetTarget().GetHosts()
	for i, host := range hosts {
		var next []proxopsv1.Kind
		for kind, f := range r.readAt(ctx, r.cluster.At(host), pending) {
			if f.failover && i < len(hosts)-1 {
				before[kind] = append(before[kind], f)
				next = append(next, kind)
				continue
			}
			r.fail(kind, f.after(before[kind]))
		}
		if len(next) == 0 {
			return
		}
		pending = slices.DeleteFunc(pending, func(k proxopsv1.Kind) bool { return !slices.Contains(next, k) })
	}
}

// readAt reads kinds at one address and returns the failures; the others are published.
func (r *run) readAt(ctx context.Context, conn *pve.Conn, kinds []proxopsv1.Kind) map[proxopsv1.Kind]*failure {
	out := map[proxopsv1.Kind]*failure{}
	r.costs.restart()
	status, err := r.status(ctx, conn)
	for _, kind := range kinds {
		kindErr := err
		if kindErr == nil {
			kindErr = r.readKind(ctx, conn, status, kind)
		}
		if kindErr != nil {
			r.costs.charge(kind, r.cluster.Requests())
			out[kind] = failureOf(kindErr)
			if errors.Is(ctx.Err(), context.Canceled) { // the end of the claim is a deadline
				out[kind] = leftUnread()
			}
		}
	}
	return out
}

// readKind reads, proves and publishes one kind.
func (r *run) readKind(ctx context.Context, conn *pve.Conn, status pve.Status, kind proxopsv1.Kind) error {
	snapshot, warnings, err := r.snapshot(ctx, conn, status, kind)
	if err != nil {
		return err
	}
	if err := r.prove(ctx, conn, snapshot); err != nil {
		return err
	}
	r.costs.charge(kind, r.cluster.Requests()).tell(snapshot)
	err = r.publish(ctx, snapshot)
	r.costs.restart() // publishing is not the cluster's time
	if err != nil {
		return err
	}
	r.reports[kind] = &proxopsv1.KindReport{Kind: kind, Outcome: proxopsv1.Outcome_OUTCOME_PUBLISHED, Warnings: warnings}
	return nil
}

func (r *run) failAll(kinds []proxopsv1.Kind, f *failure) {
	for _, kind := range kinds {
		r.fail(kind, f)
	}
}

func (r *run) fail(kind proxopsv1.Kind, f *failure) {
	r.reports[kind] = &proxopsv1.KindReport{Kind: kind, Outcome: f.outcome, Error: f.report}
}

func (r *run) report() *proxopsv1.RunReport {
	report := &proxopsv1.RunReport{
		EndpointId: r.endpoint, Generation: r.claim.GetGeneration(), Identity: r.identity, Duration: durationpb.New(time.Since(r.start)),
	}
	if r.cluster != nil {
		report.Requests = r.cluster.Requests()
	}
	for _, kind := range r.kinds() {
		r.costs.report(r.reports[kind])
		report.Kinds = append(report.Kinds, r.reports[kind])
	}
	return report
}

// log writes one line for the run, which is of interest when something is wrong.
func (r *run) log(ctx context.Context, report *proxopsv1.RunReport) {
	level := slog.LevelDebug
	attrs := []any{
		"endpoint", r.endpoint, "name", r.claim.GetTarget().GetName(), "generation", report.GetGeneration(),
		"requests", report.GetRequests(), "duration", report.GetDuration().AsDuration(),
	}
	for _, k := range report.GetKinds() {
		word := outcomeWord(k.GetOutcome())
		if e := k.GetError(); e != nil {
			word += ": " + e.GetText()
			level = max(level, slog.LevelInfo)
			if !abandoned(k) {
				level = slog.LevelWarn
			}
		}
		attrs = append(attrs, subjects.KindToken(k.GetKind()), word)
	}
	r.Log.Log(ctx, level, "run ended", attrs...)
}
