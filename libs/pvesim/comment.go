package pvesim

import (
	"regexp"
	"strconv"
	"strings"
)

// encodeComment is the form in which a comment lies on disk: control characters, everything beyond ASCII and ":" are
// percent-encoded, and "%" itself only in releases that learned it.
func encodeComment(d dialect, s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c > '~' || c == ':' || c == '%' && d.has(commentPercent):
			b.WriteByte('%')
			b.WriteByte("0123456789ABCDEF"[c>>4])
			b.WriteByte("0123456789ABCDEF"[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

var percentCode = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// storedComment is a comment after a way to disk and back, which before 8.0 turns "a%41b" into "aAb".
func storedComment(d dialect, s string) string {
	return percentCode.ReplaceAllStringFunc(encodeComment(d, s), func(code string) string {
		n, _ := strconv.ParseUint(code[1:], 16, 8) // the expression lets only hexadecimal digits through
		return string([]byte{byte(n)})
	})
}
