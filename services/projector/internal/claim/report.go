package claim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/postgres"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
	"github.com/proxops/proxops/services/projector/internal/syncs"
)

// Report takes the outcome of a run. It counts only while the run's generation is the last issued, and twice the same report changes
// nothing. What was published is judged when it is applied, not here.
func (d *Desk) Report(ctx context.Context, site string, r *proxopsv1.RunReport) (*proxopsv1.ReportReply, error) {
	reply := &proxopsv1.ReportReply{}
	var moved syncs.Moved
	err := postgres.InTx(ctx, d.Pool, func(tx pgx.Tx) (err error) {
		moved = syncs.Moved{Endpoint: int32(r.GetEndpointId())}
		reply.Current, err = report(ctx, tx, site, r, &moved)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take the report of generation %d of endpoint %d: %w", r.GetGeneration(), r.GetEndpointId(), err)
	}
	d.tell(ctx, moved)
	for _, k := range r.GetKinds() {
		if e := k.GetError(); e != nil && k.GetOutcome() != proxopsv1.Outcome_OUTCOME_ABANDONED {
			d.Log.WarnContext(ctx, "reading failed", "endpoint_id", r.GetEndpointId(), "generation", r.GetGeneration(),
				"kind", subjects.KindToken(k.GetKind()), "error_kind", subjects.ErrorToken(e.GetKind()), "text", e.GetText(), "current", reply.GetCurrent())
		}
	}
	return reply, nil
}

func report(ctx context.Context, tx pgx.Tx, site string, r *proxopsv1.RunReport, moved *syncs.Moved) (current bool, err error) {
	q := store.New(tx)
	id, ok := endpointID(r.GetEndpointId())
	if !ok {
		return false, nil
	}
	endpoint, err := q.EndpointLock(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && endpoint.Site != site {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock the endpoint: %w", err)
	}
	state, err := stateOf(ctx, q, id)
	if err != nil {
		return false, err
	}
	if state.IssuedGeneration != r.GetGeneration() || r.GetGeneration() == 0 {
		return false, nil
	}
	kinds, err := q.SyncStateList(ctx, id)
	if err != nil {
		return false, fmt.Errorf("read the sync states: %w", err)
	}
	if err := noteOther(ctx, q, id, state, r); err != nil {
		return false, err
	}
	failed := 0
	for _, k := range r.GetKinds() {
		token := subjects.KindToken(k.GetKind())
		var jobs []int32
		switch {
		case k.GetOutcome() == proxopsv1.Outcome_OUTCOME_PUBLISHED:
			err = q.SyncStateWarn(ctx, warnings(k.GetWarnings()), id, token)
		case !slices.Contains(state.ClaimPending, token): // it has its outcome already
		case k.GetOutcome() == proxopsv1.Outcome_OUTCOME_ABANDONED:
			jobs, err = abandon(ctx, tx, id, token)
		default:
			failed++
			jobs, err = fail(ctx, tx, id, token, state, k)
		}
		if err != nil {
			return false, err
		}
		moved.Jobs = append(moved.Jobs, jobs...)
	}
	promising := func(kind string) bool {
		return slices.Contains(state.ClaimPending, kind) || applied(kinds, kind, r.GetGeneration())
	}
	if failed > 0 && !worked(r, promising) {
		if err := q.BackOffSet(ctx, state.Now.Add(backOff(endpoint.PollInterval, state.Failures)), id); err != nil {
			return false, fmt.Errorf("set the back-off: %w", err)
		}
	}
	if moved.Waiting, err = q.ClaimOver(ctx, id); err != nil {
		return false, fmt.Errorf("look whether sync jobs wait: %w", err)
	}
	return true, nil
}

// abandon ends the claim of a kind that its poller did not get to read, as it was stopped.
func abandon(ctx context.Context, tx pgx.Tx, endpoint int32, kind string) ([]int32, error) {
	if err := store.New(tx).ClaimSettle(ctx, kind, endpoint); err != nil {
		return nil, fmt.Errorf("settle %s: %w", kind, err)
	}
	return syncs.Abandoned(ctx, tx, endpoint, kind)
}

// worked says whether the endpoint answered well enough to be asked at its usual pace: some job list was read, or the inventory if only
// that was wanted. A list that needs one more privilege must not slow down the other. What was published counts unless it was refused. The
// back-off ends when a job list is applied, not before.
func worked(r *proxopsv1.RunReport, promising func(kind string) bool) bool {
	jobs, jobsPublished, published := false, false, false
	for _, k := range r.GetKinds() {
		job := k.GetKind() != proxopsv1.Kind_KIND_INVENTORY
		ok := k.GetOutcome() == proxopsv1.Outcome_OUTCOME_PUBLISHED && promising(subjects.KindToken(k.GetKind()))
		jobs, jobsPublished, published = jobs || job, jobsPublished || job && ok, published || ok
	}
	return jobsPublished || !jobs && published
}

func applied(syncs []store.SyncStateListRow, kind string, generation int64) bool {
	return slices.ContainsFunc(syncs, func(s store.SyncStateListRow) bool { return s.Kind == kind && s.AppliedGeneration == generation })
}

func statusOf(k *proxopsv1.KindReport) string {
	if k.GetOutcome() == proxopsv1.Outcome_OUTCOME_PARTIAL {
		return "partial"
	}
	return "failing"
}

// Fail ends the part of a run that cannot be applied: its snapshot was refused, or given up. The caller holds the lock of the endpoint and
// knows that the generation of the run is the last issued. It returns what that did for sync jobs: nothing if the kind has its outcome already.
func Fail(ctx context.Context, tx pgx.Tx, endpoint int32, kind proxopsv1.Kind, e *proxopsv1.RunError) (moved syncs.Moved, err error) {
	q := store.New(tx)
	moved.Endpoint = endpoint
	state, err := stateOf(ctx, q, endpoint)
	if err != nil {
		return moved, err
	}
	if !slices.Contains(state.ClaimPending, subjects.KindToken(kind)) {
		return moved, nil
	}
	moved.Jobs, err = fail(ctx, tx, endpoint, subjects.KindToken(kind), state, &proxopsv1.KindReport{Kind: kind, Outcome: proxopsv1.Outcome_OUTCOME_FAILED, Error: e})
	if err != nil {
		return moved, err
	}
	if moved.Waiting, err = q.ClaimOver(ctx, endpoint); err != nil {
		return moved, fmt.Errorf("look whether sync jobs wait: %w", err)
	}
	if kind == proxopsv1.Kind_KIND_INVENTORY || slices.ContainsFunc(known[:2], func(k proxopsv1.Kind) bool {
		return k != kind && slices.Contains(state.ClaimPending, subjects.KindToken(k))
	}) {
		return moved, nil // a run counts as one failure, with the last of its job lists
	}
	interval, err := q.EndpointInterval(ctx, endpoint)
	if err != nil {
		return moved, fmt.Errorf("read the poll interval: %w", err)
	}
	if err := q.BackOffSet(ctx, state.Now.Add(backOff(interval, state.Failures)), endpoint); err != nil {
		return moved, fmt.Errorf("set the back-off: %w", err)
	}
	return moved, nil
}

// fail records why the kind could not be read, takes it out of the claim, and settles it for sync jobs.
func fail(ctx context.Context, tx pgx.Tx, endpoint int32, kind string, state store.EndpointStateGetRow, k *proxopsv1.KindReport) ([]int32, error) {
	if err := settle(ctx, store.New(tx), endpoint, kind, state.Now, k); err != nil {
		return nil, err
	}
	o := syncs.Outcome{Status: "failed", Requests: k.GetRequests(), Duration: k.GetDuration().AsDuration(), Failure: failureOf(k.GetError())}
	switch {
	case k.GetOutcome() == proxopsv1.Outcome_OUTCOME_PARTIAL:
		o.Status = "partial"
	case o.Failure.Kind == subjects.ErrorToken(proxopsv1.ErrorKind_ERROR_KIND_INTERNAL):
		o.Status = "errored"
	}
	return syncs.Settle(ctx, tx, endpoint, state.IssuedGeneration, kind, o)
}

// settle records why the kind could not be read and takes it out of the claim.
func settle(ctx context.Context, q *store.Queries, endpoint int32, kind string, at time.Time, k *proxopsv1.KindReport) error {
	f := failureOf(k.GetError())
	err := q.SyncStateFail(ctx, store.SyncStateFailParams{
		EndpointID:       endpoint,
		Kind:             kind,
		Status:           statusOf(k),
		At:               at,
		ErrorKind:        f.Kind,
		ErrorText:        f.Text,
		Remedy:           f.Remedy,
		MissingPrivilege: f.Privilege,
		Warnings:         warnings(k.GetWarnings()),
	})
	if err != nil {
		return fmt.Errorf("record that %s failed: %w", kind, err)
	}
	if err := q.ClaimSettle(ctx, kind, endpoint); err != nil {
		return fmt.Errorf("settle %s: %w", kind, err)
	}
	return nil
}

// failureOf is an error as tables have it.
func failureOf(e *proxopsv1.RunError) syncs.Failure {
	return syncs.Failure{Kind: subjects.ErrorToken(e.GetKind()), Text: text(e.GetText()), Remedy: text(e.GetRemedy()), Privilege: text(e.GetMissingPrivilege())}
}

// noCredentials says in the sync states, and to sync jobs, why nothing is read.
func (d *Desk) noCredentials(ctx context.Context, tx pgx.Tx, endpoint store.EndpointLockRow, kinds []proxopsv1.Kind, at time.Time) ([]int32, error) {
	q := store.New(tx)
	e := &proxopsv1.RunError{
		Kind:   proxopsv1.ErrorKind_ERROR_KIND_CREDENTIALS,
		Text:   fmt.Sprintf("endpoint %s has no credentials, so it cannot be read", endpoint.Name),
		Remedy: "set an API token (token_name and token_value) on the endpoint",
	}
	for _, kind := range tokens(kinds) {
		if err := settle(ctx, q, endpoint.ID, kind, at, &proxopsv1.KindReport{Outcome: proxopsv1.Outcome_OUTCOME_FAILED, Error: e}); err != nil {
			return nil, err
		}
	}
	// An attempt it was: whoever looks for endpoints that were not read must not ask for it all the time.
	if err := d.attempt(ctx, q, endpoint, kinds, at); err != nil {
		return nil, err
	}
	return syncs.Refuse(ctx, tx, endpoint.ID, failureOf(e))
}

// expire gives the parts of a claim that ran out an outcome, before the next claim takes its place: a poller that dies again and again on one
// endpoint would otherwise leave it looking well. The next run starts at once, so there is no back-off, and sync jobs join it.
func expire(ctx context.Context, tx pgx.Tx, endpoint int32, state store.EndpointStateGetRow, after time.Duration) ([]int32, error) {
	for _, kind := range state.ClaimPending {
		err := settle(ctx, store.New(tx), endpoint, kind, state.Now, &proxopsv1.KindReport{Outcome: proxopsv1.Outcome_OUTCOME_FAILED, Error: &proxopsv1.RunError{
			Kind:   proxopsv1.ErrorKind_ERROR_KIND_INTERNAL,
			Text:   fmt.Sprintf("poller %s took run %d and brought no result within %s", state.ClaimedBy, state.IssuedGeneration, after),
			Remedy: "look whether this poller runs, and at its log; another run follows by itself",
		}})
		if err != nil {
			return nil, err
		}
	}
	return syncs.Silent(ctx, tx, endpoint)
}

const (
	maxWarnings = 100
	maxText     = 2000
)

// warnings makes a bounded JSON list of what a poller says.
func warnings(list []string) json.RawMessage {
	clean := make([]string, 0, min(len(list), maxWarnings))
	for _, w := range list[:min(len(list), maxWarnings)] {
		clean = append(clean, text(w))
	}
	doc, err := json.Marshal(clean)
	if err != nil {
		return json.RawMessage("[]") // strings always have a JSON form
	}
	return doc
}

func text(s string) string { return postgres.Text(s, maxText) }
