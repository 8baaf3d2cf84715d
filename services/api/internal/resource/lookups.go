package resource

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/proxops/proxops/libs/change"
)

// makeFilters names the filters of all fields: the field itself, and "__" with each suffix of its kind. A suffix that begins with "_" continues
// the name, one that begins with "=" stands for a whole name.
func (r *Resource) makeFilters() map[string]filter {
	out := map[string]filter{}
	r.filtered = map[string]lookupOf{}
	for _, f := range r.filterable() {
		f.Kind.filters(f, func(suffix string, fn filter) {
			name := f.Name
			switch {
			case strings.HasPrefix(suffix, "="):
				name = suffix[1:]
			case strings.HasPrefix(suffix, "_"):
				name += suffix
			case suffix != "":
				name += "__" + suffix
			}
			out[name] = fn
			r.filtered[name] = lookupOf{f, suffix}
		})
	}
	if r.Type != 0 && !r.ReadOnly {
		out["created_by_request"] = byRequest("create")
		out["updated_by_request"] = byRequest("update")
		out["modified_by_request"] = byRequest("create", "update")
	}
	return out
}

// filterable returns the fields that have filters.
func (r *Resource) filterable() []*Field {
	var out []*Field
	for _, fields := range [][]Field{r.Fields, r.More} {
		for i := range fields {
			if f := &fields[i]; !f.NoFilter && !f.WriteOnly {
				out = append(out, f)
			}
		}
	}
	return out
}

// byRequest finds objects that a request changed, in the change log.
func byRequest(actions ...string) filter {
	return func(q *query, param string, values []string) {
		text := Last(values)
		if text == "" {
			return
		}
		id, err := uuid.Parse(text)
		if err != nil {
			q.fail(param, "Enter a valid UUID.")
			return
		}
		q.cond("t.id IN (SELECT c.object_id FROM changes c WHERE c.request_id = " + q.arg(id) +
			" AND c.object_type_id = " + q.arg(int32(q.r.Type)) + " AND c.action = ANY(" + q.arg(actions) + "::text[]))")
	}
}

// allValues and lastValue say which values of a repeated parameter count. Empty ones never do.
func allValues(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
}

func lastValue(values []string) []string { return allValues([]string{Last(values)}) }

// parseID reads an id of a query. One out of range is the nearest that there can be, which no object has.
func parseID(v string) (id int64, ok bool) {
	id, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	return id, err == nil || isRange(err)
}

// failID says that a value is no id.
func (q *query) failID(param, v string) { q.fail(param, "“"+v+"” is not a valid value.") }

// typesNamed returns the types of objects that values name, in any case; nil for no values. As in NetBox, names of none find nothing.
func typesNamed(values []string) (ids []int32) {
	for _, v := range allValues(values) {
		if ids == nil {
			ids = []int32{}
		}
		if t, ok := change.TypeNamed(strings.ToLower(v)); ok {
			ids = append(ids, int32(t))
		}
	}
	return ids
}

// names says that a field tells objects apart: it is the id, or the last of those whose values are unique together.
func (r *Resource) names(f *Field) bool {
	return f.Name == "id" || slices.ContainsFunc(r.Unique, func(u Unique) bool {
		return len(u.Fields) > 0 && u.Fields[len(u.Fields)-1] == f.Name
	})
}

// exactText compares a text; null asks for rows without one.
func exactText(f *Field, use func([]string) []string) filter {
	return func(q *query, _ string, values []string) {
		var either []string
		values = use(values)
		if texts := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "null" }); len(texts) > 0 {
			either = append(either, f.sql("t")+" = "+anyOf(q, texts, "text"))
			q.narrow = q.narrow || len(values) == 1 && q.r.names(f)
		}
		if slices.Contains(values, "null") {
			either = append(either, f.sql("t")+" IS NULL")
		}
		q.either(either, false)
	}
}

// textLookups adds NetBox's lookups of texts.
func textLookups(f *Field, use func([]string) []string, add func(string, filter)) {
	like := func(before, after string, negated bool) filter {
		return func(q *query, _ string, values []string) {
			var either []string
			for _, v := range use(values) {
				either = append(either, q.like(f.sql("t"), before+escapeLike(v)+after))
			}
			q.either(either, negated)
		}
	}
	regex := func(operator string) filter {
		return func(q *query, param string, values []string) {
			if values = use(values); len(values) == 0 {
				return
			}
			for _, v := range values {
				q.regexes = append(q.regexes, regexUse{param, v})
			}
			q.either([]string{f.sql("t") + " " + operator + " ANY(" + q.arg(values) + "::text[])"}, false)
		}
	}
	exact := exactText(f, use)
	add("n", func(q *query, param string, values []string) {
		positive := query{r: q.r, args: q.args}
		exact(&positive, param, values)
		q.args = positive.args
		q.either(positive.where, true)
	})
	add("ic", like("%", "%", false))
	add("nic", like("%", "%", true))
	add("isw", like("", "%", false))
	add("nisw", like("", "%", true))
	add("iew", like("%", "", false))
	add("niew", like("%", "", true))
	add("ie", like("", "", false))
	add("nie", like("", "", true))
	add("regex", regex("~"))
	add("iregex", regex("~*"))
	add("empty", func(q *query, _ string, values []string) {
		if empty, ok := queryBool(values); ok {
			q.either([]string{f.sql("t") + " IS NULL", f.sql("t") + " = ''"}, !empty)
		}
	})
}

// parseAll reads the values of a parameter. It returns nil if there are none, or if some are wrong, which it says.
func parseAll(q *query, param string, values []string, parse func(string) (any, bool), invalid string) []any {
	var out []any
	for _, v := range allValues(values) {
		parsed, ok := parse(v)
		if !ok {
			q.fail(param, invalid)
			return nil
		}
		out = append(out, parsed)
	}
	return out
}

// numberLookups adds the lookups of numbers and times.
func numberLookups(f *Field, sqlType string, parse func(string) (any, bool), invalid string, add func(string, filter)) {
	compare := func(operator string, negated bool) filter {
		return func(q *query, param string, values []string) {
			var either []string
			parsed := parseAll(q, param, values, parse, invalid)
			if operator == "=" && len(parsed) > 0 {
				q.narrow = q.narrow || len(parsed) == 1 && !negated && q.r.names(f)
				q.either([]string{f.sql("t") + " = " + anyOf(q, parsed, sqlType)}, negated)
				return
			}
			for _, v := range parsed {
				either = append(either, f.sql("t")+" "+operator+" "+q.arg(v)+"::"+sqlType)
			}
			q.either(either, negated)
		}
	}
	add("", compare("=", false))
	add("n", compare("=", true))
	add("lt", compare("<", false))
	add("lte", compare("<=", false))
	add("gt", compare(">", false))
	add("gte", compare(">=", false))
	add("empty", func(q *query, _ string, values []string) {
		if empty, ok := queryBool(values); ok {
			q.either([]string{f.sql("t") + " IS NULL"}, !empty)
		}
	})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
