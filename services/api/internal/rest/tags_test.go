package rest_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestTagsAreCheckedAsNetBoxChecksThem(t *testing.T) {
	s := serve(t)
	a := s.ask("POST", tagsPath, map[string]any{"name": "Gold", "slug": "gold", "weight": 5})
	a.want(t, 201, "")
	u := s.http.URL
	want := fmt.Sprintf(`{"id":1,"url":"%[1]s/api/extras/tags/1/","display_url":"%[1]s/extras/tags/1/","display":"Gold","name":"Gold","slug":"gold","color":"9e9e9e","description":"","weight":5,`, u)
	if !strings.HasPrefix(a.body, want) || a.json(t)["tagged_items"] != float64(0) {
		t.Errorf("got  %s\nwant %s", a.body, want)
	}
	s.get(tagsPath+"1/?brief=1").want(t, 200, fmt.Sprintf(`{"id":1,"url":"%s/api/extras/tags/1/","display":"Gold","name":"Gold","slug":"gold","color":"9e9e9e","description":""}`, u))
	const slug = `"slug":["Enter a valid “slug” consisting of Unicode letters, numbers, underscores, or hyphens.","Enter a valid \"slug\" consisting of Unicode letters, numbers, underscores, or hyphens."]`
	for _, c := range []struct {
		body map[string]any
		want string
	}{
		{map[string]any{}, `{"name":["This field is required."],"slug":["This field is required."]}`},
		{map[string]any{"name": "", "slug": "bad slug!", "color": "zz"}, `{"name":["This field may not be blank."],` + slug + `,"color":["Enter a valid hexadecimal RGB color code."]}`},
		{map[string]any{"name": "x", "slug": "x", "color": "AA1409"}, `{"color":["Enter a valid hexadecimal RGB color code."]}`},
		{map[string]any{"name": "x", "slug": "x", "color": "aa14090"}, `{"color":["Enter a valid hexadecimal RGB color code.","Ensure this field has no more than 6 characters."]}`},
		{map[string]any{"name": "x", "slug": "x", "weight": 32768}, `{"weight":["Ensure this value is less than or equal to 32767."]}`},
		{map[string]any{"name": "Gold", "slug": "gold"}, `{"name":["tag with this name already exists."],"slug":["tag with this slug already exists."]}`},
		{map[string]any{"name": "Gold", "slug": "other"}, `{"name":["tag with this name already exists."]}`},
	} {
		s.ask("POST", tagsPath, c.body).want(t, 400, c.want)
	}
	s.ask("POST", tagsPath, map[string]any{"name": "Ünïcödé", "slug": "ünïcödé_日本-1"}).want(t, 201, "")
	if got := s.get(tagsPath + "?q=OLD").results(t); len(got) != 1 {
		t.Errorf("q finds %v", got)
	}
	if got := s.get(tagsPath + "?limit=1").results(t); got[0]["name"] != "Gold" {
		t.Errorf("the lightest tag comes first, not %v", got)
	}
	s.ask("DELETE", tagsPath+"1/", nil).want(t, 204, "")
	rows := s.changes(9, 1)
	if len(rows) != 2 || rows[0].Post["color"] != "9e9e9e" || rows[0].Event != "" || rows[1].Action != "delete" {
		t.Errorf("changes: %+v", rows)
	}
}
