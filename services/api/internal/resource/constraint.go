package resource

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres"
)

// checkUnique looks for other objects with the unique values of this one, for all constraints at once: so all texts come together.
func (r *Resource) checkUnique(ctx context.Context, w *Write) error {
	var wrong Errors
	var parts []string
	var asked []Unique
	args := []any{w.After.ID}
	for _, u := range r.Unique {
		if !w.Differs(u.Fields...) {
			continue
		}
		conditions := []string{"t.id <> $1::bigint"}
		for _, name := range u.Fields {
			args = append(args, w.After.values[name])
			conditions = append(conditions, r.fields[name].sql("t")+" = $"+strconv.Itoa(len(args)))
		}
		parts = append(parts, "EXISTS (SELECT FROM "+r.Table+" t WHERE "+strings.Join(conditions, " AND ")+")")
		asked = append(asked, u)
	}
	if parts == nil {
		return nil
	}
	rows, err := w.Tx.Query(ctx, "SELECT "+strings.Join(parts, ", "), args...)
	if err != nil {
		return fmt.Errorf("check unique values of %s: %w", r.Name, err)
	}
	defer rows.Close()
	for rows.Next() {
		for i, v := range rows.RawValues() {
			if isTrue(v) {
				r.taken(&wrong, asked[i])
			}
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("check unique values of %s: %w", r.Name, err)
	}
	return wrong.Err()
}

// taken says that another object has the unique values.
func (r *Resource) taken(e *Errors, u Unique) {
	labels := make([]string, len(u.Fields))
	for i, name := range u.Fields {
		labels[i] = r.fields[name].label()
	}
	if len(labels) == 1 {
		e.Add(u.Fields[0], strings.ToLower(r.Verbose)+" with this "+strings.ToLower(labels[0])+" already exists.")
		return
	}
	e.Add(Model, r.Verbose+" with this "+strings.Join(labels[:len(labels)-1], ", ")+" and "+labels[len(labels)-1]+" already exists.")
}

// constraint turns the refusal of a constraint into what the client should read.
func (r *Resource) constraint(err error) error {
	var wrong Errors
	if name, ok := postgres.UniqueViolation(err); ok { // somebody else was faster than checkUnique
		for _, u := range r.Unique {
			if u.Constraint == name {
				r.taken(&wrong, u)
			}
		}
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == "23503" { // what a reference found is gone since
		for _, f := range r.columns {
			if pgErr.ConstraintName == r.Table+"_"+f.Column+"_fkey" {
				wrong.Add(f.Name, "Related object not found using the provided numeric ID: it was deleted meanwhile.")
			}
		}
	}
	if !wrong.None() {
		return wrong.Err()
	}
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
