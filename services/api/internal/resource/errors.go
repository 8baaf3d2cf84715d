package resource

import (
	"fmt"
	"slices"
	"strings"

	"github.com/proxops/proxops/libs/fault"
)

// Errors says what is wrong with a request, by field. Its JSON is the body of NetBox's answer.
type Errors struct {
	list []fieldErrors
	bare string // about an item of a list that has no fields: its JSON is a list of this text
}

type fieldErrors struct {
	field    string
	messages []string
	bare     bool // messages has one text, which is shown without a list
	nested   *Errors
}

// Fields of an Errors that stand for the whole object.
const (
	// Model is for what is wrong with the object as the database would hold it.
	Model = "__all__"
	// NonField is for what is wrong with the request.
	NonField = "non_field_errors"
)

// Add says that messages apply to a field.
func (e *Errors) Add(field string, messages ...string) {
	for i := range e.list {
		if e.list[i].field == field && e.list[i].nested == nil {
			e.list[i].messages = append(e.list[i].messages, messages...)
			return
		}
	}
	e.list = append(e.list, fieldErrors{field: field, messages: messages})
}

// Nest says what is wrong inside of a field.
func (e *Errors) Nest(field string, inner Errors) {
	e.list = append(e.list, fieldErrors{field: field, nested: &inner})
}

// addText says what is wrong with a field by one text where NetBox shows no list.
func (e *Errors) addText(field, text string) {
	e.list = append(e.list, fieldErrors{field: field, messages: []string{text}, bare: true})
}

// Join adds what is wrong according to other.
func (e *Errors) Join(other Errors) { e.list = append(e.list, other.list...) }

// Renamed returns the same errors of fields that have other names elsewhere.
func (e Errors) Renamed(names map[string]string) Errors {
	out := Errors{bare: e.bare, list: slices.Clone(e.list)}
	for i := range out.list {
		if name, ok := names[out.list[i].field]; ok {
			out.list[i].field = name
		}
	}
	return out
}

// has says that something is wrong with a field.
func (e *Errors) has(field string) bool {
	return slices.ContainsFunc(e.list, func(f fieldErrors) bool { return f.field == field })
}

// None says that nothing is wrong.
func (e *Errors) None() bool { return len(e.list) == 0 && e.bare == "" }

// Err returns nil if nothing is wrong.
func (e *Errors) Err() error {
	if e.None() {
		return nil
	}
	return fault.Wrap(fault.Invalid, *e, "check the request")
}

// Error implements error.
func (e Errors) Error() string {
	if e.bare != "" {
		return e.bare
	}
	parts := make([]string, len(e.list))
	for i, f := range e.list {
		if parts[i] = f.field + ": " + strings.Join(f.messages, " "); f.nested != nil {
			parts[i] = f.field + ": " + f.nested.Error()
		}
	}
	return strings.Join(parts, "; ")
}

// MarshalJSON writes {"field": ["message", ...], ...}, in the order in which fields were added.
func (e Errors) MarshalJSON() ([]byte, error) {
	if e.bare != "" {
		return append(appendString([]byte{'['}, e.bare), ']'), nil
	}
	b := []byte{'{'}
	for i, f := range e.list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, f.field), ':')
		if f.nested != nil {
			inner, err := f.nested.MarshalJSON()
			if err != nil {
				return nil, err
			}
			b = append(b, inner...)
			continue
		}
		if f.bare {
			b = appendString(b, f.messages[0])
			continue
		}
		b = append(b, '[')
		for j, m := range f.messages {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendString(b, m)
		}
		b = append(b, ']')
	}
	return append(b, '}'), nil
}

// OfObject is an error about one of the objects that a request is about.
type OfObject struct {
	ID      int64
	Display string
	Err     error
}

// Error implements error.
func (o OfObject) Error() string { return fmt.Sprintf("%s (%d): %s", o.Display, o.ID, o.Err) }

// Unwrap implements errors.Unwrap.
func (o OfObject) Unwrap() error { return o.Err }

// Whole is wrong with a request as a whole; its answer is a bare list of texts.
type Whole string

// Error implements error.
func (w Whole) Error() string { return string(w) }

func whole(text string) error { return fault.Wrap(fault.Invalid, Whole(text), "check the request") }

// Stale is the error of a write whose If-Match names another state of the object.
type Stale struct {
	ETag string // of the current state
}

// Error implements error.
func (Stale) Error() string { return "Precondition failed." }

// Detail is the one sentence that a client gets to read about an error.
type Detail string

// Error implements error.
func (d Detail) Error() string { return string(d) }

// NotFound says that an object does not exist, or may not be seen.
func (r *Resource) NotFound() error {
	return fault.Wrap(fault.NotFound, Detail("No "+r.Class+" matches the given query."), "find it")
}

// Protected is the error of a deletion that others hold up.
type Protected struct {
	Count int
	Some  []string // "display (id)" of the first of them
}

// Error implements error.
func (p Protected) Error() string {
	text := fmt.Sprintf("Unable to delete object. %d dependent objects were found: %s", p.Count, strings.Join(p.Some, ", "))
	if p.Count > len(p.Some) {
		text += ", …"
	}
	return text
}
