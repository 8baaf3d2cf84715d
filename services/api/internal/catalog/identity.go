package catalog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// forgetOther forgets which cluster answered at an address that an endpoint has no more: it is not what a person could accept now.
func forgetOther(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
	var ids []int64
	for _, w := range all {
		if w.Before != nil && w.Differs("domain", "ip_address", "port", "site") {
			ids = append(ids, w.Before.ID)
		}
	}
	if ids == nil {
		return nil
	}
	_, err := tx.Exec(ctx, "UPDATE endpoint_states SET other_name = '', other_standalone = false, other_seen = NULL WHERE endpoint_id = ANY($1::bigint[]) AND other_name <> ''", ids)
	if err != nil {
		return fmt.Errorf("forget which clusters answered elsewhere: %w", err)
	}
	return nil
}
