package browser

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"

	"github.com/proxops/proxops/libs/pvesim"
)

const routines = "/plugins/proxbox/backup-routines/"

// Somebody looks at lists with long names and stale jobs: on a desk all columns are there at once, on a telephone each job is a card that begins with
// its name and its status, and can be ticked, opened and heard as the row of a table that it is.
func TestListsFitTheScreen(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 4, Jobs: 12}, 4)
	p.call(t, http.MethodPost, "/api/extras/tags/", map[string]any{"name": "Customer with a long name", "slug": "long"})
	p.call(t, http.MethodPost, "/api/plugins/proxbox/backup-routines/", map[string]any{
		"endpoint": 1, "job_id": strings.Repeat("long-", 30) + "end", "schedule": "mon,tue,wed,thu,fri 10:10", "comment": strings.Repeat("comment ", 30),
		"tags": []any{map[string]any{"slug": "long"}},
	})
	p.sync(t) // makes it stale
	b := p.login(t)

	for _, path := range []string{routines, routines + "?status=stale", replications, "/plugins/proxbox/endpoints/proxmox/", "/core/changelog/", "/core/jobs/"} {
		b.open(path)
		var wide struct{ Content, Frame int }
		b.eval(`(() => { const f = document.querySelector("#results .table-responsive"); return { content: f.scrollWidth, frame: f.clientWidth }; })()`, &wide)
		if wide.Content > wide.Frame {
			t.Errorf("%s: the columns are %d wide in a frame of %d", path, wide.Content, wide.Frame)
		}
	}
	b.open(routines + "?status=stale")
	var height int
	b.eval(`document.querySelector("[data-row]").offsetHeight`, &height)
	if height > 40 {
		t.Errorf("a stale job is %d high", height)
	}

	b.size(390, 844)
	for _, path := range []string{routines + "?status=stale", replications, "/plugins/proxbox/endpoints/proxmox/", "/core/changelog/"} {
		b.open(path)
		var out []string
		b.eval(`Array.from(document.querySelectorAll("[data-row] td"), (td) => [td, td.getBoundingClientRect()]).filter(([td, r]) => r.width && (r.left < 0 || r.right > 390)).map(([td]) => td.dataset.column)`, &out)
		if len(out) > 0 {
			t.Errorf("%s: out of the screen are %q", path, out)
		}
		first := b.texts("[data-row]")[0]
		for _, name := range map[string][]string{"/core/changelog/": {"Type", "Request ID"}, replications: {"Endpoint", "Source node", "Disabled"}}[path] {
			var labelled bool
			if b.eval(`!!document.querySelector('[data-row] td[data-label="`+name+`"]')`, &labelled); !labelled {
				t.Errorf("%s: no cell says that it is %s: %s", path, name, first)
			}
		}
	}

	b.open(routines + "?status=stale")
	var order []string
	b.eval(`Array.from(document.querySelector("[data-row]").cells, (td) => [td, td.getBoundingClientRect()]).filter(([td, r]) => td.dataset.column && r.width).sort(([, a], [, b]) => a.top - b.top || a.left - b.left).map(([td]) => td.dataset.column)`, &order)
	if want := []string{"job_id", "status", "endpoint", "enabled"}; len(order) < 4 || !slices.Equal(order[:4], want) {
		t.Errorf("the card shows %q, want first %q", order, want)
	}
	if card := b.text("[data-row]"); !strings.Contains(card, "missing from a complete list") {
		t.Errorf("the card does not say how it is known that the job is stale: %s", card)
	}
	roles := b.roles()
	for _, want := range []string{"table", "rowgroup", "row", "columnheader", "cell"} {
		if roles[want] == 0 {
			t.Errorf("there is no %s for those who listen: %v", want, roles)
		}
	}
	b.press("j")
	b.press("x")
	b.until("the card to be ticked, and what can be done with it", `document.querySelector("[data-row].at.picked input:checked") && document.getElementById("bulk").offsetHeight > 0`)
	b.click("[data-select-all]")
	if links := b.texts(".foot .links a"); !slices.Equal(links, []string{"REST API", "OpenAPI"}) {
		t.Errorf("the foot of the page leads to %q", links)
	}
	b.press("k")
	b.press("o")
	b.until("the job", `document.querySelector("h1") && !document.querySelector("[data-row] [name=pk]")`)
}

// roles counts what the elements of the page are for those who do not see them.
func (b *tab) roles() map[string]int {
	b.t.Helper()
	var nodes []*accessibility.Node
	b.run("read the accessibility tree", chromedp.ActionFunc(func(ctx context.Context) (err error) {
		nodes, err = accessibility.GetFullAXTree().Do(ctx)
		return err
	}))
	out := map[string]int{}
	for _, n := range nodes {
		if !n.Ignored && n.Role != nil {
			out[strings.Trim(string(n.Role.Value), `"`)]++
		}
	}
	return out
}

// Somebody wants to see a custom field in a list: the menu offers it, its buttons stay in sight however long it is, and what was chosen is exported too.
func TestAColumnIsChosen(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 4}, 1)
	for i := range 20 {
		p.call(t, http.MethodPost, "/api/extras/custom-fields/", map[string]any{"name": fmt.Sprintf("field_%02d", i), "label": fmt.Sprintf("Field %d", i), "type": "text", "object_types": []string{"netbox_proxbox.replication"}})
	}
	p.call(t, http.MethodPatch, "/api/plugins/proxbox/replications/1/", map[string]any{"custom_fields": map[string]any{"field_07": "seven"}})
	b := p.login(t)
	b.size(1440, 600)
	b.open(replications)
	b.click(".columns-menu > summary")
	b.until("the menu", `document.querySelector(".columns [value=cf_field_07]")`)
	inSight := `(() => { const r = document.querySelector(".columns [type=submit]").getBoundingClientRect(); return r.height > 0 && r.top >= 0 && r.bottom <= innerHeight && document.elementFromPoint(r.left + 5, r.top + 5).closest("[type=submit]") !== null; })()`
	for _, at := range []string{"0", "300", "99999"} {
		b.eval(`document.querySelector(".columns").scrollTop = `+at, nil)
		b.until("the button in sight at "+at, inSight)
	}
	var long bool
	if b.eval(`document.querySelector(".columns").scrollHeight > document.querySelector(".columns").clientHeight + 200`, &long); !long {
		t.Error("the menu is short: it proves nothing")
	}
	b.click(`.columns input[value="cf_field_07"]`)
	b.eval(`(() => { const all = Array.from(document.querySelectorAll(".column-choice")), at = (name) => all.findIndex((c) => c.querySelector("input").value === name); for (let n = at("cf_field_07") - at("replication_id") - 1; n > 0; n--) all[at("cf_field_07")].querySelector("[data-move=up]").click(); })()`, nil)
	if said := b.text(".columns [role=status]"); said != "Field 7: place 2 of "+fmt.Sprint(len(b.texts(".column-choice"))) {
		t.Errorf("moving a column says %q", said)
	}
	b.follow(".columns [type=submit]")
	if heads := b.texts("#results thead th"); len(heads) < 3 || !strings.EqualFold(heads[2], "Field 7") {
		t.Errorf("the columns are %q, want Field 7 beside the id", heads)
	}
	if cells := b.texts(`td[data-column="cf_field_07"]`); !slices.Contains(cells, "seven") {
		t.Errorf("the column is %q", cells)
	}
	var csv string
	b.eval(`fetch("?export=table").then((r) => r.text())`, &csv)
	if !strings.HasPrefix(csv, "replication_id,cf_field_07,") || !strings.Contains(csv, ",seven,") {
		t.Errorf("the export begins %.100q", csv)
	}
}

// Somebody makes a tag, whose slug follows its name until it has one of its own, and wants to give it to jobs, but forgets to pick it.
func TestATagIsMadeAndGivenToMany(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 4}, 1)
	p.call(t, http.MethodPost, "/api/extras/tags/", map[string]any{"name": "Silver", "slug": "silver"})
	b := p.login(t)
	slug := func() (v string) { b.eval(`document.querySelector("[name=slug]").value`, &v); return v }
	b.open("/extras/tags/add/")
	b.write("[name=name]", "Gold Plan (Büro)")
	if got := slug(); got != "gold-plan-buro" {
		t.Errorf("the slug is %q", got)
	}
	b.write("[name=slug]", "own")
	b.write("[name=name]", "Gold Plan")
	if got := slug(); got != "own" {
		t.Errorf("the slug that was typed became %q", got)
	}
	b.follow("form.form [type=submit]")
	b.follow(`.actions a[href$="/edit/"]`)
	b.write("[name=name]", "Another name")
	if got := slug(); got != "own" {
		t.Errorf("the slug of a tag that there is became %q", got)
	}

	b.open(replications)
	b.click("[data-select-all]")
	if said := b.text("[data-selected]"); said != "4 selected" {
		t.Errorf("after a click on the box of all rows, %s", said)
	}
	b.click("#bulk .menu-of > summary")
	b.click(".bulk-tags [type=submit]")
	b.until("to be told", `document.querySelector(".bulk-tags [role=alert]").innerText.trim() === "Pick a tag first." && document.activeElement.id === "bulk-tags"`)
	if at := b.address(); at != replications {
		t.Fatalf("without a tag it leads to %s", at)
	}
	b.write("#bulk-tags", "Gold")
	b.until("the tag", `document.querySelectorAll(".bulk-tags li:not([aria-disabled])").length === 1`)
	b.press(arrowDown)
	b.press("\r")
	b.until("nothing to be wrong any more", `document.querySelector(".bulk-tags [role=alert]").innerText.trim() === ""`)
	b.follow(".bulk-tags [type=submit]")
	if rows, tags := b.texts("[data-row]"), b.texts(`[data-row] td[data-column="tags"] .tag`); len(rows) != len(tags) || len(tags) != 4 {
		t.Errorf("%d jobs have %d tags", len(rows), len(tags))
	}
}
