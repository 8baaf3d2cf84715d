package rest

import (
	"testing"
	"unicode/utf8"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// FuzzMultipart shows that each multipart body is read or refused, and that what is read is UTF-8.
func FuzzMultipart(f *testing.F) {
	for _, seed := range []string{
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\n", "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n\xff\r\n--b--", "--b--", "--b\r\n\r\n", "",
		"--b\nContent-Disposition: form-data; name=\"\xff\"\n\n\xfe\n--b--",
	} {
		f.Add([]byte(seed), "b")
	}
	f.Fuzz(func(t *testing.T, body []byte, boundary string) {
		v, err := decodeForm(body, boundary)
		if (v == nil) == (err == nil) {
			t.Fatalf("%v, %v", v, err)
		}
		form, _ := v.(resource.FormData)
		for name, values := range form {
			for _, text := range append(values, name) {
				if !utf8.ValidString(text) {
					t.Errorf("%q is read", text)
				}
			}
		}
	})
}
