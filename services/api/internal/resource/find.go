package resource

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// find looks up all references of the items at once, each once, and notes those that lead nowhere. By attributes the actor finds only what they
// may see. Before that it reads the definitions of custom fields.
func find(ctx context.Context, tx pgx.Tx, items []*item, actor Actor) error {
	if len(items) > 0 {
		custom, err := items[0].in.r.shareCustom(ctx, tx)
		if err != nil {
			return err
		}
		for _, it := range items {
			it.in.custom = custom
			it.in.checkCustomNames()
		}
	}
	type use struct {
		in *input
		l  *lookup
	}
	uses := map[string][]use{}
	var batches []*pgx.Batch
	var asked []string // what each statement was asked for
	for _, it := range items {
		for _, l := range it.in.allLookups() {
			sql, args, wrong := l.query(actor)
			if wrong != "" {
				it.in.errors.Add(l.field.Name, wrong)
				continue
			}
			key := fmt.Sprintf("%s %#v", sql, args)
			if uses[key] == nil {
				if len(asked)%maxBatch == 0 {
					batches = append(batches, &pgx.Batch{})
				}
				batches[len(batches)-1].Queue(sql, args...)
				asked = append(asked, key)
			}
			uses[key] = append(uses[key], use{it.in, l})
		}
	}
	found := map[string]target{}
	for i, batch := range batches {
		results := tx.SendBatch(ctx, batch)
		for _, key := range asked[i*maxBatch : min((i+1)*maxBatch, len(asked))] {
			t, err := readTarget(results)
			if err != nil {
				_ = results.Close()
				return fmt.Errorf("look up %s: %w", uses[key][0].l.field.Name, refused(err))
			}
			found[key] = t
		}
		if err := results.Close(); err != nil {
			return fmt.Errorf("look up references: %w", err)
		}
	}
	// The messages come in the order of the fields, not of the statements.
	for key, all := range uses {
		for _, u := range all {
			u.l.found = found[key]
		}
	}
	for _, it := range items {
		for _, l := range it.in.allLookups() {
			it.in.settle(l)
		}
		it.in.settleTags()
		if it.in.errors.None() {
			it.in.settleLinks()
		}
	}
	return nil
}

// allLookups returns the references that are to be found, those of tags last.
func (in *input) allLookups() []*lookup {
	all := slices.Clone(in.lookups)
	for _, name := range sortedKeys(in.tagLookups) {
		all = append(all, in.tagLookups[name]...)
	}
	return all
}

// target is what a lookup found: up to two ids, and the name of a tag.
type target struct {
	asked bool
	ids   []int64
	name  string
}

func readTarget(results pgx.BatchResults) (t target, err error) {
	rows, err := results.Query()
	if err != nil {
		return t, err
	}
	t.asked = true
	for rows.Next() {
		v := rows.RawValues()
		t.ids, t.name = append(t.ids, decodeInt(v[0])), string(v[1])
	}
	return t, rows.Err()
}

// query makes the query for up to two ids of a lookup; wrong says what is wrong with its attributes.
func (l *lookup) query(actor Actor) (sql string, args []any, wrong string) {
	if l.sql != "" {
		return l.sql, l.args, ""
	}
	table, columns := l.to.Table, "t.id, ''"
	if l.to.Name == tagsName {
		columns = "t.id, t.name"
	}
	if l.attrs == nil {
		return "SELECT " + columns + " FROM " + table + " t WHERE t.id = $1::bigint", []any{l.id}, ""
	}
	var where []string
	var add func(r *Resource, alias string, attrs map[string]any)
	add = func(r *Resource, alias string, attrs map[string]any) {
		for _, name := range sortedKeys(attrs) {
			sql, arg, inner := attribute(r, alias, name, attrs[name], len(args)+1)
			switch {
			case inner != nil:
				f := r.fields[name]
				to := r.target(f)
				next := alias + "n"
				before := where
				where = nil
				add(to, next, inner)
				condition := "true"
				if len(where) > 0 {
					condition = strings.Join(where, " AND ")
				}
				where = append(before, f.sql(alias)+" IN (SELECT "+next+".id FROM "+to.Table+" "+next+" WHERE "+condition+")")
			case sql == "":
				wrong = "Cannot resolve keyword '" + name + "' into field. Choices are: " + keywords(r)
			default:
				where = append(where, sql)
				if arg != nil {
					args = append(args, arg)
				}
			}
		}
	}
	add(l.to, "t", l.attrs)
	if !l.byID() {
		scope, _ := actor.Scope(l.to, View) // who may see nothing has the empty scope
		if !scope.All {
			where = append(where, scope.sql(l.to, "t", func(v any) string {
				args = append(args, v)
				return "$" + strconv.Itoa(len(args))
			}))
		}
	}
	sql = "SELECT " + columns + " FROM " + table + " t"
	if len(where) > 0 {
		sql += " WHERE " + strings.Join(where, " AND ")
	}
	return sql + " ORDER BY t.id LIMIT 2", args, wrong
}

// byID says that a lookup names an object by its id, if need be as a dictionary of that alone.
func (l *lookup) byID() bool {
	_, id := l.attrs["id"]
	return l.attrs == nil || id && len(l.attrs) == 1
}

// attribute makes the condition that a column equals a value of a dictionary. inner is the value if it describes another object; sql is "" if
// there is no such field.
func attribute(r *Resource, alias, name string, v any, n int) (sql string, arg any, inner map[string]any) {
	f := r.fields[name]
	if f == nil || f.Kind.computed() || f.WriteOnly {
		return "", nil, nil
	}
	if m, ok := v.(map[string]any); ok {
		if _, ref := f.Kind.(Reference); ref {
			return "", nil, m
		}
	}
	if v == nil {
		return f.sql(alias) + " IS NULL", nil, nil
	}
	text := PythonString(v)
	if b, ok := v.(bool); ok {
		text = strconv.FormatBool(b)
	}
	return f.sql(alias) + "::text = $" + strconv.Itoa(n) + "::text", strings.ReplaceAll(text, "\x00", ""), nil
}

func keywords(r *Resource) string {
	var names []string
	for i := range r.Fields {
		if f := &r.Fields[i]; !f.Kind.computed() && !f.WriteOnly {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// settle takes over what a lookup found.
func (in *input) settle(l *lookup) {
	l.name = l.found.name
	switch ids := l.found.ids; {
	case !l.found.asked:
	case len(ids) == 1:
		l.id = ids[0]
		if in.values[l.field.Name] == l {
			in.values[l.field.Name] = l.id
		}
	case len(ids) == 0 && l.missing != "":
		if !in.errors.has(l.field.Name) { // of a list NetBox names the first
			in.errors.Add(l.field.Name, l.missing)
		}
	case len(ids) == 0 && l.attrs == nil:
		in.errors.Add(l.field.Name, fmt.Sprintf("Related object not found using the provided numeric ID: %d", l.id))
	case len(ids) == 0:
		in.errors.Add(l.field.Name, "Related object not found using the provided attributes: "+PythonRepr(flatten("", l.attrs)))
	default:
		in.errors.Add(l.field.Name, "Multiple objects match the provided attributes: "+PythonRepr(flatten("", l.attrs)))
	}
}

// flatten joins the names of nested dictionaries with "__".
func flatten(prefix string, attrs map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range attrs {
		if m, ok := v.(map[string]any); ok {
			maps.Copy(out, flatten(prefix+k+"__", m))
			continue
		}
		out[prefix+k] = v
	}
	return out
}

// settleTags turns the tags that were found into an edit.
func (in *input) settleTags() {
	ids := func(name string) []int32 {
		var out []int32
		for _, l := range in.tagLookups[name] {
			out = append(out, int32(l.id))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	in.tags.set, in.tags.add, in.tags.remove = ids("tags"), ids("add_tags"), ids("remove_tags")
	var both []string
	for _, l := range in.tagLookups["add_tags"] {
		if l.id != 0 && slices.Contains(in.tags.remove, int32(l.id)) {
			both = append(both, l.name)
		}
	}
	slices.Sort(both)
	if both != nil {
		in.errors.Add("remove_tags", `Tags may not be present in both "add_tags" and "remove_tags": `+strings.Join(both, ", "))
	}
}
