package resource

import (
	"context"
	"fmt"
	"net/url"
	"slices"
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
	// IDs are those of the objects, sorted. Only Gather returns them.
	IDs []int64
}

// Tally counts the objects that a list request with these parameters finds, by at least one value. It returns at most limit groups, the largest first, in one
// statement.
func (s *Store) Tally(ctx context.Context, r *Resource, actor Actor, params url.Values, limit int, by ...By) ([]Group, error) {
	return s.group(ctx, r, actor, params, limit, "NULL", by)
}

// Gather is as Tally, with the ids of the objects of each group. It costs a few bytes for each object.
func (s *Store) Gather(ctx context.Context, r *Resource, actor Actor, params url.Values, limit int, by ...By) ([]Group, error) {
	groups, err := s.group(ctx, r, actor, params, limit, "array_agg(t.id::bigint)", by)
	for _, g := range groups {
		slices.Sort(g.IDs) // in the statement it would keep Postgres from grouping by hash
	}
	return groups, err
}

func (s *Store) group(ctx context.Context, r *Resource, actor Actor, params url.Values, limit int, ids string, by []By) ([]Group, error) {
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
	if err := s.refuse(ctx, q, nil); err != nil {
		return nil, err
	}
	sql, err := r.tallySQL(q, limit, ids, by)
	if err != nil {
		return nil, fmt.Errorf("count %s: %w", r.Name, err)
	}
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

// tallySQL groups by values as they are: text is made of the groups, not of the rows.
func (r *Resource) tallySQL(q *query, limit int, ids string, by []By) (string, error) {
	joins := newPlan()
	var values, texts []string
	for i, b := range by {
		through, f, err := r.resolve(b.Field)
		if err != nil {
			return "", err
		}
		t := term{path: []*Field{f}}
		if through != nil {
			t.path = []*Field{through, f}
		}
		value, column := r.key(joins, t, ""), "g.v"+strconv.Itoa(i)
		_, isTime := f.Kind.(DateTime)
		text := column + "::text"
		switch {
		case b.Day:
			value = "(" + value + " AT TIME ZONE 'UTC')::date"
		case isTime:
			text = "to_char(" + column + ` AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`
		}
		values, texts = append(values, value+" AS v"+strconv.Itoa(i)), append(texts, "coalesce("+text+", '')")
	}
	positions := make([]string, len(by))
	for i := range by {
		positions[i] = strconv.Itoa(i + 1)
	}
	return "SELECT ARRAY[" + strings.Join(texts, ", ") + "]::text[], g.n, g.ids FROM (SELECT " + strings.Join(values, ", ") + ", count(*)::int AS n, " + ids + "::bigint[] AS ids FROM " + r.Table + " t " +
		joins.joinSQL() + q.whereSQL() + " GROUP BY " + strings.Join(positions, ", ") + ") g ORDER BY 2 DESC, 1 LIMIT " + strconv.Itoa(limit), nil
}
