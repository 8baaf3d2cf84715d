package resource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres"
)

// Request is a write of one object, or of many if the body is a list.
type Request struct {
	At      Address
	Actor   Actor
	Body    any   // decoded JSON with json.Number; nil for null
	BodyErr error // why the body could not be read; it counts after what concerns the object itself
	Partial bool  // PATCH: required fields may be left out
	IfMatch string
	Select  Selection
	// Act does more to the object than its fields say, when endpoint and object are locked and nothing is wrong with the request, but no row of the
	// object is written yet. Its error undoes the request. For Update alone.
	Act func(ctx context.Context, w *Write) error
}

// errMoved says that an object changed its endpoint between being found and being locked.
var errMoved = errors.New("the object moved to another endpoint meanwhile")

// maxMoves is how often a write begins anew because objects moved under it.
const maxMoves = 10

// inTx runs fn in a transaction, and again if the object moved under it.
func (s *Store) inTx(ctx context.Context, r *Resource, fn func(tx pgx.Tx) error) error {
	err := errMoved
	for range maxMoves {
		if err = postgres.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
			if err := r.lockCustom(ctx, tx); err != nil {
				return err
			}
			return fn(tx)
		}); !errors.Is(err, errMoved) {
			break
		}
	}
	if errors.Is(err, errMoved) {
		return fault.Wrap(fault.Unavailable, Detail("Others move the objects from endpoint to endpoint meanwhile. Try again."), "lock endpoints")
	}
	if err != nil {
		return refused(err)
	}
	if r.Hooks.Committed != nil {
		r.Hooks.Committed(ctx)
	}
	return nil
}

// Create makes an object and returns it as it is then.
func (s *Store) Create(ctx context.Context, r *Resource, req Request) (o Object, err error) {
	scope, err := req.Actor.Scope(r, Add)
	if err != nil {
		return o, err
	}
	if req.BodyErr != nil {
		return o, req.BodyErr
	}
	err = s.inTx(ctx, r, func(tx pgx.Tx) error {
		made, err := r.create(ctx, tx, scope, []any{req.Body}, req, firstRefused)
		if err == nil {
			o = made[0]
		}
		return err
	})
	if err != nil {
		return Object{}, fmt.Errorf("create one of %s: %w", r.Name, err)
	}
	return o, nil
}

// Update changes an object and returns it as it is then.
func (s *Store) Update(ctx context.Context, r *Resource, id int64, req Request) (o Object, err error) {
	scope, err := req.Actor.Scope(r, Change)
	if err != nil {
		return o, err
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
		changed, err := r.update(ctx, tx, scope, []*Record{found}, map[int64]any{id: req.Body}, req)
		if err != nil {
			return err
		}
		if len(changed) == 0 {
			return r.NotFound()
		}
		o = changed[0]
		return nil
	})
	if err != nil {
		return Object{}, fmt.Errorf("update %s %d: %w", r.Name, id, err)
	}
	return o, nil
}

// create makes an object of each body, in their order.
func (r *Resource) create(ctx context.Context, tx pgx.Tx, scope Scope, bodies []any, req Request, report refusal) ([]Object, error) {
	items := make([]*item, len(bodies))
	for i, body := range bodies {
		items[i] = &item{in: r.readInput(body, true, false)}
		if body == nil && isList(req.Body) {
			items[i].in.errors = notAnItem(nil)
		}
	}
	if err := find(ctx, tx, items, req.Actor); err != nil {
		return nil, err
	}
	var states []*Record
	for _, it := range good(items) {
		it.w = &Write{Tx: tx, Action: change.Create, After: it.in.apply(nil)}
		states = append(states, it.w.After)
	}
	if _, err := r.lock(ctx, tx, states...); err != nil {
		return nil, err
	}
	return r.save(ctx, tx, scope, items, req, report)
}

// update changes each of the objects as the body for its id says. It takes them one after the other, as they come: the first that is refused ends
// it. Objects that are gone meanwhile are left out.
func (r *Resource) update(ctx context.Context, tx pgx.Tx, scope Scope, found []*Record, bodies map[int64]any, req Request) ([]Object, error) {
	items := make([]*item, len(found))
	for i, o := range found {
		items[i] = &item{in: r.readInput(bodies[o.ID], false, req.Partial), found: o}
	}
	if err := find(ctx, tx, items, req.Actor); err != nil {
		return nil, err
	}
	states := slices.Clone(found)
	for _, it := range good(items) {
		states = append(states, it.in.apply(it.found))
	}
	locked, err := r.lockAll(ctx, tx, scope, found, states)
	if err != nil {
		return nil, err
	}
	var there []*item
	for _, it := range items {
		before := locked[it.found.ID]
		if before == nil {
			continue
		}
		if err := matches(before, req.IfMatch); err != nil {
			return nil, err
		}
		it.w = &Write{Tx: tx, Action: change.Update, Before: before, After: it.in.apply(before)}
		there = append(there, it)
	}
	return r.save(ctx, tx, scope, there, req, firstRefused)
}

func isList(body any) bool {
	_, ok := body.([]any)
	return ok
}

// one loads the object of this id, or returns the error that the scope has none.
func (r *Resource) one(ctx context.Context, tx pgx.Tx, lock bool, scope Scope, id int64) (*Record, error) {
	condition, args := r.condition(scope, id)
	records, err := r.load(ctx, tx, lock, condition, args...)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, r.NotFound()
	}
	return records[0], nil
}

// matches checks If-Match against the state of an object.
func matches(o *Record, ifMatch string) error {
	if ifMatch == "" {
		return nil
	}
	current := etagOf(o.LastUpdated)
	for tag := range strings.SplitSeq(ifMatch, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == current {
			return nil
		}
	}
	return Stale{current}
}
