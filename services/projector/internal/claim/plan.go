package claim

import (
	"slices"
	"time"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
)

// plan is what a run would read, or why it must not start now.
type plan struct {
	kinds   []proxopsv1.Kind
	refusal *proxopsv1.ClaimReply
}

// known lists the kinds in the order in which they are read.
var known = []proxopsv1.Kind{proxopsv1.Kind_KIND_BACKUP_ROUTINE, proxopsv1.Kind_KIND_REPLICATION, proxopsv1.Kind_KIND_INVENTORY}

// planOf decides by what the database knows alone. Waiting is what sync jobs wait for: it is read whatever the task itself is for, unless another
// run holds the endpoint.
func planOf(endpoint store.EndpointLockRow, state store.EndpointStateGetRow, syncs []store.SyncStateListRow, waiting []string, inventoryInterval time.Duration,
	req *proxopsv1.ClaimRequest,
) plan {
	if busy(state) {
		return plan{refusal: refuse(proxopsv1.RefusalReason_REFUSAL_REASON_BUSY, state.ClaimExpiresAt.Sub(state.Now),
			"%s reads endpoint %s now", state.ClaimedBy, endpoint.Name)}
	}
	own := ownPlan(endpoint, state, syncs, inventoryInterval, req)
	if len(waiting) == 0 {
		return own
	}
	return plan{kinds: slices.DeleteFunc(slices.Clone(known), func(k proxopsv1.Kind) bool {
		return !slices.Contains(waiting, subjects.KindToken(k)) && (own.refusal != nil || !slices.Contains(own.kinds, k))
	})}
}

// busy says whether a run holds the endpoint.
func busy(state store.EndpointStateGetRow) bool {
	return len(state.ClaimPending) > 0 && state.ClaimExpiresAt != nil && state.ClaimExpiresAt.After(state.Now)
}

// ownPlan is the plan for what the task itself is for.
func ownPlan(endpoint store.EndpointLockRow, state store.EndpointStateGetRow, syncs []store.SyncStateListRow, inventoryInterval time.Duration,
	req *proxopsv1.ClaimRequest,
) plan {
	p := plan{kinds: kindsOf(state.Now, syncs, inventoryInterval, req)}
	scheduled := req.GetTrigger() != proxopsv1.Trigger_TRIGGER_MANUAL
	switch {
	case req.GetJobId() != "":
		p.refusal = refuse(proxopsv1.RefusalReason_REFUSAL_REASON_NOT_DUE, 0, "what sync jobs wanted of endpoint %s is read already", endpoint.Name)
	case len(p.kinds) == 0:
		p.refusal = refuse(proxopsv1.RefusalReason_REFUSAL_REASON_NOT_DUE, 0, "the task names no kind that this version reads")
	case scheduled && state.NextAttemptAt != nil && state.NextAttemptAt.After(state.Now):
		p.refusal = refuse(proxopsv1.RefusalReason_REFUSAL_REASON_BACKING_OFF, state.NextAttemptAt.Sub(state.Now),
			"endpoint %s failed %d times in a row", endpoint.Name, state.Failures)
	case scheduled && len(req.GetKinds()) == 0 && endpoint.PollInterval == 0:
		p.refusal = refuse(proxopsv1.RefusalReason_REFUSAL_REASON_NOT_DUE, 0, "endpoint %s is read only when asked", endpoint.Name)
	case scheduled && len(req.GetKinds()) == 0:
		if wait := early(endpoint, state.Now, syncs); wait > 0 {
			p.refusal = refuse(proxopsv1.RefusalReason_REFUSAL_REASON_NOT_DUE, wait, "endpoint %s was read a moment ago", endpoint.Name)
		}
	}
	return p
}

// kindsOf returns what the task asks for. A task that asks for nothing means the jobs, and the inventory at its own pace.
func kindsOf(now time.Time, syncs []store.SyncStateListRow, inventoryInterval time.Duration, req *proxopsv1.ClaimRequest) []proxopsv1.Kind {
	if len(req.GetKinds()) > 0 {
		return slices.DeleteFunc(slices.Clone(known), func(k proxopsv1.Kind) bool { return !slices.Contains(req.GetKinds(), k) })
	}
	i := slices.IndexFunc(syncs, func(s store.SyncStateListRow) bool {
		return s.Kind == subjects.KindToken(proxopsv1.Kind_KIND_INVENTORY)
	})
	due := req.GetTrigger() == proxopsv1.Trigger_TRIGGER_MANUAL || i < 0 || syncs[i].AppliedGeneration == 0 ||
		syncs[i].LastAttempt == nil || !now.Before(syncs[i].LastAttempt.Add(inventoryInterval))
	if due {
		return slices.Clone(known)
	}
	return slices.Clone(known[:2])
}

// early returns how long a tick comes too early: one that was delivered twice, or left over from another schedule. Ticks wait in queues, so
// two that are a little close are no reason to miss one.
func early(endpoint store.EndpointLockRow, now time.Time, syncs []store.SyncStateListRow) time.Duration {
	interval := time.Duration(endpoint.PollInterval) * time.Second
	var last time.Time
	for _, s := range syncs {
		if s.LastAttempt != nil && s.LastAttempt.After(last) && s.Kind != subjects.KindToken(proxopsv1.Kind_KIND_INVENTORY) {
			last = *s.LastAttempt
		}
	}
	return last.Add(interval * 3 / 4).Sub(now)
}
