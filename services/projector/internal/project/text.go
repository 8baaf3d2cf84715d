package project

import (
	"bytes"
	"encoding/json"
	"math"
	"unicode/utf8"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres"
)

// text is what Postgres stores of a text, however long it is.
func text(s string) string { return postgres.Text(s, 0) }

// object is what Postgres stores of a JSON object: U+0000 is left out of keys and texts, halves of surrogate pairs are replaced. Nothing at
// all is the empty object. What does not even begin as an object is fault.Invalid; the rest of the syntax is left to whoever encodes the
// row or stores it, as that reads it anyway.
func object(raw []byte) (json.RawMessage, error) {
	if len(raw) == 0 {
		return json.RawMessage("{}"), nil
	}
	if raw[0] == '{' && utf8.Valid(raw) && !suspicious(raw) {
		return raw, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil || v == nil || d.More() {
		return nil, fault.New(fault.Invalid, "raw configuration is no JSON object: %.100q", raw)
	}
	clean, err := json.Marshal(strip(v))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "encode raw configuration")
	}
	return clean, nil
}

// suspicious says whether a document may hold an escape that Postgres refuses.
func suspicious(raw []byte) bool {
	for i := bytes.IndexByte(raw, '\\'); i >= 0 && i+2 < len(raw); {
		if raw[i+1] == 'u' && (raw[i+2] == '0' || raw[i+2] == 'd' || raw[i+2] == 'D') {
			return true
		}
		next := bytes.IndexByte(raw[i+2:], '\\')
		if next < 0 {
			return false
		}
		i += 2 + next
	}
	return false
}

// strip takes U+0000 out of a decoded document. Decoding has replaced the halves of surrogate pairs.
func strip(v any) any {
	switch v := v.(type) {
	case string:
		return text(v)
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for key, value := range v {
			clean[text(key)] = strip(value)
		}
		return clean
	}
	return v
}

// integer returns a number as an integer column holds it, or fault.Invalid if it is too large.
func integer(field string, n int64) (int32, error) {
	if n < math.MinInt32 || n > math.MaxInt32 {
		return 0, fault.New(fault.Invalid, "%s is %d, which is no 32-bit integer", field, n)
	}
	return int32(n), nil
}

// vmids is a list of guests as JSON.
func vmids(list []int64) json.RawMessage {
	if len(list) == 0 {
		return json.RawMessage("[]")
	}
	doc, err := json.Marshal(list)
	if err != nil {
		panic(err) // integers always have a JSON form
	}
	return doc
}

// finite is a number that JSON can say, else nil.
func finite(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}
