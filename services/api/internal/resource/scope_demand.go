package resource

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// demand puts one constraint into SQL. Its parameters are bound only when the whole constraint is known to work.
type demand struct {
	user    int64
	args    []any
	regexes []string
}

// unusable says, in Django's words where it has some, why a constraint cannot be put into SQL.
type unusable string

// Error implements error.
func (u unusable) Error() string { return string(u) }

func unusablef(format string, args ...any) error { return unusable(fmt.Sprintf(format, args...)) }

// mark encloses the number of a parameter until it is bound. No declared name has the character.
const mark = "\x00"

func (d *demand) arg(v any, cast string) string {
	d.args = append(d.args, v)
	return mark + strconv.Itoa(len(d.args)-1) + mark + "::" + cast
}

// bind replaces the numbers of the parameters by placeholders.
func (d *demand) bind(sql string, arg func(any) string) string {
	parts := strings.Split(sql, mark)
	for i := 1; i < len(parts); i += 2 {
		n, _ := strconv.Atoi(parts[i]) // written by arg
		parts[i] = arg(d.args[n])
	}
	return strings.Join(parts, "")
}

// maxParts bounds the names of one lookup, and so how deep it leads.
const maxParts = 8

// all returns the condition that each lookup of the constraint holds.
func (d *demand) all(r *Resource, alias string, c Constraint) (string, error) {
	parts := make([]string, 0, len(c))
	for _, name := range sortedKeys(c) {
		path := strings.Split(name, "__")
		if len(path) > maxParts {
			return "", unusablef("%q leads too deep", name)
		}
		sql, err := d.lookup(r, alias, path, d.fill(c[name]))
		if err != nil {
			return "", err
		}
		parts = append(parts, sql)
	}
	return "(" + strings.Join(parts, " AND ") + ")", nil
}

// fill replaces the token for the user in a value.
func (d *demand) fill(v any) any {
	if v == "$user" {
		return d.user
	}
	if list, ok := v.([]any); ok {
		list = slices.Clone(list)
		for i := range list {
			if list[i] == "$user" {
				list[i] = d.user
			}
		}
		return list
	}
	return v
}

// lookup returns the condition that the path of fields, which may end in the name of a comparison, has the value.
func (d *demand) lookup(r *Resource, alias string, path []string, v any) (string, error) {
	f, byID := r.constrained(path[0])
	if f == nil {
		return "", unusablef("Cannot resolve keyword '%s' into field. Choices are: %s", path[0], keywords(r))
	}
	rest := path[1:]
	switch kind := f.Kind.(type) {
	case Reference:
		to := r.set.byName[kind.To]
		if byID || leadsNowhere(to, rest) {
			return d.compare(f.sql(alias), f.Kind, withoutID(rest), v)
		}
		return d.through(f.sql(alias), to, alias, rest, v)
	case Tags:
		return d.tagged(r, alias, rest, v)
	case References:
		return d.holding(kind.Via, alias+"x"+linkAlias, r.set.byName[kind.To], alias, rest, v)
	case ObjectType:
		return d.typed(f.sql(alias), rest, v)
	case JSON:
		column := f.sql(alias)
		if kind.Form == VerbatimJSON { // which need not be jsonb
			column = "(" + column + ")::jsonb"
		}
		return d.json(column, rest, v)
	case CustomFields:
		return d.json(f.sql(alias), rest, v)
	}
	return d.compare(f.sql(alias), f.Kind, rest, v)
}

// constrained finds the field that a constraint names; byID says that it is a reference's id.
func (r *Resource) constrained(name string) (f *Field, byID bool) {
	switch name {
	case "pk":
		name = "id"
	case "custom_field_data":
		name = "custom_fields"
	}
	f = r.fields[name]
	if f == nil {
		base, ok := strings.CutSuffix(name, "_id")
		if f = r.fields[base]; !ok || f == nil {
			return nil, false
		}
		_, byID = f.Kind.(Reference)
		if !byID {
			return nil, false
		}
	}
	switch f.Kind.(type) {
	case Tags, References:
		return f, false
	}
	if f.WriteOnly || f.Kind.computed() || f.Expr == "" && !f.stored() {
		return nil, false
	}
	return f, byID
}

// leadsNowhere says that the rest of a path is about the reference itself: it is empty, names the id, or is a comparison.
func leadsNowhere(to *Resource, rest []string) bool {
	switch {
	case len(rest) == 0 || rest[0] == "id" || rest[0] == "pk":
		return true
	case len(rest) > 1:
		return false
	}
	f, _ := to.constrained(rest[0])
	return f == nil && comparisons[rest[0]]
}

func withoutID(rest []string) []string {
	if len(rest) > 0 && (rest[0] == "id" || rest[0] == "pk") {
		return rest[1:]
	}
	return rest
}

// through follows a reference whose column is given.
func (d *demand) through(column string, to *Resource, alias string, rest []string, v any) (string, error) {
	next := alias + "x"
	inner, err := d.lookup(to, next, rest, v)
	if err != nil {
		return "", err
	}
	sql := column + " IN (SELECT " + next + ".id FROM " + to.Table + " " + next + " WHERE " + inner + ")"
	if asksForNull(rest, v) { // also of what refers to nothing
		sql = "(" + column + " IS NULL OR " + sql + ")"
	}
	return sql, nil
}

// asksForNull says that a lookup finds what has no value.
func asksForNull(path []string, v any) bool {
	return v == nil || v == true && path[len(path)-1] == "isnull"
}

// tagged follows the tags of an object.
func (d *demand) tagged(r *Resource, alias string, rest []string, v any) (string, error) {
	next := alias + "x"
	on := next + linkAlias + ".object_type_id = " + strconv.Itoa(int(r.Type)) + " AND " + next + linkAlias
	return d.holding(Link{Table: "tagged_items", Own: "object_id", Other: "tag_id"}, on, r.set.byName[tagsName], alias, rest, v)
}

// holding returns the condition that one of the things which an object holds through a join table fits, or that it holds none when null is
// asked for. on is what stands before the column of the join table for the object.
func (d *demand) holding(l Link, on string, to *Resource, alias string, rest []string, v any) (string, error) {
	next := alias + "x"
	from := "EXISTS (SELECT FROM " + l.Table + " " + next + linkAlias + " JOIN " + to.Table + " " + next + " ON " + next + ".id = " + next + linkAlias + "." + l.Other +
		" WHERE " + on + "." + l.Own + " = " + alias + ".id"
	if asksForNull(append([]string{""}, rest...), v) {
		return "NOT " + from + ")", nil
	}
	if len(rest) == 0 || len(rest) == 1 && leadsNowhere(to, rest) && rest[0] != "id" {
		rest = append([]string{"id"}, rest...)
	}
	inner, err := d.lookup(to, next, rest, v)
	if err != nil {
		return "", err
	}
	return from + " AND " + inner + ")", nil
}

// typed follows the type of an object to its row, whose application and model have no resource that leads there by reference.
func (d *demand) typed(column string, rest []string, v any) (string, error) {
	if len(rest) == 0 || rest[0] != "app_label" && rest[0] != "model" {
		return d.compare(column, Integer{}, withoutID(rest), v)
	}
	inner, err := d.compare("o."+rest[0], Char{}, rest[1:], v)
	if err != nil {
		return "", err
	}
	return column + " IN (SELECT o.id FROM object_types o WHERE " + inner + ")", nil
}
