package render

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestTagsAreShownAsTheyWereAtTheChange(t *testing.T) {
	n := &Names{
		Tags: map[string]Tag{"a": {ID: 3, Name: "a", Slug: "third", Color: "000003"}},
		PastTags: map[string][]PastTag{
			"a": {{Until: 10, Tag: Tag{ID: 1, Name: "a", Slug: "first", Color: "000001", Weight: 9}}, {Until: 20, Tag: Tag{ID: 2, Name: "a", Slug: "second", Color: "000002"}}},
			"b": {{Until: 20, Tag: Tag{ID: 4, Name: "b", Slug: "b", Color: "000004", Weight: 5}}},
		},
	}
	for _, c := range []struct {
		change int64
		want   string
	}{{9, "b first"}, {10, "second b"}, {19, "second b"}, {20, "third"}, {99, "third"}} {
		var shown []struct{ Slug string }
		if err := json.Unmarshal(n.appendTags(nil, `["a", "b", "unknown"]`, c.change), &shown); err != nil {
			t.Fatal(err)
		}
		var slugs []string
		for _, s := range shown {
			slugs = append(slugs, s.Slug)
		}
		if got := strings.Join(slugs, " "); got != c.want {
			t.Errorf("change %d shows %s, want %s", c.change, got, c.want)
		}
	}
}
