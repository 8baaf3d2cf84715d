package render

import (
	"fmt"
	"strings"
)

// eachField calls fn with every name and value of a JSON object, as they are written; names keep their escapes. It trusts that the text is
// valid JSON, as what comes out of a jsonb column is: it finds ends, it does not check what lies between.
func eachField(object string, fn func(name, value string)) error {
	s := skipBlanks(object)
	if len(s) < 2 || s[0] != '{' {
		return fmt.Errorf("a state is not a JSON object: %.40q", object)
	}
	if s = skipBlanks(s[1:]); len(s) > 0 && s[0] == '}' {
		return nil
	}
	for {
		n := valueLength(s)
		if n < 2 || s[0] != '"' {
			return fmt.Errorf("a state has no field name at %.40q", s)
		}
		name := s[1 : n-1]
		s = skipBlanks(s[n:])
		if len(s) == 0 || s[0] != ':' {
			return fmt.Errorf("a state has no value for %q", name)
		}
		s = skipBlanks(s[1:])
		n = valueLength(s)
		fn(name, s[:n])
		s = skipBlanks(s[n:])
		if len(s) == 0 || s[0] != ',' && s[0] != '}' {
			return fmt.Errorf("a state breaks off after %q", name)
		}
		if s[0] == '}' {
			return nil
		}
		s = skipBlanks(s[1:])
	}
}

// eachElement calls fn with every value of a JSON array; anything else has none.
func eachElement(array string, fn func(value string)) {
	if len(array) == 0 || array[0] != '[' {
		return
	}
	for s := skipBlanks(array[1:]); len(s) > 0 && s[0] != ']'; {
		n := valueLength(s)
		if n == 0 {
			return
		}
		fn(s[:n])
		if s = skipBlanks(s[n:]); len(s) > 0 && s[0] == ',' {
			s = skipBlanks(s[1:])
		}
	}
}

// valueLength returns the length of the value that s begins with.
func valueLength(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i += stringLength(s[i:]) - 1
			if depth == 0 {
				return min(i+1, len(s))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // the end of a number or word, and of what is around it
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\t', '\r', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return len(s)
}

// stringLength returns the length of the string that s begins with, quotes included.
func stringLength(s string) int {
	for n := 1; n < len(s); {
		quote := strings.IndexByte(s[n:], '"')
		if quote < 0 {
			break
		}
		n += quote
		escapes := 0
		for i := n - 1; i > 0 && s[i] == '\\'; i-- {
			escapes++
		}
		if n++; escapes%2 == 0 {
			return n
		}
	}
	return len(s)
}

func skipBlanks(s string) string {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\n' || s[0] == '\t' || s[0] == '\r') {
		s = s[1:]
	}
	return s
}

// appendCompact appends a value without the blanks between its tokens.
func appendCompact(dst []byte, value string) []byte {
	if value != "" && value[0] != '{' && value[0] != '[' {
		return append(dst, value...)
	}
	start := 0
	for i := 0; i < len(value); {
		switch value[i] {
		case '"':
			i += stringLength(value[i:])
		case ' ', '\n', '\t', '\r':
			dst = append(dst, value[start:i]...)
			i++
			start = i
		default:
			i++
		}
	}
	return append(dst, value[start:]...)
}
