package web_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/proxops/proxops/libs/pgtest"
)

// customised makes clusters that have a custom field of each kind: the first has values, the second none.
func (p *person) customised() (ids []int) {
	p.t.Helper()
	tiers := p.make("/extras/custom-field-choice-sets/", map[string]any{"name": "Tiers", "extra_choices": [][]string{{"au", "Gold tier"}, {"ag", "Silver tier"}}})
	for _, f := range []map[string]any{
		{"name": "owner", "type": "text", "label": "Owner", "description": "who pays"},
		{"name": "notes", "type": "longtext"},
		{"name": "seats", "type": "integer"},
		{"name": "audited", "type": "boolean"},
		{"name": "since", "type": "date"},
		{"name": "looked_at", "type": "datetime"},
		{"name": "wiki", "type": "url"},
		{"name": "extra", "type": "json"},
		{"name": "tier", "type": "select", "choice_set": tiers},
		{"name": "tiers", "type": "multiselect", "choice_set": tiers},
		{"name": "inner", "type": "text", "ui_visible": "hidden"},
	} {
		f["object_types"] = []string{"virtualization.cluster"}
		p.make(fieldsPath, f)
	}
	ids = append(ids, p.make(clustersPath, map[string]any{"name": "a", "custom_fields": map[string]any{
		"owner": "<b>Anna</b>", "notes": "first\nsecond " + strings.Repeat("long ", 200), "seats": 12, "audited": true, "since": "2026-01-31", "looked_at": "2026-01-31T02:03:04Z",
		"wiki": "https://wiki.example.com/a?b=c", "extra": map[string]any{"a": []any{1, "<"}}, "tier": "au", "tiers": []string{"ag", "au"}, "inner": "hidden value",
	}}))
	return append(ids, p.make(clustersPath, map[string]any{"name": "b"}))
}

// cellOf is the cell of a row in a column.
func cellOf(row *html.Node, column string) *html.Node {
	return all(row, tag("td"), with("data-column", column))[0]
}

func TestCustomFieldsAreColumns(t *testing.T) {
	admin := serve(t)
	admin.customised()
	const all = "cf_tier,name,cf_owner,cf_notes,cf_seats,cf_audited,cf_since,cf_looked_at,cf_wiki,cf_extra,cf_tiers"
	choices := admin.chooser(clustersPath)
	if !choices.has(with("value", "cf_owner")) || !choices.has(tag("label"), saying("Owner"), with("title", "who pays")) {
		t.Error("a custom field is not offered")
	}
	if choices.has(with("value", "cf_inner")) || choices.has(with("value", "custom_fields")) {
		t.Error("a hidden custom field is offered, or all of them as one")
	}
	if g := admin.chooser(vmsPath); g.has(with("value", "cf_owner")) {
		t.Error("a custom field of another object type is offered")
	}
	admin.post("/preferences/clusters/", url.Values{"columns": strings.Split(all+",cf_inner,cf_owner", ",")})
	if got := strings.Join(admin.chosen("clusters"), ","); got != all {
		t.Errorf("%s is kept, want %s", got, all)
	}
	g := admin.get(clustersPath).want(t, 200)
	if got := fmt.Sprint(g.heads()[:4]); got != "[Tier Name Owner Notes]" {
		t.Errorf("columns are %s", got)
	}
	row := g.all(with("data-row"))[0]
	cell := func(name string) page { return page{root: cellOf(row, name)} }
	for name, want := range map[string]string{
		"cf_tier": "Gold tier", "cf_owner": "<b>Anna</b>", "cf_seats": "12", "cf_audited": "Yes", "cf_since": "2026-01-31", "cf_looked_at": "2026-01-31 02:03", "cf_wiki": "wiki.example.com/a?b=c",
		"cf_extra": `{"a":[1,"<"]}`, "cf_tiers": "Silver tier, Gold tier",
	} {
		if got := cell(name).text(); got != want {
			t.Errorf("%s is shown as %q, want %q", name, got, want)
		}
	}
	if to, _ := attr(cell("cf_wiki").one(t, tag("a")), "href"); to != "https://wiki.example.com/a?b=c" {
		t.Errorf("the address leads to %s", to)
	}
	if text := cell("cf_notes").text(); !strings.HasPrefix(text, "first second long") || len(text) > 400 {
		t.Errorf("a long text is shown as %d characters: %.40q", len(text), text)
	}
	if !cell("cf_looked_at").has(tag("time"), with("datetime")) {
		t.Error("a date with a time is not shown in the zone of who looks")
	}
	second := g.all(with("data-row"))[1]
	for _, name := range strings.Split(all, ",")[2:] {
		if got := textOf(cellOf(second, name)); got != "—" {
			t.Errorf("no %s is shown as %q", name, got)
		}
	}
	if strings.Contains(g.body, "hidden value") {
		t.Error("the value of a hidden field is shown")
	}
	if link := g.all(tag("a"), with("data-open"))[1]; textOf(link) != "b" {
		t.Errorf("an object without a value in the first column is called %q", textOf(link))
	}
}

func TestCustomFieldsCostTheListsThatShowThem(t *testing.T) {
	pool, sent := pgtest.Counted(t)
	admin := serveOn(t, pool)
	admin.customised()
	cost := func() int64 {
		before := sent.Load()
		admin.get(clustersPath).want(t, 200)
		return sent.Load() - before
	}
	cost() // prepares statements
	without := cost()
	admin.post("/preferences/clusters/", url.Values{"columns": {"name", "cf_owner", "cf_tier", "cf_wiki"}})
	with := cost()
	admin.clusters(30)
	many := cost()
	if with != without+2 || many != with { // what the fields are, and which the objects have
		t.Errorf("a list costs %d statements, %d with custom fields, %d with many rows", without, with, many)
	}
	if _, err := admin.pool.Exec(t.Context(), "DELETE FROM custom_field_object_types"); err != nil {
		t.Fatal(err)
	}
	admin.post("/preferences/clusters/", url.Values{"columns": {"name", "description"}})
	if n := cost(); n != without {
		t.Errorf("a list without custom fields costs %d statements, want %d", n, without)
	}
}

// Which custom fields there are is for those who may view what has them.
func TestColumnsAreForWhoMayViewTheList(t *testing.T) {
	admin := serve(t)
	admin.customised()
	u := admin.limited("tagger", permission{types: []string{"extras.tag"}, actions: []string{"view"}})
	u.get("/preferences/clusters/").want(t, 403)
	u.post("/preferences/clusters/", url.Values{"columns": {"name", "cf_owner"}}).want(t, 403)
	for _, export := range []string{"csv", "table"} {
		if g := u.get(clustersPath + "?export=" + export); g.status != 403 || g.header.Get("Location") != "" {
			t.Errorf("the export as %s answers %d, to %s", export, g.status, g.header.Get("Location"))
		}
	}
	u.post("/preferences/tags/", url.Values{"columns": {"slug"}}).want(t, 303)
}

func TestAListIsExportedAsItIsShown(t *testing.T) {
	admin := serve(t)
	admin.customised()
	admin.post("/preferences/clusters/", url.Values{"columns": {"cf_tiers", "description", "name", "cf_owner"}})
	g := admin.get(clustersPath + "?q=a&ordering=-name&offset=0&limit=1")
	var shown, whole string
	for _, link := range g.all(tag("a"), with("download")) {
		to, _ := attr(link, "href")
		if textOf(link) == "These columns" {
			shown = to
		} else {
			whole = to
		}
	}
	const head = "cf_tiers,description,name,cf_owner\r\n"
	if got := admin.get(shown).want(t, 200).body; got != head+"\"[\"\"ag\"\",\"\"au\"\"]\",,a,<b>Anna</b>\r\n" {
		t.Errorf("the export is %q", got)
	}
	if got := admin.get(whole).want(t, 200).body; !strings.HasPrefix(got, "id,") || !strings.Contains(got, "cf_inner") {
		t.Errorf("the whole export begins %.80q", got)
	}
	// The addresses that NetBox has.
	for query, want := range map[string]string{"export=csv": "id,", "export": "id,", "export=table": head, "export=csv&fields=name,id": "name,id\r\n"} {
		g := admin.get(clustersPath + "?tab=filters&q=a&limit=1&" + query)
		if to := g.header.Get("Location"); g.status != 303 || strings.Contains(to, "tab=") || strings.Contains(to, "limit=") {
			t.Errorf("?%s: %d to %s", query, g.status, to)
			continue
		}
		if got := admin.get(g.header.Get("Location")).want(t, 200); !strings.HasPrefix(got.body, want) || strings.Count(got.body, "\n") < 2 || !strings.HasPrefix(got.header.Get("Content-Type"), "text/csv") {
			t.Errorf("?%s: %s %.60q, want %q", query, got.header.Get("Content-Type"), got.body, want)
		}
	}
	admin.get(clustersPath+"?export=template").want(t, 404)
	// What a cell says of several fields is exported with these.
	admin.post("/preferences/backup-routines/", url.Values{"columns": {"job_id", "selection"}})
	routines := admin.get(routinesPath + "?export=table")
	if to := routines.header.Get("Location"); !strings.Contains(to, url.QueryEscape("job_id,selection,selection_mode,exclude,pool")) {
		t.Errorf("selections are exported by %s", to)
	}
	// What is derived is exported as what it comes from.
	admin.post("/preferences/jobs/", url.Values{"columns": {"name", "duration", "status"}})
	jobs := admin.get(admin.get(jobsPath+"?export=table").header.Get("Location")).want(t, 200)
	if jobs.body != "name,started,completed,status\r\n" {
		t.Errorf("jobs are exported as %q", jobs.body)
	}
}
