package syncs

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/store"
)

// Cancel ends a job, and returns the status that it has then; done says that it had ended before. The caller has seen that the person may do that.
func (s Starter) Cancel(ctx context.Context, job int64, by string) (status string, done bool, err error) {
	id := int32(job)
	var was syncjob.Cancelled
	err = postgres.InTx(ctx, s.Store.Pool, func(tx pgx.Tx) (err error) {
		if was, err = syncjob.Cancel(ctx, tx, id, by); err != nil {
			return err
		}
		status, err = store.New(tx).SyncStatus(ctx, id)
		return err
	})
	switch {
	case fault.KindOf(err) == fault.NotFound: // removed this moment
		return "", false, s.Store.Set.Get(catalog.Jobs).NotFound()
	case err != nil:
		return "", false, fmt.Errorf("cancel job %d: %w", job, err)
	case was.Done:
		return status, true, nil
	}
	if s.JobCancelled != nil {
		s.JobCancelled(ctx, id, was.Stopped)
	}
	s.changed(ctx)
	return status, false, nil
}
