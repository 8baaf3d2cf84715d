package resource_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// FuzzConstraints shows that no constraint of a permission makes SQL of anything but declared names: all else is in the parameters.
func FuzzConstraints(f *testing.F) {
	set, err := catalog.New(catalog.Options{})
	if err != nil {
		f.Fatal(err)
	}
	known := map[string]bool{}
	learn := func(text string) {
		for _, w := range word.FindAllString(text, -1) {
			known[w] = true
		}
	}
	learn(`true false AND OR NOT IN IS NULL LIKE ILIKE BETWEEN EXISTS SELECT FROM WHERE JOIN ON coalesce text bigint float8 boolean timestamptz uuid jsonb null FALSE
		tagged_items object_type_id object_id tag_id o object_types app_label model`)
	for alias := "t"; len(alias) < 12; alias += "x" {
		learn(alias + " " + alias + "l")
	}
	for _, r := range set.All {
		learn(r.Table + " id")
		for _, field := range r.Fields {
			learn(strings.ReplaceAll(field.Column+" "+field.Expr, "{t}", "t"))
			switch kind := field.Kind.(type) {
			case resource.References:
				learn(kind.Via.Table + " " + kind.Via.Own + " " + kind.Via.Other)
			case resource.ObjectTypes:
				learn(kind.Via.Table + " " + kind.Via.Own + " " + kind.Via.Other)
			}
		}
	}
	for _, seed := range []string{
		`null`, `[]`, `{"id": 1}`, `[{"endpoint__name__icontains": "x"}, {"status__in": ["stale", "$user"]}]`, `{"tags__slug": "a", "node__endpoint__name__regex": "^(a"}`,
		`{"custom_field_data__a__b__icontains": "x", "raw_config__contains": {"a": [1]}}`, `{"x\\" OR 1=1 --": "'"}`, `{"next_run__range": ["2026-01-01", "2026-02-01"]}`,
		`{"user__groups__name": "x"}`, `{"id__in": [1, "2", null]}`, `{"assigned_object_type__model": "x"}`, `{"request_id": "00000000-0000-0000-0000-000000000000"}`,
		`{"tags": null}`, `{"endpoint__isnull": true, "keep_last__gte": 1.0}`, `{"job_id__empty": false}`, `"x"`, `{"id": "\\u0000"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scope := resource.ScopeOf(resource.ParseConstraints([]byte(text)), 7)
		for _, r := range set.All {
			sql, args := r.ScopeSQL(scope)
			for _, w := range word.FindAllString(sql, -1) {
				if !known[w] {
					t.Errorf("%s makes %q part of the SQL %s", text, w, sql)
				}
			}
			if strings.Contains(sql, ";") || strings.Contains(sql, "--") || strings.ContainsAny(sql, "\"\x00") || strings.Count(sql, "'")%2 != 0 {
				t.Errorf("%s makes the SQL %s", text, sql)
			}
			for i := range args {
				if n := strings.Count(sql, fmt.Sprintf("$%d:", i+1)); n != 1 {
					t.Errorf("%s: parameter %d is used %d times in %s", text, i+1, n, sql)
				}
			}
		}
	})
}
