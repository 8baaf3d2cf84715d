package auth

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/proxops/proxops/libs/seal"
)

// Bounds of NetBox in characters.
const (
	MaxUsername = 150
	MaxPassword = 128
	minPassword = 12
)

// CheckUsername says what is wrong with a name to log in with, "" if nothing is. Its length is not its business.
func CheckUsername(name string) (wrong string) {
	for _, c := range name {
		if !unicode.IsLetter(c) && !unicode.IsNumber(c) && !strings.ContainsRune("_.@+-", c) {
			return "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
		}
	}
	return ""
}

// CheckNewPassword says what is wrong with a password that somebody chose, as NetBox's default rules do.
func CheckNewPassword(password seal.Secret) (wrong []string) {
	text := password.Reveal()
	if utf8.RuneCountInString(text) < minPassword {
		wrong = append(wrong, fmt.Sprintf("This password is too short. It must contain at least %d characters.", minPassword))
	}
	for _, rule := range []struct {
		holds func(rune) bool
		what  string
	}{{unicode.IsDigit, "numeral"}, {unicode.IsUpper, "uppercase letter"}, {unicode.IsLower, "lowercase letter"}} {
		if !strings.ContainsFunc(text, rule.holds) {
			return append(wrong, "Password must have at least one "+rule.what+".")
		}
	}
	return wrong
}
