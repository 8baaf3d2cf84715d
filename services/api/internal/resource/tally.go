package resource

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// By is what objects are counted by: a field, or one of what a reference leads to, "storage.name". Of times Day takes the day in UTC.
type By struct {
	Field string
	Day   bool
}

// Group is how many objects have the same values, which are as text in the order in which they were asked for; what is null is "".
type Group struct {
	Values []string
	Count  int
}

// Tally counts the objects that a list request with these parameters finds, by values. It returns at most limit groups, the largest first, in one
// statement.
func (s *Store) Tally(ctx context.Context, r *Resource, actor Actor, params url.Values, limit int, by ...By) ([]Group, error) {
	scope, err := actor.Scope(r, View)
	if err != nil {
		return nil, err
	}
	custom, err := s.customFilters(ctx, r, params)
	if err != nil {
		return nil, err
	}
	_, q, err := r.ask(scope, custom, params, s.Limits)
	if err != nil {
		return nil, s.refuse(ctx, q, err)
	}
	joins, columns := newPlan(), make([]string, len(by))
	for i, b := range by {
		if columns[i], err = r.groupSQL(joins, b); err != nil {
			return nil, fmt.Errorf("count %s: %w", r.Name, err)
		}
	}
	list := strings.Join(columns, ", ")
	sql := "SELECT ARRAY[" + list + "]::text[], count(*)::int FROM " + r.Table + " t " + joins.joinSQL() + q.whereSQL() +
		" GROUP BY " + list + " ORDER BY 2 DESC, 1 LIMIT " + strconv.Itoa(limit)
	conn, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	rows, err := conn.Query(ctx, sql, q.args...)
	if err != nil {
		return nil, s.explain(ctx, q, fmt.Errorf("count %s: %w", r.Name, err))
	}
	groups, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Group])
	if err != nil {
		return nil, s.explain(ctx, q, fmt.Errorf("count %s: %w", r.Name, err))
	}
	return groups, nil
}

// groupSQL is the text that objects are grouped by; joins are added to p.
func (r *Resource) groupSQL(p *plan, by By) (string, error) {
	through, f, err := r.resolve(by.Field)
	if err != nil {
		return "", err
	}
	t := term{path: []*Field{f}}
	if through != nil {
		t.path = []*Field{through, f}
	}
	sql := r.key(p, t, "")
	_, isTime := f.Kind.(DateTime)
	switch {
	case by.Day:
		sql = "to_char(" + sql + " AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
	case isTime:
		sql = "to_char(" + sql + ` AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`
	}
	return "coalesce((" + sql + ")::text, '')", nil
}
