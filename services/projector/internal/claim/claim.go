// Package claim grants the right to read an endpoint, one run at a time, and judges how runs ended.
package claim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/proxops/proxops/libs/connect"
	"github.com/proxops/proxops/libs/postgres"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
	"github.com/proxops/proxops/services/projector/internal/syncs"
)

// Desk answers claims and reports. All its fields are required. Any number of desks may work on one database at once.
type Desk struct {
	Pool *pgxpool.Pool
	Log  *slog.Logger
	// ClaimTimeout is how long a claim holds when its run neither publishes nor reports.
	ClaimTimeout time.Duration
	// InventoryInterval is the pace of the inventory in runs that do not ask for it.
	InventoryInterval time.Duration
	// Moved hears, after the commit, what a claim or a report did for sync jobs. Nil: nobody cares.
	Moved func(ctx context.Context, m syncs.Moved)
}

// Claim grants or refuses what a poller of the site asks for. Only a request that makes no sense is an error.
func (d *Desk) Claim(ctx context.Context, site string, req *proxopsv1.ClaimRequest) (*proxopsv1.ClaimReply, error) {
	var reply *proxopsv1.ClaimReply
	var moved syncs.Moved
	err := postgres.InTx(ctx, d.Pool, func(tx pgx.Tx) (err error) {
		moved = syncs.Moved{Endpoint: int32(req.GetEndpointId())}
		reply, err = d.decide(ctx, tx, site, req, &moved)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim endpoint %d for %s: %w", req.GetEndpointId(), req.GetPoller(), err)
	}
	d.tell(ctx, moved)
	if c := reply.GetClaim(); c != nil {
		d.Log.InfoContext(ctx, "claim granted", "endpoint_id", req.GetEndpointId(), "generation", c.GetGeneration(), "kinds", tokens(c.GetKinds()),
			"poller", req.GetPoller(), "trigger", req.GetTrigger().String())
	} else {
		d.Log.DebugContext(ctx, "claim refused", "endpoint_id", req.GetEndpointId(), "reason", reply.GetRefusal().GetReason().String(),
			"poller", req.GetPoller())
	}
	return reply, nil
}

func (d *Desk) tell(ctx context.Context, m syncs.Moved) {
	if d.Moved != nil {
		d.Moved(ctx, m)
	}
}

// decide holds the lock of the endpoint from its first statement on.
func (d *Desk) decide(ctx context.Context, tx pgx.Tx, site string, req *proxopsv1.ClaimRequest, moved *syncs.Moved) (*proxopsv1.ClaimReply, error) {
	q := store.New(tx)
	id, ok := endpointID(req.GetEndpointId())
	if !ok {
		return refuse(proxopsv1.RefusalReason_REFUSAL_REASON_UNKNOWN, 0, "no endpoint has the id %d", req.GetEndpointId()), nil
	}
	endpoint, err := q.EndpointLock(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && endpoint.Site != site {
		return refuse(proxopsv1.RefusalReason_REFUSAL_REASON_UNKNOWN, 0, "site %s has no endpoint %d", site, id), nil
	}
	if err != nil {
		return nil, fmt.Errorf("lock the endpoint: %w", err)
	}
	if !endpoint.Enabled {
		moved.Jobs, err = syncs.Refuse(ctx, tx, id, syncs.Failure{
			Kind: "disabled", Text: fmt.Sprintf("endpoint %s is disabled", endpoint.Name), Remedy: "enable the endpoint",
		})
		return refuse(proxopsv1.RefusalReason_REFUSAL_REASON_DISABLED, 0, "endpoint %s is disabled", endpoint.Name), err
	}
	state, err := stateOf(ctx, q, id)
	if err != nil {
		return nil, err
	}
	kinds, err := q.SyncStateList(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read the sync states: %w", err)
	}
	waiting, err := q.JobPartsPending(ctx, id, !busy(state))
	if err != nil {
		return nil, fmt.Errorf("read what sync jobs wait for: %w", err)
	}
	plan := planOf(endpoint, state, kinds, waiting, d.InventoryInterval, req)
	if plan.refusal != nil && plan.refusal.GetRefusal().GetReason() == proxopsv1.RefusalReason_REFUSAL_REASON_BUSY {
		return plan.refusal, nil
	}
	// A run that fell silent ends before anything else: what it was to bring waits from here on, also if nothing can be read.
	if plan.refusal == nil && (len(state.ClaimPending) > 0 || len(waiting) > 0) {
		if moved.Jobs, err = expire(ctx, tx, id, state, d.ClaimTimeout); err != nil {
			return nil, err
		}
	}
	if len(endpoint.SealedCredentials) == 0 {
		refused, err := d.noCredentials(ctx, tx, endpoint, plan.kinds, state.Now)
		moved.Jobs = append(moved.Jobs, refused...)
		return refuse(proxopsv1.RefusalReason_REFUSAL_REASON_NO_CREDENTIALS, 0, "endpoint %s has no credentials", endpoint.Name), err
	}
	if plan.refusal != nil {
		return plan.refusal, nil
	}
	reply, joined, err := d.grant(ctx, tx, endpoint, state, plan.kinds, req)
	moved.Jobs = append(moved.Jobs, joined...)
	return reply, err
}

// grant issues the next generation, and joins sync jobs to its run.
func (d *Desk) grant(ctx context.Context, tx pgx.Tx, endpoint store.EndpointLockRow, state store.EndpointStateGetRow, kinds []proxopsv1.Kind,
	req *proxopsv1.ClaimRequest,
) (*proxopsv1.ClaimReply, []int32, error) {
	q := store.New(tx)
	generation, err := q.ClaimIssue(ctx, text(req.GetPoller()), state.Now.Add(d.ClaimTimeout), tokens(kinds), endpoint.ID)
	if err != nil {
		return nil, nil, fmt.Errorf("issue a generation: %w", err)
	}
	if err := d.attempt(ctx, q, endpoint, kinds, state.Now); err != nil {
		return nil, nil, err
	}
	jobs, err := syncs.Join(ctx, tx, endpoint.ID, generation, tokens(kinds), text(req.GetPoller()))
	if err != nil {
		return nil, nil, err
	}
	target, err := targetOf(endpoint)
	if err != nil {
		return nil, nil, err
	}
	claim := &proxopsv1.Claim{
		Generation:        generation,
		Kinds:             kinds,
		ValidFor:          durationpb.New(d.ClaimTimeout),
		Target:            target,
		SealedCredentials: endpoint.SealedCredentials,
	}
	if state.ClusterName != "" {
		claim.Identity = &proxopsv1.Identity{Name: state.ClusterName, Standalone: state.Standalone}
	}
	if claim.KnownJobs, err = knownJobs(ctx, q, endpoint.ID, kinds); err != nil {
		return nil, nil, err
	}
	return &proxopsv1.ClaimReply{Result: &proxopsv1.ClaimReply_Claim{Claim: claim}}, jobs, nil
}

// attempt records that kinds are about to be read, and when they are due again.
func (d *Desk) attempt(ctx context.Context, q *store.Queries, endpoint store.EndpointLockRow, kinds []proxopsv1.Kind, now time.Time) error {
	p := store.SyncStateAttemptParams{EndpointID: endpoint.ID, Kinds: tokens(kinds), At: now}
	if endpoint.PollInterval > 0 {
		interval := time.Duration(endpoint.PollInterval) * time.Second
		p.Due, p.InventoryDue = new(now.Add(interval)), new(now.Add(max(interval, d.InventoryInterval)))
	}
	if err := q.SyncStateAttempt(ctx, p); err != nil {
		return fmt.Errorf("record the attempt: %w", err)
	}
	return nil
}

func targetOf(e store.EndpointLockRow) (*proxopsv1.Target, error) {
	return connect.Fields{
		Name: e.Name, Domain: e.Domain, IPAddress: e.IpAddress, Port: e.Port, Username: e.Username, TokenName: e.TokenName,
		VerifySSL: e.VerifySsl, Fingerprints: e.Fingerprints, CACertificate: e.CaCertificate,
	}.Target()
}

// knownJobs are the jobs whose disappearance the poller has to prove.
func knownJobs(ctx context.Context, q *store.Queries, endpoint int32, kinds []proxopsv1.Kind) ([]*proxopsv1.KnownJobs, error) {
	var known []*proxopsv1.KnownJobs
	for _, kind := range kinds {
		var keys []string
		var err error
		switch kind {
		case proxopsv1.Kind_KIND_BACKUP_ROUTINE:
			keys, err = q.KnownRoutines(ctx, endpoint)
		case proxopsv1.Kind_KIND_REPLICATION:
			keys, err = q.KnownReplications(ctx, endpoint)
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the active jobs of kind %s: %w", subjects.KindToken(kind), err)
		}
		known = append(known, &proxopsv1.KnownJobs{Kind: kind, Keys: keys})
	}
	return known, nil
}

func refuse(reason proxopsv1.RefusalReason, retryAfter time.Duration, format string, args ...any) *proxopsv1.ClaimReply {
	r := &proxopsv1.Refusal{Reason: reason, Text: fmt.Sprintf(format, args...)}
	if retryAfter > 0 {
		r.RetryAfter = durationpb.New(retryAfter)
	}
	return &proxopsv1.ClaimReply{Result: &proxopsv1.ClaimReply_Refusal{Refusal: r}}
}

// stateOf reads the state of an endpoint whose row is locked; the first claim makes it.
func stateOf(ctx context.Context, q *store.Queries, endpoint int32) (store.EndpointStateGetRow, error) {
	state, err := q.EndpointStateGet(ctx, endpoint)
	if errors.Is(err, pgx.ErrNoRows) {
		if err := q.EndpointStateEnsure(ctx, endpoint); err != nil {
			return state, fmt.Errorf("make the state of the endpoint: %w", err)
		}
		state, err = q.EndpointStateGet(ctx, endpoint)
	}
	if err != nil {
		return state, fmt.Errorf("read the state of the endpoint: %w", err)
	}
	return state, nil
}

// endpointID returns an id as the database has it, and false for what cannot be one.
func endpointID(id int64) (int32, bool) {
	return int32(id), id > 0 && int64(int32(id)) == id
}

func tokens(kinds []proxopsv1.Kind) []string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = subjects.KindToken(kind)
	}
	return names
}
