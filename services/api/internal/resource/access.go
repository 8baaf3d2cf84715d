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
)

// Action is what a permission allows. There are others than these: any word that a permission names.
type Action string

// The actions that methods need, as NetBox names them.
const (
	View   Action = "view"
	Add    Action = "add"
	Change Action = "change"
	Delete Action = "delete"
)

// Access says what somebody may do.
type Access interface {
	// Scope returns the objects of a resource that they may do something to; ok is false if they may not do it at all.
	Scope(r *Resource, action Action) (s Scope, ok bool)
}

// Actor is who asks.
type Actor struct {
	Origin change.Origin // of what they change
	Access Access        // nil: they may do nothing
}

// Everything is the access of the program itself, and of whoever runs it.
var Everything Access = everything{}

type everything struct{}

func (everything) Scope(*Resource, Action) (Scope, bool) { return Scope{All: true}, true }

// ErrForbidden is the refusal of what somebody may not do.
var ErrForbidden = fault.Wrap(fault.Denied, Detail("You do not have permission to perform this action."), "check permissions")

// Scope returns the objects that the actor may do something to, or ErrForbidden.
func (a Actor) Scope(r *Resource, action Action) (Scope, error) {
	if r.Public && action == View {
		return Scope{All: true}, nil
	}
	if a.Access == nil {
		return Scope{}, ErrForbidden
	}
	s, ok := a.Access.Scope(r, action)
	if !ok {
		return Scope{}, ErrForbidden
	}
	return s, nil
}

// within limits a query on the alias t to objects of a scope.
func (q *query) within(s Scope) {
	if !s.All {
		q.cond(s.sql(q.r, "t", q.arg))
	}
}

// condition returns the condition that a row of the alias t is in the scope and has one of the ids, with its parameters.
func (r *Resource) condition(s Scope, ids ...int64) (sql string, args []any) {
	q := query{r: r}
	q.cond("t.id = ANY(" + q.arg(ids) + "::bigint[])")
	q.within(s)
	return strings.Join(q.where, " AND "), q.args
}

// recheck refuses a write that has taken one of the objects out of the scope. It takes one statement, and none if the scope is everything.
func (r *Resource) recheck(ctx context.Context, tx pgx.Tx, s Scope, ids ...int64) error {
	if s.All || len(ids) == 0 {
		return nil
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	condition, args := r.condition(s, ids...)
	var n int
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM "+r.Table+" t WHERE "+condition, args...).Scan(&n); err != nil {
		return fmt.Errorf("check permissions on saved objects of %s: %w", r.Name, err)
	}
	if n != len(ids) {
		return ErrForbidden
	}
	return nil
}

// May says whether the actor may do something to the object with this id. It is false for one that does not exist.
func (s *Store) May(ctx context.Context, r *Resource, actor Actor, action Action, id int64) (bool, error) {
	scope, err := actor.Scope(r, action)
	if err != nil || r.ReadOnly && action != View {
		return false, nil //nolint:nilerr // that is the answer
	}
	var may bool
	condition, args := r.condition(scope, id)
	if err := s.Pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+r.Table+" t WHERE "+condition+")", args...).Scan(&may); err != nil {
		return false, fmt.Errorf("check permission to %s %s %d: %w", action, r.Name, id, err)
	}
	return may, nil
}

// Admit says whether the actor may do something to the object with this id. The error is fault.NotFound if they may not view it, else ErrForbidden. An
// object that they may view may still be gone a moment later.
func (s *Store) Admit(ctx context.Context, r *Resource, actor Actor, action Action, id int64) error {
	view, err := actor.Scope(r, View)
	if err != nil {
		return r.NotFound()
	}
	to, err := actor.Scope(r, action)
	if err != nil {
		return err
	}
	q := query{r: r}
	q.cond("t.id = " + q.arg(id) + "::bigint")
	q.within(view)
	var may bool
	err = s.Pool.QueryRow(ctx, "SELECT coalesce("+to.sql(r, "t", q.arg)+", false) FROM "+r.Table+" t"+q.whereSQL(), q.args...).Scan(&may)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return r.NotFound()
	case err != nil:
		return fmt.Errorf("check permission to %s %s %d: %w", action, r.Name, id, err)
	case !may:
		return ErrForbidden
	}
	return nil
}
