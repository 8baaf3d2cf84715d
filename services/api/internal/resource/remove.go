package resource

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
)

// Delete removes an object with what its resource's references cascade to, and writes a change row for each. Its error is fault.Conflict with
// Protected if other objects hold on to it.
func (s *Store) Delete(ctx context.Context, r *Resource, id int64, req Request) error {
	scope, err := req.Actor.Scope(r, Delete)
	if err != nil {
		return err
	}
	err = s.inTx(ctx, r, func(tx pgx.Tx) error {
		found, err := r.one(ctx, tx, false, scope, id)
		if err != nil {
			return err
		}
		if err := matches(found, req.IfMatch); err != nil {
			return err
		}
		if req.BodyErr != nil {
			return req.BodyErr
		}
		message, err := deleteMessage(req.Body)
		if err != nil {
			return err
		}
		locked, err := r.lockAll(ctx, tx, scope, []*Record{found}, []*Record{found})
		if err != nil {
			return err
		}
		if locked[id] == nil {
			return r.NotFound()
		}
		if err := matches(locked[id], req.IfMatch); err != nil {
			return err
		}
		return s.remove(ctx, tx, r, map[int64]string{id: message}, req.Actor.Origin)
	})
	if err != nil {
		return fmt.Errorf("delete %s %d: %w", r.Name, id, err)
	}
	return nil
}

// deleteMessage reads the message for the change log from the body of a DELETE.
func deleteMessage(body any) (string, error) {
	object, ok := body.(map[string]any)
	if form, is := body.(FormData); is {
		object = map[string]any{}
		if texts := form["changelog_message"]; len(texts) > 0 {
			object["changelog_message"] = Last(texts)
		}
	} else if !ok {
		return "", NotAnObject(body)
	}
	message, wrong := readMessage(object)
	if wrong != nil {
		var e Errors
		e.Add("changelog_message", wrong...)
		return "", e.Err()
	}
	return message, nil
}

// removal is what a deletion takes away.
type removal struct {
	root     *Resource
	messages map[int64]string // for the change log, by id of the objects that the request names
	ids      map[*Resource][]int64
}

// remove deletes the objects of r that the messages are for.
func (s *Store) remove(ctx context.Context, tx pgx.Tx, r *Resource, messages map[int64]string, origin change.Origin) error {
	if len(messages) == 1 { // the message for one object is for all that goes with it
		for _, m := range messages {
			origin.Message = m
		}
	}
	d := removal{root: r, messages: messages, ids: map[*Resource][]int64{r: slices.Sorted(maps.Keys(messages))}}
	order := s.Set.dependentsFirst()
	// Dependents of dependents are found on the way from the root down.
	for _, target := range slices.Backward(order) {
		if err := d.collect(ctx, tx, s.Set, target); err != nil {
			return err
		}
	}
	for _, target := range order {
		if err := d.protect(ctx, tx, s.Set, target); err != nil {
			return err
		}
	}
	for _, target := range order {
		if err := d.delete(ctx, tx, target, origin); err != nil {
			return err
		}
	}
	return nil
}

// dependentsFirst orders resources so that one that refers to another comes before it.
func (s *Set) dependentsFirst() []*Resource {
	var out []*Resource
	seen := map[*Resource]bool{}
	var visit func(r *Resource)
	visit = func(r *Resource) {
		if seen[r] {
			return
		}
		seen[r] = true
		for _, f := range r.columns {
			if _, ok := f.Kind.(Reference); ok {
				visit(r.target(f))
			}
		}
		if r.owned() != nil { // objects of any other resource may own these
			for _, other := range s.All {
				visit(other)
			}
		}
		out = append(out, r) // after what it refers to
	}
	for _, r := range s.All {
		visit(r)
	}
	slices.Reverse(out)
	return out
}

// holder is a reference that may hold on to an object.
type holder struct {
	r *Resource
	f *Field
}

func (s *Set) holders(target *Resource) []holder {
	var out []holder
	for _, r := range s.All {
		for _, f := range r.columns {
			if ref, ok := f.Kind.(Reference); ok && ref.To == target.Name && !ref.SetNull {
				out = append(out, holder{r, f})
			}
		}
	}
	return out
}

// collect adds the objects that go with those of target.
func (d *removal) collect(ctx context.Context, tx pgx.Tx, set *Set, target *Resource) error {
	if len(d.ids[target]) == 0 {
		return nil
	}
	if err := d.collectOwned(ctx, tx, set, target); err != nil {
		return err
	}
	for _, h := range set.holders(target) {
		if !slices.Contains(h.f.Kind.(Reference).CascadeFrom, d.root.Name) {
			continue
		}
		rows, err := tx.Query(ctx, "SELECT t.id::bigint FROM "+h.r.Table+" t WHERE "+h.f.sql("t")+" = ANY($1::bigint[]) ORDER BY t.id FOR UPDATE", d.ids[target])
		if err != nil {
			return fmt.Errorf("find %s to delete: %w", h.r.Name, err)
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return fmt.Errorf("find %s to delete: %w", h.r.Name, err)
		}
		all := slices.Concat(d.ids[h.r], ids)
		slices.Sort(all)
		d.ids[h.r] = slices.Compact(all)
	}
	return nil
}

// maxNamed is how many dependents a refusal names.
const maxNamed = 50

// protect refuses if objects that stay refer to objects of target that go.
func (d *removal) protect(ctx context.Context, tx pgx.Tx, set *Set, target *Resource) error {
	if len(d.ids[target]) == 0 {
		return nil
	}
	var p Protected
	for _, h := range set.holders(target) {
		condition := h.f.sql("t") + " = ANY($1::bigint[]) AND t.id <> ALL($2::bigint[])"
		going := append([]int64{}, d.ids[h.r]...)
		var count int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM "+h.r.Table+" t WHERE "+condition, d.ids[target], going).Scan(&count); err != nil {
			return fmt.Errorf("count dependents among %s: %w", h.r.Name, err)
		}
		if count == 0 {
			continue
		}
		p.Count += count
		records, err := h.r.load(ctx, tx, false, condition+" AND t.id IN (SELECT t.id FROM "+h.r.Table+" t WHERE "+condition+" ORDER BY t.id LIMIT "+strconv.Itoa(maxNamed)+")", d.ids[target], going)
		if err != nil {
			return err
		}
		for _, o := range records[:min(len(records), maxNamed-len(p.Some))] {
			p.Some = append(p.Some, fmt.Sprintf("%s (%d)", o.Display, o.ID))
		}
	}
	if p.Count > 0 {
		return fault.Wrap(fault.Conflict, p, "delete")
	}
	return nil
}

// delete writes the change rows of the objects of target that go, and deletes them.
func (d *removal) delete(ctx context.Context, tx pgx.Tx, target *Resource, origin change.Origin) error {
	ids := d.ids[target]
	if len(ids) == 0 {
		return nil
	}
	records, err := target.load(ctx, tx, true, "t.id = ANY($1::bigint[])", ids)
	if err != nil {
		return err
	}
	now, err := clock(ctx, tx)
	if err != nil {
		return err
	}
	rows := make([]change.Row, len(records))
	for i, o := range records {
		if rows[i], err = target.changeRow(change.Delete, o, nil, nil); err != nil {
			return err
		}
		if rows[i].Time = now; target == d.root {
			rows[i].Message = d.messages[o.ID]
		}
	}
	if err := change.Write(ctx, tx, origin, rows); err != nil {
		return err
	}
	if target.Tagged() {
		if _, err := tx.Exec(ctx, "DELETE FROM tagged_items WHERE object_type_id = $1 AND object_id = ANY($2::bigint[])", int32(target.Type), ids); err != nil {
			return fmt.Errorf("delete tags of %s: %w", target.Name, err)
		}
	}
	if target.Hooks.BeforeDelete != nil {
		if err := target.Hooks.BeforeDelete(ctx, &Deletion{Tx: tx, IDs: ids, Origin: origin, Set: target.set}); err != nil {
			return err
		}
	}
	if err := target.set.release(ctx, tx, target, ids); err != nil {
		return err
	}
	if err := target.set.unlink(ctx, tx, target, ids); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM "+target.Table+" WHERE id = ANY($1::bigint[])", ids); err != nil {
		return fmt.Errorf("delete rows of %s: %w", target.Table, err)
	}
	return nil
}

// clock returns the time of the database.
func clock(ctx context.Context, tx pgx.Tx) (now time.Time, err error) {
	if err := tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return now, fmt.Errorf("ask for the time: %w", err)
	}
	return now, nil
}
