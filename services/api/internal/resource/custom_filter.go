package resource

import (
	"context"
	"maps"
	"net/url"
	"strings"
	"time"
)

// customPrefix begins the names of query parameters that filter by custom fields.
const customPrefix = "cf_"

// asksCustom says whether any parameter may be a filter by a custom field.
func asksCustom(params url.Values) bool {
	for name := range params {
		if strings.HasPrefix(name, customPrefix) {
			return true
		}
	}
	return false
}

// customFilters returns the filters by custom fields that a list request may use: none unless it asks for some, as they cost a round trip.
func (s *Store) customFilters(ctx context.Context, r *Resource, params url.Values) (map[string]filter, error) {
	if r.custom == nil || !asksCustom(params) {
		return nil, nil
	}
	fields, err := s.CustomFields(ctx, r)
	if err != nil {
		return nil, err
	}
	out := map[string]filter{}
	for i := range fields {
		maps.Copy(out, fields[i].filters(r.custom))
	}
	return out, nil
}

// CustomFiltered returns which of the parameters filter a list by custom fields.
func (s *Store) CustomFiltered(ctx context.Context, r *Resource, params url.Values) (map[string]bool, error) {
	filters, err := s.customFilters(ctx, r, params)
	out := map[string]bool{}
	for name := range filters {
		out[name] = true
	}
	return out, err
}

// Filters returns the parameters that filter lists of a resource by the custom field.
func (f *CustomField) Filters(r *Resource) map[string]bool {
	out := map[string]bool{}
	if r.custom != nil {
		for name := range f.filters(r.custom) {
			out[name] = true
		}
	}
	return out
}

// filters returns the filters by a custom field, by parameter. Texts that are compared loosely have no further lookups, as in NetBox.
func (f *CustomField) filters(column *Field) map[string]filter {
	out := map[string]filter{}
	if f.Logic == "disabled" {
		return out
	}
	name := customPrefix + f.Name
	add := func(suffix string, fn filter) {
		if suffix != "" {
			suffix = "__" + suffix
		}
		out[name+suffix] = fn
	}
	// Names consist of letters, digits and underscores alone, so this is their literal.
	member := column.sql("{t}") + " -> '" + f.Name + "'"
	plain := "(" + column.sql("{t}") + " ->> '" + f.Name + "')"
	text := &Field{Name: name, Expr: "(" + plain + ` COLLATE "und-x-icu")`}
	switch f.Type {
	case CustomText, CustomLongText, CustomURL:
		if f.Logic == "exact" {
			add("", exactText(text, allValues))
			textLookups(text, allValues, add)
			break
		}
		add("", looseText(text))
	case CustomInteger:
		numberLookups(numberOf(name, member), "numeric", wholeText, "Enter a whole number.", add)
	case CustomDecimal:
		numberLookups(numberOf(name, member), "numeric", decimalText, "Enter a number.", add)
	case CustomBoolean:
		add("", Boolean{}.filter(&Field{Name: name, Expr: "CASE jsonb_typeof(" + member + ") WHEN 'boolean' THEN (" + member + ")::boolean END"}))
	case CustomDate:
		day := &Field{Name: name, Expr: "(" + plain + ` COLLATE "C")`}
		numberLookups(day, "text", queryDate, "Enter a valid date.", add)
	case CustomDateTime:
		at := &Field{Name: name, Expr: "CASE WHEN " + plain + ` ~ '^\d{4}-' THEN ` + plain + "::timestamptz END"} // sessions are in UTC
		numberLookups(at, "timestamptz", func(s string) (any, bool) {
			t, ok := parseTime(s)
			return t, ok
		}, "Enter a valid date/time.", add)
	case CustomSelect:
		add("", exactText(text, allValues))
		textLookups(text, allValues, add)
	case CustomMultiSelect:
		add("", containsText(&Field{Name: name, Expr: "nullif(" + member + ", 'null')"}))
	}
	return out
}

// numberOf is a custom field as a number; what is none is null.
func numberOf(name, member string) *Field {
	return &Field{Name: name, Expr: "CASE jsonb_typeof(" + member + ") WHEN 'number' THEN (" + member + ")::numeric END"}
}

// looseText finds texts that contain one of the values, in any case; null asks for rows without one.
func looseText(f *Field) filter {
	return func(q *query, _ string, values []string) {
		var either []string
		for _, v := range allValues(values) {
			if v == "null" {
				either = append(either, f.sql("t")+" IS NULL")
				continue
			}
			either = append(either, q.like(f.sql("t"), "%"+escapeLike(v)+"%"))
		}
		q.either(either, false)
	}
}

// containsText finds lists of texts that have one of the values; null asks for rows without a list.
func containsText(f *Field) filter {
	return func(q *query, _ string, values []string) {
		var either, texts []string
		for _, v := range allValues(values) {
			if v == "null" {
				either = append(either, f.sql("t")+" IS NULL")
				continue
			}
			texts = append(texts, v)
		}
		if texts != nil {
			either = append(either, f.sql("t")+" ?| "+q.arg(texts)+"::text[]")
		}
		q.either(either, false)
	}
}

// wholeText reads a whole number of a query as the text that Postgres reads, of any size.
func wholeText(s string) (any, bool) {
	s = strings.TrimPrefix(strings.TrimSpace(zeroFraction.ReplaceAllString(s, "")), "+")
	digits := strings.TrimPrefix(s, "-")
	ok := digits != "" && len(digits) <= 100 && strings.Trim(digits, "0123456789") == ""
	return s, ok
}

func decimalText(s string) (any, bool) {
	s = strings.TrimSpace(s)
	return s, len(s) <= 100 && decimalForm.MatchString(s)
}

// queryDates are the forms of dates that NetBox's filters take.
var queryDates = []string{
	"2006-1-2", "1/2/2006", "1/2/06", "Jan 2 2006", "Jan 2, 2006", "2 Jan 2006", "2 Jan, 2006", "January 2 2006", "January 2, 2006", "2 January 2006", "2 January, 2006",
}

func queryDate(s string) (any, bool) {
	for _, layout := range queryDates {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil && t.Year() > 0 {
			return t.Format(time.DateOnly), true
		}
	}
	return nil, false
}
