package resource

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Integer is a whole number. The default bounds are those of NetBox's positive integers: 0 and 2147483647.
type Integer struct {
	common
	Min, Max int64 // Max 0 stands for 2147483647
	Check    func(int64) (wrong string)
}

// maxInt32 is the largest id and the largest number of NetBox's integer fields.
const maxInt32 = 2147483647

func (k Integer) max() int64 {
	if k.Max == 0 {
		return maxInt32
	}
	return k.Max
}

func (Integer) encode(p *plan, _ *Resource, alias string, f *Field, _ Shape) appender {
	i := p.value(f.sql(alias))
	return func(b []byte, r *Row) []byte {
		if r.Vals[i] == nil {
			return append(b, "null"...)
		}
		return strconv.AppendInt(b, decodeInt(r.Vals[i]), 10)
	}
}

func (Integer) decode(v []byte) any { return decodeInt(v) }

// zeroFraction is what NetBox cuts from a number before it reads a whole one: 5.0 is 5.
var zeroFraction = regexp.MustCompile(`\.0*\s*$`)

func (k Integer) read(_ *input, _ *Field, v any) (any, []string) {
	const invalid = "A valid integer is required."
	var s string
	switch v := v.(type) {
	case json.Number:
		s = v.String()
		if strings.ContainsAny(s, "eE") {
			f, err := v.Float64()
			if err != nil || f != math.Trunc(f) || math.Abs(f) > 1e15 {
				return nil, []string{invalid}
			}
			s = strconv.FormatFloat(f, 'f', 0, 64)
		}
	case string:
		s = v
	default:
		return nil, []string{invalid}
	}
	if len(s) > 1000 {
		return nil, []string{"String value too large."}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(zeroFraction.ReplaceAllString(s, "")), 10, 64)
	if err != nil && !isRange(err) {
		return nil, []string{invalid}
	}
	switch { // n is the nearest number when it is out of range
	case n < k.Min:
		return nil, []string{fmt.Sprintf("Ensure this value is greater than or equal to %d.", k.Min)}
	case n > k.max():
		return nil, []string{fmt.Sprintf("Ensure this value is less than or equal to %d.", k.max())}
	}
	if k.Check != nil {
		if wrong := k.Check(n); wrong != "" {
			return nil, []string{wrong}
		}
	}
	return n, nil
}

// ReadInt reads a number that belongs to no object, with the messages of a field that is not null.
func (k Integer) ReadInt(v any) (n int64, wrong []string) {
	if v == nil {
		return 0, []string{"This field may not be null."}
	}
	value, wrong := k.read(nil, nil, v)
	n, _ = value.(int64)
	return n, wrong
}

func (Integer) filters(f *Field, add func(string, filter)) {
	numberLookups(f, "bigint", wholeNumber, "Enter a whole number.", add)
}

// wholeNumber reads a number of a query. One that no column can hold becomes the largest or smallest there is: comparisons stay true.
func wholeNumber(s string) (any, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(zeroFraction.ReplaceAllString(s, "")), 10, 64)
	return n, err == nil || isRange(err)
}

func (k Integer) meta(_ *Resource, _ *Field) meta {
	return meta{Type: "integer", Min: &k.Min, Max: new(k.max())}
}

// Float is a number with a fraction.
type Float struct {
	common
	Min float64
}

func (Float) encode(p *plan, _ *Resource, alias string, f *Field, _ Shape) appender {
	i := p.value(f.sql(alias))
	return func(b []byte, r *Row) []byte {
		if r.Vals[i] == nil {
			return append(b, "null"...)
		}
		return appendFloat(b, decodeFloat(r.Vals[i]))
	}
}

func (Float) decode(v []byte) any { return decodeFloat(v) }

func (k Float) read(_ *input, _ *Field, v any) (any, []string) {
	var s string
	switch v := v.(type) {
	case json.Number:
		s = v.String()
	case string:
		s = strings.TrimSpace(v)
	}
	n, ok := number(s)
	if !ok {
		return nil, []string{"A valid number is required."}
	}
	if n.(float64) < k.Min {
		return nil, []string{fmt.Sprintf("Ensure this value is greater than or equal to %g.", k.Min)}
	}
	return n, nil
}

func (Float) filters(f *Field, add func(string, filter)) {
	numberLookups(f, "float8", number, "Enter a number.", add)
}

// number reads a finite decimal number; Go's hexadecimal forms and underscores are none.
func number(s string) (any, bool) {
	if s == "" || strings.ContainsAny(s, "xXpP_nNiI") {
		return nil, false
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return n, err == nil
}

func (Float) meta(_ *Resource, _ *Field) meta { return meta{Type: "float"} }

// Boolean is true or false.
type Boolean struct {
	common
	NullIsFalse bool // null in a request stands for false
}

func (Boolean) encode(p *plan, _ *Resource, alias string, f *Field, _ Shape) appender {
	i := p.value(f.sql(alias))
	return func(b []byte, r *Row) []byte {
		switch v := r.Vals[i]; {
		case v == nil:
			return append(b, "null"...)
		case isTrue(v):
			return append(b, "true"...)
		}
		return append(b, "false"...)
	}
}

func isTrue(v []byte) bool { return len(v) == 1 && v[0] == 1 }

func (Boolean) decode(v []byte) any { return isTrue(v) }

func (Boolean) read(_ *input, f *Field, v any) (any, []string) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case json.Number:
		if n, err := v.Float64(); err == nil && (n == 0 || n == 1) {
			return n == 1, nil
		}
	case string:
		switch strings.ToLower(v) {
		case "t", "y", "yes", "true", "on", "1":
			return true, nil
		case "f", "n", "no", "false", "off", "0":
			return false, nil
		}
		if f.Null && (v == "" || v == "null" || v == "Null" || v == "NULL") {
			return nil, nil
		}
	}
	return nil, []string{"Must be a valid boolean."}
}

func (Boolean) empty() any { return false }

func (k Boolean) filters(f *Field, add func(string, filter)) { add("", k.filter(f)) }

func (Boolean) filter(f *Field) filter {
	return func(q *query, _ string, values []string) {
		if b, ok := queryBool(values); ok {
			q.cond(f.sql("t") + " = " + q.arg(b))
		}
	}
}

// queryBool reads a boolean of a query. NetBox knows these spellings and ignores all others, 1 and 0 among them.
func queryBool(values []string) (value, ok bool) {
	switch Last(values) {
	case "true", "True", "2":
		return true, true
	case "false", "False", "3":
		return false, true
	}
	return false, false
}

func (Boolean) meta(_ *Resource, _ *Field) meta { return meta{Type: "boolean"} }

func (k Integer) schema(_ *Resource, f *Field) (read, write *openapi3.SchemaRef) {
	s := openapi3.NewIntegerSchema()
	if k.max() > maxInt32 {
		s = openapi3.NewInt64Schema()
	}
	if f.ReadOnly {
		return s.NewRef(), nil
	}
	return s.WithMin(float64(k.Min)).WithMax(float64(k.max())).NewRef(), nil
}

func (Integer) query(*Field) *openapi3.Schema { return openapi3.NewIntegerSchema() }

func (k Float) schema(_ *Resource, f *Field) (read, write *openapi3.SchemaRef) {
	s := openapi3.NewFloat64Schema()
	if !f.ReadOnly {
		s = s.WithMin(k.Min)
	}
	return s.NewRef(), nil
}

func (Float) query(*Field) *openapi3.Schema { return openapi3.NewFloat64Schema() }

func (Boolean) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	return openapi3.NewBoolSchema().NewRef(), nil
}

func (Boolean) query(*Field) *openapi3.Schema { return openapi3.NewBoolSchema() }
