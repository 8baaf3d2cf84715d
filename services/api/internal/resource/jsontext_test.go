package resource

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func TestJSONIsShownCompactWithSortedKeys(t *testing.T) {
	for text, want := range map[string]string{
		`{"mode": "snapshot", "compress": "zstd"}`:                   `{"compress":"zstd","mode":"snapshot"}`,
		`{"b": {"z": [1, {"y": 2, "x": []}], "a": {}}, "a": "x, y"}`: `{"a":"x, y","b":{"a":{},"z":[1,{"x":[],"y":2}]}}`,
		` [ 1.50 , "\" }" , null , true ] `:                          `[1.50,"\" }",null,true]`,
		`"x"`:                                                        `"x"`,
		`{}`:                                                         `{}`,
	} {
		if got := string(appendJSON([]byte("before:"), []byte(text), true)); got != "before:"+want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got := string(appendJSON(nil, []byte(`{"b": 1, "a": 2}`), false)); got != `{"b":1,"a":2}` {
		t.Errorf("unsorted: %s", got)
	}
}

// FuzzJSONText shows that laying JSON out anew never changes its value, and that no text, however broken, hangs or panics.
func FuzzJSONText(f *testing.F) {
	for _, seed := range []string{`{"b": [1, {"a": null}], "a\"": "\\"}`, `[[[[]]]]`, `{"a": `, `[}`, `{x`, `"`, `{"a":1,"a":2}`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := appendJSON(nil, []byte(text), true)
		if !json.Valid([]byte(text)) {
			return
		}
		var want, have any
		if json.Unmarshal([]byte(text), &want) != nil {
			return // numbers beyond float64
		}
		if err := json.Unmarshal(got, &have); err != nil {
			t.Fatalf("%q became %q: %v", text, got, err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if len(got) != compact.Len() {
			t.Errorf("%q became %q, want the length of %q", text, got, compact.Bytes())
		}
		// Of repeated keys the last counts, and sorting keeps their order: so the values are the same even then.
		if !reflect.DeepEqual(want, have) {
			t.Errorf("%q became %q", text, got)
		}
	})
}
