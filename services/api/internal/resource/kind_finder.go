package resource

import (
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Finder is the kind of a filter that takes whole numbers and finds objects in a way of its own. Of several numbers any may be meant.
type Finder struct {
	derived
	// SQL is the condition on a row that a number finds it: {t} stands for the table, {v} for the number.
	SQL string
}

func (Finder) encode(*plan, *Resource, string, *Field, Shape) appender {
	return func(b []byte, _ *Row) []byte { return append(b, "null"...) }
}

func (k Finder) filters(_ *Field, add func(string, filter)) {
	add("", func(q *query, param string, values []string) {
		var either []string
		for _, v := range parseAll(q, param, values, wholeNumber, "Enter a whole number.") {
			either = append(either, "("+strings.ReplaceAll(replaceAlias(k.SQL, "t"), "{v}", q.arg(v)+"::bigint")+")")
		}
		q.either(either, false)
	})
}

func (Finder) meta(*Resource, *Field) meta { return meta{Type: "integer"} }

func (Finder) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	return openapi3.NewIntegerSchema().NewRef(), nil
}

func (Finder) query(*Field) *openapi3.Schema { return openapi3.NewIntegerSchema() }

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
