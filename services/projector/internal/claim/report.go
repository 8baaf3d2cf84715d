package claim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/postgres"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
)

// Report takes the outcome of a run. It counts only while the run's generation is the last issued, and twice the same report changes
// nothing. What was published is judged when it is applied, not here.
func (d *Desk) Report(ctx context.Context, site string, r *proxopsv1.RunReport) (*proxopsv1.ReportReply, error) {
	reply := &proxopsv1.ReportReply{}
	err := postgres.InTx(ctx, d.Pool, func(tx pgx.Tx) (err error) {
		reply.Current, err = report(ctx, store.New(tx), site, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take the report of generation %d of endpoint %d: %w", r.GetGeneration(), r.GetEndpointId(), err)
	}
	for _, k := range r.GetKinds() {
		if e := k.GetError(); e != nil {
			d.Log.WarnContext(ctx, "reading failed", "endpoint_id", r.GetEndpointId(), "generation", r.GetGeneration(),
				"kind", subjects.KindToken(k.GetKind()), "error_kind", ErrorToken(e.GetKind()), "text", e.GetText(), "current", reply.GetCurrent())
		}
	}
	return reply, nil
}

func report(ctx context.Context, q *store.Queries, site string, r *proxopsv1.RunReport) (current bool, err error) {
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
	syncs, err := q.SyncStateList(ctx, id)
	if err != nil {
		return false, fmt.Errorf("read the sync states: %w", err)
	}
	if err := noteOther(ctx, q, id, state, r); err != nil {
		return false, err
	}
	failed := 0
	for _, k := range r.GetKinds() {
		token := subjects.KindToken(k.GetKind())
		switch {
		case k.GetOutcome() == proxopsv1.Outcome_OUTCOME_PUBLISHED:
			err = q.SyncStateWarn(ctx, warnings(k.GetWarnings()), id, token)
		case slices.Contains(state.ClaimPending, token): // else it has its outcome already
			failed++
			err = fail(ctx, q, id, token, statusOf(k), k.GetError(), k.GetWarnings(), state.Now)
		}
		if err != nil {
			return false, err
		}
	}
	promising := func(kind string) bool {
		return slices.Contains(state.ClaimPending, kind) || applied(syncs, kind, r.GetGeneration())
	}
	if failed > 0 && !worked(r, promising) {
		err = q.BackOffSet(ctx, state.Now.Add(backOff(endpoint.PollInterval, state.Failures)), id)
	}
	if err != nil {
		return false, fmt.Errorf("set the back-off: %w", err)
	}
	return true, nil
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
// knows that the generation of the run is the last issued. It returns without a change if the kind has its outcome already.
func Fail(ctx context.Context, tx pgx.Tx, endpoint int32, kind proxopsv1.Kind, e *proxopsv1.RunError) error {
	q := store.New(tx)
	state, err := stateOf(ctx, q, endpoint)
	if err != nil {
		return err
	}
	token := subjects.KindToken(kind)
	if !slices.Contains(state.ClaimPending, token) {
		return nil
	}
	if err := fail(ctx, q, endpoint, token, "failing", e, nil, state.Now); err != nil {
		return err
	}
	if kind == proxopsv1.Kind_KIND_INVENTORY || slices.ContainsFunc(known[:2], func(k proxopsv1.Kind) bool {
		return k != kind && slices.Contains(state.ClaimPending, subjects.KindToken(k))
	}) {
		return nil // a run counts as one failure, with the last of its job lists
	}
	interval, err := q.EndpointInterval(ctx, endpoint)
	if err != nil {
		return fmt.Errorf("read the poll interval: %w", err)
	}
	if err := q.BackOffSet(ctx, state.Now.Add(backOff(interval, state.Failures)), endpoint); err != nil {
		return fmt.Errorf("set the back-off: %w", err)
	}
	return nil
}

// fail records why the kind could not be read and takes it out of the claim.
func fail(ctx context.Context, q *store.Queries, endpoint int32, kind, status string, e *proxopsv1.RunError, warns []string, at time.Time) error {
	err := q.SyncStateFail(ctx, store.SyncStateFailParams{
		EndpointID:       endpoint,
		Kind:             kind,
		Status:           status,
		At:               at,
		ErrorKind:        ErrorToken(e.GetKind()),
		ErrorText:        text(e.GetText()),
		Remedy:           text(e.GetRemedy()),
		MissingPrivilege: text(e.GetMissingPrivilege()),
		Warnings:         warnings(warns),
	})
	if err != nil {
		return fmt.Errorf("record that %s failed: %w", kind, err)
	}
	if err := q.ClaimSettle(ctx, kind, endpoint); err != nil {
		return fmt.Errorf("settle %s: %w", kind, err)
	}
	return nil
}

// noCredentials says in the sync states why nothing is read.
func noCredentials(ctx context.Context, q *store.Queries, endpoint store.EndpointLockRow, kinds []proxopsv1.Kind, at time.Time) error {
	for _, kind := range tokens(kinds) {
		err := fail(ctx, q, endpoint.ID, kind, "failing", &proxopsv1.RunError{
			Kind:   proxopsv1.ErrorKind_ERROR_KIND_CREDENTIALS,
			Text:   fmt.Sprintf("endpoint %s has no credentials, so it cannot be read", endpoint.Name),
			Remedy: "set an API token (token_name and token_value) on the endpoint",
		}, nil, at)
		if err != nil {
			return err
		}
	}
	// An attempt it was: whoever looks for endpoints that were not read must not ask for it all the time.
	if err := q.SyncStateAttempt(ctx, endpoint.ID, tokens(kinds), at); err != nil {
		return fmt.Errorf("record the attempt: %w", err)
	}
	return nil
}

// expire gives the parts of a claim that ran out an outcome, before the next claim takes its place: a poller that dies again and again on one
// endpoint would otherwise leave it looking well. The next run starts at once, so there is no back-off.
func expire(ctx context.Context, q *store.Queries, endpoint int32, state store.EndpointStateGetRow, after time.Duration) error {
	for _, kind := range state.ClaimPending {
		err := fail(ctx, q, endpoint, kind, "failing", &proxopsv1.RunError{
			Kind:   proxopsv1.ErrorKind_ERROR_KIND_INTERNAL,
			Text:   fmt.Sprintf("poller %s took run %d and brought no result within %s", state.ClaimedBy, state.IssuedGeneration, after),
			Remedy: "look whether this poller runs, and at its log; another run follows by itself",
		}, nil, state.Now)
		if err != nil {
			return err
		}
	}
	return nil
}

// ErrorToken is a kind of error as tables and metrics spell it: connect, permission, internal.
func ErrorToken(k proxopsv1.ErrorKind) string {
	if k == proxopsv1.ErrorKind_ERROR_KIND_UNSPECIFIED {
		return ErrorToken(proxopsv1.ErrorKind_ERROR_KIND_INTERNAL)
	}
	return strings.ToLower(strings.TrimPrefix(k.String(), "ERROR_KIND_"))
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
