package web

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// fill sets the value of a control to that of an object.
func (c *formField) fill(v any) {
	if v == nil || c.kind == "secret" {
		return
	}
	switch c.kind {
	case "pick", "picks":
		for _, e := range listOf(v) {
			c.values = append(c.values, idOf(e))
		}
	case "types", "actions", "choices":
		for _, e := range listOf(v) {
			c.values = append(c.values, plain(e))
		}
	case "items":
		c.fillItems(v)
	case "pairs":
		c.value = pairsText(v)
	case "choice":
		c.value = plain(v)
		if m, ok := v.(map[string]any); ok {
			c.value = object(m).text("value")
		}
	case "json":
		c.value = indented(v)
	default:
		c.value = plain(v)
	}
}

// fillItems shows a list with an item on each line, or as JSON if that would not say what it is.
func (c *formField) fillItems(v any) {
	var lines []string
	for _, e := range listOf(v) {
		text := plain(e)
		_, number := e.(json.Number)
		if text == "" || strings.ContainsFunc(text, separates) || number != isNumber(text) {
			c.kind, c.value = "json", indented(v)
			return
		}
		lines = append(lines, text)
	}
	c.value = strings.Join(lines, "\n")
}

// take sets the value of a control to what was sent.
func (c *formField) take(sent url.Values) {
	values := sent[c.input()]
	if c.kind == "secret" {
		return
	}
	if c.value = first(values); c.kind == "colour" { // browsers write it as in CSS
		c.value = strings.ToLower(strings.TrimPrefix(c.value, "#"))
	}
	c.values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
	if c.kind == "pick" || c.kind == "picks" {
		c.values = strings.FieldsFunc(strings.Join(values, ","), separates)
	}
	if c.kind == "actions" {
		c.values = append(c.values, strings.FieldsFunc(sent.Get(c.input()+"_more"), separates)...)
	}
}

// sent is what a browser sends of the control if nobody touches it.
func (c *formField) sent() []string {
	switch {
	case c.kind == "pick" || c.kind == "picks":
		return c.values
	case c.many():
		return c.values
	case c.kind == "secret":
		return nil
	case c.kind == "boolean" && !c.null && c.value == "":
		return []string{"true"} // the first choice
	}
	return []string{c.value}
}

// touched says whether what was sent is something else than what was shown. Browsers bring line ends into a form of their own, and leave them out of
// controls with one line.
func (c *formField) touched(sent url.Values, shown []string) bool {
	now := *c
	now.values, now.value = nil, ""
	now.take(sent)
	a, b := now.sent(), shown
	if c.many() || c.kind == "pick" {
		a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	}
	clean := func(values []string) string {
		text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.Join(values, "\x00"))
		if !slices.Contains([]string{"area", "json", "items", "pairs"}, c.kind) {
			text = strings.ReplaceAll(text, "\n", "")
		}
		return text
	}
	return clean(a) != clean(b)
}

func listOf(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// idOf is the id of an object that is nested in another.
func idOf(v any) string {
	if m, ok := v.(map[string]any); ok {
		return object(m).id()
	}
	return plain(v)
}

func separates(c rune) bool { return c == ',' || c == ';' || unicode.IsSpace(c) }

func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == "" && (text == "0" || text[0] != '0')
}

// pairsText is a list of choices with one on each line, as pairs reads it.
func pairsText(v any) string {
	var lines []string
	for _, e := range listOf(v) {
		pair := listOf(e)
		if len(pair) != 2 {
			continue
		}
		line := strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(plain(pair[0]))
		if plain(pair[1]) != plain(pair[0]) {
			line += ": " + plain(pair[1])
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// pairs reads choices: "value", or "value: Label", on each line.
func pairs(text string) []any {
	out := []any{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		value, label := cutPair(line)
		if label == "" {
			label = value
		}
		out = append(out, []any{value, label})
	}
	return out
}

// cutPair cuts a line at the first colon that is not escaped.
func cutPair(line string) (value, label string) {
	var b strings.Builder
	escaped := false
	for i, c := range line {
		switch {
		case escaped:
			b.WriteRune(c)
			escaped = false
		case c == '\\':
			escaped = true
		case c == ':':
			return strings.TrimSpace(b.String()), strings.TrimSpace(line[i+1:])
		default:
			b.WriteRune(c)
		}
	}
	return strings.TrimSpace(b.String()), ""
}
