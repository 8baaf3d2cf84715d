package pve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxEntries bounds a list. Proxmox VE bounds its configuration files, which gives some ten thousand jobs at most.
const maxEntries = 100_000

// maxDepth bounds the nesting of a value that is kept: Proxmox VE nests twice.
const maxDepth = 16

// object is a decoded JSON object: its numbers are json.Number, so they stay as the cluster wrote them.
type object map[string]any

// list decodes the entries of a JSON array of objects. Anything else is malformed: null is not an empty list.
func list(raw json.RawMessage) ([]object, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '[' {
		return nil, malformedf("data is %s instead of a list", describe(raw))
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if _, err := dec.Token(); err != nil {
		return nil, malformedf("data is not JSON: %w", err)
	}
	out := []object{}
	for dec.More() {
		if len(out) == maxEntries {
			return nil, malformedf("the list has more than %d entries", maxEntries)
		}
		var entry any
		if err := dec.Decode(&entry); err != nil {
			return nil, malformedf("entry %d is not JSON: %w", len(out)+1, err)
		}
		o, ok := entry.(map[string]any)
		if !ok {
			return nil, malformedf("entry %d is not an object", len(out)+1)
		}
		out = append(out, o)
	}
	if _, err := dec.Token(); err != nil {
		return nil, malformedf("the list does not end: %w", err)
	}
	return out, nil
}

// single decodes one JSON object.
func single(raw json.RawMessage) (object, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '{' {
		return nil, malformedf("data is %s instead of an object", describe(raw))
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var o object
	if err := dec.Decode(&o); err != nil {
		return nil, malformedf("data is not JSON: %w", err)
	}
	return o, nil
}

func describe(raw []byte) string {
	switch {
	case len(raw) == 0:
		return "empty"
	case raw[0] == '{':
		return "an object"
	case raw[0] == '[':
		return "a list"
	case raw[0] == 'n':
		return "null"
	}
	return "a plain value"
}

// canonical renders an object with sorted keys and without those that are dropped, in a form that Postgres takes as jsonb: no
// U+0000, no number beyond its range, no deep nesting.
func canonical(o object, drop ...string) ([]byte, error) {
	keep := maps.Clone(o)
	for _, key := range drop {
		delete(keep, key)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(clean(map[string]any(keep), 0)); err != nil {
		return nil, fmt.Errorf("render as canonical JSON: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

func clean(v any, depth int) any {
	if depth > maxDepth {
		return nil
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		// In order, so that keys which become equal have the same winner at every poll.
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out[withoutNUL(key)] = clean(v[key], depth+1)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = clean(v[i], depth+1)
		}
		return out
	case string:
		return withoutNUL(v)
	case json.Number:
		if !storable(v) {
			return clip(v.String(), 64)
		}
		return v
	}
	return v
}

// storable says whether Postgres' numeric holds the number: it refuses exponents that JSON allows.
func storable(n json.Number) bool {
	text := n.String()
	if len(text) > 300 {
		return false
	}
	i := strings.IndexAny(text, "eE")
	if i < 0 {
		return true
	}
	exp, err := strconv.Atoi(text[i+1:])
	return err == nil && -300 <= exp && exp <= 300
}

func withoutNUL(s string) string { return strings.ReplaceAll(s, "\x00", "\uFFFD") }

// clip shortens a text to n bytes, at a character's border.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
