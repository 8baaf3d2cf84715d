package resource

import (
	"encoding/json"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

var allCustom = []CustomField{
	{Name: "t", Type: CustomText, Regex: "[a-z]*$", Logic: "loose"},
	{Name: "l", Type: CustomLongText, Logic: "exact"},
	{Name: "u", Type: CustomURL, Logic: "exact", Required: true},
	{Name: "i", Type: CustomInteger, Min: new(-5.5), Max: new(1e9)},
	{Name: "d", Type: CustomDecimal, Min: new(-1e3)},
	{Name: "b", Type: CustomBoolean},
	{Name: "day", Type: CustomDate},
	{Name: "at", Type: CustomDateTime},
	{Name: "j", Type: CustomJSON},
	{Name: "s", Type: CustomSelect, Choices: []Option{{"a", "A"}, {"b", "B"}}, Set: "Set"},
	{Name: "m", Type: CustomMultiSelect, Choices: []Option{{"a", "A"}, {"b", "B"}}, Set: "Set"},
	{Name: "off", Type: CustomText, Logic: "disabled"},
}

func decodeValue(text string) (v any, ok bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return v, d.Decode(&v) == nil
}

// FuzzCustomValue shows that what a custom field takes can be stored, and is taken again as it is stored.
func FuzzCustomValue(f *testing.F) {
	for _, seed := range []string{
		`null`, `""`, `"abc"`, `5`, `-5.5`, `1e400`, `1e-400`, `"1e5"`, `" 2 "`, `"+.5"`, `true`, `0.0`, `1.0`, `"2026-02-30"`, `"20260501"`, `"2026-05-01T10:00:00.123456789+0230"`, `"2026-05-01 10:00z"`,
		`"0000-01-01"`, `"9999-12-31T23:59:59-23:59"`, `["a","b","a"]`, `["a",1]`, `[]`, `{}`, `{"a":{"b":[null]}}`, `"\u0000"`, `{"\u0000":1}`, `"\ud800"`, `123456789012345678901234567890`, `"٣"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, ok := decodeValue(text)
		if !ok {
			return
		}
		for i := range allCustom {
			c := &allCustom[i]
			stored, wrong := c.Check(v)
			if wrong != "" {
				continue
			}
			raw := Marshal(stored)
			if !json.Valid(raw) || strings.Contains(string(raw), `\u0000`) {
				t.Errorf("%s takes %s as %s", c.Type, text, raw)
			}
			read, _ := decodeValue(string(raw))
			if again, wrong := c.Check(read); wrong != "" || !reflect.DeepEqual(again, stored) && string(Marshal(again)) != string(raw) {
				t.Errorf("%s stores %s as %s, but that as %s (%s)", c.Type, text, raw, Marshal(again), wrong)
			}
		}
	})
}

// FuzzCustomQuery shows that no value of a filter becomes part of the SQL.
func FuzzCustomQuery(f *testing.F) {
	for _, seed := range []string{
		"cf_t=a&cf_t=null", "cf_l__n=a&cf_l__regex=(", "cf_i__gte=5.0&cf_i=9999999999999999999999", "cf_d=1e9&cf_d__n=.5", "cf_b=True", "cf_day=05/01/2026&cf_day__lt=May 1, 2026",
		"cf_at__gt=2026-05-01T10:00:00Z", "cf_s=a&cf_s__ic=x", "cf_m=a&cf_m=null", "cf_off=x&cf_j=1&cf_none'--=1", "cf_i=1;DROP TABLE users", "cf_u=%00",
	} {
		f.Add(seed)
	}
	column := &Field{Name: "custom_fields", Column: "custom_field_data"}
	filters, plain := map[string]filter{}, map[string]bool{}
	word := regexp.MustCompile(`[A-Za-z_]\w*`)
	for i := range allCustom {
		for name, fn := range allCustom[i].filters(column) {
			filters[name] = fn
			for _, values := range [][]string{{"1"}, {"x", "null"}, {"true"}, {"2026-01-01"}} {
				q := &query{r: &Resource{}}
				fn(q, name, values)
				for _, w := range word.FindAllString(q.whereSQL(), -1) {
					plain[w] = true
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw string) {
		params, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		q := &query{r: &Resource{}, custom: filters}
		q.filter(params)
		for _, w := range word.FindAllString(q.whereSQL(), -1) {
			if !plain[w] && w != "WHERE" && w != "AND" && w != "OR" {
				t.Errorf("%q makes %q part of the SQL%s", raw, w, q.whereSQL())
			}
		}
		if sql := q.whereSQL(); strings.Contains(sql, ";") || strings.Contains(sql, "--") || strings.Count(sql, "'")%2 != 0 {
			t.Errorf("%q makes the SQL%s", raw, sql)
		}
	})
}

// FuzzCustomShown shows that stored values, whatever they are, are shown with each field of the type once, in its order.
func FuzzCustomShown(f *testing.F) {
	for _, seed := range []string{`{}`, `{"b": 1, "a": [1, {"x": "}"}]}`, `{"gone": null, "a": "q\"\\"}`, `{ "c" : -1.5e3 , "b":{} }`, `{"a":"日本"}`} {
		f.Add(seed)
	}
	d := new(definitions).name([]string{"b", "a", "c"})
	f.Fuzz(func(t *testing.T, text string) {
		var stored map[string]any
		if json.Unmarshal([]byte(text), &stored) != nil || stored == nil {
			return
		}
		canonical, err := json.Marshal(stored) // as jsonb has it: each key once
		if err != nil {
			return
		}
		var shown map[string]any
		got := d.append(nil, canonical)
		if err := json.Unmarshal(got, &shown); err != nil {
			t.Fatalf("%s is shown as %s: %v", canonical, got, err)
		}
		want := map[string]any{"a": stored["a"], "b": stored["b"], "c": stored["c"]}
		if !reflect.DeepEqual(shown, want) || !strings.HasPrefix(string(got), `{"b":`) {
			t.Errorf("%s is shown as %s", canonical, got)
		}
	})
}
