package resource

import (
	"fmt"
	"slices"

	"github.com/proxops/proxops/libs/change"
)

// changeRow describes what happened to an object for the change log.
func (r *Resource) changeRow(action change.Action, before, after *Record, more []string) (change.Row, error) {
	row := r.rowOf(action, before, after)
	if action != change.Update {
		return row, nil
	}
	names, err := change.Diff(row.Pre, row.Post)
	if err != nil {
		return row, fmt.Errorf("compare states of %s %d: %w", r.Name, before.ID, err)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return r.fields[n] != nil && r.fields[n].Silent })
	row.Changed = slices.Sorted(slices.Values(append(names, more...)))
	return row, nil
}

// rowOf is the change row of an object without the names of what changed.
func (r *Resource) rowOf(action change.Action, before, after *Record) change.Row {
	o := after
	if o == nil {
		o = before
	}
	row := change.Row{Time: o.LastUpdated, ObjectType: r.Type, ObjectID: int32(o.ID), Action: action, ObjectRepr: o.Display}
	if before != nil {
		row.Pre = before.flat()
	}
	if after != nil {
		row.Post = after.flat()
	}
	if o.endpoint != 0 {
		row.EndpointID = new(int32(o.endpoint))
	}
	if r.Job != nil {
		r.describeJob(&row, action, before, after)
	}
	return row
}

// describeJob adds to a change row what makes it an event.
func (r *Resource) describeJob(row *change.Row, action change.Action, before, after *Record) {
	status := func(o *Record) string {
		if o == nil {
			return ""
		}
		return o.Text("status")
	}
	o := after
	if o == nil {
		o = before
	}
	version, _ := o.Int("version")
	if action == change.Delete {
		version++
	}
	row.Version, row.Key, row.Status = int32(version), o.Text(r.Job.Key), status(o)
	row.Event = change.EventOf(action, status(before), status(after))
}
