package wire

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// FuzzBodyErrors shows that Python's messages are found for exactly the documents that are no JSON.
func FuzzBodyErrors(f *testing.F) {
	for _, seed := range []string{`{"a": [1, 2.5e3, "\u00e9\n"], "b": null}`, `{"a": `, `[1,]`, `{"a" 1}`, `"\x"`, "\"\x01\"", `-`, `01`, `1.`, `NaN`, `[] []`, `tru`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, wrong := DecodeJSON([]byte(text))
		if wrong == "" {
			if _, err := json.Marshal(v); err != nil {
				t.Errorf("%q is taken, but cannot be written: %v", text, err)
			}
			return
		}
		if !deeper([]byte(text), maxDepth) && json.Valid([]byte(text)) && strings.ToValidUTF8(text, "") == text {
			t.Errorf("%q is refused: %s", text, wrong)
		}
		if e := pythonJSONError([]byte(strings.ToValidUTF8(text, "?"))); !json.Valid([]byte(strings.ToValidUTF8(text, "?"))) && e == "" && !deeper([]byte(text), maxDepth) {
			t.Errorf("nothing is wrong with %q", text)
		}
	})
}

// FuzzParseQuery shows that every query is read, and that what is read says the same when it is written and read again.
func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{"a=1&b=&c&a=2", "%zz=%", "%%%", "a=b=c&&=x", "q=%C3%9C+n%", "a;b=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		v := ParseQuery(raw)
		again, err := url.ParseQuery(v.Encode())
		if err != nil || again.Encode() != v.Encode() {
			t.Errorf("%q: %v, then %v (%v)", raw, v, again, err)
		}
	})
}
