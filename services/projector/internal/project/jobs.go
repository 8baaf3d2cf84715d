package project

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
)

// table is one kind of job: its rows, and how a snapshot's jobs become rows.
type table[R, S any] interface {
	objectType() change.ObjectType
	// entries are the jobs of the snapshot.
	entries() []entry
	heads(ctx context.Context) ([]head, error)
	// rename finds jobs among the fresh that are vanished rows under another key, and moves them to compare.
	rename(ctx context.Context, rows []head, d *difference) error
	// resolve finds or makes what these jobs of the snapshot refer to.
	resolve(ctx context.Context, jobs []int) error
	rows(ctx context.Context, ids []int32) (map[int32]stored[R], error)
	ids(ctx context.Context, n int) ([]int32, error)
	// blank is the row of a new job before mirror.
	blank(id int32) R
	// mirror writes what the snapshot says about a job into its row, and leaves alone what belongs to users.
	mirror(row *R, job int) error
	// common gives access to what rows of all kinds have.
	common(row *R) common
	// state is the flat state of a row.
	state(row *R, tags []string) *S
	repr(row *R) string
	copy(ctx context.Context, rows []R) error
	update(ctx context.Context, rows []R) error
	// confirm writes what is no part of the content: the hash, and the next run.
	confirm(ctx context.Context, rows []confirmed[R]) error
	stale(ctx context.Context, ids []int32) (int64, error)
}

// stored is a row with the names of its tags.
type stored[R any] struct {
	row  R
	tags []string
}

// confirmed is a row that turned out to hold what the snapshot says.
type confirmed[R any] struct {
	before, after R
}

// common points at the columns that rows of all kinds have. nextRun is nil where there is none.
type common struct {
	id, version *int32
	key, status *string
	nextRun     **time.Time
	hash        *[]byte
	seen        *bool
	staleSince  **time.Time
	lastUpdated *time.Time
	custom      *json.RawMessage
}

const (
	active = "active"
	stale  = "stale"
)

// volatile names the fields of a flat state that no sync counts as a change: the next run moves by itself, and stale_since follows status.
var volatile = []string{"next_run", "stale_since"}

// writeJobs makes the rows of one kind what the snapshot says, with one change row for each job that changed.
func writeJobs[R, S any](ctx context.Context, r *run, t table[R, S]) error {
	heads, err := t.heads(ctx)
	if err != nil {
		return fmt.Errorf("read the rows: %w", err)
	}
	jobs := t.entries()
	d := differ(heads, jobs)
	if err := t.rename(ctx, heads, &d); err != nil {
		return fmt.Errorf("match renamed jobs: %w", err)
	}
	touched := slices.Clone(d.fresh)
	var ids []int32
	for _, p := range d.compare {
		touched = append(touched, p.job)
		ids = append(ids, p.id)
	}
	for _, h := range d.vanished {
		ids = append(ids, h.id)
	}
	if err := t.resolve(ctx, touched); err != nil {
		return err
	}
	rows := map[int32]stored[R]{}
	if len(ids) > 0 {
		if rows, err = t.rows(ctx, ids); err != nil {
			return fmt.Errorf("read %d rows whole: %w", len(ids), err)
		}
	}
	w := &writer[R, S]{run: r, table: t, changes: make([]change.Row, 0, len(d.fresh)+len(ids))}
	r.result.Unchanged = d.unchanged
	for _, step := range []func() error{
		func() error { return w.create(ctx, d.fresh, jobs) },
		func() error { return w.compare(ctx, d.compare, rows, jobs) },
		func() error { return w.stale(ctx, d.vanished, rows) },
		func() error { return change.Write(ctx, r.tx, r.origin(), w.changes) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// writer writes rows of one kind and collects their changes.
type writer[R, S any] struct {
	run     *run
	table   table[R, S]
	changes []change.Row
}

func (w *writer[R, S]) create(ctx context.Context, fresh []int, jobs []entry) error {
	if len(fresh) == 0 {
		return nil
	}
	ids, err := w.table.ids(ctx, len(fresh))
	if err != nil {
		return fmt.Errorf("take %d ids: %w", len(fresh), err)
	}
	custom, err := w.run.q.CustomFieldDefaults(ctx, int32(w.table.objectType()))
	if err != nil {
		return fmt.Errorf("read the defaults of custom fields: %w", err)
	}
	rows := make([]R, len(fresh))
	for i, job := range fresh {
		rows[i] = w.table.blank(ids[i])
		*w.table.common(&rows[i]).custom = custom
		if err := w.mirror(&rows[i], job, jobs[job].hash); err != nil {
			return err
		}
		*w.table.common(&rows[i]).version = 1
	}
	// While Postgres writes the rows, their changes are encoded: that takes about as long.
	var g errgroup.Group
	g.Go(func() error {
		if err := w.table.copy(ctx, rows); err != nil {
			return fmt.Errorf("write %d new rows: %w", len(rows), err)
		}
		return nil
	})
	err = w.created(rows)
	w.run.result.Created = len(rows)
	return errors.Join(err, g.Wait())
}

// created records that these rows are new.
func (w *writer[R, S]) created(rows []R) error {
	for i := range rows {
		post, err := json.Marshal(w.table.state(&rows[i], nil))
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "encode job %s", *w.table.common(&rows[i]).key)
		}
		w.record(&rows[i], change.Row{Action: change.Create, Event: change.Created, Post: post})
	}
	return nil
}

// compare writes the rows that differ from their jobs. Those that do not are only confirmed.
func (w *writer[R, S]) compare(ctx context.Context, pairs []pair, rows map[int32]stored[R], jobs []entry) error {
	var changed []R
	var same []confirmed[R]
	for _, p := range pairs {
		old, ok := rows[p.id]
		if !ok {
			return fmt.Errorf("row %d of job %s is gone", p.id, jobs[p.job].key)
		}
		row := old.row
		if err := w.mirror(&row, p.job, jobs[p.job].hash); err != nil {
			return err
		}
		differs, err := w.changed(&old.row, &row, old.tags)
		if err != nil {
			return fmt.Errorf("compare job %s: %w", jobs[p.job].key, err)
		}
		if differs {
			changed = append(changed, row)
			continue
		}
		same = append(same, confirmed[R]{old.row, row})
	}
	w.run.result.Unchanged += len(same)
	if len(same) > 0 {
		if err := w.table.confirm(ctx, same); err != nil {
			return fmt.Errorf("confirm %d rows: %w", len(same), err)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	if err := w.table.update(ctx, changed); err != nil {
		return fmt.Errorf("update %d rows: %w", len(changed), err)
	}
	return nil
}

// mirror makes a row an active one that holds what the snapshot says.
func (w *writer[R, S]) mirror(row *R, job int, hash []byte) error {
	c := w.table.common(row)
	*c.status, *c.hash, *c.seen, *c.staleSince, *c.lastUpdated = active, hash, true, nil, w.run.now
	return w.table.mirror(row, job)
}

// changed records the difference between two states of a row, if there is one. The new row still has the version that was read: the update
// counts it up.
func (w *writer[R, S]) changed(before, after *R, tags []string) (bool, error) {
	was, is := w.table.state(before, tags), w.table.state(after, tags)
	names, err := change.DiffStates(was, is)
	if err != nil {
		return false, fault.New(fault.Invalid, "%w", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(volatile, name) })
	if len(names) == 0 {
		return false, nil
	}
	pre, err := json.Marshal(was)
	if err != nil {
		return false, fmt.Errorf("encode the row: %w", err)
	}
	post, err := json.Marshal(is)
	if err != nil {
		return false, fault.Wrap(fault.Invalid, err, "encode the job")
	}
	event := change.EventOf(change.Update, *w.table.common(before).status, *w.table.common(after).status)
	switch event {
	case change.Stale:
		w.run.result.Stale++
	case change.Reactivated:
		w.run.result.Reactivated++
	default:
		w.run.result.Updated++
	}
	w.record(after, change.Row{Action: change.Update, Event: event, Changed: names, Pre: pre, Post: post})
	w.changes[len(w.changes)-1].Version++
	return true, nil
}

// stale marks the rows whose jobs are proved to be gone.
func (w *writer[R, S]) stale(ctx context.Context, vanished []head, rows map[int32]stored[R]) error {
	if len(vanished) == 0 {
		return nil
	}
	ids := make([]int32, len(vanished))
	for i, h := range vanished {
		ids[i] = h.id
		old, ok := rows[h.id]
		if !ok {
			return fmt.Errorf("row %d of job %s is gone", h.id, h.key)
		}
		row := old.row
		c := w.table.common(&row)
		*c.status, *c.staleSince, *c.lastUpdated = stale, &w.run.now, w.run.now
		if c.nextRun != nil {
			*c.nextRun = nil
		}
		if _, err := w.changed(&old.row, &row, old.tags); err != nil {
			return fmt.Errorf("compare job %s: %w", h.key, err)
		}
	}
	n, err := w.table.stale(ctx, ids)
	if err != nil {
		return fmt.Errorf("mark %d rows stale: %w", len(ids), err)
	}
	if n != int64(len(ids)) {
		return fmt.Errorf("marked %d rows stale instead of %d: something writes jobs without the lock of endpoint %d", n, len(ids), w.run.endpoint)
	}
	return nil
}

// record completes a change row with what the row of the job says.
func (w *writer[R, S]) record(row *R, c change.Row) {
	cols := w.table.common(row)
	c.Time = *cols.lastUpdated
	c.ObjectType = w.table.objectType()
	c.ObjectID = *cols.id
	c.EndpointID = &w.run.endpoint
	c.Version = *cols.version
	c.Key = *cols.key
	c.Status = *cols.status
	c.ObjectRepr = w.table.repr(row)
	w.changes = append(w.changes, c)
}
