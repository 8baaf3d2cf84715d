package web

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
)

// shownName is the control in which a form remembers what it showed.
const shownName = "_shown"

// shown is what the controls of a form hold before anybody touches them.
func shown(fields []formField) string {
	values := map[string][]string{}
	for i := range fields {
		if c := &fields[i]; c.kind != "secret" {
			values[c.input()] = c.sent()
		}
	}
	text, err := json.Marshal(values)
	if err != nil {
		return "" // texts can be encoded
	}
	return string(text)
}

// readForm makes the body of a request of what a person filled in, and says what cannot be read. Of an object that there is, only what they touched is
// sent: so a form undoes nothing that happened to the object since it was opened, and loses nothing that it cannot show.
func readForm(fields []formField, sent url.Values, isNew bool) (body map[string]any, wrong map[string][]string) {
	body, wrong = map[string]any{}, map[string][]string{}
	var before map[string][]string
	if !isNew {
		_ = json.Unmarshal([]byte(sent.Get(shownName)), &before) // without it, everything counts as touched
	}
	custom := map[string]any{}
	for i := range fields {
		c := &fields[i]
		if was, ok := before[c.input()]; ok && !c.touched(sent, was) {
			continue
		}
		v, given, text := c.read(sent, isNew)
		switch {
		case text != "":
			wrong[c.input()] = []string{text}
		case !given:
		case c.custom:
			custom[c.name] = v
		default:
			body[c.name] = v
		}
	}
	if len(custom) > 0 {
		body["custom_fields"] = custom
	}
	if m := sent.Get("changelog_message"); m != "" {
		body["changelog_message"] = m
	}
	return body, wrong
}

// read is the value of a control for the API. Without given nothing is to be said about the field.
func (c *formField) read(sent url.Values, isNew bool) (v any, given bool, wrong string) {
	if c.kind == "secret" {
		return c.readSecret(sent)
	}
	if !sent.Has(c.input()) {
		return nil, false, ""
	}
	now := *c
	now.value, now.values = "", nil
	now.take(sent)
	empty := now.value == "" && len(now.values) == 0
	switch {
	case empty && c.required && isNew:
		return nil, false, "This field is required."
	case empty && isNew && !c.custom: // the default applies
		return nil, false, ""
	case c.kind == "pick" || c.kind == "picks":
		for _, v := range now.values {
			if !isNumber(v) {
				return nil, false, "Enter the number of an object: " + v + " is none."
			}
		}
	}
	if c.many() {
		return now.list(), true, ""
	}
	text := strings.ReplaceAll(now.value, "\r\n", "\n")
	switch c.kind {
	case "items":
		return now.items(text), true, ""
	case "pairs":
		return pairs(text), true, ""
	case "text", "area", "url", "colour":
		if c.custom && text == "" {
			return nil, true, ""
		}
		return text, true, ""
	case "choice":
		if text == "" && !c.null {
			return "", true, "" // the API says what is wrong
		}
	case "json":
		if strings.TrimSpace(text) == "" {
			break
		}
		v, err := decodeValue(text)
		if err != nil {
			return nil, false, "Enter valid JSON: " + err.Error()
		}
		return v, true, ""
	}
	switch {
	case empty || strings.TrimSpace(text) == "":
		return nil, true, ""
	case c.kind == "pick":
		return json.Number(first(now.values)), true, ""
	case c.kind == "boolean":
		return text == "true", true, ""
	case c.custom && c.numbers && json.Valid([]byte(text)):
		return json.Number(strings.TrimSpace(text)), true, ""
	}
	return text, true, ""
}

// readSecret leaves a secret as it is unless another is given, or it is to be removed.
func (c *formField) readSecret(sent url.Values) (v any, given bool, wrong string) {
	text := sent.Get(c.input())
	switch {
	case text != "":
		return text, true, ""
	case c.removable && sent.Get(c.input()+"_remove") != "":
		return "", true, ""
	case c.required && sent.Has(c.input()):
		return nil, false, "This field is required."
	}
	return nil, false, ""
}

// list is what a control that holds several values has for the API.
func (c *formField) list() []any {
	out := make([]any, len(c.values))
	for i, v := range c.values {
		if out[i] = v; c.kind == "picks" {
			out[i] = json.Number(v)
		}
	}
	return out
}

func (c *formField) items(text string) []any {
	out := []any{}
	for _, item := range strings.FieldsFunc(text, separates) {
		if c.numbers && isNumber(item) {
			out = append(out, json.Number(item))
			continue
		}
		out = append(out, item)
	}
	return out
}

// decodeValue reads a JSON value.
func decodeValue(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("there is something after its end")
	}
	return v, nil
}
