package web_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestAChangeShowsWhatItChangedAndWhatElseItsRequestDid(t *testing.T) {
	f := newClusters(t)
	id := f.make(tagsPath, map[string]any{"name": "old name", "slug": "one"})
	other := f.make(tagsPath, map[string]any{"name": "second", "slug": "two"})
	status, _ := f.ask("PATCH", tagsPath, []map[string]any{{"id": id, "name": maliceName, "changelog_message": "because " + maliceName}, {"id": other, "name": "third"}})
	if status != 200 {
		t.Fatal(status)
	}
	change := func(object int, action string) int {
		return f.number("SELECT id FROM changes WHERE object_id = $1 AND action = $2 AND object_repr <> '' AND object_type_id = (SELECT id FROM object_types WHERE model = 'tag') ORDER BY id DESC LIMIT 1", object, action)
	}
	updated := change(id, "update")
	g := f.get(at(changesPath, updated)).want(t, 200)
	g.onlyText(t)
	if got := textOf(g.one(t, tag("table"), class("diff"))); got != "Field Before After Name old name "+maliceName {
		t.Errorf("the difference is %s", got)
	}
	for what, to := range map[string]string{"the object": at(tagsPath, id), "the change before": at(changesPath, change(id, "create")), "the other change of the request": at(changesPath, change(other, "update")), "the other object": at(tagsPath, other)} {
		if !g.has(tag("a"), with("href", to)) {
			t.Errorf("no link to %s, %s", what, to)
		}
	}
	if !strings.Contains(g.text(), "Other changes of the same request 1") {
		t.Error(g.text())
	}
	list := f.get(changesPath+fmt.Sprintf("?changed_object_id=%d&changed_object_type=extras.tag", id)).want(t, 200)
	list.onlyText(t)
	if rows := list.all(tag("tr"), with("data-row")); len(rows) != 2 || !strings.Contains(textOf(rows[0]), "Tag") || !list.has(tag("a"), with("href", at(tagsPath, id))) {
		t.Errorf("%d changes:\n%s", len(rows), list.text())
	}
	// What is gone has no page.
	f.ask("DELETE", at(tagsPath, id), map[string]any{})
	if g := f.get(at(changesPath, change(id, "delete"))).want(t, 200); g.has(tag("a"), with("href", at(tagsPath, id))) {
		t.Error("a link to an object that was deleted")
	}
}

func TestAChangeMarksTheLinesThatStayed(t *testing.T) {
	f := serve(t)
	id := f.make(clustersPath, map[string]any{"name": "c", "comments": "one\ntwo <b>\nthree"})
	if status, _ := f.ask("PATCH", at(clustersPath, id), map[string]any{"comments": "zero\none\nthree"}); status != 200 {
		t.Fatal(status)
	}
	g := f.get(at(clustersPath, id, "changelog/")).want(t, 200)
	var got []string
	for _, side := range g.all(tag("pre"))[:2] {
		got = append(got, strings.ReplaceAll(nodeText(side), "\n", "|"))
		for _, same := range all(side, class("same")) {
			got = append(got, nodeText(same))
		}
	}
	if want := []string{"one|two <b>|three", "one", "three", "zero|one|three", "one\nthree"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWhoDeletesIsToldWhatRefersToItAndThatItIsGone(t *testing.T) {
	f := newClusters(t)
	f.routine("r", f.prod, nil, "")
	g := f.get(at(endpointsPath, f.prod, "delete/")).want(t, 200)
	if !strings.Contains(g.text(), "Backup routines 1 Replications 0 Nodes 2") {
		t.Errorf("what refers to an endpoint is %s", g.text())
	}
	f.post(at(endpointsPath, f.prod, "delete/"), url.Values{}).goes(t, endpointsPath)
	if text := f.get(endpointsPath).text(); !strings.Contains(text, "Deleted Proxmox endpoint prod") {
		t.Error(text)
	}
}

func TestTheChangeLogKeepsToWhatItsViewerMaySee(t *testing.T) {
	f := newClusters(t)
	shown := f.make(tagsPath, map[string]any{"name": "shown", "slug": "shown"})
	status, _ := f.ask("PATCH", tagsPath, []map[string]any{{"id": shown, "name": "shown still"}, {"id": f.make(tagsPath, map[string]any{"name": "hidden", "slug": "hidden"}), "name": "hidden still"}})
	if status != 200 {
		t.Fatal(status)
	}
	u := f.limited("some", permission{types: []string{"core.objectchange"}, actions: []string{"view"}, constraints: map[string]any{"changed_object_id": shown, "changed_object_type__model": "tag"}})
	mine := f.number("SELECT id FROM changes WHERE object_repr = 'shown still'")
	for _, path := range []string{changesPath, at(changesPath, mine)} {
		g := u.get(path).want(t, 200)
		if text := g.text(); strings.Contains(text, "hidden") || !strings.Contains(text, "shown") {
			t.Errorf("%s: %s", path, text)
		}
	}
	u.get(at(changesPath, f.number("SELECT id FROM changes WHERE object_repr = 'hidden still'"))).want(t, 404)
	f.limited("nobody").get(changesPath).want(t, 403)
}
