package resource

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Check returns the form in which a decoded value of the field is stored, or what is wrong with it. nil is unset.
func (f *CustomField) Check(v any) (stored any, wrong string) {
	if v == nil || v == "" && !f.textual() {
		if f.Required {
			return nil, "Required field cannot be empty."
		}
		return nil, ""
	}
	if wrong := storable(v); wrong != "" {
		return nil, wrong
	}
	switch f.Type {
	case CustomInteger:
		return f.integer(v)
	case CustomDecimal:
		return f.decimal(v)
	case CustomBoolean:
		return truth(v)
	case CustomDate:
		return isoDate(v)
	case CustomDateTime:
		return isoTime(v)
	case CustomJSON:
		return v, ""
	case CustomMultiSelect:
		return f.choices(v)
	}
	if v == "" {
		if f.Required {
			return nil, "Required field cannot be empty."
		}
		return v, ""
	}
	if f.Type == CustomSelect {
		if !f.offers(v) {
			return nil, "Invalid choice (" + PythonString(v) + ") for choice set " + f.Set + "."
		}
		return v, ""
	}
	return f.text(v)
}

// textual says that the empty text is a value of the field.
func (f *CustomField) textual() bool {
	switch f.Type {
	case CustomText, CustomLongText, CustomURL, CustomSelect, CustomJSON:
		return true
	}
	return false
}

func (f *CustomField) text(v any) (any, string) {
	s, ok := v.(string)
	if !ok {
		return nil, "Value must be a string."
	}
	if f.Regex != "" {
		re, err := compileRegex(f.Regex)
		if err != nil || !re.MatchString(s) {
			return nil, "Value must match regex '" + f.Regex + "'"
		}
	}
	return s, ""
}

// compileRegex reads a regular expression that must match from the beginning of a text on, as Python's re.match does.
func compileRegex(text string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(`\A(?:` + strings.ReplaceAll(text, `\Z`, `\z`) + `)`)
	if err != nil {
		return nil, fmt.Errorf("read a regular expression: %w", err)
	}
	return re, nil
}

// CheckRegex says what is wrong with a regular expression for values of custom fields, "" if nothing.
func CheckRegex(text string) (wrong string) {
	if _, err := compileRegex(text); err != nil {
		return text + " is not a valid regular expression."
	}
	return ""
}

func (f *CustomField) integer(v any) (any, string) {
	n, ok := v.(json.Number)
	if !ok || strings.ContainsAny(n.String(), ".eE") {
		return nil, "Value must be an integer."
	}
	return n, f.bounds(n.String())
}

// bounds holds a number against the bounds of the field, which are shown with the four digits that NetBox keeps of them.
func (f *CustomField) bounds(text string) string {
	n, ok := new(big.Rat).SetString(text)
	bound := func(v *float64) *big.Rat { return new(big.Rat).SetFloat64(*v) }
	switch {
	case !ok:
		return "Value must be a decimal."
	case f.Min != nil && n.Cmp(bound(f.Min)) < 0:
		return fmt.Sprintf("Value must be at least %.4f", *f.Min)
	case f.Max != nil && n.Cmp(bound(f.Max)) > 0:
		return fmt.Sprintf("Value must not exceed %.4f", *f.Max)
	}
	return ""
}

var decimalForm = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$`)

// decimal reads a number, or a text that is one. It is stored as a number with the precision that JSON readers have.
func (f *CustomField) decimal(v any) (any, string) {
	const invalid = "Value must be a decimal."
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	}
	if !decimalForm.MatchString(text) {
		return nil, invalid
	}
	text = strings.TrimPrefix(text, "+")
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, invalid
	}
	if wrong := f.bounds(text); wrong != "" {
		return nil, wrong
	}
	if whole, ok := v.(json.Number); ok && !strings.ContainsAny(text, ".eE") {
		return whole, ""
	}
	return json.Number(appendFloat(nil, n)), ""
}

func truth(v any) (any, string) {
	switch v := v.(type) {
	case bool:
		return v, ""
	case json.Number:
		if n, err := v.Float64(); err == nil && (n == 0 || n == 1) {
			return n == 1, ""
		}
	}
	return nil, "Value must be true or false."
}

func isoDate(v any) (any, string) {
	s, _ := v.(string)
	for _, layout := range []string{"2006-01-02", "20060102"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 0 {
			return t.Format("2006-01-02"), ""
		}
	}
	return nil, "Date values must be in ISO 8601 format (YYYY-MM-DD)."
}

var isoTimeForm = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,6})\d{0,3})?(Z|z|[+-]\d{2}(?::?\d{2})?)?)?$`)

// maxOffset is how far a zone may be from UTC, in seconds: Postgres compares no time of a zone farther away.
const maxOffset = 16 * 3600

// isoTime brings a time into the form that NetBox shows: with its zone as it was given, if it was.
func isoTime(v any) (any, string) {
	const invalid = "Date and time values must be in ISO 8601 format (YYYY-MM-DD HH:MM:SS)."
	s, _ := v.(string)
	m := isoTimeForm.FindStringSubmatch(s)
	if m == nil {
		return nil, invalid
	}
	clock := m[2]
	switch len(clock) {
	case 0:
		clock = "00:00:00"
	case len("00:00"):
		clock += ":00"
	}
	if micro := strings.TrimRight(m[3], "0"); micro != "" {
		clock += "." + (m[3] + "000000")[:6]
	}
	zone := strings.ToUpper(m[4])
	switch {
	case zone == "" || zone == "Z":
	case len(zone) == len("+00"):
		zone += ":00"
	case len(zone) == len("+0000"):
		zone = zone[:3] + ":" + zone[3:]
	}
	if zone == "+00:00" || zone == "-00:00" {
		zone = "Z"
	}
	out := m[1] + "T" + clock + zone
	layout := "2006-01-02T15:04:05"
	if zone != "" {
		layout = time.RFC3339
	}
	t, err := time.Parse(layout, out)
	if _, offset := t.Zone(); err != nil || t.Year() < 1 || max(offset, -offset) >= maxOffset {
		return nil, invalid
	}
	return out, ""
}

func (f *CustomField) choices(v any) (any, string) {
	list, ok := v.([]any)
	for _, e := range list {
		ok = ok && f.offers(e)
	}
	if !ok {
		return nil, "Invalid choice(s) (" + PythonString(v) + ") for choice set " + f.Set + "."
	}
	return list, ""
}
