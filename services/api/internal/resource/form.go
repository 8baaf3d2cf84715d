package resource

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/proxops/proxops/services/api/internal/wire"
)

// FormData is the body of a request that is a form: the texts of each name, in their order. Each field reads its value out of it as NetBox does.
type FormData map[string][]string

// formReader is a kind that finds its value in a form in a way of its own. The others take the last text of their name.
type formReader interface {
	// fromForm returns what a body of JSON would hold under a name, and whether it would; wrong says what keeps it from being read.
	fromForm(form FormData, name string) (v any, given bool, wrong string)
}

// Object returns the body of JSON that says the same to a resource, with the last texts of further names.
func (form FormData) Object(r *Resource, names ...string) (object map[string]any, wrong Errors) {
	object, wrong = form.object(r, false)
	for _, name := range names {
		if texts := form[name]; len(texts) > 0 {
			object[name] = Last(texts)
		}
	}
	return object, wrong
}

// object returns the body of JSON that says the same to a resource, and what is wrong in the form.
func (form FormData) object(r *Resource, partial bool) (object map[string]any, wrong Errors) {
	object = map[string]any{}
	set := func(name string, v any, given bool, text string) {
		if text != "" {
			wrong.Add(name, text)
		} else if given {
			object[name] = v
		}
	}
	for _, f := range r.writes {
		switch k := f.Kind.(type) {
		case Tags:
			for _, name := range []string{"tags", "add_tags", "remove_tags"} {
				v, given := form.list(name)
				set(name, v, given, "")
			}
		case formReader:
			v, given, text := k.fromForm(form, f.Name)
			set(f.Name, v, given, text)
		case linked, TextItems, Networks:
			v, given := form.list(f.Name)
			set(f.Name, v, given, "")
		case Boolean:
			v, given := form.boolean(f, partial)
			set(f.Name, v, given, "")
		default:
			v, given := form.text(f)
			set(f.Name, v, given, "")
		}
	}
	if texts := form["changelog_message"]; len(texts) > 0 {
		object["changelog_message"] = Last(texts)
	}
	return object, wrong
}

// text returns the last text of a field. An empty one stands for null, or for nothing, where no text may be empty.
func (form FormData) text(f *Field) (v any, given bool) {
	texts, given := form[f.Name]
	switch last := Last(texts); {
	case !given:
		return nil, false
	case last == "" && f.Null && !f.Blank:
		return nil, true
	case last == "" && !f.Required && !f.Blank:
		return nil, false
	default:
		return last, true
	}
}

// boolean returns the value of a box: browsers do not send those that are not ticked.
func (form FormData) boolean(f *Field, partial bool) (v any, given bool) {
	if len(form[f.Name]) > 0 || partial {
		return form.text(f)
	}
	if f.Null {
		return nil, true
	}
	return false, true
}

// list returns the items of a field that holds many: name=1&name=2, name[0]=1, or name[0]slug=a.
func (form FormData) list(name string) (items []any, given bool) {
	texts, given := form[name]
	items = []any{}
	for _, text := range texts {
		if text != "" {
			items = append(items, text)
		}
	}
	at := map[int]any{}
	for _, key := range sortedKeys(form) {
		rest, ok := strings.CutPrefix(key, name+"[")
		m := indexed.FindStringSubmatch(rest)
		if !ok || m == nil {
			continue
		}
		i, _ := strconv.Atoi(m[1]) // one to six digits
		if m[2] == "" {
			at[i] = Last(form[key])
			continue
		}
		attrs, ok := at[i].(map[string]any)
		if !ok {
			attrs = map[string]any{}
			at[i] = attrs
		}
		attrs[strings.TrimPrefix(m[2], ".")] = Last(form[key])
	}
	indices := make([]int, 0, len(at))
	for i := range at {
		indices = append(indices, i)
	}
	slices.Sort(indices)
	for _, i := range indices {
		items = append(items, at[i])
	}
	return items, given || len(at) > 0
}

var indexed = regexp.MustCompile(`^([0-9]{1,6})\](.*)$`)

// dictionary returns the values under name.key, keys with dots as dictionaries in dictionaries; nil if there are none.
func (form FormData) dictionary(name string) map[string]any {
	var out map[string]any
	for _, key := range sortedKeys(form) {
		path, ok := strings.CutPrefix(key, name+".")
		if !ok {
			continue
		}
		if out == nil {
			out = map[string]any{}
		}
		at, parts := out, strings.Split(path, ".")
		for _, part := range parts[:len(parts)-1] {
			inner, ok := at[part].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[part] = inner
			}
			at = inner
		}
		at[parts[len(parts)-1]] = Last(form[key])
	}
	return out
}

// fromForm takes endpoint=1, and endpoint.name=lab.
func (Reference) fromForm(form FormData, name string) (v any, given bool, wrong string) {
	if attrs := form.dictionary(name); attrs != nil {
		return attrs, true, ""
	}
	texts, given := form[name]
	if Last(texts) == "" {
		return nil, given, ""
	}
	return Last(texts), true, ""
}

const invalidJSON = "Value must be valid JSON."

// fromForm takes a text of JSON. For a list it also takes a text for each item.
func (k JSON) fromForm(form FormData, name string) (v any, given bool, wrong string) {
	texts, given := form[name]
	if !given {
		return nil, false, ""
	}
	if len(texts) == 1 || k.Form != ListJSON {
		v, malformed := wire.DecodeJSON([]byte(Last(texts)))
		_, list := v.([]any)
		switch {
		case k.Form == ListJSON && !list && Last(texts) != "":
			return []any{texts[0]}, true, ""
		case malformed != "":
			return nil, true, invalidJSON
		}
		return v, true, ""
	}
	items, _ := form.list(name)
	return items, true, ""
}

// fromForm takes a text of JSON, and custom_fields.name=value.
func (CustomFields) fromForm(form FormData, name string) (v any, given bool, wrong string) {
	if values := form.dictionary(name); values != nil {
		return values, true, ""
	}
	texts, given := form[name]
	if !given {
		return nil, false, ""
	}
	v, malformed := wire.DecodeJSON([]byte(Last(texts)))
	if malformed != "" {
		return nil, true, invalidJSON
	}
	return v, true, ""
}
