package resource

import (
	"net/url"
	"strconv"
)

// ListSQL returns the statement of the ids of a list request, and its parameters.
func (r *Resource) ListSQL(params url.Values, limits Limits) (sql string, args []any, err error) {
	_, q, sql, err := r.prepare(Scope{All: true}, nil, params, limits)
	if err != nil {
		return "", nil, err
	}
	return sql, q.args, nil
}

// ScopeSQL returns the condition that rows are in a scope, and its parameters.
func (r *Resource) ScopeSQL(s Scope) (sql string, args []any) {
	sql = s.sql(r, "t", func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	})
	return sql, args
}
