package rest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// wantedSync is what a request wants to be synchronised, and what is wrong with it as far as that is seen without the database.
type wantedSync struct {
	types     []string // as REST names them; none: all
	endpoints []any    // references; none: all
	field     string   // the key that has them
	name      string   // of the job; "": as it is made
	wrong     resource.Errors
}

// readSync reads the body of a request: types, and under a further key endpoints. Each may be given in the singular too, as a value or as a list of one.
func (q *request) readSync(further string) (want wantedSync, err error) {
	body, err := moderate.read(q.w, q.http)
	if err != nil {
		return want, err
	}
	keys := []string{"type", "types", "name"}
	if further != "" {
		keys = append(keys, further, further+"s")
	}
	if form, is := body.(resource.FormData); is {
		body = ofForm(form, "types", "endpoints")
	}
	object, isObject := body.(map[string]any)
	if !isObject {
		return want, resource.NotAnObject(body)
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains(keys, key) {
			want.wrong.Add(key, "Unknown field.")
		}
	}
	types, field := several(object, "type", &want.wrong)
	for _, v := range types {
		name, _ := v.(string)
		if _, known := syncjob.KindOf(name); !known && name != syncjob.All {
			want.wrong.Add(field, `"`+resource.PythonString(v)+`" is not a valid choice. Choices are: `+strings.Join(syncjob.Types(), ", ")+", "+syncjob.All+".")
		}
		want.types = append(want.types, name)
	}
	if further != "" {
		want.endpoints, want.field = several(object, further, &want.wrong)
	}
	if v, given := object["name"]; given {
		var wrong []string
		if want.name, wrong = (resource.Char{Max: maxJobName}).ReadText(v); wrong != nil {
			want.wrong.Add("name", wrong...)
		}
	}
	return want, nil
}

// maxJobName is how many characters the name of a job may have, as in NetBox.
const maxJobName = 200

// several reads a list under the plural of a key, or one value under the key itself. It returns the key that was used.
func several(object map[string]any, key string, wrong *resource.Errors) (items []any, used string) {
	single, one := object[key]
	list, many := object[key+"s"]
	switch {
	case one && many:
		wrong.Add(key, fmt.Sprintf("Cannot specify %q together with %q.", key, key+"s"))
		return nil, key
	case one:
		items, isList := single.([]any)
		if !isList {
			items = []any{single}
		}
		switch {
		case single == nil:
			wrong.Add(key, "This field may not be null.")
			return nil, key
		case len(items) != 1:
			wrong.Add(key, fmt.Sprintf("Expected one value or a list of one, but got %d.", len(items)))
			return nil, key
		}
		return items, key
	case many && list == nil:
		wrong.Add(key+"s", "This field may not be null.")
	case many:
		items, bad := resource.AsList(list)
		if bad != nil {
			wrong.Add(key+"s", bad...)
		}
		return items, key + "s"
	}
	return nil, key + "s"
}

// ofForm makes of a form what JSON would say: lists of the keys that take lists.
func ofForm(form resource.FormData, lists ...string) map[string]any {
	object := map[string]any{}
	for name, texts := range form {
		object[name] = resource.Last(texts)
		if slices.Contains(lists, name) {
			var list []any
			for _, text := range texts {
				list = append(list, text)
			}
			object[name] = list
		}
	}
	return object
}
