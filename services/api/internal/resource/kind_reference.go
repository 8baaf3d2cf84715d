package resource

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Reference points to an object of a resource of the set. It is shown as that object's brief form.
type Reference struct {
	common
	To string // name of the resource
	// CascadeFrom names resources: when an object of one of them is deleted, and that reaches the target of the reference, the object that
	// holds it is deleted too. In all other cases the reference protects its target.
	CascadeFrom []string
	// SetNull says that the reference becomes null when its target is deleted; a read-only resource keeps it, and shows null.
	SetNull bool
	// Plain shows the bare id.
	Plain bool
	// Named says that the bare spelling of the filter takes names alone, as filters of NetBox's own do.
	Named bool
}

func (Reference) column(name string) string { return name + "_id" }

func (k Reference) encode(p *plan, r *Resource, alias string, f *Field, shape Shape) appender {
	to := r.target(f)
	if shape == nil {
		shape = to.Brief
	}
	if k.Plain {
		return Integer{}.encode(p, r, alias, f, nil)
	}
	at := p.join(alias, f, to)
	i, object := p.value(at+".id"), p.object(to, at, shape)
	return func(b []byte, row *Row) []byte {
		if row.Vals[i] == nil {
			return append(b, "null"...)
		}
		return object(b, row)
	}
}

func (Reference) decode(v []byte) any { return decodeInt(v) }

// lookup is a reference in input that has yet to be found: by id, or by attributes if those are not nil.
type lookup struct {
	field *Field
	to    *Resource
	id    int64
	attrs map[string]any
	name  string // of a tag or an object type that was found

	sql     string // asks for it instead, with args
	args    []any
	missing string // what is wrong if it is not found; default: NetBox's texts for references
	found   target
}

func (k Reference) read(in *input, f *Field, v any) (any, []string) {
	if s, ok := v.(string); ok && s == "" && f.Null && f.Blank {
		return nil, nil
	}
	l, wrong := readLookup(v)
	if wrong != nil {
		return nil, wrong
	}
	l.field, l.to = f, in.r.set.byName[k.To]
	in.lookups = append(in.lookups, l)
	return l, nil
}

// readLookup reads a reference by number, by numeric string, or by a dictionary of attributes.
func readLookup(v any) (*lookup, []string) {
	text := ""
	switch v := v.(type) {
	case map[string]any:
		return &lookup{attrs: v}, nil
	case json.Number:
		text = v.String()
		if f, err := v.Float64(); err == nil && f == math.Trunc(f) && math.Abs(f) < 1e15 {
			text = strconv.FormatInt(int64(f), 10)
		}
	case string:
		text = strings.TrimSpace(v)
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil && !isRange(err) {
		return nil, []string{"Related objects must be referenced by numeric ID or by dictionary of attributes. Received an unrecognized value: " + PythonString(v)}
	}
	return &lookup{id: id}, nil
}

func (k Reference) filters(f *Field, add func(string, filter)) {
	k.lookups(f, k, add)
}

// referring says how rows lead to what a filter names: by a column of their own, if by no other way.
type referring interface {
	// has is the condition that a row of t leads to one of to for which the condition on the alias o holds.
	has(to *Resource, column, condition string) string
	// none is the condition that it leads to none.
	none(to *Resource, column string) string
}

func (Reference) has(to *Resource, column, condition string) string {
	return column + " IN (SELECT o.id FROM " + to.Table + " o WHERE " + condition + ")"
}

func (Reference) none(_ *Resource, column string) string { return column + " IS NULL" }

// lookups adds the lookups of a reference. Both spellings take ids; the bare one takes names too.
func (k Reference) lookups(f *Field, by referring, add func(string, filter)) {
	add("", k.filter(f, by, false, false))
	add("n", k.filter(f, by, false, true))
	add("_id", k.filter(f, by, true, false))
	add("_id__n", k.filter(f, by, true, true))
}

// filter makes the lookup by id. With the spelling x_id nothing else is taken, and texts of errors name the value.
func (k Reference) filter(f *Field, by referring, strict, negated bool) filter {
	return func(q *query, param string, values []string) {
		c := check{param: param, to: q.r.set.byName[k.To], strict: strict || k.Named}
		null := false
		for _, v := range values {
			switch id, ok := parseID(v); {
			case v == "":
			case v == "null" && f.Null:
				null = true
			case k.Named && !strict:
				c.names = append(c.names, v)
			case ok:
				c.ids = append(c.ids, id)
			case strict:
				q.failID(param, v)
			default:
				c.names = append(c.names, v)
			}
		}
		column := ""
		if f.stored() || f.Expr != "" {
			column = f.sql("t")
		}
		var either []string
		switch {
		case c.ids != nil && column != "":
			either = append(either, column+" = "+anyOf(q, c.ids, "bigint"))
		case c.ids != nil:
			either = append(either, by.has(c.to, column, "o.id = "+anyOf(q, c.ids, "bigint")))
		}
		if c.names != nil {
			either = append(either, by.has(c.to, column, "o."+c.to.knownBy()+" = "+anyOf(q, c.names, "text")))
		}
		if c.ids != nil || c.names != nil {
			q.checks = append(q.checks, c)
		}
		if null {
			either = append(either, by.none(c.to, column))
		}
		q.narrow = q.narrow || len(c.ids)+len(c.names) == 1 && !null && !negated
		q.either(either, negated)
	}
}

func (k Reference) meta(r *Resource, f *Field) meta {
	if k.Plain {
		return meta{Type: "field"}
	}
	to := r.target(f)
	m := meta{Type: "nested object"}
	for _, p := range to.Brief {
		child := to.fields[p.Name]
		m.Children = append(m.Children, namedMeta{p.Name, child.describe(to)})
	}
	return m
}

func (k Reference) schema(r *Resource, _ *Field) (read, write *openapi3.SchemaRef) {
	if k.Plain {
		return openapi3.NewIntegerSchema().NewRef(), nil
	}
	to := r.set.byName[k.To]
	s := openapi3.NewOneOfSchema(openapi3.NewIntegerSchema())
	s.OneOf = append(s.OneOf, component("Brief"+to.Class+"Request"))
	return component("Brief" + to.Class), s.NewRef()
}
