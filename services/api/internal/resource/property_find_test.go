package resource_test

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// find evaluates filters as the contract describes them, row by row. wrong are the parameters that have a bad value.
func (tab *table) find(filters url.Values) (rows []*tableRow, wrong []string) {
	type test func(*tableRow) bool
	var tests []test
	for name, values := range filters {
		var use test
		var bad bool
		switch {
		case name == "q":
			use = tab.search(values[len(values)-1])
		case name == "tag" || strings.HasPrefix(name, "tag_"):
			use, bad = tab.tagTest(name, values)
		default:
			field, lookup := tab.split(name)
			t, b := tab.fieldTest(field, name, lookup, values)
			use, bad = t, b
		}
		if bad {
			wrong = append(wrong, name)
		}
		if use != nil {
			tests = append(tests, use)
		}
	}
	if wrong != nil {
		slices.Sort(wrong)
		return nil, wrong
	}
	for _, row := range tab.rows {
		if !slices.ContainsFunc(tests, func(f test) bool { return !f(row) }) {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// split takes the name of a filter apart. A declared field wins over a shorter one with a suffix: node_id of a node is a number.
func (tab *table) split(name string) (f *resource.Field, lookup string) {
	base, lookup, _ := strings.Cut(name, "__")
	if f := tab.r.Field(base); f != nil {
		return f, lookup
	}
	return tab.r.Field(strings.TrimSuffix(base, "_id")), lookup
}

func given(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
}

func (tab *table) fieldTest(f *resource.Field, name, lookup string, values []string) (use func(*tableRow) bool, bad bool) {
	last := values[len(values)-1]
	has := func(is func(v any) bool) func(*tableRow) bool {
		return func(row *tableRow) bool { return is(row.values[f.Name]) }
	}
	not := func(use func(*tableRow) bool) func(*tableRow) bool {
		if use == nil {
			return nil
		}
		return func(row *tableRow) bool { return !use(row) }
	}
	stamp := f.Name == "created" || f.Name == "last_updated"
	if lookup == "empty" && !stamp {
		want, ok := boolOf(last)
		if !ok {
			return nil, false
		}
		return has(func(v any) bool { return (v == nil || v == "") == want }), false
	}
	switch f.Kind.(type) {
	case resource.Boolean:
		want, ok := boolOf(last)
		if !ok {
			return nil, false
		}
		return has(func(v any) bool { return v == want }), false
	case resource.Integer, resource.Float, resource.DateTime:
		return numberTest(f, lookup, given(values), has)
	case resource.Reference:
		use, bad = tab.referenceTest(f, strings.HasSuffix(strings.TrimSuffix(name, "__"+lookup), "_id") && tab.r.Field(strings.TrimSuffix(name, "__"+lookup)) == nil, values)
		if lookup == "n" {
			use = not(use)
		}
		return use, bad
	case resource.Text:
		values = given([]string{last})
	case resource.Choice:
		values = given(values)
		if lookup == "" {
			for _, v := range values {
				if v != "null" && !slices.ContainsFunc(f.Kind.(resource.Choice).Choices, func(o resource.Option) bool { return o.Value == v }) {
					return nil, true
				}
			}
		}
	default:
		values = given(values)
	}
	if len(values) == 0 {
		return nil, false
	}
	one := textLookups[strings.TrimPrefix(lookup, "n")]
	negated := strings.HasPrefix(lookup, "n")
	if lookup == "" || lookup == "n" {
		return has(func(v any) bool {
			found := slices.ContainsFunc(values, func(w string) bool { return w == "null" && v == nil || w != "null" && v == w })
			return found != negated
		}), false
	}
	if one == nil {
		return nil, false
	}
	return has(func(v any) bool {
		text, ok := v.(string)
		return (ok && slices.ContainsFunc(values, func(w string) bool { return one(text, w) })) != negated
	}), false
}

// textLookups are the lookups of texts; those of NetBox that ignore case compare capitals.
var textLookups = map[string]func(text, value string) bool{
	"ic":     func(t, v string) bool { return strings.Contains(capitals(t), capitals(v)) },
	"isw":    func(t, v string) bool { return strings.HasPrefix(capitals(t), capitals(v)) },
	"iew":    func(t, v string) bool { return strings.HasSuffix(capitals(t), capitals(v)) },
	"ie":     func(t, v string) bool { return capitals(t) == capitals(v) },
	"regex":  func(t, v string) bool { return regexp.MustCompile(v).MatchString(t) },
	"iregex": func(t, v string) bool { return regexp.MustCompile("(?i)" + v).MatchString(t) },
}

// capitals differ from Go's in the one letter of the words that becomes two.
func capitals(s string) string { return strings.ReplaceAll(strings.ToUpper(s), "ß", "SS") }

func boolOf(s string) (v, ok bool) {
	switch s {
	case "true", "True", "2":
		return true, true
	case "false", "False", "3":
		return false, true
	}
	return false, false
}

func numberTest(f *resource.Field, lookup string, values []string, has func(func(any) bool) func(*tableRow) bool) (func(*tableRow) bool, bool) {
	var parsed []float64
	for _, v := range values {
		n, ok := ordinal(f, v)
		if !ok {
			return nil, true
		}
		parsed = append(parsed, n)
	}
	if parsed == nil {
		return nil, false
	}
	if lookup == "empty" { // of created and last_updated: they never are
		return func(*tableRow) bool { return false }, false
	}
	compare := map[string]func(a, b float64) bool{
		"": func(a, b float64) bool { return a == b }, "n": func(a, b float64) bool { return a == b }, "lt": func(a, b float64) bool { return a < b },
		"lte": func(a, b float64) bool { return a <= b }, "gt": func(a, b float64) bool { return a > b }, "gte": func(a, b float64) bool { return a >= b },
	}[lookup]
	return has(func(v any) bool {
		var n float64
		switch v := v.(type) {
		case nil:
			return lookup == "n"
		case float64:
			n = v
		case time.Time:
			n = float64(v.UnixMicro())
		}
		return slices.ContainsFunc(parsed, func(p float64) bool { return compare(n, p) }) != (lookup == "n")
	}), false
}

var whole = regexp.MustCompile(`^-?[0-9]+(\.0*)?$`)

func ordinal(f *resource.Field, s string) (float64, bool) {
	if isKind[resource.DateTime](f) {
		for _, form := range []string{time.RFC3339Nano, "2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04:05.000000", "2006-01-02 15:04:05.000000-07:00"} {
			if at, err := time.Parse(form, s); err == nil {
				return float64(at.UnixMicro()), true
			}
		}
		return 0, false
	}
	if isKind[resource.Integer](f) && !whole.MatchString(s) {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsInf(n, 0)
}

func (tab *table) referenceTest(f *resource.Field, idOnly bool, values []string) (func(*tableRow) bool, bool) {
	to := tab.of[f.Kind.(resource.Reference).To]
	wanted, null, asked := map[int64]bool{}, false, false
	for _, v := range values {
		n, err := strconv.ParseInt(v, 10, 64)
		switch {
		case v == "":
			if idOnly {
				continue
			}
		case v == "null" && f.Null:
			null, asked = true, true
		case err == nil:
			if to.byID[n] == nil {
				return nil, true
			}
			wanted[n], asked = true, true
		case idOnly:
			return nil, true
		default:
			found := false
			for _, row := range to.rows {
				if row.values["name"] == v {
					wanted[row.id], found = true, true
				}
			}
			if !found {
				return nil, true
			}
			asked = true
		}
	}
	if !asked {
		return nil, false
	}
	return func(row *tableRow) bool {
		id, ok := row.values[f.Name].(int64)
		return ok && wanted[id] || !ok && null
	}, false
}

func (tab *table) tagTest(name string, values []string) (func(*tableRow) bool, bool) {
	name, lookup, _ := strings.Cut(name, "__")
	var wanted []string
	null := false
	for _, v := range given(values) {
		slug := v
		if name == "tag_id" {
			slug = tab.tags[v]
		}
		switch {
		case v == "null":
			null = true
		case !slices.Contains(slices.Collect(maps.Values(tab.tags)), slug):
			return nil, true
		default:
			wanted = append(wanted, slug)
		}
	}
	if wanted == nil && !null {
		return nil, false
	}
	return func(row *tableRow) bool {
		has := 0
		for _, slug := range wanted {
			if slices.Contains(row.tags, slug) {
				has++
			}
		}
		bare := len(row.tags) == 0
		switch lookup {
		case "n":
			return has == 0
		case "any":
			return has > 0 || null && bare
		}
		return has == len(wanted) && (!null || bare)
	}, false
}

// search evaluates ?q=.
func (tab *table) search(text string) func(*tableRow) bool {
	if text = strings.TrimSpace(text); text == "" {
		return nil
	}
	return func(row *tableRow) bool {
		return slices.ContainsFunc(tab.r.Search, func(path string) bool {
			first, rest, deep := strings.Cut(path, ".")
			v := row.values[first]
			if deep {
				id, _ := v.(int64)
				target := tab.of[tab.r.Field(first).Kind.(resource.Reference).To].byID[id]
				if target == nil {
					return false
				}
				v = target.values[rest]
			}
			s, _ := v.(string)
			return strings.Contains(capitals(s), capitals(text))
		})
	}
}

// refusedParams returns the parameters that an error is about, sorted; nil for none.
func refusedParams(err error) []string {
	e, ok := errors.AsType[resource.Errors](err)
	if !ok {
		return nil
	}
	text, err := e.MarshalJSON()
	if err != nil {
		panic(err)
	}
	var byName map[string]any
	if err := json.Unmarshal(text, &byName); err != nil {
		panic(err)
	}
	return slices.Sorted(maps.Keys(byName))
}
