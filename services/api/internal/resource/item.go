package resource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/seal"
)

// item is one object of a write: what the request wants of it, what is wrong with that, and what becomes of it.
type item struct {
	in      *input
	found   *Record // the object before it was locked; nil at creation
	w       *Write  // nil while in has errors
	changed bool
	newTags bool
	tags    []int32
}

// good returns the items with which nothing is wrong so far.
func good(items []*item) []*item {
	return slices.DeleteFunc(slices.Clone(items), func(it *item) bool { return !it.in.errors.None() })
}

// refusal makes the error of a write from what is wrong with its items; nil if nothing is.
type refusal func(items []*item) error

// firstRefused tells what is wrong with the first item that is refused, and of an object that exists, which one it is.
func firstRefused(items []*item) error {
	for _, it := range items {
		err := it.in.errors.Err()
		if err != nil && it.found != nil {
			return OfObject{it.found.ID, it.found.Display, err}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// maxBatch is how many statements go to the database at once.
const maxBatch = 1000

// save runs the hooks, writes the rows, their tags and changes, and reads the objects again. What leaves the scope is refused. Its round trips do
// not depend on how many objects they are.
func (r *Resource) save(ctx context.Context, tx pgx.Tx, scope Scope, items []*item, req Request, report refusal) ([]Object, error) {
	for _, it := range good(items) {
		it.w.Origin = req.Actor.Origin
		it.w.Origin.Message = it.in.message
	}
	if err := r.checkUniqueFields(ctx, tx, items); err != nil {
		return nil, err
	}
	if err := r.validate(ctx, tx, good(items), req.Actor); err != nil {
		return nil, err
	}
	if err := report(items); err != nil || len(items) == 0 {
		return nil, err
	}
	for _, it := range items {
		if req.Act != nil {
			if err := req.Act(ctx, it.w); err != nil {
				return nil, err
			}
		}
		it.tags, it.newTags = it.in.tags.apply(it.w.Before)
		it.changed = it.w.Action == change.Create || it.newTags || len(it.w.Changed) > 0 || r.changed(it.w)
	}
	if err := r.checkTags(ctx, tx, items); err != nil {
		return nil, err
	}
	if err := r.beforeWrite(ctx, tx, items); err != nil {
		return nil, err
	}
	if err := r.writeRows(ctx, tx, items); err != nil {
		return nil, err
	}
	if err := report(items); err != nil {
		return nil, err
	}
	if err := r.writeLinks(ctx, tx, items); err != nil {
		return nil, err
	}
	if err := report(items); err != nil {
		return nil, err
	}
	if err := r.writeTags(ctx, tx, items); err != nil {
		return nil, err
	}
	if err := r.afterAll(ctx, tx, items); err != nil {
		return nil, err
	}
	records, objects, err := r.again(ctx, tx, items, req)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(items))
	for i, it := range items {
		ids[i] = it.w.After.ID
	}
	if err := r.recheck(ctx, tx, scope, ids...); err != nil {
		return nil, err
	}
	return objects, r.log(ctx, tx, items, records, req.Actor.Origin)
}

// validate runs the hooks before saving and looks for values that others have. What is wrong is in the errors of each item.
func (r *Resource) validate(ctx context.Context, tx pgx.Tx, items []*item, actor Actor) error {
	if len(items) == 0 {
		return nil
	}
	writes := make([]*Write, len(items))
	for i, it := range items {
		w := it.w
		writes[i] = w
		w.Actor = actor
		w.Given, w.Secrets, w.Columns = map[string]bool{}, map[string]seal.Secret{}, map[string]any{}
		for name, v := range it.in.values {
			w.Given[name] = true
			if s, ok := v.(string); ok && r.fields[name].isSecret() {
				w.Secrets[name] = seal.Secret(s)
			}
		}
	}
	if r.Hooks.BeforeAll != nil {
		if err := r.Hooks.BeforeAll(ctx, tx, writes); err != nil {
			return err
		}
	}
	for _, it := range items {
		r.checkCustom(it)
		if r.Hooks.BeforeSave != nil {
			err := r.Hooks.BeforeSave(ctx, it.w)
			if wrong, ok := errors.AsType[Errors](err); ok {
				it.w.Errors.list, err = append(it.w.Errors.list, wrong.list...), nil
			}
			if err != nil {
				return err
			}
		}
		it.in.errors = it.w.Errors
	}
	if err := r.checkCustomUnique(ctx, tx, good(items)); err != nil {
		return err
	}
	return r.checkUnique(ctx, tx, good(items))
}

func (r *Resource) beforeWrite(ctx context.Context, tx pgx.Tx, items []*item) error {
	if r.Hooks.BeforeWrite == nil {
		return nil
	}
	writes := make([]*Write, len(items))
	for i, it := range items {
		writes[i] = it.w
	}
	return r.Hooks.BeforeWrite(ctx, tx, writes)
}

func (r *Resource) afterAll(ctx context.Context, tx pgx.Tx, items []*item) error {
	if r.Hooks.AfterAll == nil {
		return nil
	}
	writes := make([]*Write, len(items))
	for i, it := range items {
		writes[i] = it.w
	}
	return r.Hooks.AfterAll(ctx, tx, writes)
}

// log writes a change row for each object that changed.
func (r *Resource) log(ctx context.Context, tx pgx.Tx, items []*item, after map[int64]*Record, origin change.Origin) error {
	var rows []change.Row
	for _, it := range items {
		if !it.changed {
			continue
		}
		row, err := r.changeRow(it.w.Action, it.w.Before, after[it.w.After.ID], it.w.Changed)
		if err != nil {
			return err
		}
		row.Message = it.in.message
		it.w.annotate(&row)
		rows = append(rows, row)
	}
	return change.Write(ctx, tx, origin, rows)
}

// again reads objects after they were written: as records, and in the form and order that the client sees.
func (r *Resource) again(ctx context.Context, tx pgx.Tx, items []*item, req Request) (map[int64]*Record, []Object, error) {
	ids := make([]int64, len(items))
	req.At.reveal = map[int64]seal.Secret{}
	for i, it := range items {
		if ids[i] = it.w.After.ID; it.w.Reveal != "" {
			req.At.reveal[ids[i]] = it.w.Reveal
		}
	}
	form := r.plan(r.shape(req.Select))
	ordered := newPlan()
	ordered.joins, ordered.aliases = slices.Clone(form.joins), maps.Clone(form.aliases)
	order := "t.id"
	if items[0].w.Action != change.Create {
		order = r.orderSQL(ordered, r.order(""))
	}
	ordered.columns = form.columns
	batch := &pgx.Batch{}
	batch.Queue(r.loadSQL(false, "t.id = ANY($1::bigint[])"), ids)
	batch.Queue(r.selectSQL(ordered, "t.id = ANY($1::bigint[])")+" ORDER BY "+order, ids)
	results := tx.SendBatch(ctx, batch)
	defer func() { _ = results.Close() }()
	records, objects, err := r.readAgain(results, form, req.At, items[0].in.custom)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s again: %w", r.Name, err)
	}
	if len(records) != len(ids) || len(objects) != len(ids) {
		return nil, nil, fmt.Errorf("%s of %v are gone in the transaction that wrote them", r.Name, ids)
	}
	return records, objects, nil
}

func (r *Resource) readAgain(results pgx.BatchResults, form *plan, at Address, custom *definitions) (map[int64]*Record, []Object, error) {
	rows, err := results.Query()
	if err != nil {
		return nil, nil, err
	}
	list, err := r.readRecords(rows)
	rows.Close()
	if err != nil {
		return nil, nil, err
	}
	records := make(map[int64]*Record, len(list))
	for _, o := range list {
		records[o.ID] = o
	}
	if rows, err = results.Query(); err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	objects, err := readObjects(rows, form, at, custom)
	return records, objects, err
}
