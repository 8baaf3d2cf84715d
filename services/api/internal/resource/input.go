package resource

import (
	"fmt"
	"maps"
	"slices"
)

// input is what a request wants an object to be.
type input struct {
	r          *Resource
	values     map[string]any // by name of the field, for those the request names; references are *lookup until they are found
	errors     Errors
	lookups    []*lookup
	tagLookups map[string][]*lookup
	tags       tagEdit
	message    string
	custom     *definitions // once find has read them; nil if the resource has no custom fields
}

// unchanged is the value of a field that a request names without changing it.
type unchanged struct{}

// readInput checks a decoded body. Required fields must be there unless partial is set.
func (r *Resource) readInput(body any, create, partial bool) *input {
	in := &input{r: r, values: map[string]any{}}
	object, ok := body.(map[string]any)
	if form, is := body.(FormData); is {
		object, in.errors = form.object(r, partial)
	} else if !ok {
		in.errors.Add(NonField, notAnObject(body))
		return in
	}
	for _, f := range r.writes {
		if in.errors.has(f.Name) {
			continue // the form says what is wrong with it
		}
		if f.Fixed && !create {
			continue
		}
		if _, tags := f.Kind.(Tags); tags {
			in.readTags(object, create)
			continue
		}
		in.readField(f, object, partial)
	}
	var wrong []string
	if in.message, wrong = readMessage(object); wrong != nil {
		in.errors.Add("changelog_message", wrong...)
	}
	return in
}

// readMessage reads the message for the change log, "" if there is none.
func readMessage(object map[string]any) (message string, wrong []string) {
	v := object["changelog_message"]
	if v == nil {
		return "", nil
	}
	text, wrong := readText(&Field{Blank: true}, v, maxMessage, false, nil)
	if wrong != nil {
		return "", wrong
	}
	return text.(string), nil
}

// CheckInput checks a decoded body as far as that needs no database, and returns the values of its fields. References are still to be found.
func (r *Resource) CheckInput(body any, create bool) (values map[string]any, err error) {
	in := r.readInput(body, create, !create)
	return in.values, in.errors.Err()
}

// maxMessage is how many characters of a message the change log keeps.
const maxMessage = 200

// NotAnObject says that a decoded body is no JSON object.
func NotAnObject(body any) error {
	var wrong Errors
	wrong.Add(NonField, notAnObject(body))
	return wrong.Err()
}

func notAnObject(body any) string {
	if body == nil {
		return "No data provided"
	}
	return fmt.Sprintf("Invalid data. Expected a dictionary, but got %s.", typeName(body))
}

func (in *input) readField(f *Field, body map[string]any, partial bool) {
	v, given := body[f.Name]
	switch {
	case !given && f.Required && !partial:
		in.errors.Add(f.Name, "This field is required.")
	case !given:
	case v == nil:
		in.readNull(f)
	default:
		value, wrong := f.Kind.read(in, f, v)
		if wrong == nil {
			in.values[f.Name] = value
		} else if len(wrong) > 0 {
			in.errors.Add(f.Name, wrong...)
		}
	}
}

func (in *input) readNull(f *Field) {
	_, choice := f.Kind.(Choice)
	char, text := f.Kind.(Char)
	boolean, _ := f.Kind.(Boolean)
	switch {
	case boolean.NullIsFalse:
		in.values[f.Name] = false
	case f.Null:
		in.values[f.Name] = nil
	case text && containsNil(char.AsBlank):
		in.values[f.Name] = ""
	case f.NullText != "":
		in.errors.Add(f.Name, f.NullText)
	case choice && !f.Blank:
		in.errors.Add(f.Name, "This field may not be blank.")
	case choice:
		in.values[f.Name] = ""
	default:
		in.errors.Add(f.Name, "This field may not be null.")
	}
}

func containsNil(values []any) bool {
	for _, v := range values {
		if v == nil {
			return true
		}
	}
	return false
}

// apply returns what the object becomes: before, or an empty object, with what the request names.
func (in *input) apply(before *Record) *Record {
	after := &Record{r: in.r, values: map[string]any{}}
	if before != nil {
		after.ID, after.Tags = before.ID, before.Tags
		maps.Copy(after.values, before.values)
	}
	for _, f := range slices.Concat(in.r.columns, in.r.links) {
		if f == in.r.custom {
			after.values[f.Name] = in.mergeCustom(before)
			continue
		}
		v, given := in.values[f.Name]
		if _, same := v.(unchanged); same {
			given = false
		}
		switch {
		case given:
			after.values[f.Name] = v
		case before == nil && !f.Defaulted:
			after.values[f.Name] = f.initial()
		}
	}
	return after
}

// initial is the value of a field that a new object gets when the request does not name it.
func (f *Field) initial() any {
	switch {
	case f.Default != nil:
		return f.Default
	case f.Null:
		return nil
	}
	return f.Kind.empty()
}
