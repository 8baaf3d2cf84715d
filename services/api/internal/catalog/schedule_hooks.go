package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// ErrEnqueue refuses those who may not start jobs.
var ErrEnqueue = fault.Wrap(fault.Denied, resource.Detail("You do not have permission to enqueue sync jobs."), "check permissions")

// MayEnqueue returns ErrEnqueue for who may not start jobs.
func MayEnqueue(set *resource.Set, actor resource.Actor) error {
	if _, err := actor.Scope(set.Get(Jobs), resource.Add); err != nil {
		return ErrEnqueue
	}
	return nil
}

// checkSchedules notes who makes schedules, and refuses those that would never run, or that sync what their writer may not.
func checkSchedules(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
	if err := MayEnqueue(all[0].Set(), all[0].Actor); err != nil {
		return err
	}
	now := time.Now()
	for _, w := range all {
		if w.Before == nil {
			w.After.Set("user", nil)
			if w.Origin.UserID != nil {
				w.After.Set("user", int64(*w.Origin.UserID))
			}
		}
		checkTimes(w, now)
	}
	if err := checkOrphans(ctx, tx, all); err != nil {
		return err
	}
	return checkReach(ctx, tx, all)
}

// checkOrphans refuses to enable schedules whose endpoints were deleted, unless the request says for which endpoints they are now.
func checkOrphans(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
	enabled := map[int64]*resource.Write{}
	for _, w := range all {
		switch {
		case w.Before == nil:
		case w.Given["endpoints"]:
			w.Columns["orphaned"] = false
		case w.After.Bool("enabled"):
			enabled[w.Before.ID] = w
		}
	}
	if len(enabled) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, "SELECT id::bigint FROM sync_schedules WHERE orphaned AND id = ANY($1::bigint[])", slices.Collect(maps.Keys(enabled)))
	if err != nil {
		return fmt.Errorf("look for schedules whose endpoints are gone: %w", err)
	}
	orphans, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return fmt.Errorf("look for schedules whose endpoints are gone: %w", err)
	}
	for _, id := range orphans {
		enabled[id].Errors.Add("endpoints", "The endpoints of this schedule were deleted: say for which it is now, or [] for all.")
	}
	return nil
}

// checkReach refuses schedules for endpoints that their writer may not view: these do not exist for them.
func checkReach(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
	visible, everything, err := all[0].Set().Get(Endpoints).Permitted(ctx, tx, all[0].Actor, resource.View)
	if err != nil || everything {
		return err
	}
	for _, w := range all {
		ids, _ := w.After.Get("endpoints").([]int64)
		if len(ids) == 0 {
			w.Errors.Add("endpoints", "Name the endpoints: you may not see all of them.")
		}
		for _, id := range ids {
			if !slices.Contains(visible, id) {
				w.Errors.Add("endpoints", fmt.Sprintf(`Invalid pk "%d" - object does not exist.`, id))
				break // as for references: the first of them
			}
		}
	}
	return nil
}

// planSchedules sets when schedules run next, and makes the jobs that stand for those runs.
func planSchedules(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
	now := time.Now()
	for _, w := range all {
		var err error
		switch id := int32(w.After.ID); {
		case w.Differs(timing...):
			_, err = syncjob.Plan(ctx, tx, id, planFrom(w, now))
		case w.Differs(planned...):
			err = syncjob.Follow(ctx, tx, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unplanSchedules removes the jobs that stand for the next runs of schedules that are deleted. Those that began go on.
func unplanSchedules(ctx context.Context, d *resource.Deletion) error {
	if _, err := d.Tx.Exec(ctx, "DELETE FROM jobs WHERE status = 'scheduled' AND schedule_id = ANY($1::bigint[])", d.IDs); err != nil {
		return fmt.Errorf("remove the planned jobs of sync schedules: %w", err)
	}
	return nil
}

// withEndpoints finds the schedules that name any of the endpoints $1.
const withEndpoints = "t.id IN (SELECT l.schedule_id FROM sync_schedule_endpoints l WHERE l.endpoint_id = ANY($1::bigint[]))"

// holdSchedules locks the schedules that name endpoints which will be deleted: their locks come before those of endpoints.
func holdSchedules(ctx context.Context, tx pgx.Tx, found, states []*resource.Record) ([]int64, error) {
	if len(states) > len(found) { // they stay
		return nil, nil
	}
	ids := make([]int64, len(found))
	for i, o := range found {
		ids[i] = o.ID
	}
	if _, err := tx.Exec(ctx, "SELECT FROM sync_schedules t WHERE "+withEndpoints+" ORDER BY t.id FOR UPDATE", ids); err != nil {
		return nil, fmt.Errorf("lock the sync schedules of endpoints: %w", err)
	}
	return nil, nil
}

// leaveSchedules takes endpoints that are deleted out of the schedules that name them. One that names no other is disabled: it would stand for all
// endpoints from then on.
func leaveSchedules(ctx context.Context, d *resource.Deletion) error {
	var left, emptied []int64
	err := d.Set.Get(SyncSchedules).Relog(ctx, d.Tx, d.Origin, resource.Edit{
		Where: withEndpoints, Args: []any{d.IDs}, Log: true,
		Apply: func(o *resource.Record) {
			ids, _ := o.Get("endpoints").([]int64)
			ids = slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return slices.Contains(d.IDs, id) })
			o.Set("endpoints", ids)
			left = append(left, o.ID)
			if len(ids) == 0 {
				o.Set("enabled", false)
				emptied = append(emptied, o.ID)
			}
		},
	})
	if err != nil || left == nil {
		return err
	}
	if _, err := d.Tx.Exec(ctx, "DELETE FROM sync_schedule_endpoints WHERE endpoint_id = ANY($1::bigint[])", d.IDs); err != nil {
		return fmt.Errorf("take endpoints out of sync schedules: %w", err)
	}
	if _, err := d.Tx.Exec(ctx, "UPDATE sync_schedules SET enabled = false, next_run = NULL, orphaned = true WHERE id = ANY($1::bigint[])", emptied); err != nil {
		return fmt.Errorf("disable sync schedules without endpoints: %w", err)
	}
	for _, id := range left {
		if err := syncjob.Follow(ctx, d.Tx, int32(id)); err != nil {
			return err
		}
	}
	return nil
}
