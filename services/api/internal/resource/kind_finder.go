package resource

import (
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Finder is the kind of a filter that takes whole numbers, or some words, and finds objects in a way of its own. Of several values any may be meant.
type Finder struct {
	derived
	// SQL is the condition on a row that a value finds it: {t} stands for the table, {v} for the value.
	SQL string
	// Words are what the filter takes instead of numbers, with what each stands for in SQL.
	Words map[string]string
}

func (Finder) encode(*plan, *Resource, string, *Field, Shape) appender {
	return func(b []byte, _ *Row) []byte { return append(b, "null"...) }
}

func (k Finder) filters(_ *Field, add func(string, filter)) {
	add("", func(q *query, param string, values []string) {
		var either []string
		find := func(v any, sqlType string) {
			either = append(either, "("+strings.ReplaceAll(replaceAlias(k.SQL, "t"), "{v}", q.arg(v)+"::"+sqlType)+")")
		}
		if k.Words != nil {
			for _, v := range allValues(values) {
				if word, ok := k.Words[v]; ok {
					find(word, "text")
				} else {
					q.fail(param, invalidChoice(v))
				}
			}
		} else {
			for _, v := range parseAll(q, param, values, wholeNumber, "Enter a whole number.") {
				find(v, "bigint")
			}
		}
		q.either(either, false)
	})
}

func (Finder) meta(*Resource, *Field) meta { return meta{Type: "integer"} }

func (Finder) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	return openapi3.NewIntegerSchema().NewRef(), nil
}

func (k Finder) query(*Field) *openapi3.Schema {
	if k.Words == nil {
		return openapi3.NewIntegerSchema()
	}
	s := openapi3.NewStringSchema()
	for _, word := range sortedKeys(k.Words) {
		s.Enum = append(s.Enum, word)
	}
	return s
}

// Owner is the kind of a filter by an object of another resource that has the same value in a column: a reference without a column of its own.
type Owner struct {
	Reference
	Column string // of both tables
}

func (Owner) column(string) string { return "-" }
func (Owner) computed() bool       { return true }

func (k Owner) filters(f *Field, add func(string, filter)) {
	k.lookups(f, k, add)
}

// has is the condition that the owner of a row of t satisfies a condition on the alias o.
func (k Owner) has(to *Resource, _, condition string) string {
	return "t." + k.Column + " IN (SELECT o." + k.Column + " FROM " + to.Table + " o WHERE " + condition + ")"
}

func (k Owner) none(to *Resource, _ string) string {
	return "NOT EXISTS (SELECT FROM " + to.Table + " o WHERE o." + k.Column + " = t." + k.Column + ")"
}
