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

// CheckList checks the items of a body that creates many objects, as far as that needs no database.
func (r *Resource) CheckList(body any) error {
	bodies, ok := body.([]any)
	if !ok {
		return notAList(body)
	}
	items := make([]*item, len(bodies))
	for i, b := range bodies {
		items[i] = &item{in: r.readInput(b, true, false)}
	}
	return eachRefused(items)
}

// CheckNamed checks the items of a body that changes or deletes many objects, as far as they name them.
func CheckNamed(body any) error {
	_, err := readNamed(Request{Body: body})
	return err
}
