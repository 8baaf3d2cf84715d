package resource

import (
	"strings"
)

// json returns the condition on a value in a column of JSON: rest names the keys to it, and perhaps a comparison.
func (d *demand) json(column string, rest []string, v any) (string, error) {
	comparison := "exact"
	if n := len(rest); n > 0 && comparisons[rest[n-1]] {
		comparison, rest = rest[n-1], rest[:n-1]
	}
	for _, key := range rest {
		if strings.ContainsRune(key, 0) {
			return "", notUsable(key)
		}
	}
	path := func(operator string) string {
		if len(rest) == 0 && operator == "#>" {
			return column
		}
		return "(" + column + " " + operator + " " + d.arg(append([]string{}, rest...), "text[]") + ")"
	}
	switch comparison {
	case "isnull":
		b, ok := v.(bool)
		if !ok {
			return "", unusable("The value of isnull must be true or false")
		}
		return "((" + path("#>") + " IS NULL) = " + d.arg(b, "boolean") + ")", nil
	case "exact", "contains", "gt", "gte", "lt", "lte":
		if wrong := storable(v); wrong != "" {
			return "", unusable(wrong)
		}
		if v == nil && comparison == "exact" { // what has no such key is as good as null
			return "(" + path("#>") + " = 'null') IS NOT FALSE", nil
		}
		operator := map[string]string{"exact": " = ", "contains": " @> "}[comparison] + inequalities[comparison]
		return path("#>") + operator + d.arg(string(Marshal(v)), "jsonb"), nil
	case "in":
		list, ok := v.([]any)
		if !ok || len(list) == 0 || len(list) > maxAmong {
			return "", unusablef("The value of in must be a list of up to %d values", maxAmong)
		}
		left, values := path("#>"), make([]string, len(list))
		for i, v := range list {
			if wrong := storable(v); wrong != "" {
				return "", unusable(wrong)
			}
			values[i] = d.arg(string(Marshal(v)), "jsonb")
		}
		return left + " IN (" + strings.Join(values, ", ") + ")", nil
	}
	sql, err := d.asText(path("#>>"), JSON{}, comparison, v)
	if sql == "" && err == nil {
		err = unusablef("Unsupported lookup '%s'", comparison)
	}
	return sql, err
}
