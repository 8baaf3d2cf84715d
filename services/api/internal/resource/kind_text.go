package resource

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// Char is text of one line.
type Char struct {
	common
	Max     int                                // characters; 0: no limit
	Clean   func(string) (clean, wrong string) // further validation
	Keep    bool                               // blanks around the text are kept
	AsBlank []any                              // JSON values that stand for ""
}

// Text is text without bounds. Its filter takes one value.
type Text struct {
	common
	Clean func(string) (clean, wrong string)
}

func (Char) encode(p *plan, _ *Resource, alias string, f *Field, _ Shape) appender {
	return textAppender(p.value(f.sql(alias)))
}

func (Text) encode(p *plan, _ *Resource, alias string, f *Field, _ Shape) appender {
	return textAppender(p.value(f.sql(alias)))
}

func textAppender(i int) appender {
	return func(b []byte, r *Row) []byte {
		if r.Vals[i] == nil {
			return append(b, "null"...)
		}
		return appendString(b, r.Vals[i])
	}
}

func (Char) decode(v []byte) any { return string(v) }
func (Text) decode(v []byte) any { return string(v) }
func (Char) empty() any          { return "" }
func (Text) empty() any          { return "" }

func (k Char) read(_ *input, f *Field, v any) (any, []string) {
	for _, blank := range k.AsBlank {
		if v == blank {
			v = ""
		}
	}
	return readText(f, v, k.Max, k.Keep, k.Clean)
}

func (k Text) read(_ *input, f *Field, v any) (any, []string) {
	return readText(f, v, 0, false, k.Clean)
}

// ReadText reads a text that belongs to no object, with the messages of a field that is neither null nor blank.
func (k Char) ReadText(v any) (text string, wrong []string) {
	if v == nil {
		return "", []string{"This field may not be null."}
	}
	value, wrong := k.read(nil, &Field{}, v)
	text, _ = value.(string)
	return text, wrong
}

func readText(f *Field, v any, limit int, keep bool, clean func(string) (string, string)) (any, []string) {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	default:
		return nil, []string{"Not a valid string."}
	}
	if !keep {
		s = strings.TrimSpace(s)
	}
	if s == "" {
		if !f.Blank {
			return nil, []string{"This field may not be blank."}
		}
		return s, nil
	}
	var wrong []string
	if limit > 0 && utf8.RuneCountInString(s) > limit {
		wrong = append(wrong, fmt.Sprintf("Ensure this field has no more than %d characters.", limit))
	}
	if strings.ContainsRune(s, 0) {
		wrong = append(wrong, nullCharacters)
	}
	if wrong == nil && clean != nil {
		cleaned, message := clean(s)
		if message != "" {
			return nil, []string{message}
		}
		s = cleaned
	}
	return s, wrong
}

func (k Char) filters(f *Field, add func(string, filter)) {
	add("", exactText(f, allValues))
	textLookups(f, allValues, add)
}

func (k Text) filters(f *Field, add func(string, filter)) {
	add("", exactText(f, lastValue))
	textLookups(f, lastValue, add)
}

func (k Char) meta(_ *Resource, _ *Field) meta { return meta{Type: "string", MaxLength: k.Max} }
func (Text) meta(_ *Resource, _ *Field) meta   { return meta{Type: "string"} }

// Choice is one of a few words, shown as an object of value and label.
type Choice struct {
	common
	Choices []Option
	Plain   bool // shown as the bare value
}

// Option is one of the words.
type Option struct{ Value, Label string }

// Options makes choices of words, labelled by themselves with a capital.
func Options(values ...string) []Option {
	out := make([]Option, len(values))
	for i, v := range values {
		out[i] = Option{v, capitalise(v)}
	}
	return out
}

func (k Choice) known(v string) bool {
	for _, o := range k.Choices {
		if o.Value == v {
			return true
		}
	}
	return false
}

func (k Choice) encode(p *plan, _ *Resource, alias string, f *Field, _ Shape) appender {
	i := p.value(f.sql(alias))
	if k.Plain {
		return textAppender(i)
	}
	ready := make(map[string][]byte, len(k.Choices))
	for _, o := range k.Choices {
		ready[o.Value] = appendChoice(nil, o.Value, o.Label)
	}
	return func(b []byte, r *Row) []byte {
		v := r.Vals[i]
		if len(v) == 0 {
			return append(b, "null"...)
		}
		if text, ok := ready[string(v)]; ok {
			return append(b, text...)
		}
		return appendChoice(b, string(v), "")
	}
}

func appendChoice(b []byte, value, label string) []byte {
	b = appendString(append(b, `{"value":`...), value)
	b = appendString(append(b, `,"label":`...), label)
	return append(b, '}')
}

func (Choice) decode(v []byte) any { return string(v) }
func (k Choice) empty() any        { return "" }

func (k Choice) read(_ *input, f *Field, v any) (any, []string) {
	switch v := v.(type) {
	case []any, map[string]any:
		return nil, []string{`Value must be passed directly (e.g. "foo": 123); do not use a dictionary or list.`}
	case string:
		if v == "" {
			switch {
			case f.Blank:
				return "", nil
			case f.Null:
				return nil, nil
			}
			return nil, []string{"This field may not be blank."}
		}
		if k.known(v) {
			return v, nil
		}
		return nil, []string{v + " is not a valid choice."}
	}
	return nil, []string{PythonString(v) + " is not a valid choice."}
}

func (k Choice) filters(f *Field, add func(string, filter)) {
	exact := exactText(f, allValues)
	add("", func(q *query, param string, values []string) {
		var wrong []string
		for _, v := range values {
			if v != "" && v != "null" && !k.known(v) {
				wrong = append(wrong, invalidChoice(v))
			}
		}
		if wrong != nil {
			q.fail(param, wrong...)
			return
		}
		exact(q, param, values)
	})
	textLookups(f, allValues, add)
}

func (k Choice) meta(_ *Resource, _ *Field) meta { return meta{Type: "field", Choices: k.Choices} }

func invalidChoice(v string) string {
	return "Select a valid choice. " + v + " is not one of the available choices."
}

func (k Char) schema(_ *Resource, f *Field) (read, write *openapi3.SchemaRef) {
	s := openapi3.NewStringSchema()
	if k.Max > 0 && !f.ReadOnly {
		s = s.WithMaxLength(int64(k.Max))
	}
	return s.NewRef(), nil
}

func (Text) schema(*Resource, *Field) (read, write *openapi3.SchemaRef) {
	return openapi3.NewStringSchema().NewRef(), nil
}

// words is one of the choices.
func (k Choice) words() *openapi3.Schema {
	s := openapi3.NewStringSchema()
	for _, o := range k.Choices {
		s.Enum = append(s.Enum, o.Value)
	}
	return s
}

func (k Choice) schema(_ *Resource, f *Field) (read, write *openapi3.SchemaRef) {
	request := k.words()
	if f.Blank {
		request.Enum = append(request.Enum, "")
	}
	if k.Plain {
		return k.words().NewRef(), request.NewRef()
	}
	answer := newObject()
	answer.Properties["value"] = k.words().NewRef()
	answer.Properties["label"] = openapi3.NewStringSchema().NewRef()
	answer.Required = []string{"value", "label"}
	answer.Nullable = f.Blank || f.Null
	return answer.NewRef(), request.NewRef()
}

func (k Choice) query(*Field) *openapi3.Schema {
	s := k.words()
	s.Enum = append(s.Enum, "null")
	return s
}
