package web_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// clusters makes so many clusters and returns their ids.
func (p *person) clusters(n int) []int {
	p.t.Helper()
	var ids []int
	for i := range n {
		ids = append(ids, p.make(clustersPath, map[string]any{"name": fmt.Sprintf("cluster-%03d", i), "description": "old", "comments": "kept"}))
	}
	return ids
}

// changed sends a form after some of its values were changed; a value of "-" takes a control away.
func (p *person) changed(g page, path string, values url.Values) page {
	p.t.Helper()
	forms := g.all(tag("form"), with("data-form"))
	if len(forms) != 1 {
		p.t.Fatalf("%d forms on %s\n%s", len(forms), path, g.text())
	}
	sent := g.sent(forms[0])
	for name, v := range values {
		if sent[name] = v; slices.Equal(v, []string{"-"}) {
			delete(sent, name)
		}
	}
	return p.post(path, sent)
}

func join(ids []int) string { return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]") }

func TestSelectedRowsAreEditedTogether(t *testing.T) {
	admin := serve(t)
	ids := admin.clusters(3)
	blue := admin.make(tagsPath, map[string]any{"name": "blue", "slug": "blue"})
	list := admin.get(clustersPath+"?q=cluster").want(t, 200)
	if n := len(list.all(tag("input"), with("name", "pk"), with("form", "bulk"))); n != 3 {
		t.Fatalf("%d rows can be selected", n)
	}
	list.one(t, tag("button"), with("formaction", clustersPath+"edit/"))
	bar := list.one(t, tag("form"), with("id", "bulk"))
	first := list.sent(bar)
	first["pk"] = []string{fmt.Sprint(ids[0]), fmt.Sprint(ids[1])}
	g := admin.post(clustersPath+"edit/", first).want(t, 200)
	if !g.has(role("heading"), saying("Edit 2 Clusters")) || !g.has(tag("a"), saying("cluster-001")) {
		t.Errorf("does not say what is edited: %s", g.text())
	}
	if g.has(with("name", "name")) {
		t.Error("the name can be edited")
	}
	admin.changed(g, clustersPath+"edit/", url.Values{
		"_change": {"description", "add_tags"}, "description": {"new"}, "comments": {"not ticked"}, "add_tags": {fmt.Sprint(blue)}, "changelog_message": {"in bulk"},
	}).goes(t, clustersPath+"?q=cluster")
	for i, id := range ids {
		o, want := admin.read(clustersPath, id), []any{"new", 1}
		if i == 2 {
			want = []any{"old", 0}
		}
		if o["description"] != want[0] || len(o["tags"].([]any)) != want[1] || o["comments"] != "kept" {
			t.Errorf("cluster %d: %v", i, o)
		}
	}
	if g := admin.get(clustersPath); textOf(g.one(t, role("status"), saying("…changed"))) != "2 changed." {
		t.Error("the list does not say what became of it")
	}
	if g := admin.get(clustersPath); g.has(role("status"), saying("…changed")) {
		t.Error("it is said twice")
	}
}

func TestAllThatMatchesIsEditedWhateverThePage(t *testing.T) {
	admin := serve(t)
	ids := admin.clusters(30)
	list := admin.get(clustersPath+"?limit=25&name__ic=cluster-01").want(t, 200)
	if list.has(with("name", "_all")) {
		t.Error("a list of one page offers all that matches")
	}
	list = admin.get(clustersPath+"?limit=25&name__ic=cluster").want(t, 200)
	if !strings.Contains(list.text(), "Select all 30 matching") {
		t.Fatal(list.text())
	}
	form := list.sent(list.one(t, tag("form"), with("id", "bulk")))
	form.Set("_all", "1")
	form.Set("pk", fmt.Sprint(ids[0]))
	g := admin.post(clustersPath+"edit/", form).want(t, 200)
	admin.changed(g, clustersPath+"edit/", url.Values{"_change": {"status"}, "status": {"offline"}}).goes(t, clustersPath+"?limit=25&name__ic=cluster")
	if n := admin.one(clustersPath + "?status=offline&limit=1"); n != 30 {
		t.Errorf("%d changed, want 30", n)
	}
}

// one asks the API for the count of a list.
func (p *person) one(path string) int {
	p.t.Helper()
	status, answer := p.ask("GET", path, nil)
	if status != 200 {
		p.t.Fatalf("%s: %d %v", path, status, answer)
	}
	return int(answer["count"].(float64))
}

func TestTagsAreAddedAndRemovedFromTheList(t *testing.T) {
	admin := serve(t)
	ids := admin.clusters(2)
	blue := admin.make(tagsPath, map[string]any{"name": "blue", "slug": "blue"})
	form := url.Values{"pk": {join(ids)}, "_tags": {fmt.Sprint(blue)}}
	for _, step := range []struct {
		action string
		want   int
	}{{"add_tags", 2}, {"remove_tags", 0}} {
		admin.post(clustersPath+"edit/?tags="+step.action, form).goes(t, clustersPath)
		if n := admin.one(clustersPath + "?tag=blue"); n != step.want {
			t.Errorf("after %s %d have the tag, want %d", step.action, n, step.want)
		}
	}
}

func TestAMenuOfTagsWithoutATagChangesNothing(t *testing.T) {
	admin := serve(t)
	ids := admin.clusters(2)
	for _, action := range []string{"add_tags", "remove_tags"} {
		form := url.Values{"pk": {join(ids)}, "_tags": {""}, "_query": {"q=cluster"}}
		admin.post(clustersPath+"edit/?tags="+action, form).goes(t, clustersPath+"?q=cluster")
		if g := admin.get(clustersPath); textOf(g.one(t, role("status"), saying("…tag"))) != "Pick a tag first." {
			t.Errorf("%s: the list does not say what is missing", action)
		}
	}
}

func TestPickersWithoutScriptsKeepAllThatIsPicked(t *testing.T) {
	admin := serve(t)
	var tags []any
	for _, slug := range []string{"a", "b", "c"} {
		tags = append(tags, admin.make(tagsPath, map[string]any{"name": slug, "slug": slug}))
	}
	id := admin.make(clustersPath, map[string]any{"name": "x", "tags": tags})
	g := admin.get(at(clustersPath, id, "edit/")).want(t, 200)
	path := at(clustersPath, id, "edit/")
	if got := g.sent(g.one(t, tag("form"), with("data-form")))["tags"]; !slices.Contains(got, strings.Trim(strings.ReplaceAll(fmt.Sprint(tags), " ", ","), "[]")) {
		t.Errorf("the form sends the tags %q", got)
	}
	admin.changed(g, path, url.Values{"description": {"new"}}).goes(t, at(clustersPath, id))
	if o := admin.read(clustersPath, id); len(o["tags"].([]any)) != 3 || o["description"] != "new" {
		t.Errorf("afterwards it is %v", o)
	}
	admin.changed(admin.get(path), path, url.Values{"tags": {fmt.Sprintf("%v, %v", tags[0], tags[2])}}).goes(t, at(clustersPath, id))
	if o := admin.read(clustersPath, id); len(o["tags"].([]any)) != 2 {
		t.Errorf("one taken away leaves %v", o["tags"])
	}
	// Filters, too: what the form sends is what was asked for.
	list := admin.get(clustersPath+"?tag__any=a&tag__any=b&tab=filters").want(t, 200)
	again := list.sent(list.one(t, tag("form"), with("data-filters")))
	if got := again["tag__any"]; len(got) != 1 || got[0] != "a,b" {
		t.Fatalf("the filters send %q", again)
	}
	list = admin.get(clustersPath+"?tab=filters&"+again.Encode()).want(t, 200)
	if n := len(list.all(with("data-row"))); n != 1 || len(list.all(with("data-chosen"))) != 2 {
		t.Errorf("%d rows, filters %v", n, list.text())
	}
}

func TestBulkEditSaysWhichObjectCannotBeSo(t *testing.T) {
	admin := serve(t)
	ids := admin.clusters(2)
	field := admin.make(fieldsPath, map[string]any{"name": "rack", "type": "text", "unique": true, "object_types": []string{"virtualization.cluster"}})
	g := admin.post(clustersPath+"edit/", url.Values{"pk": {join(ids)}, "_apply": {"1"}, "_change": {"cf_rack", "description"}, "cf_rack": {"r1"}, "description": {"new"}}).want(t, 400)
	alert := textOf(g.one(t, tag("div"), role("alert"), class("alert-danger")))
	if !strings.Contains(alert, "Nothing was changed") || !strings.Contains(alert, "cluster-001") {
		t.Errorf("the message names no object: %s", alert)
	}
	if !strings.Contains(alert, "Other values are needed: Rack") {
		t.Errorf("the message names no field: %s", alert)
	}
	if text := textOf(g.one(t, with("id", "wrong-cf_rack"))); !strings.Contains(text, "must have a unique value") {
		t.Errorf("beside the field: %q", text)
	}
	if admin.read(clustersPath, ids[0])["description"] != "old" {
		t.Error("one of them was changed")
	}
	if v := g.control(t, "description"); valuesOf(v)[0] != "new" {
		t.Error("what was filled in is lost")
	}
	admin.ask("DELETE", at(fieldsPath, field), nil)
}

func TestSelectedRowsAreDeletedTogetherOrNotAtAll(t *testing.T) {
	admin := serve(t)
	ids := admin.clusters(60)
	admin.make(vmsPath, map[string]any{"name": "guest", "cluster": ids[1]})
	g := admin.post(clustersPath+"delete/", url.Values{"pk": {join(ids)}}).want(t, 200)
	if text := g.text(); !strings.Contains(text, "Delete 60 Clusters?") || !strings.Contains(text, "and 10 more") {
		t.Errorf("does not say what goes: %s", text)
	}
	form := g.sent(g.one(t, tag("form"), class("form")))
	g = admin.post(clustersPath+"delete/", form).want(t, 409)
	if alert := textOf(g.one(t, tag("div"), role("alert"))); !strings.Contains(alert, "guest") || !strings.Contains(alert, "Nothing was deleted") {
		t.Errorf("does not say what holds on: %s", alert)
	}
	if n := admin.one(clustersPath); n != 60 {
		t.Errorf("%d are left", n)
	}
	form.Set("pk", join(ids[2:]))
	admin.post(clustersPath+"delete/", form).goes(t, clustersPath)
	if n := admin.one(clustersPath); n != 2 {
		t.Errorf("%d are left, want 2", n)
	}
}

func TestBulkLeavesAloneWhatIsNotTheirs(t *testing.T) {
	admin := serve(t)
	ids := admin.clusters(3)
	eve := admin.limited("eve",
		permission{types: []string{"virtualization.cluster"}, actions: []string{"view"}, constraints: map[string]any{"name__in": []string{"cluster-000", "cluster-001"}}},
		permission{types: []string{"virtualization.cluster"}, actions: []string{"change"}, constraints: map[string]any{"name": "cluster-000"}},
	)
	g := eve.post(clustersPath+"edit/", url.Values{"pk": {join(ids)}}).want(t, 200)
	if text := g.text(); !strings.Contains(text, "Edit 1 Cluster") || strings.Contains(text, "cluster-002") || !strings.Contains(text, "2 of those selected are left out") {
		t.Errorf("got %s", text)
	}
	eve.post(clustersPath+"edit/", url.Values{"pk": {join(ids)}, "_apply": {"1"}, "_change": {"description"}, "description": {"eve"}}).goes(t, clustersPath)
	for i, id := range ids {
		if got, want := admin.read(clustersPath, id)["description"], []string{"eve", "old", "old"}[i]; got != want {
			t.Errorf("cluster %d: %v", i, got)
		}
	}
	eve.post(clustersPath+"edit/", url.Values{"_all": {"1"}, "_apply": {"1"}, "_change": {"description"}, "description": {"all"}}).goes(t, clustersPath)
	if n := admin.one(clustersPath + "?description=all"); n != 1 {
		t.Errorf("%d were changed, want 1", n)
	}
	eve.post(clustersPath+"delete/", url.Values{"pk": {join(ids)}}).want(t, 403)
	eve.post(clustersPath+"edit/", url.Values{"pk": {fmt.Sprint(ids[2])}}).goes(t, clustersPath)
}

func TestAtMostSoManyAreChangedAtOnce(t *testing.T) {
	admin := serve(t)
	if _, err := admin.pool.Exec(t.Context(), "INSERT INTO clusters (name) SELECT 'c' || n FROM generate_series(1, 10001) n"); err != nil {
		t.Fatal(err)
	}
	g := admin.get(clustersPath)
	if g.has(with("name", "_all")) || !strings.Contains(g.text(), "At most 10,000 can be changed at once") {
		t.Error("the list offers to change too many")
	}
	form := url.Values{"_all": {"1"}, "_apply": {"1"}, "_change": {"description"}, "description": {"new"}}
	for _, path := range []string{"edit/", "delete/"} {
		if g := admin.post(clustersPath+path, form).want(t, 400); !strings.Contains(g.text(), "At most 10,000 objects") {
			t.Errorf("%s says %s", path, g.text())
		}
	}
	form.Set("_query", url.Values{"name__n": {"c1"}}.Encode())
	admin.post(clustersPath+"edit/", form).want(t, 303)
	if n := admin.one(clustersPath + "?description=new"); n != 10_000 {
		t.Errorf("%d changed, want 10000", n)
	}
}
