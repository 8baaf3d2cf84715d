package resource

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// A column of a CSV is a name and what appends the bare text of its cells.
type column struct {
	name string
	cell cell
}

// cell appends the value of a column in a row, unquoted. text says that people wrote it, so that it may look like a formula without being one.
type cell func(b []byte, r *Row) (out []byte, text bool)

// tabular is a kind that has columns of its own in a CSV. All others have one: text as it is, numbers, booleans and times as in JSON, lists and
// objects as JSON, and nothing for null.
type tabular interface {
	tabulate(p *plan, r *Resource, alias string, f *Field) []column
}

// tabulate returns the columns of a selection: in the order in which it names fields, or else in that of the declaration. The object of custom fields
// has a column for each of them, which can be named alone.
func (r *Resource) tabulate(p *plan, sel Selection, custom []CustomField) []column {
	names := sel.Fields
	if names == nil {
		for _, pick := range r.shape(sel) {
			names = append(names, pick.Name)
		}
	}
	var out []column
	for _, name := range names {
		for _, c := range r.columnsOf(p, name, custom) {
			if !slices.ContainsFunc(out, func(there column) bool { return there.name == c.name }) {
				out = append(out, c)
			}
		}
	}
	return out
}

// columnsOf returns the columns that a name selects; none if it is unknown.
func (r *Resource) columnsOf(p *plan, name string, custom []CustomField) (out []column) {
	f := r.fields[name]
	switch {
	case f == nil || f == r.custom:
		for _, c := range custom {
			if f != nil || name == customPrefix+c.Name {
				out = append(out, column{customPrefix + c.Name, bare(customValue(p.value(r.custom.sql("t")), c.Name))})
			}
		}
		return out
	case f.WriteOnly:
		return nil
	}
	if k, ok := f.Kind.(tabular); ok {
		return k.tabulate(p, r, "t", f)
	}
	return []column{{f.Name, bare(f.Kind.encode(p, r, "t", f, nil))}}
}

// bare makes a cell of what writes JSON.
func bare(encode appender) cell {
	return func(b []byte, row *Row) ([]byte, bool) {
		start := len(b)
		b = encode(b, row)
		value := b[start:]
		switch {
		case string(value) == "null":
			return b[:start], false
		case value[0] != '"':
			return b, false
		case strings.IndexByte(string(value), '\\') < 0:
			copy(value, value[1:])
			return b[:len(b)-2], true
		}
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			panic(err) // a kind that writes what is no JSON fails everywhere
		}
		return append(b[:start], text...), true
	}
}

// customValue writes the value of one custom field.
func customValue(i int, name string) appender {
	quoted := string(appendString(nil, name))
	return func(b []byte, row *Row) []byte {
		var few [24]member
		for _, m := range membersOf(decodeJSON(row.Vals[i]), few[:0]) {
			if string(m.key) == quoted {
				return appendJSON(b, m.text, true)
			}
		}
		return append(b, "null"...)
	}
}

// word is a cell with the text of a value as Postgres sent it.
func word(i int) cell {
	return func(b []byte, row *Row) ([]byte, bool) { return append(b, row.Vals[i]...), true }
}

// A reference is the name of its object, or what stands for it, and its id.
func (k Reference) tabulate(p *plan, r *Resource, alias string, f *Field) []column {
	to := r.target(f)
	id := p.value(f.sql(alias))
	at := p.join(alias, f, to)
	show := to.display
	if name := to.fields["name"]; name != nil {
		show = name
	}
	text := bare(show.Kind.encode(p, to, at, show, nil))
	return []column{
		{f.Name, func(b []byte, row *Row) ([]byte, bool) {
			if row.Vals[id] == nil {
				return b, true
			}
			return text(b, row)
		}},
		{f.Name + "_id", func(b []byte, row *Row) ([]byte, bool) {
			if row.Vals[id] == nil {
				return b, false
			}
			return appendInt(b, decodeInt(row.Vals[id])), false
		}},
	}
}

// A choice is its value.
func (k Choice) tabulate(p *plan, _ *Resource, alias string, f *Field) []column {
	return []column{{f.Name, word(p.value(f.sql(alias)))}}
}

// Tags are their names, separated by commas.
func (Tags) tabulate(p *plan, r *Resource, alias string, f *Field) []column {
	return []column{{f.Name, word(p.value("(SELECT string_agg(g.name, ',' ORDER BY g.name, g.id) FROM tagged_items ti JOIN tags g ON g.id = ti.tag_id" +
		" WHERE ti.object_type_id = " + strconv.Itoa(int(r.Type)) + " AND ti.object_id = " + alias + ".id)"))}}
}

// appendCell appends a cell as RFC 4180 quotes it. Text that a spreadsheet would take for a formula gets an apostrophe in front.
func appendCell(b, value []byte, text bool) []byte {
	formula := text && len(value) > 0 && strings.IndexByte("=+-@\t\r\n", value[0]) >= 0
	if !formula && !strings.ContainsAny(string(value), "\",\r\n") && (len(value) == 0 || value[0] != ' ') {
		return append(b, value...)
	}
	b = append(b, '"')
	if formula {
		b = append(b, '\'')
	}
	for _, c := range value {
		if c == '"' {
			b = append(b, '"')
		}
		b = append(b, c)
	}
	return append(b, '"')
}
