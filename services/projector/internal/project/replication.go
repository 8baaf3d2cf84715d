package project

import (
	"context"
	"fmt"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/projector/internal/store"
)

// replications is the table of replications.
type replications struct {
	run  *run
	jobs []*proxopsv1.Replication
	refs refs
	// guestNames are the names of the virtual machines of rows that were read.
	guestNames map[int32]string
}

func newReplications(r *run) *replications {
	return &replications{run: r, jobs: r.snapshot.GetReplications(), guestNames: map[int32]string{}}
}

func (t *replications) objectType() change.ObjectType { return change.Replication }

func (t *replications) entries() []entry {
	list := make([]entry, len(t.jobs))
	for i, j := range t.jobs {
		list[i] = entry{key: text(j.GetReplicationId()), hash: j.GetContentHash()}
	}
	return list
}

func (t *replications) heads(ctx context.Context) ([]head, error) {
	rows, err := t.run.q.ReplicationHeads(ctx, t.run.endpoint)
	if err != nil {
		return nil, err
	}
	list := make([]head, len(rows))
	for i, row := range rows {
		list[i] = head{row.ID, row.ReplicationID, row.ContentHash, row.Status == stale, row.Seen}
	}
	return list, nil
}

// rename does nothing: the id of a replication says which it is in every version.
func (t *replications) rename(context.Context, []head, *difference) error { return nil }

func (t *replications) rows(ctx context.Context, ids []int32) (map[int32]stored[store.Replication], error) {
	rows, err := t.run.q.ReplicationRows(ctx, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[int32]stored[store.Replication], len(rows))
	for _, row := range rows {
		byID[row.Replication.ID] = stored[store.Replication]{row.Replication, row.Tags}
		t.guestNames[row.Replication.VirtualMachineID] = row.GuestName
	}
	return byID, nil
}

func (t *replications) ids(ctx context.Context, n int) ([]int32, error) {
	return t.run.q.ReplicationIDs(ctx, int32(n))
}

func (t *replications) blank(id int32) store.Replication {
	return store.Replication{ID: id, EndpointID: &t.run.endpoint, Created: t.run.now}
}

func (t *replications) resolve(ctx context.Context, jobs []int) error {
	var want references
	for _, i := range jobs {
		want.node(t.jobs[i].GetSource())
		want.node(t.jobs[i].GetTarget())
		want.guest(t.jobs[i].GetGuest())
	}
	var err error
	t.refs, err = t.run.resolve(ctx, want)
	for _, g := range t.refs.guests {
		t.guestNames[g.id] = g.name
	}
	return err
}

func (t *replications) mirror(row *store.Replication, job int) error {
	j := t.jobs[job]
	guest := t.refs.guests[j.GetGuest()]
	row.ReplicationID = text(j.GetReplicationId())
	row.VirtualMachineID = guest.id
	row.TargetNodeID = t.refs.node(j.GetTarget())
	row.ProxmoxNodeID = t.refs.node(j.GetSource())
	if row.ProxmoxNodeID == nil { // an old job that does not say where its guest is: the inventory may
		row.ProxmoxNodeID = guest.node
	}
	row.Guest = j.GetGuest()
	row.Target = text(j.GetTarget())
	row.JobType = text(j.GetJobType())
	row.Schedule = text(j.GetSchedule())
	row.Comment = text(j.GetComment())
	row.Disable = j.GetDisable()
	row.Source = text(j.GetSource())
	row.Rate = nil
	if j.Rate != nil {
		if row.Rate = finite(j.GetRate()); row.Rate == nil {
			return fault.New(fault.Invalid, "replication %s has the rate %v", row.ReplicationID, j.GetRate())
		}
	}
	row.RemoveJob = nil
	if remove := text(j.GetRemoveJob()); remove != "" {
		row.RemoveJob = &remove
	}
	var err error
	if row.Jobnum, err = integer("jobnum", j.GetJobnum()); err != nil {
		return fmt.Errorf("replication %s: %w", row.ReplicationID, err)
	}
	if row.RawConfig, err = object(j.GetRawConfig()); err != nil {
		return fmt.Errorf("replication %s: %w", row.ReplicationID, err)
	}
	return nil
}

func (t *replications) common(row *store.Replication) common {
	return common{
		id: &row.ID, version: &row.Version, key: &row.ReplicationID, status: &row.Status, hash: &row.ContentHash, seen: &row.Seen,
		staleSince: &row.StaleSince, lastUpdated: &row.LastUpdated, custom: &row.CustomFieldData,
	}
}

func (t *replications) state(row *store.Replication, tags []string) *change.ReplicationState {
	return &change.ReplicationState{
		Endpoint:       row.EndpointID,
		ReplicationID:  row.ReplicationID,
		VirtualMachine: row.VirtualMachineID,
		ProxmoxNode:    row.ProxmoxNodeID,
		TargetNode:     row.TargetNodeID,
		Guest:          row.Guest,
		Target:         row.Target,
		JobType:        row.JobType,
		Schedule:       row.Schedule,
		Rate:           row.Rate,
		Comment:        row.Comment,
		Disable:        row.Disable,
		Source:         row.Source,
		Jobnum:         row.Jobnum,
		RemoveJob:      row.RemoveJob,
		Status:         row.Status,
		RawConfig:      row.RawConfig,
		StaleSince:     utc(row.StaleSince),
		Tags:           names(tags),
		CustomFields:   row.CustomFieldData,
	}
}

func (t *replications) repr(row *store.Replication) string {
	return change.ReplicationRepr(row.ReplicationID, t.guestNames[row.VirtualMachineID], row.Target)
}

func (t *replications) copy(ctx context.Context, rows []store.Replication) error {
	params := make([]store.ReplicationCopyParams, len(rows))
	for i, row := range rows {
		params[i] = store.ReplicationCopyParams(row)
	}
	_, err := t.run.q.ReplicationCopy(ctx, params)
	return err
}

func (t *replications) update(ctx context.Context, rows []store.Replication) error {
	params := make([]store.ReplicationUpdateParams, len(rows))
	for i, r := range rows {
		params[i] = store.ReplicationUpdateParams{
			VirtualMachineID: r.VirtualMachineID, ProxmoxNodeID: r.ProxmoxNodeID, TargetNodeID: r.TargetNodeID, Guest: r.Guest,
			Target: r.Target, JobType: r.JobType, Schedule: r.Schedule, Rate: r.Rate, Comment: r.Comment, Disable: r.Disable,
			Source: r.Source, Jobnum: r.Jobnum, RemoveJob: r.RemoveJob, Status: r.Status, RawConfig: r.RawConfig,
			LastUpdated: r.LastUpdated, ContentHash: r.ContentHash, Seen: r.Seen, StaleSince: r.StaleSince, ID: r.ID, Version: r.Version,
		}
	}
	var failed error
	t.run.q.ReplicationUpdate(ctx, params).QueryRow(func(_ int, _ int32, err error) { failed = first(failed, err) })
	return failed
}

func (t *replications) confirm(ctx context.Context, rows []confirmed[store.Replication]) error {
	ids, hashes := make([]int32, len(rows)), make([][]byte, len(rows))
	for i, row := range rows {
		ids[i], hashes[i] = row.after.ID, row.after.ContentHash
	}
	return t.run.q.ReplicationConfirm(ctx, ids, hashes)
}

func (t *replications) stale(ctx context.Context, ids []int32) (int64, error) {
	return t.run.q.ReplicationStale(ctx, t.run.now, t.run.state.LastSeen, ids)
}
