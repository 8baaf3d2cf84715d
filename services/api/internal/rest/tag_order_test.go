package rest_test

import (
	"slices"
	"testing"
)

// The projector writes tags by the collation of the database, so does REST: the change log must not see another order as another state.
func TestTagsOfTheChangeLogHaveTheOrderOfREST(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO tags (name, slug) VALUES ('Gold', 'gold'), ('another', 'another'), ('über', 'uber')")
	tags := []any{map[string]any{"slug": "uber"}, map[string]any{"slug": "gold"}, map[string]any{"slug": "another"}}
	a := w.ask("POST", routinesPath, map[string]any{"endpoint": w.prod, "job_id": "tagged", "tags": tags})
	if a.status != 201 {
		t.Fatal(a.body)
	}
	var shown []any
	for _, tag := range a.json(t)["tags"].([]any) {
		shown = append(shown, tag.(map[string]any)["name"])
	}
	id := int(a.json(t)["id"].(float64))
	w.ask("PATCH", path(routinesPath, id), map[string]any{"comment": "x"}).want(t, 200, "")
	log := w.changes(1, id)
	for _, state := range []map[string]any{log[0].Post, log[1].Pre, log[1].Post} {
		if got := state["tags"].([]any); !slices.Equal(got, shown) || !slices.Equal(got, []any{"another", "Gold", "über"}) {
			t.Errorf("the change log has the tags %v, REST %v", got, shown)
		}
	}
	// Shown are the lighter tags first; states do not know weights.
	w.exec("UPDATE tags SET weight = 1 WHERE slug = 'uber'")
	if tags := w.get(path(routinesPath, id)).json(t)["tags"].([]any); tags[0].(map[string]any)["slug"] != "uber" || tags[1].(map[string]any)["slug"] != "another" {
		t.Errorf("by weight the tags are %v", tags)
	}
}
