package browser

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/pvesim"
)

const replications = "/plugins/proxbox/replications/"

// Somebody looks for a replication: by quick search, by a filter, in another order, with other columns, and takes the list home as CSV.
func TestAReplicationIsFound(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 2, Jobs: 15}, 2)
	b := p.login(t)
	b.open(replications)
	if n := b.text("#count"); n != "30" {
		t.Fatalf("the list counts %s replications, want 30", n)
	}
	first := b.text("[data-row] [data-open]")

	b.write("#quick", first)
	b.leave("the quick search", func() { b.press("\r") })
	if found := b.texts("[data-row] [data-open]"); len(found) == 0 || slices.ContainsFunc(found, func(id string) bool { return !strings.Contains(id, first) }) {
		t.Errorf("a quick search for %s finds %q", first, found)
	}
	if chips := b.texts(".table-tools .chip"); len(chips) != 1 || !strings.Contains(chips[0], first) {
		t.Errorf("the search is shown as %q, want one chip that says it", chips)
	}
	b.follow(".table-tools .chip")

	b.click("#tab-filters")
	b.until("the filters to come", `document.getElementById("f-disable") !== null`)
	b.eval(`document.getElementById("f-disable").value = "true"`, nil)
	b.follow("#panel-filters [type=submit]")
	want := 0
	for _, c := range p.fleet.Clusters() {
		for _, r := range c.World().Replications {
			if r.Disabled {
				want++
			}
		}
	}
	if rows := b.texts("[data-row]"); want == 0 || len(rows) != want {
		t.Errorf("%d replications are shown as disabled, want %d", len(rows), want)
	}
	if at := b.address(); at != replications+"?disable=true" {
		t.Errorf("the address is %s, want the filter and no more", at)
	}

	b.open(replications)
	b.follow(`th a[href*="ordering=replication_id"]`)
	up := b.texts("[data-row] [data-open]")
	b.follow(`th[aria-sort=ascending] a`)
	if down := b.texts("[data-row] [data-open]"); up[0] == down[0] || !slices.IsSortedFunc(down, func(x, y string) int { return strings.Compare(y, x) }) {
		t.Errorf("sorted the other way round the list is %q", down)
	}

	b.open(replications)
	b.click(".columns-menu > summary")
	for _, name := range []string{"comment", "tags", "rate"} {
		b.click(`.columns input[value="` + name + `"]`)
	}
	b.click(`.columns input[value="job_type"]`)
	b.follow(`.columns [type=submit]`)
	if heads := b.texts("#results thead th"); slices.Contains(heads, "COMMENT") || !slices.ContainsFunc(heads, func(h string) bool { return strings.EqualFold(h, "Job type") }) {
		t.Errorf("the chosen columns are %q, want Job type and no Comment", heads)
	}

	var csv string
	b.eval(`fetch(document.querySelector('.export a[download]').href).then((r) => r.text())`, &csv)
	lines := strings.Split(strings.TrimSpace(csv), "\r\n")
	if len(lines) != 31 || strings.Contains(lines[0], "comment") || !strings.Contains(lines[0], "job_type") {
		t.Errorf("the export has %d lines and the head %s, want 30 rows of the columns that are shown", len(lines), lines[0])
	}
}

// Filters by objects call these by their names, in a harmless form.
func TestFiltersCallObjectsByTheirNames(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 2}, 1)
	evil := p.call(t, http.MethodPost, "/api/plugins/proxbox/endpoints/proxmox/", map[string]any{"name": "e\u202evil <b>", "domain": "evil.example.com", "enabled": false})
	b := p.login(t)
	b.open(fmt.Sprintf("%s?endpoint_id=1&endpoint_id=%v", replications, evil["id"]))
	b.until("the chip to name the endpoints", `document.querySelector(".table-tools .chip [data-names]").textContent.includes("evil")`)
	if chip := b.text(".table-tools .chip"); !strings.Contains(chip, "alpha") || !strings.Contains(chip, "e\uFFFDvil <b>") || strings.Contains(chip, "\u202e") {
		t.Errorf("the filter is shown as %q", chip)
	}
}

// Somebody gives a job a tag, and sees it as a change with who made it.
func TestATagIsGivenAndLogged(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 4}, 1)
	p.call(t, http.MethodPost, "/api/extras/tags/", map[string]any{"name": "Gold plan", "slug": "gold-plan", "color": "ffbf00"})
	p.call(t, http.MethodPost, "/api/extras/tags/", map[string]any{"name": "Silver plan", "slug": "silver-plan", "color": "c0c0c0"})
	b := p.login(t)
	b.open(replications)
	b.follow("[data-row] [data-open]")
	name := b.text("h1")
	b.follow(`.actions a[href$="/edit/"]`)
	b.write("#in-tags", "Bronze")
	b.until("nothing to be found", `document.querySelector("[data-name=tags] li").innerText === "Nothing is found"`)
	b.click("form.form [type=submit]")
	b.until("the form to stay", `document.activeElement.id === "in-tags" && !document.activeElement.validity.valid`)
	b.write("#in-tags", "Gold")
	b.until("the tag alone to be offered", `Array.from(document.querySelectorAll("[data-name=tags] li"), (li) => li.innerText).join() === "Gold plan"`)
	b.press(arrowDown)
	b.press("\r")
	b.write("#in-changelog_message", "customer pays for it")
	b.follow("form.form [type=submit]")
	if tags := b.texts(".tags .tag"); !slices.Equal(tags, []string{"Gold plan"}) {
		t.Errorf("%s has the tags %q", name, tags)
	}
	b.follow(`.tabs a[href$="/changelog/"]`)
	newest := b.text(".changes > li")
	for _, want := range []string{"Gold plan", p.Username, "customer pays for it", "Updated"} {
		if !strings.Contains(newest, want) {
			t.Errorf("the newest change does not say %q: %s", want, newest)
		}
	}
}
