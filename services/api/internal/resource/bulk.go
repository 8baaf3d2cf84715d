package resource

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"
)

// CreateAll makes an object of each item of the body, which must be a list, or none. It returns them as a JSON list, in their order. Its error
// is fault.Invalid with Positional if an item is refused.
func (s *Store) CreateAll(ctx context.Context, r *Resource, req Request) (list []byte, err error) {
	scope, err := req.Actor.Scope(r, Add)
	if err != nil {
		return nil, err
	}
	bodies, ok := req.Body.([]any)
	if !ok {
		return nil, notAList(req.Body)
	}
	if err := bounded(bodies); err != nil {
		return nil, err
	}
	if len(bodies) == 0 {
		return []byte("[]"), nil
	}
	err = s.inTx(ctx, r, func(tx pgx.Tx) error {
		objects, err := r.create(ctx, tx, scope, bodies, req, eachRefused)
		list = joinObjects(objects)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create %d of %s: %w", len(bodies), r.Name, err)
	}
	return list, nil
}

// UpdateAll changes the objects whose ids the items of the body have, or none, and returns them as a JSON list, in the default order. Ids of no
// object are skipped; of items with the same id the last counts.
func (s *Store) UpdateAll(ctx context.Context, r *Resource, req Request) (list []byte, err error) {
	scope, err := req.Actor.Scope(r, Change)
	if err != nil {
		return nil, err
	}
	named, err := readNamed(req)
	if err != nil {
		return nil, err
	}
	err = s.inTx(ctx, r, func(tx pgx.Tx) error {
		found, err := r.named(ctx, tx, scope, named.ids())
		if err != nil {
			return err
		}
		bodies := make(map[int64]any, len(found))
		for _, o := range found {
			bodies[o.ID] = named[o.ID].body
		}
		objects, err := r.update(ctx, tx, scope, found, bodies, req)
		list = joinObjects(objects)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("update %d of %s: %w", len(named), r.Name, err)
	}
	return list, nil
}

// DeleteAll removes the objects whose ids the items of the body have, or none. Ids of no object are skipped.
func (s *Store) DeleteAll(ctx context.Context, r *Resource, req Request) error {
	scope, err := req.Actor.Scope(r, Delete)
	if err != nil {
		return err
	}
	named, err := readNamed(req)
	if err != nil {
		return err
	}
	err = s.inTx(ctx, r, func(tx pgx.Tx) error {
		found, err := r.named(ctx, tx, scope, named.ids())
		if err != nil {
			return err
		}
		locked, err := r.lockAll(ctx, tx, scope, found, found)
		if err != nil || len(locked) == 0 {
			return err
		}
		messages := make(map[int64]string, len(locked))
		for id := range locked {
			messages[id] = named[id].message
		}
		return s.remove(ctx, tx, r, messages, req.Actor.Origin)
	})
	if err != nil {
		return fmt.Errorf("delete %d of %s: %w", len(named), r.Name, err)
	}
	return nil
}

// named loads the objects of these ids that are in the scope, in the default order.
func (r *Resource) named(ctx context.Context, tx pgx.Tx, scope Scope, ids []int64) ([]*Record, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	order := newPlan()
	by := r.orderSQL(order, r.order(""))
	condition, args := r.condition(scope, ids...)
	rows, err := tx.Query(ctx, "SELECT t.id::bigint FROM "+r.Table+" t "+order.joinSQL()+" WHERE "+condition+" ORDER BY "+by, args...)
	if err != nil {
		return nil, fmt.Errorf("find %s by id: %w", r.Name, err)
	}
	ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("find %s by id: %w", r.Name, err)
	}
	records, err := r.load(ctx, tx, false, "t.id = ANY($1::bigint[])", ids)
	if err != nil {
		return nil, err
	}
	place := make(map[int64]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	slices.SortFunc(records, func(a, b *Record) int { return place[a.ID] - place[b.ID] })
	return records, nil
}

// namedItems are the items of a bulk request that name objects, by their ids.
type namedItems map[int64]namedItem

type namedItem struct {
	body    any
	message string
}

func (n namedItems) ids() []int64 { return slices.Sorted(maps.Keys(n)) }

// readNamed reads the ids and messages of the items of a body, which must be a list.
func readNamed(req Request) (namedItems, error) {
	list, ok := req.Body.([]any)
	if !ok {
		return nil, notAList(req.Body)
	}
	if err := bounded(list); err != nil {
		return nil, err
	}
	out := make(namedItems, len(list))
	wrong := make(Positional, len(list))
	for i, body := range list {
		id, message, e := readNamedItem(body)
		wrong[i] = e
		out[id] = namedItem{body, message}
	}
	return out, wrong.err()
}

func readNamedItem(body any) (id int64, message string, wrong Errors) {
	object, ok := body.(map[string]any)
	if !ok {
		return 0, "", notAnItem(body)
	}
	v, given := object["id"]
	switch {
	case !given:
		wrong.Add("id", "This field is required.")
	case v == nil:
		wrong.Add("id", "This field may not be null.")
	default:
		n, texts := Integer{Min: math.MinInt64, Max: math.MaxInt64}.read(nil, nil, v)
		if texts != nil {
			wrong.Add("id", texts...)
			break
		}
		id = n.(int64)
	}
	message, texts := readMessage(object)
	if texts != nil {
		wrong.Add("changelog_message", texts...)
	}
	return id, message, wrong
}

// maxItems is how many items a request may have: all are in memory at once, and their rows are locked until the last is written.
const maxItems = 10_000

// bounded refuses lists that are too long.
func bounded(list []any) error {
	if len(list) <= maxItems {
		return nil
	}
	var wrong Errors
	wrong.Add(NonField, fmt.Sprintf("A request may have %d items, and this has %d: split it into several.", maxItems, len(list)))
	return wrong.Err()
}

// notAList says that a body is no list of items.
func notAList(body any) error {
	var wrong Errors
	if body == nil {
		wrong.Add(NonField, "No data provided")
	} else {
		wrong.Add(NonField, `Expected a list of items but got type "`+typeName(body)+`".`)
	}
	return wrong.Err()
}

// notAnItem says that an item of a list is no object.
func notAnItem(body any) (wrong Errors) {
	if body == nil {
		wrong.bare = "This field may not be null."
		return wrong
	}
	wrong.Add(NonField, notAnObject(body))
	return wrong
}

// joinObjects makes a JSON list of objects.
func joinObjects(objects []Object) []byte {
	list := []byte{'['}
	for i, o := range objects {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, o.Body...)
	}
	return append(list, ']')
}
