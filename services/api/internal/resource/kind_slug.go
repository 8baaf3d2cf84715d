package resource

import (
	"regexp"
	"slices"
)

// Slug is a short name for addresses: letters of any script, digits, hyphens and underscores.
type Slug struct{ Char }

var slugForm = regexp.MustCompile(`^[\p{L}\p{N}_-]+$`)

func (k Slug) read(in *input, f *Field, v any) (any, []string) {
	value, wrong := k.Char.read(in, f, v)
	if s, ok := value.(string); ok && s != "" && !slugForm.MatchString(s) {
		// NetBox says it twice: its model does, and the field of its API.
		wrong = slices.Concat([]string{"Enter a valid “slug” consisting of Unicode letters, numbers, underscores, or hyphens."}, wrong,
			[]string{`Enter a valid "slug" consisting of Unicode letters, numbers, underscores, or hyphens.`})
	}
	return value, wrong
}

func (k Slug) meta(*Resource, *Field) meta { return meta{Type: "slug", MaxLength: k.Max} }

// Color is a color as six hexadecimal digits in lower case.
type Color struct{ Char }

var colorForm = regexp.MustCompile(`^[0-9a-f]{6}$`)

func (k Color) read(in *input, f *Field, v any) (any, []string) {
	value, wrong := k.Char.read(in, f, v)
	if s, ok := value.(string); ok && s != "" && !colorForm.MatchString(s) {
		wrong = slices.Concat([]string{"Enter a valid hexadecimal RGB color code."}, wrong)
	}
	return value, wrong
}
