package resource

import (
	"regexp"
	"strings"
)

// CustomName is the name of a custom field.
type CustomName struct{ Char }

var customNameForm = regexp.MustCompile(`^[a-zA-Z0-9_]+$`)

func (k CustomName) read(in *input, f *Field, v any) (any, []string) {
	value, wrong := k.Char.read(in, f, v)
	s, _ := value.(string)
	if s == "" {
		return value, wrong
	}
	if !customNameForm.MatchString(s) {
		wrong = append(wrong, "Only alphanumeric characters and underscores are allowed.")
	}
	if strings.Contains(s, "__") {
		wrong = append(wrong, "Double underscores are not permitted in custom field names.")
	}
	return value, wrong
}
