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
)

// Desk answers claims and reports. All its fields are required. Any number of desks may work on one database at once.
type Desk struct {
	Pool *pgxpool.Pool
	Log  *slog.Logger
	// ClaimTimeout is how long a claim holds when its run neither publishes nor reports.
	ClaimTimeout time.Duration
	// InventoryInterval is the pace of the inventory in runs that do not ask for it.
	InventoryInterval time.Duration
}

// Claim grants or refuses what a poller of the site asks for. Only a request that makes no sense is an error.
func (d *Desk) Claim(ctx context.Context, site string, req *proxopsv1.ClaimRequest) (*proxopsv1.ClaimReply, error) {
	var reply *proxopsv1.ClaimReply
	err := postgres.InTx(ctx, d.Pool, func(tx pgx.Tx) (err error) {
		reply, err = d.decide(ctx, store.New(tx), site, req)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim endpoint %d for %s: %w", req.GetEndpointId(), req.GetPoller(), err)
	}
	if c := reply.GetClaim(); c != nil {
		d.Log.InfoContext(ctx, "claim granted", "endpoint_id", req.GetEndpointId(), "generation", c.GetGeneration(), "kinds", tokens(c.GetKinds()),
			"poller", req.GetPoller(), "trigger", req.GetTrigger().String())
	} else {
		d.Log.DebugContext(ctx, "claim refused", "endpoint_id", req.GetEndpointId(), "reason", reply.GetRefusal().GetReason().String(),
			"poller", req.GetPoller())
	}
	return reply, nil
}

// decide holds the lock of the endpoint from its first statement on.
func (d *Desk) decide(ctx context.Context, q *store.Queries, site string, req *proxopsv1.ClaimRequest) (*proxopsv1.ClaimReply, error) {
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
		return refuse(proxopsv1.RefusalReason_REFUSAL_REASON_DISABLED, 0, "endpoint %s is disabled", endpoint.Name), nil
	}
	state, err := stateOf(ctx, q, id)
	if err != nil {
		return nil, err
	}
	syncs, err := q.SyncStateList(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read the sync states: %w", err)
	}
	plan := planOf(endpoint, state, syncs, d.InventoryInterval, req)
	if len(endpoint.SealedCredentials) == 0 {
		if err := noCredentials(ctx, q, endpoint, plan.kinds, state.Now); err != nil {
			return nil, err
		}
		return refuse(proxopsv1.RefusalReason_REFUSAL_REASON_NO_CREDENTIALS, 0, "endpoint %s has no credentials", endpoint.Name), nil
	}
	if plan.refusal != nil {
		return plan.refusal, nil
	}
	if err := expire(ctx, q, id, state, d.ClaimTimeout); err != nil {
		return nil, err
	}
	return d.grant(ctx, q, endpoint, state, plan.kinds, req)
}

// grant issues the next generation.
func (d *Desk) grant(ctx context.Context, q *store.Queries, endpoint store.EndpointLockRow, state store.EndpointStateGetRow, kinds []proxopsv1.Kind,
	req *proxopsv1.ClaimRequest,
) (*proxopsv1.ClaimReply, error) {
	generation, err := q.ClaimIssue(ctx, text(req.GetPoller()), state.Now.Add(d.ClaimTimeout), tokens(kinds), endpoint.ID)
	if err != nil {
		return nil, fmt.Errorf("issue a generation: %w", err)
	}
	if err := q.SyncStateAttempt(ctx, endpoint.ID, tokens(kinds), state.Now); err != nil {
		return nil, fmt.Errorf("record the attempt: %w", err)
	}
	target, err := targetOf(endpoint)
	if err != nil {
		return nil, err
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
		return nil, err
	}
	return &proxopsv1.ClaimReply{Result: &proxopsv1.ClaimReply_Claim{Claim: claim}}, nil
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
