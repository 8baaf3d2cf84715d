package web_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestTheSearchLooksIntoAllListsAndLeadsToThem(t *testing.T) {
	f := newClusters(t)
	for n := range 12 {
		f.routine(fmt.Sprintf("needle-%02d", n), f.prod, []int{100}, "")
	}
	f.make(tagsPath, map[string]any{"name": "Needle", "slug": "needle"})
	f.make(vmsPath, map[string]any{"name": "needle-vm", "cluster": f.labCluster, "vmid": 7})
	f.make(clustersPath, map[string]any{"name": "needle-cluster"})
	g := f.get("/search/?q=needle").want(t, 200)
	if text := g.text(); !strings.Contains(text, "15 found for needle") {
		t.Errorf("%s", text)
	}
	for title, want := range map[string]int{"Backup Routines": 10, "Tags": 1, "Virtual Machines": 1, "Clusters": 1} {
		if n := len(all(g.one(t, tag("section"), with("aria-label", title)), tag("tr"), with("data-row"))); n != want {
			t.Errorf("%s: %d rows, want %d", title, n, want)
		}
	}
	if g.has(tag("section"), with("aria-label", "Nodes")) {
		t.Error("a list in which nothing was found is shown")
	}
	if rows := f.get(routinesPath+"?q=needle").all(tag("tr"), with("data-row")); len(rows) != 12 || !g.has(tag("a"), with("href", routinesPath+"?q=needle"), saying("All 12")) {
		t.Error("the list with all of them is not linked")
	}
	for path, says := range map[string]string{"/search/": "What are you looking for?", "/search/?q=+": "What are you looking for?", "/search/?q=nowhere": "Nothing has that in its name"} {
		if text := f.get(path).want(t, 200).text(); !strings.Contains(text, says) {
			t.Errorf("%s: %s", path, text)
		}
	}
}

func TestTheSearchFindsWhatItsUserMaySee(t *testing.T) {
	f := newClusters(t)
	f.routine("needle-prod", f.prod, []int{100}, "")
	f.routine("needle-lab", f.lab, []int{100}, "")
	f.make(nodesPath, map[string]any{"name": "needle-node", "endpoint": f.prod})
	u := f.limited("lab", toOne(f.lab, "view")...)
	if text := u.get("/search/?q=needle").want(t, 200).text(); !strings.Contains(text, "needle-lab") || strings.Contains(text, "needle-prod") || strings.Contains(text, "needle-node") || !strings.Contains(text, "1 found") {
		t.Error(text)
	}
	nobody := f.limited("nobody")
	if text := nobody.get("/search/?q=needle").want(t, 200).text(); strings.Contains(text, "needle-") {
		t.Error(text)
	}
	f.visitor().get("/search/?q=needle").want(t, 303)
}

func TestWhatIsSearchedForIsText(t *testing.T) {
	admin := serve(t)
	admin.make(tagsPath, map[string]any{"name": "<script>alert(1)</script>", "slug": "x"})
	admin.get("/search/?q=%3Cscript%3Ealert(1)%3C/script%3E%01%E2%80%AE").want(t, 200).onlyText(t)
	admin.get("/search/?q=%3Cscript%3Ealert(1)").want(t, 200).onlyText(t)
}
