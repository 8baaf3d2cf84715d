package resource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres"
)

// question is a query for one row, and what takes its answer.
type question struct {
	sql    string
	args   []any
	answer func(pgx.Row) error
}

// ask puts questions to the database, many at once. They are answered in their order.
func ask(ctx context.Context, tx pgx.Tx, questions []question) error {
	for some := range slices.Chunk(questions, maxBatch) {
		batch := &pgx.Batch{}
		for _, q := range some {
			batch.Queue(q.sql, q.args...).QueryRow(q.answer)
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
	}
	return nil
}

// checkUnique looks for other objects with the unique values of the items, for all constraints at once: so all texts come together. The items
// are written one after the other, so each must get along with what those before it left.
func (r *Resource) checkUnique(ctx context.Context, tx pgx.Tx, items []*item) error {
	var questions []question
	at := map[int64]int{}     // id of an object: place of its item
	used := map[string]bool{} // what items before an item use
	for i, it := range items {
		if it.w.Before != nil {
			at[it.w.Before.ID] = i
		}
		for _, u := range r.Unique {
			if !it.w.Differs(u.Fields...) {
				continue
			}
			conditions, args := []string{"t.id <> $1::bigint"}, []any{it.w.After.ID}
			for _, name := range u.Fields {
				args = append(args, it.w.After.values[name])
				conditions = append(conditions, r.fields[name].sql("t")+" = $"+strconv.Itoa(len(args)))
			}
			sql := "SELECT t.id::bigint FROM " + r.Table + " t WHERE " + strings.Join(conditions, " AND ") + " LIMIT 1"
			questions = append(questions, question{sql, args, func(row pgx.Row) error {
				var other int64
				err := row.Scan(&other)
				if err != nil && !errors.Is(err, pgx.ErrNoRows) {
					return err
				}
				conflict := err == nil
				if place, in := at[other]; conflict && in && place < i && items[place].w.Differs(u.Fields...) {
					conflict = false // it gives the values up before
				}
				if key, full := u.key(it.w.After); full {
					conflict = conflict || used[key]
					used[key] = true
				}
				if conflict {
					r.taken(&it.in.errors, u)
				}
				return nil
			}})
		}
	}
	if err := ask(ctx, tx, questions); err != nil {
		return fmt.Errorf("check unique values of %s: %w", r.Name, err)
	}
	return nil
}

// checkUniqueFields looks for other objects with the unique values of items that are refused already: as in NetBox, a value that must be unique by
// itself is checked with the fields. Those of all other items are checked later, with the constraints over several fields.
func (r *Resource) checkUniqueFields(ctx context.Context, tx pgx.Tx, items []*item) error {
	var questions []question
	for _, it := range items {
		if it.in.errors.None() {
			continue
		}
		id := int64(0)
		if it.w != nil && it.w.Before != nil {
			id = it.w.Before.ID
		}
		for _, u := range r.Unique {
			f := r.fields[u.Fields[0]]
			v, given := it.in.values[f.Name]
			if _, ref := f.Kind.(Reference); ref || len(u.Fields) > 1 || !given || v == nil || v == any(unchanged{}) {
				continue
			}
			sql := "SELECT EXISTS (SELECT FROM " + r.Table + " t WHERE " + f.sql("t") + " = $1 AND t.id <> $2::bigint)"
			questions = append(questions, question{sql, []any{v, id}, func(row pgx.Row) error {
				var taken bool
				if err := row.Scan(&taken); err != nil {
					return err
				}
				if taken {
					r.taken(&it.in.errors, u)
				}
				return nil
			}})
		}
	}
	if err := ask(ctx, tx, questions); err != nil {
		return fmt.Errorf("check unique values of %s: %w", r.Name, err)
	}
	return nil
}

// key is the values of an object under the constraint; full is false if one is null, as nothing is equal to null.
func (u Unique) key(o *Record) (key string, full bool) {
	key = u.Constraint
	for _, name := range u.Fields {
		v := o.values[name]
		if v == nil {
			return "", false
		}
		key += fmt.Sprintf(" %q", fmt.Sprint(v))
	}
	return key, true
}

// taken says that another object has the unique values.
func (r *Resource) taken(e *Errors, u Unique) {
	labels := make([]string, len(u.Fields))
	for i, name := range u.Fields {
		labels[i] = r.fields[name].label()
	}
	switch {
	case u.Text != "" && len(labels) == 1:
		e.Add(u.Fields[0], u.Text)
		return
	case u.Text != "":
		e.Add(Model, u.Text)
		return
	case len(labels) == 1:
		e.Add(u.Fields[0], strings.ToLower(r.Verbose)+" with this "+strings.ToLower(labels[0])+" already exists.")
		return
	}
	e.Add(Model, r.Verbose+" with this "+strings.Join(labels[:len(labels)-1], ", ")+" and "+labels[len(labels)-1]+" already exists.")
}

// constraint turns the refusal of a constraint into what the client should read; nothing if it is none that a client can break.
func (r *Resource) constraint(err error) (wrong Errors) {
	if name, ok := postgres.UniqueViolation(err); ok { // somebody else was faster than checkUnique
		for _, u := range r.Unique {
			if u.Constraint == name {
				r.taken(&wrong, u)
			}
		}
		if text := r.Taken[name]; text != "" {
			wrong.Add(Model, text)
		}
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == "23503" { // what a reference found is gone since
		for _, f := range r.columns {
			if pgErr.ConstraintName == r.Table+"_"+f.Column+"_fkey" {
				wrong.Add(f.Name, "Related object not found using the provided numeric ID: it was deleted meanwhile.")
			}
		}
		for _, f := range r.links {
			if l := f.Kind.(linked).link(); pgErr.ConstraintName == l.Table+"_"+l.Other+"_fkey" {
				wrong.Add(f.Name, "Related object not found using the provided numeric ID: it was deleted meanwhile.")
			}
		}
	}
	return wrong
}

func unwritten(r *Resource, err error) error {
	return fmt.Errorf("write a row of %s: %w", r.Table, err)
}

// refused makes errors that Postgres finds in a client's values, and that no kind foresaw, errors of the client.
func refused(err error) error {
	reason, ok := postgres.Unstorable(err)
	if !ok {
		return err
	}
	var wrong Errors
	wrong.Add(NonField, "A value cannot be stored or compared: "+reason+".")
	return fault.Wrap(fault.Invalid, wrong, "check the request")
}
