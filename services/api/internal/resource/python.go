package resource

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// PythonString is str() of a decoded JSON value, as NetBox's messages show what they refuse.
func PythonString(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return PythonRepr(v)
}

// PythonRepr is repr() of a decoded JSON value. Python keeps the order of keys, which is lost here: they are sorted.
func PythonRepr(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return pythonQuote(v)
	case json.Number:
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = PythonRepr(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for i, k := range keys {
			keys[i] = pythonQuote(k) + ": " + PythonRepr(v[k])
		}
		return "{" + strings.Join(keys, ", ") + "}"
	}
	return ""
}

func pythonQuote(s string) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b := []byte{quote}
	for _, c := range s {
		switch {
		case c == rune(quote) || c == '\\':
			b = append(b, '\\', byte(c))
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		case !unicode.IsPrint(c):
			b = append(b, strings.Trim(strconv.QuoteRuneToASCII(c), "'")...)
		default:
			b = append(b, string(c)...)
		}
	}
	return string(append(b, quote))
}

func isRange(err error) bool { return errors.Is(err, strconv.ErrRange) }
