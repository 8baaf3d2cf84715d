package relay

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/projector/internal/relay/render"
	"github.com/proxops/proxops/services/projector/internal/store"
)

// lookUp reads what the events say beside their change rows: a fixed number of queries, however many events there are.
func lookUp(ctx context.Context, q *store.Queries, events []*event) (*render.Names, error) {
	refs := render.NewRefs()
	for _, e := range events {
		e.job.Refs(refs)
	}
	n := &render.Names{
		Endpoints: map[int32]render.Endpoint{}, Nodes: map[int32]render.Node{}, Storages: map[int32]render.Storage{},
		VirtualMachines: map[int32]string{}, Tags: map[string]render.Tag{}, PastTags: map[string][]render.PastTag{},
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"endpoints", func() error {
			return each(ctx, q.RelayEndpoints, refs.Endpoints, func(r store.RelayEndpointsRow) {
				n.Endpoints[r.ID] = render.Endpoint{Name: r.Name, Host: cmp.Or(r.Domain, r.IpAddress)}
			})
		}},
		{"nodes", func() error {
			return each(ctx, q.RelayNodes, refs.Nodes, func(r store.RelayNodesRow) {
				n.Nodes[r.ID] = render.Node{Name: r.Name, NodeID: r.NodeID, Online: r.Online}
			})
		}},
		{"storages", func() error {
			return each(ctx, q.RelayStorages, refs.Storages, func(r store.RelayStoragesRow) {
				n.Storages[r.ID] = render.Storage{Name: r.Name, ClusterID: r.ClusterID, ClusterName: r.ClusterName}
			})
		}},
		{"virtual machines", func() error {
			return each(ctx, q.RelayVirtualMachines, refs.VirtualMachines, func(r store.RelayVirtualMachinesRow) {
				n.VirtualMachines[r.ID] = r.Name
			})
		}},
		{"tags", func() error {
			return each(ctx, q.RelayTags, refs.Tags, func(r store.RelayTagsRow) {
				n.Tags[r.Name] = render.Tag{ID: r.ID, Name: r.Name, Slug: r.Slug, Color: r.Color, Weight: r.Weight}
			})
		}},
		// After those that are there now: a tag that is renamed meanwhile is found by one of the two.
		{"tags of the past", func() error { return pastTags(ctx, q, events, refs, n) }},
		{"custom fields", func() error {
			return each(ctx, q.RelayCustomFields, jobTypes, func(r store.RelayCustomFieldsRow) {
				n.AddCustomField(change.ObjectType(r.ObjectTypeID), r.Name)
			})
		}},
		{"times of creation", func() error { return created(ctx, q, events) }},
	} {
		if err := step.do(); err != nil {
			return nil, fmt.Errorf("look up %s of %d events: %w", step.what, len(events), err)
		}
	}
	return n, nil
}

// jobTypes are the types of objects that have events and custom fields.
var jobTypes = map[int32]bool{int32(change.BackupRoutine): true, int32(change.Replication): true}

// each asks for a set of keys, unless it is empty, and calls fn with every answer.
func each[K comparable, V, R any](ctx context.Context, ask func(context.Context, []K) ([]R, error), keys map[K]V, fn func(R)) error {
	if len(keys) == 0 {
		return nil
	}
	rows, err := ask(ctx, slices.Collect(maps.Keys(keys)))
	if err != nil {
		return err
	}
	for _, r := range rows {
		fn(r)
	}
	return nil
}

// pastTags reads what tags were when the events happened, if that is not what they are.
func pastTags(ctx context.Context, q *store.Queries, events []*event, refs *render.Refs, n *render.Names) error {
	if len(refs.Tags) == 0 {
		return nil
	}
	first := events[0].ID
	for _, e := range events {
		first = min(first, e.ID)
	}
	rows, err := q.RelayPastTags(ctx, int32(change.Tag), first, slices.Collect(maps.Keys(refs.Tags)))
	if err != nil {
		return err
	}
	for _, r := range rows {
		n.PastTags[r.Name] = append(n.PastTags[r.Name], render.PastTag{Until: r.Until, Tag: render.Tag{ID: r.ID, Name: r.Name, Slug: r.Slug, Color: r.Color, Weight: r.Weight}})
	}
	return nil
}

// created tells every job of Proxmox when it was made; a sync has that in its state.
func created(ctx context.Context, q *store.Queries, events []*event) error {
	jobs := map[change.ObjectType]map[int32][]*render.Job{change.BackupRoutine: {}, change.Replication: {}}
	for _, e := range events {
		if of, ok := jobs[change.ObjectType(e.ObjectTypeID)]; ok {
			of[e.ObjectID] = append(of[e.ObjectID], e.job)
		}
	}
	err := each(ctx, q.RelayRoutinesCreated, jobs[change.BackupRoutine], func(r store.RelayRoutinesCreatedRow) {
		tell(jobs[change.BackupRoutine], r.ID, r.Created)
	})
	if err != nil {
		return err
	}
	err = each(ctx, q.RelayReplicationsCreated, jobs[change.Replication], func(r store.RelayReplicationsCreatedRow) {
		tell(jobs[change.Replication], r.ID, r.Created)
	})
	if err != nil {
		return err
	}
	// Jobs that were deleted have no row, but their first change knows it.
	for objectType, gone := range jobs {
		if len(gone) == 0 {
			continue
		}
		rows, err := q.RelayFirstChanges(ctx, int32(objectType), slices.Collect(maps.Keys(gone)))
		if err != nil {
			return err
		}
		for _, r := range rows {
			tell(gone, r.ObjectID, r.Time)
		}
	}
	return nil
}

// tell sets the time on all events of a job, and strikes it off.
func tell(jobs map[int32][]*render.Job, id int32, created time.Time) {
	for _, j := range jobs[id] {
		j.Created = &created
	}
	delete(jobs, id)
}
