// Package shell writes commands that people paste into a shell, often as root, although others entered their words.
package shell

import (
	"regexp"
	"strings"
)

var plain = regexp.MustCompile(`^[A-Za-z0-9@._/-]+$`)

// Quote makes one word of a shell of a text, whatever is in it. What needs no quotes stays as it is.
func Quote(text string) string {
	if plain.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
