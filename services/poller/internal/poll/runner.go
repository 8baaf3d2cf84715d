// Package poll performs runs: it claims an endpoint, reads its cluster, proves what vanished, publishes what is complete, and reports.
package poll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/poller/internal/pve"
)

const (
	// grace is how long a run may still take once the poller is told to stop: enough for nearly every run, and with lastWord less than the five
	// seconds in which a process must end.
	grace = 2 * time.Second
	// lastWord is how long a poller that stops tries to say that it has not read everything, so that another one may at once.
	lastWord = time.Second
	// maxTicks is how often a tick is tried. Another one comes, so it need not become a dead letter.
	maxTicks = 5
)

// Projector grants claims and takes reports.
type Projector interface {
	Claim(ctx context.Context, in *proxopsv1.ClaimRequest) (*proxopsv1.ClaimReply, error)
	Report(ctx context.Context, in *proxopsv1.RunReport) (*proxopsv1.ReportReply, error)
}

// Publisher stores a snapshot before it returns nil. One that is too large is errTooLarge.
type Publisher interface {
	Publish(ctx context.Context, s *proxopsv1.Snapshot) error
}

// Limits bound a run.
type Limits struct {
	// MaxConfirmations is how many vanished jobs of a kind are asked for singly.
	MaxConfirmations int
	// ConfirmPause lies before a second reading.
	ConfirmPause time.Duration
	// RequestTimeout bounds one call to a cluster.
	RequestTimeout time.Duration
	// AllowLocal permits clusters at loopback, link-local and metadata addresses.
	AllowLocal bool
}

// Runner performs runs. Its methods may be called at once.
type Runner struct {
	Projector Projector
	Publisher Publisher
	Opener    pve.Opener
	// Name tells people which poller it is.
	Name    string
	Limits  Limits
	Log     *slog.Logger
	Metrics *Metrics

	unverified sync.Map // endpoints of which was logged that their certificates are not verified
	active     active
}

// Handle does what a message of the stream TASKS asks for, and returns nil when it need not be delivered again.
func (r *Runner) Handle(ctx context.Context, m bus.Msg) error {
	var task proxopsv1.Task
	if err := bus.Decode(m.Data, &task); err != nil {
		return fmt.Errorf("read task on %s: %w", m.Subject, err)
	}
	if task.GetEndpointId() <= 0 {
		return fault.New(fault.Invalid, "read task on %s: it names no endpoint", m.Subject)
	}
	err := r.Run(ctx, &task)
	if err != nil && task.GetTrigger() != proxopsv1.Trigger_TRIGGER_MANUAL && m.Deliveries >= maxTicks && ctx.Err() == nil {
		r.Log.WarnContext(ctx, "tick given up", "endpoint", task.GetEndpointId(), "err", err)
		return nil
	}
	return err
}

// Run performs one run. It returns nil when the run was reported, refused or cancelled, and an error when it should be tried again: nobody
// answered, another run holds the endpoint, or the poller is stopping.
func (r *Runner) Run(ctx context.Context, task *proxopsv1.Task) error {
	ctx, stop := linger(ctx, grace)
	defer stop()
	// The claim cannot have been granted before it was asked for, so its validity counted from here ends early rather than late.
	start := time.Now()
	reply, err := r.Projector.Claim(ctx, &proxopsv1.ClaimRequest{
		EndpointId: task.GetEndpointId(), Poller: r.Name, Trigger: task.GetTrigger(), Kinds: task.GetKinds(), JobId: task.GetJobId(),
	})
	if err != nil {
		return fmt.Errorf("claim endpoint %d: %w", task.GetEndpointId(), err)
	}
	claim := reply.GetClaim()
	if claim == nil {
		return r.refused(ctx, task, reply.GetRefusal())
	}
	run := &run{Runner: r, endpoint: task.GetEndpointId(), claim: claim, start: start, reports: map[proxopsv1.Kind]*proxopsv1.KindReport{}}
	ctx, end := r.active.begin(ctx, run.endpoint, claim.GetGeneration())
	defer end()
	ended := start.Add(claim.GetValidFor().AsDuration())
	reading, cancel := context.WithDeadline(ctx, ended.Add(-reserve(claim.GetValidFor().AsDuration())))
	defer cancel()
	run.do(reading)
	if cancelled(ctx) {
		r.Metrics.ran(task.GetTrigger(), "cancelled")
		r.Log.InfoContext(ctx, "run cancelled", "endpoint", run.endpoint, "name", claim.GetTarget().GetName(), "generation", claim.GetGeneration())
		return nil
	}
	report := run.report()
	r.Metrics.ended(task.GetTrigger(), report)
	run.log(ctx, report)
	if ctx.Err() != nil {
		return r.leave(ctx, report)
	}
	reporting, cancel := context.WithDeadline(ctx, ended)
	defer cancel()
	if err := r.deliver(reporting, report); err != nil && !cancelled(ctx) {
		return err
	}
	return nil
}

// leave reports what a poller that stops has read and what it has not, and returns an error in the latter case.
func (r *Runner) leave(stopped context.Context, report *proxopsv1.RunReport) error {
	// The run's context is done by now, so this needs a clock of its own.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(stopped), lastWord)
	defer cancel()
	err := r.deliver(ctx, report)
	if !slices.ContainsFunc(report.GetKinds(), abandoned) {
		return err
	}
	// Without a report the claim runs out by itself.
	return fmt.Errorf("read endpoint %d: the poller stopped: %w", report.GetEndpointId(), errors.Join(context.Cause(stopped), err))
}

func abandoned(k *proxopsv1.KindReport) bool {
	return k.GetOutcome() == proxopsv1.Outcome_OUTCOME_ABANDONED
}

// reserve is the part of a claim that is left for the report.
func reserve(valid time.Duration) time.Duration { return min(valid/4, 5*time.Second) }

func (r *Runner) refused(ctx context.Context, task *proxopsv1.Task, refusal *proxopsv1.Refusal) error {
	reason := refusal.GetReason()
	r.Metrics.ran(task.GetTrigger(), "refused")
	r.Log.DebugContext(ctx, "claim refused", "endpoint", task.GetEndpointId(), "reason", reason.String(), "text", refusal.GetText())
	// A job waits for the run that holds the endpoint, too: when that ends, whoever keeps the job puts another task on the queue.
	if reason == proxopsv1.RefusalReason_REFUSAL_REASON_BUSY && task.GetTrigger() == proxopsv1.Trigger_TRIGGER_MANUAL && task.GetJobId() == "" {
		return fault.New(fault.Conflict, "claim endpoint %d: another run holds it", task.GetEndpointId())
	}
	return nil
}

// deliver repeats the report until somebody answered it or the claim ended.
func (r *Runner) deliver(ctx context.Context, report *proxopsv1.RunReport) error {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		reply, err := r.Projector.Report(ctx, report)
		if err == nil {
			if !reply.GetCurrent() {
				r.Log.InfoContext(ctx, "run was superseded", "endpoint", report.GetEndpointId(), "generation", report.GetGeneration())
			}
			return nil
		}
		if fault.KindOf(err) == fault.Invalid || app.Sleep(ctx, pause) != nil {
			return fmt.Errorf("report the run of endpoint %d, generation %d: %w", report.GetEndpointId(), report.GetGeneration(), err)
		}
	}
}

// linger returns a context that ends only so long after ctx, with its values.
func linger(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	var late *time.Timer
	armed := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		late = time.AfterFunc(after, func() { cancel(context.Cause(ctx)) })
		close(armed)
	})
	return out, func() {
		if !unhook() {
			<-armed
			late.Stop()
		}
		cancel(nil)
	}
}

var errTooLarge = errors.New("the snapshot is larger than a message may be")
