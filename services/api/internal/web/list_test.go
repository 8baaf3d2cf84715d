package web_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// heads are the columns of a list.
func (g page) heads() []string {
	var out []string
	for _, n := range g.all(tag("th"), with("aria-sort")) {
		out = append(out, textOf(n))
	}
	return out
}

func TestColumnsAreShownInTheOrderThatWasChosen(t *testing.T) {
	admin := serve(t)
	admin.clusters(30)
	g := admin.chooser(clustersPath + "?q=cluster&limit=25")
	form := g.one(t, tag("form"), class("columns"))
	if v := valuesOf(g.control(t, "page_size"))[0]; v != "25" {
		t.Errorf("the form says %s rows", v)
	}
	if len(all(form, tag("button"), with("data-move", "up"))) == 0 || len(all(form, tag("button"), with("data-move", "down"))) == 0 {
		t.Error("columns cannot be moved with the keyboard")
	}
	sent := g.sent(form)
	sent["columns"] = []string{"description", "name", "nonsense", "id", "description", "custom_fields", "cf_nonsense"}
	sent.Set("page_size", "25")
	to, _ := attr(form, "action")
	admin.post(to, sent).goes(t, clustersPath+"?q=cluster")
	if got := admin.chosen("clusters"); !slices.Equal(got, []string{"description", "name"}) {
		t.Errorf("%q is kept", got)
	}
	g = admin.get(clustersPath)
	if got := fmt.Sprint(g.heads()); got != "[Description Name]" {
		t.Errorf("columns are %s", got)
	}
	if n := len(g.all(with("data-row"))); n != 25 {
		t.Errorf("a page has %d rows", n)
	}
	admin.post(to, url.Values{"reset": {"1"}, "next": {"//evil.example"}}).goes(t, "/")
	if got := fmt.Sprint(admin.get(clustersPath).heads()); got != "[Name Status Description Tags]" {
		t.Errorf("columns are %s after a reset", got)
	}
}

// chooser is the page to choose the columns of a list on, which the list leads to.
func (p *person) chooser(list string) page {
	p.t.Helper()
	g := p.get(list).want(p.t, 200)
	to, _ := attr(all(g.one(p.t, tag("details"), class("columns-menu")), tag("a"))[0], "href")
	return p.get(to).want(p.t, 200)
}

// chosen are the columns of a list that a person is known to have chosen.
func (p *person) chosen(resource string) (names []string) {
	p.t.Helper()
	if err := p.pool.QueryRow(p.t.Context(), "SELECT array(SELECT jsonb_array_elements_text(data->'columns'->$2)) FROM user_preferences WHERE user_id = $1", p.id, resource).Scan(&names); err != nil {
		p.t.Fatal(err)
	}
	return names
}

func TestListsSayWhatIsNothingAndWhatIsLong(t *testing.T) {
	admin := serve(t)
	if g := admin.get(clustersPath); !strings.Contains(g.text(), "There are no clusters yet") || g.has(with("id", "tab-results"), saying("…1")) {
		t.Errorf("an empty list says %s", g.text())
	}
	for path, want := range map[string]string{storagePath: "There is no storage yet What a cluster has comes with the first", changesPath: "Nothing has changed yet", jobsPath: "There are no sync jobs yet One comes with each sync"} {
		if text := admin.get(path).text(); !strings.Contains(text, want) || strings.Contains(text, "Add the first one") {
			t.Errorf("%s is empty and says %s", path, text)
		}
	}
	long := strings.Repeat("x", 98) + "yz"
	cluster := admin.make(clustersPath, map[string]any{"name": long})
	admin.make(vmsPath, map[string]any{"name": "guest", "cluster": cluster, "memory": 2048, "vcpus": 2})
	g := admin.get(clustersPath)
	link := g.one(t, tag("a"), with("data-open"))
	if title, _ := attr(link, "title"); title != long || len([]rune(textOf(link))) > 30 || !strings.HasSuffix(textOf(link), "yz") {
		t.Errorf("a long name is shown as %q with the title %q", textOf(link), title)
	}
	if n := g.one(t, tag("td"), with("data-column", "description")); textOf(n) != "—" {
		t.Errorf("nothing is shown as %q", textOf(n))
	}
	g = admin.get(vmsPath)
	if n := g.one(t, tag("td"), with("data-column", "memory"), class("num")); !strings.HasSuffix(textOf(n), "iB") {
		t.Errorf("memory is shown as %q", textOf(n))
	}
	if g.has(tag("td"), with("data-column", "vmid"), class("num")) {
		t.Error("an id is aligned as a number")
	}
	if g := admin.get(clustersPath + "?q=nothing"); !strings.Contains(g.text(), "Nothing matches these filters") {
		t.Errorf("says %s", g.text())
	}
}

// The form of filters is read when it is looked at.
func TestFiltersComeWhenTheyAreAskedFor(t *testing.T) {
	admin := serve(t)
	cluster := admin.make(clustersPath, map[string]any{"name": "one"})
	address := vmsPath + "?" + url.Values{"cluster_id": {fmt.Sprint(cluster)}, "name": {"<b>"}, "ordering": {"name"}}.Encode()
	list := admin.get(address).want(t, 200)
	panel := list.one(t, with("id", "panel-filters"))
	to, _ := attr(panel, "hx-get")
	if list.has(tag("form"), with("data-filters")) || !list.has(tag("a"), with("href", to), saying("Show the filters")) {
		t.Errorf("the list has its filters, or asks %s for them", to)
	}
	part := admin.piece(to, "panel-filters").want(t, 200)
	whole := admin.get(to).want(t, 200)
	if part.has(with("id", "panel-filters")) || part.has(with("data-row")) || whole.has(with("id", "panel-filters"), with("hidden")) {
		t.Errorf("more than the filters come: %s", part.body)
	}
	for _, g := range []page{part, whole} {
		sent := g.sent(g.one(t, tag("form"), with("data-filters")))
		if sent.Get("cluster_id") != fmt.Sprint(cluster) || sent.Get("name__ic") != "" || sent.Get("name") != "<b>" || sent.Get("ordering") != "name" {
			t.Errorf("the form sends %v", sent)
		}
	}
	u := admin.limited("nobody", permission{types: []string{"extras.tag"}, actions: []string{"view"}})
	u.piece(vmsPath+"?tab=filters", "panel-filters").want(t, 403)
}

func TestCustomFieldsAreFilters(t *testing.T) {
	admin := serve(t)
	set := admin.make("/extras/custom-field-choice-sets/", map[string]any{"name": "levels", "extra_choices": [][]string{{"gold", "Gold"}, {"iron", "Iron"}}})
	for name, field := range map[string]map[string]any{
		"level": {"type": "select", "choice_set": set, "label": "Service level"}, "note": {"type": "text", "filter_logic": "loose"}, "code": {"type": "text", "filter_logic": "exact"},
		"since": {"type": "date"}, "paid": {"type": "boolean"}, "seats": {"type": "integer"}, "marks": {"type": "multiselect", "choice_set": set},
		"secret": {"type": "text", "ui_visible": "hidden"}, "silent": {"type": "text", "filter_logic": "disabled"},
	} {
		field["name"], field["object_types"] = name, []string{"virtualization.cluster"}
		admin.make(fieldsPath, field)
	}
	gold := admin.make(clustersPath, map[string]any{"name": "rich", "custom_fields": map[string]any{"level": "gold", "seats": 7}})
	admin.make(clustersPath, map[string]any{"name": "poor", "custom_fields": map[string]any{"level": "iron", "seats": 3}})
	form := admin.piece(clustersPath+"?tab=filters&cf_level=gold&cf_seats__gte=5", "panel-filters").want(t, 200)
	for name, want := range map[string]bool{
		"level": true, "note": true, "code": true, "since": true, "paid": true, "seats": true, "marks": true, "secret": false, "silent": false,
	} {
		if form.has(with("id", "f-cf_"+name)) != want {
			t.Errorf("the filter by %s: is one %v, want %v", name, !want, want)
		}
	}
	if form.has(with("data-lookup", "cf_note")) || !form.has(with("data-lookup", "cf_code")) || !form.has(tag("label"), saying("Service level")) {
		t.Error("fields are not compared as they say, or not called as they are")
	}
	sent := form.sent(form.one(t, tag("form"), with("data-filters")))
	if sent.Get("cf_level") != "gold" || sent.Get("cf_seats__gte") != "5" {
		t.Errorf("the form sends %v", sent)
	}
	list := admin.get(clustersPath+"?cf_level=gold&cf_seats__gte=5").want(t, 200)
	rows := list.all(with("data-row"))
	if len(rows) != 1 || !list.has(tag("a"), with("href", at(clustersPath, gold))) || !list.has(class("chip"), saying("…Service level: Gold")) || !list.has(class("chip"), saying("…Seats at least 5")) {
		t.Errorf("the list has %d rows: %s", len(rows), list.text())
	}
	wrong := admin.get(clustersPath+"?cf_seats=many").want(t, 200)
	if field := wrong.one(t, with("id", "f-cf_seats")); !strings.Contains(textOf(field.Parent.Parent), "Enter a whole number.") {
		t.Errorf("a wrong value is told as %s", wrong.text())
	}
}

func TestChipsSayWhatAListIsFilteredBy(t *testing.T) {
	admin := serve(t)
	for query, want := range map[string]string{
		"q=x": "Search: x", "enabled=true": "Enabled: Yes", "enabled=False": "Enabled: No", "status=stale": "Status: Stale", "status__n=stale": "Status none of Stale",
		"status=active&status=stale": "Status: Active, Stale", "comment__ic=true": "Comment contains true", "comment__empty=true": "Comment is empty: Yes", "job_id=a": "Job ID is a",
	} {
		if got := textOf(all(admin.get(routinesPath+"?"+query).want(t, 200).one(t, class("chip")), with("dir", "auto"))[0]); got != want {
			t.Errorf("%s is shown as %q, want %q", query, got, want)
		}
	}
}

// What asks for the rows of an open list alone is told how many there are, too.
func TestResultsComeWithTheirCount(t *testing.T) {
	admin := serve(t)
	admin.clusters(3)
	part := admin.piece(clustersPath+"?limit=2", "results").want(t, 200)
	if n := textOf(part.one(t, with("id", "count"))); n != "3" || len(part.all(with("data-row"))) != 2 || part.has(with("id", "tab-results")) {
		t.Errorf("%s of 3 come: %s", n, part.body)
	}
}
