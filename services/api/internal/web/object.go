package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// object is an object of the REST API, decoded, with numbers as they were written.
type object map[string]any

func decode(body []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var o object
	if err := d.Decode(&o); err != nil {
		return nil, fmt.Errorf("read an object of the API: %w", err)
	}
	return o, nil
}

// text is a text, or a number as it was written; "" for anything else.
func (o object) text(name string) string {
	switch v := o[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (o object) number(name string) int64 {
	n, _ := o[name].(json.Number)
	i, _ := strconv.ParseInt(n.String(), 10, 64)
	return i
}

func (o object) flag(name string) bool { b, _ := o[name].(bool); return b }

func (o object) id() string { return o.text("id") }

// sub is a nested object, empty if there is none.
func (o object) sub(name string) object {
	m, _ := o[name].(map[string]any)
	return m
}

// choice is the value of a choice.
func (o object) choice(name string) string { return o.sub(name).text("value") }

// list is a list of nested objects.
func (o object) list(name string) []object {
	all, _ := o[name].([]any)
	out := make([]object, 0, len(all))
	for _, v := range all {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
