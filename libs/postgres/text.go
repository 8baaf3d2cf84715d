package postgres

import "strings"

// Text returns what Postgres stores of a text that came from elsewhere: everything but U+0000 and what is no UTF-8. A positive
// limit cuts it to so many bytes, between two characters.
func Text(s string, limit int) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if limit > 0 && len(s) > limit {
		s = s[:limit]
	}
	return strings.ToValidUTF8(s, "")
}
