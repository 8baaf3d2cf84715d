package change

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Diff names the fields in which two flat states differ, sorted. Values are compared as JSON: a key that is absent equals null.
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
		if !bytes.Equal(before[name], value) {
			names = append(names, name)
		}
	}
	for name, value := range before {
		if _, ok := after[name]; !ok && value != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// fields takes a flat state apart into compact, canonical values; null becomes nil.
func fields(state json.RawMessage) (map[string][]byte, error) {
	var values map[string]any
	if len(state) > 0 {
		d := json.NewDecoder(bytes.NewReader(state))
		d.UseNumber()
		if err := d.Decode(&values); err != nil {
			return nil, fmt.Errorf("decode: %w", err)
		}
	}
	out := make(map[string][]byte, len(values))
	for name, value := range values {
		if value == nil {
			out[name] = nil
			continue
		}
		b, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", name, err)
		}
		out[name] = b
	}
	return out, nil
}
