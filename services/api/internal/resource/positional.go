package resource

import (
	"strconv"

	"github.com/proxops/proxops/libs/fault"
)

// Positional says what is wrong with the items of a list, one for each, most of them empty. Its JSON is the body of NetBox's answer.
type Positional []Errors

// Error implements error.
func (p Positional) Error() string {
	for i, e := range p {
		if !e.None() {
			return "item " + strconv.Itoa(i) + ": " + e.Error()
		}
	}
	return ""
}

// MarshalJSON writes [{}, {"field": ["message", ...]}, ...].
func (p Positional) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, e := range p {
		if i > 0 {
			b = append(b, ',')
		}
		one, err := e.MarshalJSON()
		if err != nil {
			return nil, err
		}
		b = append(b, one...)
	}
	return append(b, ']'), nil
}

// err returns nil if nothing is wrong with any item.
func (p Positional) err() error {
	for _, e := range p {
		if !e.None() {
			return fault.Wrap(fault.Invalid, p, "check the request")
		}
	}
	return nil
}

// eachRefused tells what is wrong with each item.
func eachRefused(items []*item) error {
	p := make(Positional, len(items))
	for i, it := range items {
		p[i] = it.in.errors
	}
	return p.err()
}
