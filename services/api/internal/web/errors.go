package web

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// messages are what is wrong with fields, by name; what concerns the whole stands under "".
func messages(e resource.Errors) map[string][]string {
	out := map[string][]string{}
	text, err := e.MarshalJSON()
	if err != nil {
		return out
	}
	var v map[string]any
	if json.Unmarshal(text, &v) != nil {
		out[""] = []string{strings.Trim(string(text), `[]"`)}
		return out
	}
	for name, wrong := range v {
		if name == resource.Model || name == resource.NonField {
			name = ""
		}
		out[name] = append(out[name], flatten(wrong)...)
	}
	return out
}

// flatten makes a list of all texts in a value.
func flatten(v any) []string {
	var out []string
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			out = append(out, flatten(e)...)
		}
	case map[string]any:
		for name, e := range v {
			for _, text := range flatten(e) {
				out = append(out, name+": "+text)
			}
		}
	}
	return out
}

// badChoice refuses a form that does not say what it must.
func badChoice(text string) error {
	return fault.Wrap(fault.Invalid, resource.Detail(text), "read the form")
}

func badForm(err error) error { return fault.Wrap(fault.Invalid, err, "read the form") }

// whole is everything that is wrong with a request, where there are no fields to say it at.
func whole(e resource.Errors) string {
	said := messages(e)
	var all []string
	for _, name := range slices.Sorted(maps.Keys(said)) {
		all = append(all, said[name]...)
	}
	return visible(strings.Join(all, " "))
}
