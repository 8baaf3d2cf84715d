package resource

import (
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// References points to any number of objects of a resource of the set, through a join table. It is shown as a list of their brief forms, in the
// order of their resource.
type References struct {
	linkedKind
	To     string // name of the resource
	Via    Link
	Filter string // the name that filters have: Filter for names, Filter_id for ids
}

func (k References) link() Link { return k.Via }

func (k References) encode(p *plan, r *Resource, alias string, _ *Field, shape Shape) appender {
	to := r.set.byName[k.To]
	if shape == nil {
		shape = to.Brief
	}
	inner := p.inner()
	at := inner.prefix + "t"
	object := inner.object(to, at, shape)
	order := make([]string, 0, len(to.Order)+1)
	for _, name := range to.Order {
		bare, down := strings.CutPrefix(name, "-")
		term := to.fields[bare].sql(at)
		if down {
			term += " DESC"
		}
		order = append(order, term)
	}
	order = append(order, at+".id")
	l := inner.prefix + linkAlias
	i := p.value("ARRAY(SELECT ROW(" + inner.columnSQL() + ") FROM " + k.Via.Table + " " + l + " JOIN " + to.Table + " " + at + " ON " + at + ".id = " + l + "." + k.Via.Other +
		" " + inner.joinSQL() + " WHERE " + l + "." + k.Via.Own + " = " + alias + ".id ORDER BY " + strings.Join(order, ", ") + ")")
	return func(b []byte, row *Row) []byte {
		b = append(b, '[')
		for n, vals := range decodeRecords(row.Vals[i]) {
			if n > 0 {
				b = append(b, ',')
			}
			b = object(b, &Row{Vals: vals, Origin: row.Origin, Suffix: row.Suffix})
		}
		return append(b, ']')
	}
}

func (k References) held(alias string) string {
	return "ARRAY(SELECT " + linkAlias + "." + k.Via.Other + "::bigint FROM " + k.Via.Table + " " + linkAlias + " WHERE " + linkAlias + "." + k.Via.Own + " = " + alias + ".id ORDER BY 1)"
}

func (References) decode(v []byte) any { return decodeInts(v) }
func (References) empty() any          { return []int64{} }

func (References) others(parameter string) string {
	return "SELECT unnest(" + parameter + "::bigint[])"
}

func (References) found(lookups []*lookup) any {
	ids := make([]int64, len(lookups))
	for i, l := range lookups {
		ids[i] = l.id
	}
	return uniqueSorted(ids)
}

func (k References) read(in *input, f *Field, v any) (any, []string) {
	items, wrong := AsList(v)
	if wrong != nil {
		return nil, wrong
	}
	lookups := make([]*lookup, len(items))
	for i, item := range items {
		l, wrong := readLookup(item)
		switch _, isBool := item.(bool); {
		case item == nil:
			return nil, []string{missingKey(item)}
		case wrong != nil || isBool:
			return nil, []string{"Incorrect type. Expected pk value, received " + typeName(item) + "."}
		}
		l.field, l.to = f, in.r.set.byName[k.To]
		if l.attrs == nil {
			l.missing = missingKey(item)
		}
		lookups[i] = l
	}
	in.lookups = append(in.lookups, lookups...)
	return lookups, nil
}

// missingKey is NetBox's text for the id of nothing.
func missingKey(v any) string {
	return `Invalid pk "` + PythonString(v) + `" - object does not exist.`
}

func (k References) filters(_ *Field, add func(string, filter)) {
	for _, negated := range []bool{false, true} {
		suffix := map[bool]string{true: "__n"}[negated]
		add("="+k.Filter+"_id"+suffix, k.filter(true, negated))
		add("="+k.Filter+suffix, k.filter(false, negated))
	}
}

// filter finds objects that hold any of those with these ids, or these names.
func (k References) filter(byID, negated bool) filter {
	return func(q *query, param string, values []string) {
		c := check{param: param, to: q.r.set.byName[k.To], strict: true}
		var either []string
		for _, v := range allValues(values) {
			switch id, ok := parseID(v); {
			case v == "null":
				either = append(either, k.Via.holdsNone())
			case !byID:
				c.names = append(c.names, v)
			case !ok:
				q.failID(param, v)
				return
			default:
				c.ids = append(c.ids, id)
			}
		}
		if c.ids != nil {
			either = append(either, linkFilter{k.Via, "SELECT unnest(" + q.arg(c.ids) + "::bigint[])"}.sql())
		}
		if c.names != nil {
			either = append(either, linkFilter{k.Via, "SELECT n.id FROM " + c.to.Table + " n WHERE " + c.to.knownBy() + " = ANY(" + q.arg(c.names) + "::text[])"}.sql())
		}
		if c.ids != nil || c.names != nil {
			q.checks = append(q.checks, c)
		}
		q.either(either, negated)
	}
}

func (References) meta(*Resource, *Field) meta { return meta{Type: "field"} }

func (k References) schema(r *Resource, _ *Field) (read, write *openapi3.SchemaRef) {
	to := r.set.byName[k.To]
	objects, keys := openapi3.NewArraySchema(), openapi3.NewArraySchema()
	objects.Items = component("Brief" + to.Class)
	keys.Items = openapi3.NewIntegerSchema().NewRef()
	return objects.NewRef(), keys.NewRef()
}
