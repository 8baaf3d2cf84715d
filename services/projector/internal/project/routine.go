package project

import (
	"context"
	"fmt"
	"time"

	"github.com/proxops/proxops/libs/change"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/projector/internal/store"
)

// routines is the table of backup routines.
type routines struct {
	run  *run
	jobs []*proxopsv1.BackupRoutine
	refs refs
}

func newRoutines(r *run) *routines { return &routines{run: r, jobs: r.snapshot.GetBackupRoutines()} }

func (t *routines) objectType() change.ObjectType { return change.BackupRoutine }

func (t *routines) entries() []entry {
	list := make([]entry, len(t.jobs))
	for i, j := range t.jobs {
		list[i] = entry{key: text(j.GetJobId()), hash: j.GetContentHash()}
	}
	return list
}

func (t *routines) heads(ctx context.Context) ([]head, error) {
	rows, err := t.run.q.RoutineHeads(ctx, t.run.endpoint)
	if err != nil {
		return nil, err
	}
	list := make([]head, len(rows))
	for i, row := range rows {
		list[i] = head{row.ID, row.JobID, row.ContentHash, row.Status == stale, row.Seen}
	}
	return list, nil
}

func (t *routines) rows(ctx context.Context, ids []int32) (map[int32]stored[store.BackupRoutine], error) {
	rows, err := t.run.q.RoutineRows(ctx, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[int32]stored[store.BackupRoutine], len(rows))
	for _, row := range rows {
		byID[row.BackupRoutine.ID] = stored[store.BackupRoutine]{row.BackupRoutine, row.Tags}
	}
	return byID, nil
}

func (t *routines) ids(ctx context.Context, n int) ([]int32, error) {
	return t.run.q.RoutineIDs(ctx, int32(n))
}

func (t *routines) blank(id int32) store.BackupRoutine {
	return store.BackupRoutine{ID: id, EndpointID: t.run.endpoint, Created: t.run.now}
}

func (t *routines) resolve(ctx context.Context, jobs []int) error {
	var want references
	for _, i := range jobs {
		want.node(t.jobs[i].GetNode())
		want.storage(t.jobs[i].GetStorage())
		want.storage(t.jobs[i].GetFleecingStorage())
	}
	var err error
	t.refs, err = t.run.resolve(ctx, want)
	return err
}

var selectionModes = map[proxopsv1.SelectionMode]string{
	proxopsv1.SelectionMode_SELECTION_MODE_VMID: "vmid",
	proxopsv1.SelectionMode_SELECTION_MODE_ALL:  "all",
	proxopsv1.SelectionMode_SELECTION_MODE_POOL: "pool",
	proxopsv1.SelectionMode_SELECTION_MODE_NONE: "none",
}

func (t *routines) mirror(row *store.BackupRoutine, job int) error {
	j := t.jobs[job]
	row.JobID = text(j.GetJobId())
	row.Enabled = j.GetEnabled()
	row.Schedule = text(j.GetSchedule())
	row.NextRun = t.run.nextRun(j.GetEnabled(), j.GetNextRun(), row.Schedule)
	row.NodeID = t.refs.node(j.GetNode())
	row.StorageID = t.refs.storage(j.GetStorage())
	row.Selection = vmids(j.GetSelection())
	row.Comment = text(j.GetComment())
	row.NotesTemplate = text(j.GetNotesTemplate())
	row.Fleecing = text(j.GetFleecing())
	row.FleecingStorageID = t.refs.storage(j.GetFleecingStorage())
	row.RepeatMissed = new(j.GetRepeatMissed())
	row.PbsChangeDetectionMode = text(j.GetPbsChangeDetectionMode())
	row.Exclude = vmids(j.GetExclude())
	row.Pool = text(j.GetPool())
	row.Mode = text(j.GetMode())
	row.Compress = text(j.GetCompress())
	row.KeepAll = j.KeepAll
	var ok bool
	if row.SelectionMode, ok = selectionModes[j.GetSelectionMode()]; !ok {
		// A mode of a newer poller. One job must not cost the whole reading, and as "none" it promises no guest a backup; the raw configuration
		// keeps what the cluster said.
		row.SelectionMode = "none"
	}
	for _, n := range []struct {
		column **int32
		field  string
		value  *int64
	}{
		{&row.KeepLast, "keep_last", j.KeepLast},
		{&row.KeepHourly, "keep_hourly", j.KeepHourly},
		{&row.KeepDaily, "keep_daily", j.KeepDaily},
		{&row.KeepWeekly, "keep_weekly", j.KeepWeekly},
		{&row.KeepMonthly, "keep_monthly", j.KeepMonthly},
		{&row.KeepYearly, "keep_yearly", j.KeepYearly},
		{&row.Bwlimit, "bwlimit", j.Bwlimit},
		{&row.Zstd, "zstd", j.Zstd},
		{&row.IoWorkers, "io_workers", j.IoWorkers},
	} {
		*n.column = nil
		if n.value == nil {
			continue
		}
		v, err := integer(n.field, *n.value)
		if err != nil {
			return fmt.Errorf("job %s: %w", row.JobID, err)
		}
		*n.column = &v
	}
	var err error
	if row.RawConfig, err = object(j.GetRawConfig()); err != nil {
		return fmt.Errorf("job %s: %w", row.JobID, err)
	}
	return nil
}

func (t *routines) common(row *store.BackupRoutine) common {
	return common{
		id: &row.ID, version: &row.Version, key: &row.JobID, status: &row.Status, nextRun: &row.NextRun, hash: &row.ContentHash,
		seen: &row.Seen, staleSince: &row.StaleSince, lastUpdated: &row.LastUpdated, custom: &row.CustomFieldData,
	}
}

func (t *routines) state(row *store.BackupRoutine, tags []string) *change.RoutineState {
	return &change.RoutineState{
		Endpoint:               row.EndpointID,
		JobID:                  row.JobID,
		Enabled:                row.Enabled,
		Schedule:               row.Schedule,
		NextRun:                utc(row.NextRun),
		Node:                   row.NodeID,
		Storage:                row.StorageID,
		Selection:              row.Selection,
		Comment:                row.Comment,
		Status:                 row.Status,
		KeepLast:               row.KeepLast,
		KeepDaily:              row.KeepDaily,
		KeepWeekly:             row.KeepWeekly,
		KeepMonthly:            row.KeepMonthly,
		KeepYearly:             row.KeepYearly,
		KeepAll:                row.KeepAll,
		NotesTemplate:          row.NotesTemplate,
		BWLimit:                row.Bwlimit,
		Zstd:                   row.Zstd,
		IOWorkers:              row.IoWorkers,
		Fleecing:               row.Fleecing,
		FleecingStorage:        row.FleecingStorageID,
		RepeatMissed:           row.RepeatMissed,
		PBSChangeDetectionMode: row.PbsChangeDetectionMode,
		RawConfig:              row.RawConfig,
		SelectionMode:          row.SelectionMode,
		Exclude:                row.Exclude,
		Pool:                   row.Pool,
		Mode:                   row.Mode,
		Compress:               row.Compress,
		KeepHourly:             row.KeepHourly,
		StaleSince:             utc(row.StaleSince),
		Tags:                   names(tags),
		CustomFields:           row.CustomFieldData,
	}
}

func (t *routines) repr(row *store.BackupRoutine) string {
	return change.ParsedRoutineRepr(row.JobID, row.Schedule, t.run.calendar.get(row.Schedule))
}

func (t *routines) copy(ctx context.Context, rows []store.BackupRoutine) error {
	params := make([]store.RoutineCopyParams, len(rows))
	for i, row := range rows {
		params[i] = store.RoutineCopyParams(row)
	}
	_, err := t.run.q.RoutineCopy(ctx, params)
	return err
}

func (t *routines) update(ctx context.Context, rows []store.BackupRoutine) error {
	params := make([]store.RoutineUpdateParams, len(rows))
	for i, r := range rows {
		params[i] = store.RoutineUpdateParams{
			JobID: r.JobID, Enabled: r.Enabled, Schedule: r.Schedule, NextRun: r.NextRun, NodeID: r.NodeID, StorageID: r.StorageID,
			Selection: r.Selection, Comment: r.Comment, Status: r.Status, KeepLast: r.KeepLast, KeepDaily: r.KeepDaily,
			KeepWeekly: r.KeepWeekly, KeepMonthly: r.KeepMonthly, KeepYearly: r.KeepYearly, KeepAll: r.KeepAll,
			NotesTemplate: r.NotesTemplate, Bwlimit: r.Bwlimit, Zstd: r.Zstd, IoWorkers: r.IoWorkers, Fleecing: r.Fleecing,
			FleecingStorageID: r.FleecingStorageID, RepeatMissed: r.RepeatMissed, PbsChangeDetectionMode: r.PbsChangeDetectionMode,
			RawConfig: r.RawConfig, SelectionMode: r.SelectionMode, Exclude: r.Exclude, Pool: r.Pool, Mode: r.Mode, Compress: r.Compress,
			KeepHourly: r.KeepHourly, LastUpdated: r.LastUpdated, ContentHash: r.ContentHash, Seen: r.Seen, StaleSince: r.StaleSince,
			ID: r.ID, Version: r.Version,
		}
	}
	var failed error
	t.run.q.RoutineUpdate(ctx, params).QueryRow(func(_ int, _ int32, err error) { failed = first(failed, err) })
	return failed
}

// confirm also restores next runs: a user may have written one, and it may be so late that it never passes.
func (t *routines) confirm(ctx context.Context, rows []confirmed[store.BackupRoutine]) error {
	ids, hashes := make([]int32, len(rows)), make([][]byte, len(rows))
	var moved []store.RoutineNextRunParams
	for i, row := range rows {
		ids[i], hashes[i] = row.after.ID, row.after.ContentHash
		if before, after := row.before.NextRun, row.after.NextRun; (before == nil) != (after == nil) || after != nil && !after.Equal(*before) {
			moved = append(moved, store.RoutineNextRunParams{ID: row.after.ID, NextRun: after})
		}
	}
	if err := t.run.q.RoutineConfirm(ctx, ids, hashes); err != nil {
		return err
	}
	return t.run.setNextRuns(ctx, moved)
}

func (t *routines) stale(ctx context.Context, ids []int32) (int64, error) {
	return t.run.q.RoutineStale(ctx, t.run.now, t.run.state.LastSeen, ids)
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(t.UTC())
}

func names(tags []string) []string {
	if tags == nil {
		return []string{}
	}
	return tags
}
