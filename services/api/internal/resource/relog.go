package resource

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
)

// Edit is what a change elsewhere, of a tag or of a custom field, does to the objects of a resource.
type Edit struct {
	// Where finds the objects: a condition on rows of the alias t, with $1, $2 … for Args.
	Where string
	Args  []any
	// Apply turns an object into what it becomes.
	Apply func(o *Record)
	// Everywhere locks all endpoints: objects that a sync makes meanwhile are found too.
	Everywhere bool
	// Columns names JSON fields that Apply changes. What else it changes, such as tags, is written by the caller: after the edit, since objects are
	// read as they are before.
	Columns []string
	// Log writes change rows of objects that are no jobs, too.
	Log bool
}

// relogPiece is how many objects are in memory at once.
const relogPiece = 1000

// Relog applies an edit to all objects that it finds, in few statements. The endpoints they belong to are locked first. Each job that changes gets
// its next version, a change row and with it an event; other objects get another ETag, but no change row unless the edit says so, as in NetBox.
func (r *Resource) Relog(ctx context.Context, tx pgx.Tx, origin change.Origin, e Edit) error {
	ids, err := r.lockFound(ctx, tx, e)
	if err != nil {
		return fmt.Errorf("find %s to change: %w", r.Name, err)
	}
	for piece := range slices.Chunk(ids, relogPiece) {
		if err := r.relog(ctx, tx, origin, e, piece); err != nil {
			return fmt.Errorf("change %d of %s: %w", len(piece), r.Name, err)
		}
	}
	return nil
}

// lockFound locks the endpoints of the objects that an edit finds, and returns the ids of the objects, which are all there are by then.
func (r *Resource) lockFound(ctx context.Context, tx pgx.Tx, e Edit) ([]int64, error) {
	locked := map[int64]bool{}
	if e.Everywhere {
		if _, err := tx.Exec(ctx, "SELECT FROM endpoints ORDER BY id FOR NO KEY UPDATE"); err != nil {
			return nil, err
		}
	}
	for range 10 {
		rows, err := tx.Query(ctx, "SELECT t.id::bigint, coalesce("+r.endpointSQL("t")+", 0)::bigint FROM "+r.Table+" t WHERE "+e.Where+" ORDER BY t.id", e.Args...)
		if err != nil {
			return nil, err
		}
		var ids, more []int64
		for rows.Next() {
			v := rows.RawValues()
			ids = append(ids, decodeInt(v[0]))
			if endpoint := decodeInt(v[1]); endpoint != 0 && !locked[endpoint] {
				locked[endpoint], more = true, append(more, endpoint)
			}
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
		if more == nil {
			return ids, nil
		}
		if err := lockEndpoints(ctx, tx, more); err != nil {
			return nil, err
		}
	}
	return nil, errMoved // endpoints come faster than they can be locked: begin anew
}

// relog applies an edit to the objects with these ids.
func (r *Resource) relog(ctx context.Context, tx pgx.Tx, origin change.Origin, e Edit, ids []int64) error {
	// Locked before they are read: what is read with the lock may be older than the row, as far as it lies in other tables.
	if _, err := tx.Exec(ctx, "SELECT FROM "+r.Table+" t WHERE t.id = ANY($1::bigint[]) ORDER BY t.id FOR UPDATE", ids); err != nil {
		return err
	}
	before, err := r.load(ctx, tx, false, "t.id = ANY($1::bigint[])", ids)
	if err != nil {
		return err
	}
	after, names := make(map[int64]*Record, len(before)), make(map[int64][]string, len(before))
	var changed []*Record
	for _, o := range before {
		edited := o.clone()
		e.Apply(edited)
		if differ := r.differ(o, edited); differ != nil {
			after[o.ID], names[o.ID], changed = edited, differ, append(changed, o)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	if err := r.writeEdit(ctx, tx, e, changed, after); err != nil || r.Job == nil && !e.Log {
		return err
	}
	rows := make([]change.Row, len(changed))
	for i, o := range changed {
		rows[i] = r.rowOf(change.Update, o, after[o.ID])
		rows[i].Changed = names[o.ID]
	}
	return change.Write(ctx, tx, origin, rows)
}

func (o *Record) clone() *Record {
	c := *o
	c.values, c.Tags = maps.Clone(o.values), slices.Clone(o.Tags)
	return &c
}

// differ names the fields of the flat state in which two records differ and that count as a change, sorted; nil if there are none.
func (r *Resource) differ(before, after *Record) (names []string) {
	if !slices.Equal(before.Tags, after.Tags) {
		names = append(names, "tags")
	}
	for _, f := range r.logged {
		if !f.Silent && !same(before.values[f.Name], after.values[f.Name]) {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return names
}

// writeEdit writes the columns of the changed objects and when that was. Those that are jobs get their next version, which after is told.
func (r *Resource) writeEdit(ctx context.Context, tx pgx.Tx, e Edit, changed []*Record, after map[int64]*Record) error {
	ids := make([]int64, len(changed))
	for i, o := range changed {
		ids[i] = o.ID
	}
	set := []string{"last_updated = greatest(clock_timestamp(), t.last_updated + interval '1 microsecond')"}
	arrays, names, args := []string{"$1::bigint[]"}, []string{"id"}, []any{ids}
	version := "0"
	if r.Job != nil {
		set, version = append(set, "version = t.version + 1"), "t.version"
	}
	for i, name := range e.Columns {
		f, texts := r.fields[name], make([]string, len(changed))
		for j, o := range changed {
			texts[j] = string(Marshal(after[o.ID].values[name]))
		}
		args = append(args, texts)
		arrays, names = append(arrays, "$"+strconv.Itoa(len(args))+"::text[]"), append(names, "c"+strconv.Itoa(i))
		set = append(set, f.Column+" = v.c"+strconv.Itoa(i)+"::jsonb")
	}
	rows, err := tx.Query(ctx, "UPDATE "+r.Table+" t SET "+strings.Join(set, ", ")+" FROM unnest("+strings.Join(arrays, ", ")+") v ("+strings.Join(names, ", ")+
		") WHERE t.id = v.id RETURNING t.id::bigint, t.last_updated, "+version+"::bigint", args...)
	if err != nil {
		return err
	}
	var id, v int64
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &at, &v}, func() error {
		o := after[id]
		if o.LastUpdated = at; r.Job != nil {
			o.values["version"] = v
		}
		return nil
	})
	return err
}
