package pvesim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
)

// object is a JSON object whose keys are written in a new random order each time, as Perl's hashes are.
type object map[string]any

// writer writes JSON the way Perl does: no HTML escapes, numbers and strings as their type says, keys in random order.
type writer struct {
	buf  bytes.Buffer
	rand *rand.Rand
	keys []string
}

// value appends v, which is one of string, int, int64, float64, object, []object, []string or nil.
func (w *writer) value(v any) {
	switch v := v.(type) {
	case nil:
		w.buf.WriteString("null")
	case string:
		w.text(v)
	case int:
		w.buf.WriteString(strconv.Itoa(v))
	case int64:
		w.buf.WriteString(strconv.FormatInt(v, 10))
	case float64:
		w.buf.WriteString(strconv.FormatFloat(v, 'f', -1, 64))
	case object:
		w.object(v)
	case []object:
		list(w, v, w.object)
	case []string:
		list(w, v, w.text)
	default:
		panic(fmt.Sprintf("pvesim: no JSON for a %T", v))
	}
}

func list[T any](w *writer, items []T, item func(T)) {
	w.buf.WriteByte('[')
	for i, it := range items {
		if i > 0 {
			w.buf.WriteByte(',')
		}
		item(it)
	}
	w.buf.WriteByte(']')
}

func (w *writer) object(o object) {
	// Nested objects use the same scratch space behind this one's keys.
	start := len(w.keys)
	for k := range o {
		w.keys = append(w.keys, k)
	}
	end := len(w.keys)
	slices.Sort(w.keys[start:]) // Go's own order would be beyond the seed
	w.rand.Shuffle(end-start, func(i, j int) {
		w.keys[start+i], w.keys[start+j] = w.keys[start+j], w.keys[start+i]
	})
	w.buf.WriteByte('{')
	for i := start; i < end; i++ {
		if i > start {
			w.buf.WriteByte(',')
		}
		key := w.keys[i]
		w.text(key)
		w.buf.WriteByte(':')
		w.value(o[key])
	}
	w.buf.WriteByte('}')
	w.keys = w.keys[:start]
}

func (w *writer) text(s string) {
	if plain(s) {
		w.buf.WriteByte('"')
		w.buf.WriteString(s)
		w.buf.WriteByte('"')
		return
	}
	enc := json.NewEncoder(&w.buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s)               // a string always encodes, and a buffer takes everything
	w.buf.Truncate(w.buf.Len() - 1) // the encoder's newline
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
