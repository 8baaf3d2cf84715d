package resource

import (
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/libs/change"
)

// ObjectType is the type of an object that other fields tell of, shown as "app_label.model". Its column holds a row of object_types; of one that
// only a later version knows it is null.
type ObjectType struct{ common }

func (ObjectType) encode(p *plan, _ *Resource, alias string, f *Field, _ Shape) appender {
	i := p.value(f.sql(alias))
	return func(b []byte, row *Row) []byte {
		if row.Vals[i] == nil {
			return append(b, "null"...)
		}
		name := change.ObjectType(decodeInt(row.Vals[i])).String()
		if name == "" {
			return append(b, "null"...)
		}
		return appendString(b, name)
	}
}

func (ObjectType) decode(v []byte) any { return decodeInt(v) }

func (ObjectType) read(_ *input, _ *Field, v any) (any, []string) {
	text, _ := v.(string)
	if strings.Count(text, ".") != 1 {
		return nil, []string{"Invalid value. Specify a content type as '<app_label>.<model_name>'."}
	}
	t, ok := change.TypeNamed(text)
	if !ok {
		return nil, []string{"Invalid content type: " + text}
	}
	return int64(t), nil
}

// filters take names in any case, of which unknown ones find nothing, and ids, of which unknown ones are refused: as in NetBox.
func (k ObjectType) filters(f *Field, add func(string, filter)) {
	for suffix, negated := range map[string]bool{"": false, "n": true} {
		add(suffix, func(q *query, _ string, values []string) {
			if ids := typesNamed(values); ids != nil {
				q.either([]string{f.sql("t") + " = ANY(" + q.arg(ids) + "::int[])"}, negated)
			}
		})
	}
	add("_id", k.byID(f, false))
	add("_id__n", k.byID(f, true))
}

func (ObjectType) byID(f *Field, negated bool) filter {
	return func(q *query, param string, values []string) {
		var ids []int32
		for _, v := range allValues(values) {
			id, ok := parseID(v)
			t := change.ObjectType(id)
			switch {
			case !ok:
				q.failID(param, v)
				return
			case int64(t) != id || t.String() == "":
				q.fail(param, invalidChoice(v))
				return
			}
			ids = append(ids, int32(t))
		}
		if ids != nil {
			q.either([]string{f.sql("t") + " = ANY(" + q.arg(ids) + "::int[])"}, negated)
		}
	}
}

func (ObjectType) meta(*Resource, *Field) meta { return meta{Type: "field"} }

func (ObjectType) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	return openapi3.NewStringSchema().WithPattern(`^[a-z_]+\.[a-z]+$`).NewRef(), nil
}

// Generic is the object of any resource that two other fields of the object name: one of kind ObjectType, and one with its id. It is shown in its
// brief form, and is null if there is no such object (any more).
type Generic struct {
	derived
	Type, ID string // names of the two fields
	// Owned says that objects are deleted with what they tell of.
	Owned bool
}

func (k Generic) encode(p *plan, r *Resource, alias string, _ *Field, _ Shape) appender {
	at := p.value(r.fields[k.Type].sql(alias))
	type form struct {
		id     int // is null if there is no such object
		append appender
	}
	forms := map[change.ObjectType]form{}
	for _, to := range r.set.All {
		if to.Type == 0 || to.ReadOnly {
			continue
		}
		// An id of null is looked up for nothing, so each row costs what its own type costs.
		a := p.joinOn("CASE WHEN "+r.fields[k.Type].sql(alias)+" = "+strconv.Itoa(int(to.Type))+" THEN "+r.fields[k.ID].sql(alias)+" END", to)
		forms[to.Type] = form{p.value(a + ".id"), p.object(to, a, to.Brief)}
	}
	return func(b []byte, row *Row) []byte {
		f, ok := forms[change.ObjectType(decodeInt(row.Vals[at]))]
		if !ok || row.Vals[f.id] == nil {
			return append(b, "null"...)
		}
		return f.append(b, row)
	}
}

func (Generic) meta(*Resource, *Field) meta { return meta{Type: "field"} }

func (Generic) schema(r *Resource, f *Field) (read, write *openapi3.SchemaRef) {
	s := openapi3.NewSchema() // any of them: brief forms may look alike
	s.Description = "The object in its brief form, which depends on its type; null if there is no such object"
	s.Nullable = true
	for _, to := range r.set.All {
		if to.Type != 0 && !to.ReadOnly {
			s.AnyOf = append(s.AnyOf, component("Brief"+to.Class))
		}
	}
	return s.NewRef(), nil
}
