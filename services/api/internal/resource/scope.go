package resource

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Scope is a part of the objects of a resource: all of them, or those for which one of the constraints holds.
type Scope struct {
	All  bool
	Any  []Constraint
	User int64 // what the value $user in a constraint stands for
}

// Constraint is what a permission demands of objects: lookups as Django spells them, with decoded JSON as values. All of them must hold. Without
// any it holds for each object.
type Constraint map[string]any

// impossible is a constraint that holds for no object.
var impossible = Constraint{"": nil}

// ParseConstraints reads the constraints of a permission, any of which may hold: JSON null for no constraint, an object for one, or a list of
// objects. What is something else permits nothing.
func ParseConstraints(text []byte) []Constraint {
	if len(text) == 0 {
		return []Constraint{nil}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return []Constraint{impossible}
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := make([]Constraint, len(list))
	for i, element := range list {
		switch element := element.(type) {
		case nil:
		case map[string]any:
			out[i] = element
		default:
			out[i] = impossible
		}
	}
	return out
}

// ScopeOf returns the scope of somebody whose permissions have these constraints together. As in NetBox no constraints at all mean all objects.
func ScopeOf(constraints []Constraint, user int64) Scope {
	for _, c := range constraints {
		if len(c) == 0 {
			return Scope{All: true}
		}
	}
	return Scope{All: len(constraints) == 0, Any: constraints, User: user}
}

// sql returns the condition that a row of r under the alias is in the scope; arg adds a parameter and returns its placeholder. A constraint
// that cannot be put into SQL holds for no object.
func (s Scope) sql(r *Resource, alias string, arg func(any) string) string {
	if s.All {
		return "true"
	}
	var either []string
	for _, c := range s.Any {
		d := demand{user: s.User}
		sql, err := d.all(r, alias, c)
		if err != nil {
			continue
		}
		either = append(either, d.bind(sql, arg))
	}
	if either == nil {
		return "false"
	}
	return "(" + strings.Join(either, " OR ") + ")"
}
