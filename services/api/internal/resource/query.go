package resource

import (
	"strconv"
	"strings"
)

// filter adds what one query parameter asks for to a query. The values are those the client gave, in order.
type filter func(q *query, param string, values []string)

// query collects conditions on rows of the alias t, and what is wrong with what was asked.
type query struct {
	r       *Resource
	args    []any
	where   []string
	checks  []check
	errors  Errors
	regexes []regexUse
	custom  map[string]filter // by custom fields
	narrow  bool              // some condition lets few rows through, whatever its value
}

// check asks whether the objects exist that a filter names.
type check struct {
	param  string
	to     *Resource
	strict bool
	ids    []int64
	names  []string
	column string // that names are looked up in; default: as the resource is known
	table  string // where they are, if not in that of a resource
}

// regexUse remembers where a regular expression came from, for when Postgres refuses one.
type regexUse struct{ param, text string }

// arg adds a parameter and returns its placeholder.
func (q *query) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

// cond adds a condition. In parentheses none can undo another, which may be all that keeps objects out of sight.
func (q *query) cond(sql string) { q.where = append(q.where, "("+sql+")") }

func (q *query) fail(param string, messages ...string) { q.errors.Add(param, messages...) }

// either adds that one of the conditions holds, or that none does. Null counts as not holding. No conditions are no condition.
func (q *query) either(conditions []string, negated bool) {
	if len(conditions) == 0 {
		return
	}
	sql := "(" + strings.Join(conditions, " OR ") + ")"
	if negated {
		sql += " IS NOT TRUE"
	}
	q.cond(sql)
}

// anyOf writes what a column is compared with that may be any of the values: one alone as itself, for which plans are better.
func anyOf[T any](q *query, values []T, sqlType string) string {
	if len(values) == 1 {
		return q.arg(values[0]) + "::" + sqlType
	}
	return "ANY(" + q.arg(values) + "::" + sqlType + "[])"
}

// like writes that a text matches a pattern in any case. As in NetBox both sides are in capitals, which also is what the indexes of searches hold.
func (q *query) like(text, pattern string) string {
	return "upper(" + text + ") LIKE upper(" + q.arg(pattern) + `::text COLLATE "und-x-icu")`
}

func (q *query) whereSQL() string {
	if len(q.where) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(q.where, " AND ")
}

// filter applies the query parameters that are filters of r. Others are no business of its own.
func (q *query) filter(params map[string][]string) {
	for _, name := range sortedKeys(params) {
		f := q.r.filters[name]
		if f == nil {
			f = q.custom[name]
		}
		if f == nil {
			continue
		}
		values := make([]string, len(params[name]))
		for i, v := range params[name] {
			values[i] = strings.ToValidUTF8(v, "\uFFFD")
			if strings.ContainsRune(v, 0) {
				q.fail(name, nullCharacters)
				return
			}
		}
		f(q, name, values)
	}
}

// search applies ?q=: a substring of any of the search fields, in any case.
func (q *query) search(values []string) {
	text := strings.TrimSpace(strings.ToValidUTF8(Last(values), "\uFFFD"))
	if text == "" || len(q.r.Search) == 0 {
		return
	}
	if strings.ContainsRune(text, 0) {
		q.fail("q", nullCharacters)
		return
	}
	pattern := "%" + escapeLike(text) + "%"
	either := make([]string, len(q.r.Search))
	for i, path := range q.r.Search {
		through, f, _ := q.r.resolve(path) // checked by NewSet
		if through == nil {
			either[i] = q.like(f.sql("t"), pattern)
			continue
		}
		to := q.r.target(through)
		either[i] = through.sql("t") + " = ANY(ARRAY(SELECT s.id FROM " + to.Table + " s WHERE " + q.like(f.sql("s"), pattern) + "))"
	}
	q.either(either, false)
}

// Last returns the value of a repeated parameter that counts, "" for none.
func Last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func escapeLike(s string) string { return likeEscaper.Replace(s) }
