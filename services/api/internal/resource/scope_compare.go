package resource

import (
	"slices"
	"strings"
)

// comparisons are Django's lookups that constraints may end in.
var comparisons = map[string]bool{
	"exact": true, "iexact": true, "in": true, "gt": true, "gte": true, "lt": true, "lte": true, "range": true, "isnull": true, "empty": true,
	"contains": true, "icontains": true, "startswith": true, "istartswith": true, "endswith": true, "iendswith": true, "regex": true, "iregex": true,
}

var (
	inequalities = map[string]string{"gt": " > ", "gte": " >= ", "lt": " < ", "lte": " <= "}
	patterns     = map[string][3]string{ // what stands before and after the text, and the operator
		"iexact": {"", "", " ILIKE "}, "contains": {"%", "%", " LIKE "}, "icontains": {"%", "%", " ILIKE "}, "startswith": {"", "%", " LIKE "},
		"istartswith": {"", "%", " ILIKE "}, "endswith": {"%", "", " LIKE "}, "iendswith": {"%", "", " ILIKE "},
	}
	regexes = map[string]string{"regex": " ~ ", "iregex": " ~* "}
)

// compare returns the condition that a column of the kind has the value, by the comparison that rest names.
func (d *demand) compare(column string, kind Kind, rest []string, v any) (string, error) {
	comparison := "exact"
	if len(rest) > 0 {
		comparison = rest[0]
	}
	if len(rest) > 1 || !comparisons[comparison] {
		return "", unusablef("Unsupported lookup '%s', or join on the field not permitted", strings.Join(rest, "__"))
	}
	if v == nil && (comparison == "exact" || comparison == "iexact") {
		return column + " IS NULL", nil
	}
	if sql, err := d.asText(column+"::text", kind, comparison, v); sql != "" || err != nil {
		return sql, err
	}
	switch comparison {
	case "isnull":
		b, ok := v.(bool)
		if !ok {
			return "", unusable("The value of isnull must be true or false")
		}
		return "((" + column + " IS NULL) = " + d.arg(b, "boolean") + ")", nil
	case "in":
		return d.among(column, kind, v)
	case "range":
		list, ok := v.([]any)
		if !ok || len(list) != 2 {
			return "", unusable("The value of range must be a list of two")
		}
		low, err := d.operand(kind, list[0])
		if err != nil {
			return "", err
		}
		high, err := d.operand(kind, list[1])
		return column + " BETWEEN " + low + " AND " + high, err
	}
	value, err := d.operand(kind, v)
	if operator := inequalities[comparison]; operator != "" {
		return column + operator + value, err
	}
	return column + " = " + value, err
}

// asText makes the comparisons of texts; "" if the comparison is none.
func (d *demand) asText(text string, kind Kind, comparison string, v any) (string, error) {
	pattern, like := patterns[comparison]
	operator := regexes[comparison]
	if !like && operator == "" && comparison != "empty" {
		return "", nil
	}
	if _, ref := kind.(Reference); ref {
		return "", unusablef("Related Field got invalid lookup: %s", comparison)
	}
	if comparison == "empty" {
		b, ok := v.(bool)
		if !ok {
			return "", unusable("The value of empty must be true or false")
		}
		return "((coalesce(" + text + ", '') = '') = " + d.arg(b, "boolean") + ")", nil
	}
	s, ok := plainText(v)
	if !ok {
		return "", notUsable(v)
	}
	if like {
		return text + pattern[2] + d.arg(pattern[0]+escapeLike(s)+pattern[1], "text"), nil
	}
	d.regexes = append(d.regexes, s)
	return text + operator + d.arg(s, "text"), nil
}

// maxAmong bounds the list of one comparison.
const maxAmong = 5000

func (d *demand) among(column string, kind Kind, v any) (string, error) {
	list, ok := v.([]any)
	if !ok || len(list) > maxAmong {
		return "", unusablef("The value of in must be a list of up to %d values", maxAmong)
	}
	list = slices.DeleteFunc(slices.Clone(list), func(v any) bool { return v == nil })
	if len(list) == 0 {
		return "false", nil
	}
	values := make([]string, len(list))
	for i, v := range list {
		var err error
		if values[i], err = d.operand(kind, v); err != nil {
			return "", err
		}
	}
	return column + " IN (" + strings.Join(values, ", ") + ")", nil
}

// operand makes a parameter of a value for a column of the kind.
func (d *demand) operand(kind Kind, v any) (string, error) {
	k, ok := kind.(operander)
	if !ok {
		return "", unusable("Constraints on this field are not supported")
	}
	arg, cast, ok := k.operand(v)
	if !ok {
		return "", notUsable(v)
	}
	return d.arg(arg, cast), nil
}

func notUsable(v any) error {
	return unusablef("The value %s cannot be compared with it", PythonRepr(v))
}
