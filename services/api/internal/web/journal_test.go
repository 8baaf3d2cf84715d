package web_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const journalPath = "/extras/journal-entries/"

func (p *person) note(cluster int, text string) {
	p.make(journalPath, map[string]any{"assigned_object_type": "virtualization.cluster", "assigned_object_id": cluster, "comments": text})
}

// comments are the texts of the entries that a page of a journal shows.
func (g page) comments() []string {
	var out []string
	for _, n := range g.all(tag("p"), class("comments")) {
		out = append(out, textOf(n))
	}
	return out
}

func TestAJournalIsReadPageByPage(t *testing.T) {
	admin := serve(t)
	id := admin.make(clustersPath, map[string]any{"name": "c"})
	var want []string
	for i := range 7 {
		admin.note(id, fmt.Sprintf("entry %d", i))
		want = slices.Insert(want, 0, fmt.Sprintf("entry %d", i))
	}
	var got []string
	var said []string
	for to := at(clustersPath, id, "journal/?limit=3"); to != ""; {
		g := admin.get(to).want(t, 200)
		got = append(got, g.comments()...)
		said = append(said, textOf(g.one(t, class("pager"))))
		to = ""
		for _, n := range g.all(tag("a"), with("rel", "next")) {
			to, _ = attr(n, "href")
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !slices.Equal(said, []string{"1–3 of 7 Older", "4–6 of 7 Newer Older", "7–7 of 7 Newer"}) {
		t.Errorf("the pages say %q", said)
	}
	last := admin.get(at(clustersPath, id, "journal/?limit=3&offset=6"))
	if to, _ := attr(last.one(t, tag("a"), with("rel", "prev")), "href"); to != at(clustersPath, id, "journal/?limit=3&offset=3") {
		t.Errorf("the newer ones are at %s", to)
	}
	admin.post("/user/profile/", url.Values{"page_size": {"25"}}).goes(t, "/user/profile/")
	for i := range 30 {
		admin.note(id, fmt.Sprintf("more %d", i))
	}
	if n := len(admin.get(at(clustersPath, id, "journal/")).comments()); n != 25 {
		t.Errorf("%d entries on a page of 25", n)
	}
}

func TestAJournalTakesEntriesAndSaysWhoWroteThem(t *testing.T) {
	admin := serve(t)
	id := admin.make(clustersPath, map[string]any{"name": "c"})
	clusters := permission{types: []string{"virtualization.cluster"}, actions: []string{"view"}}
	eve := admin.limited("eve", clusters, permission{types: []string{"extras.journalentry"}, actions: []string{"view", "add"}})
	path := at(clustersPath, id, "journal/")
	g := eve.post(path, url.Values{"kind": {"warning"}, "comments": {""}}).want(t, 400)
	if textOf(g.one(t, with("id", "wrong-comments"))) != "This field is required." || valuesOf(g.control(t, "kind"))[0] != "warning" {
		t.Errorf("what is wrong is not said, or the kind is lost: %s", g.body)
	}
	eve.post(path, url.Values{"kind": {"warning"}, "comments": {"by eve"}}).goes(t, path)
	admin.note(id, "by admin")
	head := func(g page) (out []string) {
		for _, n := range g.all(class("change-head")) {
			words := strings.Fields(textOf(n))
			out = append(out, strings.Join(slices.Concat(words[:1], words[3:]), " "))
		}
		return out
	}
	if got := head(eve.get(path)); !slices.Equal(got, []string{"Info", "Warning by eve"}) {
		t.Errorf("eve, who may see no users, sees %q", got)
	}
	if got := head(admin.get(path)); !slices.Equal(got, []string{"Info by admin", "Warning by eve"}) {
		t.Errorf("admin sees %q", got)
	}
	entry := admin.number("SELECT id FROM journal_entries WHERE comments = 'by eve'")
	if g := admin.get(at(journalPath, entry)); g.row("Created by") != "eve" || g.row("Assigned object type") != "Cluster" {
		t.Errorf("the page of an entry says %s", g.text())
	}
}

// TestWhoMayAddWithoutSeeingComesBackToTheForm makes objects as users who may not look at them.
func TestWhoMayAddWithoutSeeingComesBackToTheForm(t *testing.T) {
	admin := serve(t)
	id := admin.make(clustersPath, map[string]any{"name": "c"})
	admin.note(id, "secret")
	blind := admin.limited("blind", permission{types: []string{"virtualization.cluster"}, actions: []string{"view"}}, permission{types: []string{"extras.journalentry", "extras.tag"}, actions: []string{"add"}})
	path := at(clustersPath, id, "journal/")
	if g := blind.get(at(clustersPath, id)).want(t, 200); !slices.Contains(g.links(), path) {
		t.Error("the tab of the journal is missing")
	}
	blind.post(path, url.Values{"kind": {"info"}, "comments": {"blind note"}}).goes(t, path)
	if g := blind.get(path).want(t, 200); !g.has(role("status"), saying("Added to the journal.")) || len(g.comments()) > 0 || strings.Contains(g.body, "secret") {
		t.Errorf("after it: %s", g.text())
	}
	if got := admin.get(path).comments(); !slices.Equal(got, []string{"blind note", "secret"}) {
		t.Errorf("the journal has %q", got)
	}
	blind.post(tagsPath+"add/", url.Values{"name": {"red"}, "slug": {"red"}, "color": {"#ff0000"}}).goes(t, tagsPath+"add/")
	if g := blind.get(tagsPath+"add/").want(t, 200); !g.has(role("status"), saying("Created tag red.")) {
		t.Error("it is not said that the tag was made")
	}
	narrow := admin.limited("narrow", permission{types: []string{"extras.tag"}, actions: []string{"add"}}, permission{types: []string{"extras.tag"}, actions: []string{"view"}, constraints: map[string]any{"slug": "red"}})
	narrow.post(tagsPath+"add/", url.Values{"name": {"blue"}, "slug": {"blue"}, "color": {"#0000ff"}}).goes(t, tagsPath)
	narrow.get(tagsPath).want(t, 200)
	watcher := admin.limited("watcher", permission{types: []string{"virtualization.cluster", "extras.journalentry"}, actions: []string{"view"}})
	watcher.post(path, url.Values{"kind": {"info"}, "comments": {"no"}}).want(t, 403)
	if g := watcher.get(path).want(t, 200); g.has(tag("textarea")) || len(g.comments()) != 2 {
		t.Errorf("who may only look: %s", g.text())
	}
}
