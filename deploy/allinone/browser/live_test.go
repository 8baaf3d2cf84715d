package browser

import (
	"testing"

	"github.com/proxops/proxops/libs/pvesim"
)

// A list is open while a job is deleted on the cluster. The next reading makes it stale, and the list shows that without being loaded again.
func TestAnOpenListShowsWhatBecomesStale(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 5}, 1)
	b := p.login(t)
	b.open(replications)
	b.eval(`window.unbroken = true`, nil)
	cluster := p.fleet.Clusters()[0]
	gone := cluster.World().Replications[0].ID()
	cluster.Edit(func(w *pvesim.World) { w.DeleteReplication(gone) })
	p.sync(t)
	row := `Array.from(document.querySelectorAll("[data-row]")).find((r) => r.querySelector("[data-open]").innerText.trim() === ` + quoted(gone) + `)`
	b.until(gone+" to be stale on the open list", `(`+row+` || {innerText: ""}).innerText.includes("Stale")`)
	b.until("the page to be the same", `window.unbroken`)
}

// A server that starts anew refuses for a while, and browsers do not ask again for a stream that was refused.
func TestAnOpenListAsksAgainForAStreamThatWasRefused(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 1}, 1)
	b := p.login(t)
	b.open(replications)
	b.expect("/none/")
	b.eval(`(() => {
		const known = window.EventSource;
		let asked = 0;
		window.EventSource = class extends known { constructor(url) { super(asked++ ? url : "/none/"); } };
		document.dispatchEvent(new CustomEvent("htmx:afterSwap", { detail: { target: document.body } }));
	})()`, nil)
	b.until("the page to say that it is disconnected", `!document.getElementById("live").hidden`)
	b.until("the page to be connected again", `document.getElementById("live").hidden`)
}
