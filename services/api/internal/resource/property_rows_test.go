package resource_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// table is all rows of a resource in memory.
type table struct {
	r      *resource.Resource
	of     map[string]*table // all tables, by resource
	rows   []*tableRow
	byID   map[int64]*tableRow
	tags   map[string]string // slugs of all tags by id
	places map[string]int    // of all texts in the order of the database
}

type tableRow struct {
	id     int64
	values map[string]any // by field: nil, string, float64, bool, time.Time or int64 for references
	tags   []string       // slugs
}

// readTables reads the rows of all resources that are compared, as plain SQL shows them.
func readTables(t *testing.T, pool *pgxpool.Pool, set *resource.Set) map[string]*table {
	t.Helper()
	tables, texts := map[string]*table{}, map[string]bool{}
	slugs := map[string]string{}
	read(t, pool, "SELECT id::text, to_jsonb(slug) FROM tags", func(id string, v any) { slugs[id] = v.(string) })
	for _, name := range propertyResources {
		if tables[name] != nil {
			continue
		}
		tab := &table{r: set.Get(name), of: tables, byID: map[int64]*tableRow{}, tags: slugs, places: map[string]int{}}
		tables[name] = tab
		read(t, pool, "SELECT '', to_jsonb(t) FROM "+tab.r.Table+" t", func(_ string, v any) {
			columns := v.(map[string]any)
			row := &tableRow{id: int64(columns["id"].(float64)), values: map[string]any{}}
			for i := range tab.r.Fields {
				f := &tab.r.Fields[i]
				row.values[f.Name] = fieldValue(f, columns[f.Column])
				if s, ok := row.values[f.Name].(string); ok {
					texts[s] = true
				}
			}
			tab.rows, tab.byID[row.id] = append(tab.rows, row), row
		})
		for _, row := range tab.rows {
			read(t, pool, "SELECT '', to_jsonb(g.slug) FROM tagged_items i JOIN tags g ON g.id = i.tag_id WHERE i.object_type_id = $1 AND i.object_id = $2", func(_ string, v any) {
				row.tags = append(row.tags, v.(string))
			}, int32(tab.r.Type), row.id)
		}
	}
	place := 0
	read(t, pool, `SELECT v, 'null'::jsonb FROM unnest($1::text[]) v ORDER BY v COLLATE "und-x-icu"`, func(text string, _ any) {
		place++
		for _, tab := range tables {
			tab.places[text] = place
		}
	}, slices.Collect(maps.Keys(texts)))
	return tables
}

func read(t *testing.T, pool *pgxpool.Pool, sql string, use func(text string, v any), args ...any) {
	t.Helper()
	rows, err := pool.Query(context.Background(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		var raw []byte
		if err := rows.Scan(&text, &raw); err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&v); err != nil {
			t.Fatal(err)
		}
		use(text, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

func fieldValue(f *resource.Field, v any) any {
	switch f.Kind.(type) {
	case resource.DateTime:
		if text, ok := v.(string); ok {
			at, err := time.Parse(time.RFC3339Nano, text)
			if err != nil {
				panic(err)
			}
			return at.UTC()
		}
	case resource.Reference:
		if n, ok := v.(float64); ok {
			return int64(n)
		}
	}
	return v
}

// compared says whether the evaluation knows the kind of a field.
func compared(f *resource.Field) bool {
	if f.Expr != "" || f.Column == "-" || f.WriteOnly {
		return false
	}
	switch f.Kind.(type) {
	case resource.Char, resource.Text, resource.Choice, resource.Integer, resource.Float, resource.DateTime, resource.Boolean, resource.Reference:
		return true
	}
	return false
}

// sort puts rows into the order that ?ordering= asks for, with the id at the end.
func (tab *table) sort(rows []*tableRow, ordering string) {
	var terms []string
	for name := range strings.SplitSeq(ordering, ",") {
		if f := tab.r.Field(strings.TrimPrefix(name, "-")); f != nil && compared(f) {
			terms = append(terms, name)
		}
	}
	if terms == nil {
		terms = tab.r.Order
	}
	slices.SortFunc(rows, func(a, b *tableRow) int {
		if c := tab.compareBy(terms, a, b); c != 0 {
			return c
		}
		return cmp.Compare(a.id, b.id)
	})
}

// compareBy compares two rows, either of which may be nil for what a null refers to: nulls are last, or first in descending order.
func (tab *table) compareBy(terms []string, a, b *tableRow) int {
	for _, term := range terms {
		name := strings.TrimPrefix(term, "-")
		c := tab.compareField(tab.r.Field(name), a, b)
		if strings.HasPrefix(term, "-") {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

func (tab *table) compareField(f *resource.Field, a, b *tableRow) int {
	value := func(row *tableRow) any {
		if row == nil {
			return nil
		}
		return row.values[f.Name]
	}
	x, y := value(a), value(b)
	if ref, ok := f.Kind.(resource.Reference); ok {
		to := tab.of[ref.To]
		target := func(v any) *tableRow {
			if id, ok := v.(int64); ok {
				return to.byID[id]
			}
			return nil
		}
		return to.compareBy(to.r.Order, target(x), target(y))
	}
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil:
		return 1
	case y == nil:
		return -1
	}
	switch x := x.(type) {
	case string:
		return cmp.Compare(tab.places[x], tab.places[y.(string)])
	case float64:
		return cmp.Compare(x, y.(float64))
	case time.Time:
		return x.Compare(y.(time.Time))
	case bool:
		if x == y.(bool) {
			return 0
		}
		if x {
			return 1
		}
		return -1
	}
	panic(f.Name)
}
