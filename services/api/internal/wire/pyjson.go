package wire

import (
	"fmt"
	"regexp"
)

// pythonJSONError returns what Python's json module says about a document, as NetBox passes it on; "" for a valid one. The document is UTF-8
// and not nested deeply.
func pythonJSONError(body []byte) string {
	p := &pyParser{text: []rune(string(body))}
	end, e := p.value(p.blank(0))
	if e == nil {
		if end = p.blank(end); end == len(p.text) {
			return ""
		}
		e = p.fail("Extra data", end)
	}
	return e.text
}

type pyError struct{ text string }

type pyParser struct{ text []rune }

// fail describes a place as Python does: line, column and index of the character.
func (p *pyParser) fail(message string, at int) *pyError {
	line, start := 1, 0
	for i, c := range p.text[:min(at, len(p.text))] {
		if c == '\n' {
			line, start = line+1, i+1
		}
	}
	return &pyError{fmt.Sprintf("%s: line %d column %d (char %d)", message, line, at-start+1, at)}
}

func (p *pyParser) at(i int) rune {
	if i < len(p.text) {
		return p.text[i]
	}
	return 0
}

func (p *pyParser) blank(i int) int {
	for c := p.at(i); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = p.at(i) {
		i++
	}
	return i
}

var pyNumber = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?`)

func (p *pyParser) value(i int) (end int, err *pyError) {
	switch p.at(i) {
	case '"':
		return p.string(i)
	case '{':
		return p.object(i)
	case '[':
		return p.array(i)
	}
	for _, word := range []string{"null", "true", "false"} {
		if p.starts(i, word) {
			return i + len(word), nil
		}
	}
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		if p.starts(i, word) {
			return i, &pyError{"Out of range float values are not JSON compliant: '" + word + "'"}
		}
	}
	// A number is ASCII, and 1000 digits are more than any column takes.
	if n := len(pyNumber.FindString(string(p.text[min(i, len(p.text)):min(i+1000, len(p.text))]))); n > 0 {
		return i + n, nil
	}
	return i, p.fail("Expecting value", i)
}

func (p *pyParser) starts(i int, word string) bool {
	for k, c := range word {
		if p.at(i+k) != c {
			return false
		}
	}
	return true
}

func (p *pyParser) string(begin int) (end int, err *pyError) {
	for i := begin + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			return i + 1, nil
		case c < ' ':
			return i, p.fail("Invalid control character at", i)
		case c == '\\':
			i++
			switch p.at(i) {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for k := 1; k <= 4; k++ {
					if !isHex(p.at(i + k)) {
						return i, p.fail(`Invalid \uXXXX escape`, i+1)
					}
				}
				i += 4
			case 0:
				return i, p.fail("Unterminated string starting at", begin)
			default:
				return i, p.fail(`Invalid \escape`, i-1)
			}
		}
	}
	return begin, p.fail("Unterminated string starting at", begin)
}

func isHex(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func (p *pyParser) object(i int) (end int, err *pyError) {
	if i = p.blank(i + 1); p.at(i) == '}' {
		return i + 1, nil
	}
	for {
		if p.at(i) != '"' {
			return i, p.fail("Expecting property name enclosed in double quotes", i)
		}
		if i, err = p.string(i); err != nil {
			return i, err
		}
		if i = p.blank(i); p.at(i) != ':' {
			return i, p.fail("Expecting ':' delimiter", i)
		}
		if i, err = p.value(p.blank(i + 1)); err != nil {
			return i, err
		}
		if i = p.blank(i); p.at(i) == '}' {
			return i + 1, nil
		}
		if p.at(i) != ',' {
			return i, p.fail("Expecting ',' delimiter", i)
		}
		comma := i
		if i = p.blank(i + 1); p.at(i) == '}' {
			return i, p.fail("Illegal trailing comma before end of object", comma)
		}
	}
}

func (p *pyParser) array(i int) (end int, err *pyError) {
	if i = p.blank(i + 1); p.at(i) == ']' {
		return i + 1, nil
	}
	for {
		if i, err = p.value(i); err != nil {
			return i, err
		}
		if i = p.blank(i); p.at(i) == ']' {
			return i + 1, nil
		}
		if p.at(i) != ',' {
			return i, p.fail("Expecting ',' delimiter", i)
		}
		comma := i
		if i = p.blank(i + 1); p.at(i) == ']' {
			return i, p.fail("Illegal trailing comma before end of array", comma)
		}
	}
}
