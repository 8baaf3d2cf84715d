// Package wire reads bodies and queries as Python does, so that clients get the answers they get from NetBox.
package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep JSON is nested.
const maxDepth = 200

// DecodeJSON decodes a JSON document, numbers as json.Number. wrong says in Python's words what is wrong with it, if anything.
func DecodeJSON(body []byte) (v any, wrong string) {
	if !utf8.Valid(body) {
		return nil, "'utf-8' codec can't decode the body: it is no UTF-8"
	}
	if deeper(body, maxDepth) {
		return nil, fmt.Sprintf("nested deeper than %d levels", maxDepth)
	}
	if !json.Valid(body) {
		return nil, pythonJSONError(body)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err.Error()
	}
	return v, ""
}

// deeper says whether brackets outside of strings are nested deeper than the limit.
func deeper(body []byte, limit int) bool {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// ParseQuery reads a query: nothing is an error, blank values count, and bad escapes stay as they are.
func ParseQuery(raw string) url.Values {
	v := url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name = unescape(name)
		v[name] = append(v[name], unescape(value))
	}
	return v
}

// unescape undoes the escapes that are good.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case s[i] == '%' && i+2 < len(s) && isHex(rune(s[i+1])) && isHex(rune(s[i+2])):
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
