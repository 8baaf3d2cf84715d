package claim

import (
	"context"
	"fmt"
	"slices"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/projector/internal/store"
)

// NoteOther notes which cluster answered instead of the pinned one, so that a person may accept it. The pinned one itself, and what does not say its
// name, changes nothing. The caller holds the lock of the endpoint.
func NoteOther(ctx context.Context, q *store.Queries, endpoint int32, other *proxopsv1.Identity) error {
	name := text(other.GetName())
	if name == "" {
		return nil
	}
	if err := q.IdentityOther(ctx, name, other.GetStandalone(), endpoint); err != nil {
		return fmt.Errorf("note that another cluster answered: %w", err)
	}
	return nil
}

// noteOther does so if a report brings news of it: a kind that has its outcome already told it before.
func noteOther(ctx context.Context, q *store.Queries, endpoint int32, state store.EndpointStateGetRow, r *proxopsv1.RunReport) error {
	news := func(k *proxopsv1.KindReport) bool {
		return k.GetError().GetKind() == proxopsv1.ErrorKind_ERROR_KIND_IDENTITY && slices.Contains(state.ClaimPending, subjects.KindToken(k.GetKind()))
	}
	if !slices.ContainsFunc(r.GetKinds(), news) {
		return nil
	}
	return NoteOther(ctx, q, endpoint, r.GetIdentity())
}
