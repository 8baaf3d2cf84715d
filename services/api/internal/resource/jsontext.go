package resource

import (
	"bytes"
	"slices"
)

// appendJSON appends JSON text without blanks. Keys of objects are sorted if sorted is set: jsonb forgets the order they came in, and its own is
// by length. The text must be valid JSON, as what Postgres sends is.
func appendJSON(b, text []byte, sorted bool) []byte {
	p := jsonText{text: text, sorted: sorted}
	return p.value(b)
}

type jsonText struct {
	text   []byte
	at     int
	sorted bool
}

func (p *jsonText) blank() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\n' || p.text[p.at] == '\t' || p.text[p.at] == '\r') {
		p.at++
	}
}

func (p *jsonText) next() byte {
	p.blank()
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *jsonText) value(b []byte) []byte {
	switch p.next() {
	case 0:
		return b
	case '{':
		return p.object(b)
	case '[':
		return p.array(b)
	case '"':
		return append(b, p.string()...)
	}
	start := p.at
	for p.at < len(p.text) && bytes.IndexByte(scalarEnd, p.text[p.at]) < 0 {
		p.at++
	}
	return append(b, p.text[start:p.at]...)
}

var scalarEnd = []byte(",]} \n\t\r")

func (p *jsonText) array(b []byte) []byte {
	p.at++
	b = append(b, '[')
	for first := true; p.next() != ']' && p.at < len(p.text); first = false {
		if !first {
			p.at++ // the comma
			b = append(b, ',')
		}
		b = p.value(b)
	}
	p.at++
	return append(b, ']')
}

type member struct{ key, text []byte }

func (p *jsonText) object(b []byte) []byte {
	p.at++
	b = append(b, '{')
	start := len(b)
	var few [24]member
	members, inOrder := few[:0], true
	for p.next() != '}' && p.at < len(p.text) {
		if len(members) > 0 {
			p.at++ // the comma
			p.blank()
			b = append(b, ',')
		}
		from := len(b)
		key := p.string()
		p.next()
		p.at++ // the colon
		b = append(append(b, key...), ':')
		b = p.value(b)
		inOrder = inOrder && (len(members) == 0 || bytes.Compare(members[len(members)-1].key, key) <= 0)
		members = append(members, member{key, b[from:len(b):len(b)]})
	}
	p.at++
	if p.sorted && !inOrder {
		b = sortMembers(b, start, members)
	}
	return append(b, '}')
}

// sortMembers puts the members, which lie in b from start on, into the order of their keys.
func sortMembers(b []byte, start int, members []member) []byte {
	// The texts may lie in an array that b has outgrown, but their bytes are those in b.
	slices.SortStableFunc(members, func(x, y member) int { return bytes.Compare(x.key, y.key) })
	var out []byte
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, m.text...)
	}
	return append(b[:start], out...)
}

// string returns the JSON string at the current place, with its quotes.
func (p *jsonText) string() []byte {
	start := p.at
	if start >= len(p.text) {
		return nil
	}
	p.at++
	for p.at < len(p.text) && p.text[p.at] != '"' {
		if p.text[p.at] == '\\' {
			p.at++
		}
		p.at++
	}
	p.at = min(p.at+1, len(p.text))
	return p.text[start:p.at]
}

// membersOf appends the members of a JSON object: keys with their quotes, and values as they are written.
func membersOf(text []byte, to []member) []member {
	p := jsonText{text: text}
	if p.next() != '{' {
		return to
	}
	for p.at++; p.next() != '}' && p.at < len(p.text); {
		if p.text[p.at] == ',' {
			p.at++
			p.blank()
		}
		key := p.string()
		p.next()
		p.at++ // the colon
		p.blank()
		from := p.at
		p.skip()
		to = append(to, member{key, text[from:min(p.at, len(text))]})
	}
	return to
}

// skip moves behind the value at the current place.
func (p *jsonText) skip() {
	for depth := 0; p.next() != 0; {
		switch c := p.text[p.at]; c {
		case '"':
			p.string()
		case '{', '[':
			p.at++
			depth++
			continue
		case '}', ']':
			p.at++
			depth--
		case ',', ':':
			p.at++
			continue
		default:
			for p.at < len(p.text) && bytes.IndexByte(scalarEnd, p.text[p.at]) < 0 && p.text[p.at] != ':' {
				p.at++
			}
		}
		if depth <= 0 {
			return
		}
	}
}
