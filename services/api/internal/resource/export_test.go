package resource

import "net/url"

// ListSQL returns the statement of a list request for whole objects, and its parameters.
func (r *Resource) ListSQL(params url.Values, limits Limits) (sql string, args []any, err error) {
	_, q, sql, err := r.prepare(r.plan(r.shape(Selection{})), Scope{All: true}, nil, params, limits)
	if err != nil {
		return "", nil, err
	}
	return sql, q.args, nil
}

// CheckInput checks a decoded body as far as that needs no database, and returns the values of its fields. References are still to be found.
func (r *Resource) CheckInput(body any, create bool) (values map[string]any, err error) {
	in := r.readInput(body, create, !create)
	return in.values, in.errors.Err()
}
