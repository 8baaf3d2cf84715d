package change

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Diff names the fields in which two flat states differ, sorted. Values are compared as Postgres compares jsonb: the order of keys and the
// spelling of a number (1e3, 1000, 1000.0) do not count, and a key that is absent equals null.
func Diff(pre, post json.RawMessage) ([]string, error) {
	before, err := fields(pre)
	if err != nil {
		return nil, fmt.Errorf("state before the change: %w", err)
	}
	after, err := fields(post)
	if err != nil {
		return nil, fmt.Errorf("state after the change: %w", err)
	}
	var names []string
	for name, value := range after {
		same, err := Same(before[name], value)
		if err != nil {
			return nil, fmt.Errorf("compare %s: %w", name, err)
		}
		if !same {
			names = append(names, name)
		}
	}
	for name, value := range before {
		if _, ok := after[name]; !ok && !isNull(value) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// DiffStates is Diff for two states that are not encoded yet: pointers to structs of one type whose fields have JSON names.
func DiffStates[S any](before, after *S) ([]string, error) {
	a, b := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	var names []string
	for i := range a.NumField() {
		same, err := sameValue(a.Field(i).Interface(), b.Field(i).Interface())
		name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
		if err != nil {
			return nil, fmt.Errorf("compare %s: %w", name, err)
		}
		if !same {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func sameValue(a, b any) (bool, error) {
	switch a := a.(type) {
	case json.RawMessage:
		return Same(a, b.(json.RawMessage))
	case *time.Time:
		b := b.(*time.Time)
		return a == b || a != nil && b != nil && a.Equal(*b), nil
	}
	return reflect.DeepEqual(a, b), nil
}

// Same says whether two JSON documents have the same value in the sense of Diff. No document at all equals null.
func Same(a, b json.RawMessage) (bool, error) {
	if bytes.Equal(a, b) || isNull(a) && isNull(b) {
		return true, nil
	}
	x, err := decode(a)
	if err != nil {
		return false, err
	}
	y, err := decode(b)
	if err != nil {
		return false, err
	}
	return reflect.DeepEqual(x, y), nil
}

func isNull(v json.RawMessage) bool { return len(v) == 0 || string(v) == "null" }

func fields(state json.RawMessage) (map[string]json.RawMessage, error) {
	if len(state) == 0 {
		return nil, nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(state, &values); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return values, nil
}

// decode reads a document so that equal values are deeply equal.
func decode(doc json.RawMessage) (any, error) {
	if isNull(doc) {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return canonical(v), nil
}

func canonical(v any) any {
	switch v := v.(type) {
	case json.Number:
		return number(v.String())
	case map[string]any:
		for key, value := range v {
			v[key] = canonical(value)
		}
	case []any:
		for i, value := range v {
			v[i] = canonical(value)
		}
	}
	return v
}

// decimal is a number that is as exact as its text: 0.digits × 10^exponent, digits neither beginning nor ending with zero.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

// number reads a JSON number. One whose exponent is absurd is compared as text.
func number(text string) any {
	mantissa, exponentText, scientific := strings.Cut(strings.ToLower(text), "e")
	exponent := 0
	if scientific {
		var err error
		if exponent, err = strconv.Atoi(exponentText); err != nil {
			return json.Number(text)
		}
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent += len(digits) - len(fraction)
	digits = strings.TrimRight(digits, "0")
	if digits == "" {
		return decimal{}
	}
	return decimal{negative, digits, exponent}
}
