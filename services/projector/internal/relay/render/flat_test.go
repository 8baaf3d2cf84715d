package render

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAppendFieldsTakesTheNamedOnes(t *testing.T) {
	t.Parallel()
	const state = ` { "b" : [1, {"x": "} "}] , "a":"q\"", "raw_config": {"k": 1}, "c":null,"d":-1.5e3 } `
	for _, c := range []struct {
		names, without []string
		want           string
	}{
		{nil, nil, `{}`},
		{[]string{"a", "b", "c", "d", "e", "raw_config"}, nil, `{"b":[1,{"x":"} "}],"a":"q\"","raw_config":{"k":1},"c":null,"d":-1.5e3}`},
		{[]string{"b", "c", "raw_config"}, []string{"raw_config", "b"}, `{"c":null}`},
	} {
		got, err := AppendFields(nil, state, c.names, c.without)
		if err != nil || string(got) != c.want {
			t.Errorf("%v: %s (%v), want %s", c.names, got, err, c.want)
		}
	}
	for _, bad := range []string{`[]`, `{"a"`, `{"a":1`, `{1:2}`, `x`, `{"a":1 "b":2}`} {
		if _, err := AppendFields(nil, bad, []string{"a"}, nil); err == nil {
			t.Errorf("%s was taken for an object", bad)
		}
	}
}

// Whatever JSON object comes, its fields come out as encoding/json sees them.
func FuzzFields(f *testing.F) {
	f.Add(routineState)
	f.Add(replicationState)
	f.Add(`{"a":{"b":["\\\"}"]},"":1}`)
	f.Fuzz(func(t *testing.T, object string) {
		_ = eachField(object, func(_, value string) { _ = appendCompact(nil, value) }) // must not panic on anything
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(object), &want) != nil || want == nil {
			return
		}
		n := 0
		err := eachField(object, func(name, value string) {
			var key string
			if err := json.Unmarshal([]byte(`"`+name+`"`), &key); err != nil {
				t.Fatalf("name %q: %v", name, err)
			}
			if _, ok := want[key]; !ok {
				t.Fatalf("%q is no field of %s", key, object)
			}
			var a, b any
			if err := json.Unmarshal(appendCompact(nil, value), &a); err != nil {
				t.Fatalf("value of %q: %v", key, err)
			}
			_ = json.Unmarshal([]byte(value), &b)
			if diff := cmp.Diff(a, b); diff != "" {
				t.Fatal(diff)
			}
			n++
		})
		if err != nil || n < len(want) {
			t.Fatalf("%d fields of %d (%v) in %s", n, len(want), err, object)
		}
	})
}
