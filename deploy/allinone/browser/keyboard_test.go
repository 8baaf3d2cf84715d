package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/proxops/proxops/libs/pvesim"
)

const (
	arrowDown = kb.ArrowDown
	escape    = kb.Escape
)

// Somebody uses the keyboard alone.
func TestTheKeyboardIsEnough(t *testing.T) {
	t.Parallel()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 5}, 1)
	b := p.login(t)
	for keys, path := range map[string]string{"gr": replications, "gb": "/plugins/proxbox/backup-routines/", "ge": "/plugins/proxbox/endpoints/proxmox/", "gd": "/"} {
		b.open("/core/changelog/")
		for _, key := range keys {
			b.press(string(key))
		}
		b.until(keys+" to lead to "+path, `location.pathname === `+quoted(path)+` && document.readyState === "complete"`)
	}

	b.open(replications)
	b.press("/")
	b.until("the quick search to have the focus", `document.activeElement.id === "quick"`)
	b.press("g") // is text here
	b.press("r")
	b.until("text in the quick search", `document.activeElement.value === "gr"`)

	b.open(replications)
	ids := b.texts("[data-row] [data-open]")
	at := func() string { return b.text("[data-row].at [data-open]") }
	for _, step := range []struct{ key, want string }{{"j", ids[0]}, {"j", ids[1]}, {"j", ids[2]}, {"k", ids[1]}} {
		b.press(step.key)
		if got := at(); got != step.want {
			t.Fatalf("after %s the row is %s, want %s", step.key, got, step.want)
		}
	}
	b.press("x")
	b.until("the row to be selected", `document.querySelector("[data-row].at input[name=pk]").checked && document.querySelectorAll("input[name=pk]:checked").length === 1`)
	b.press("x")
	b.until("the row not to be selected", `!document.querySelector("input[name=pk]:checked")`)
	b.press("?")
	b.until("help", `document.getElementById("keys").open`)
	b.press(escape)
	b.until("no help", `!document.getElementById("keys").open`)
	b.press("o")
	b.until("the object of the row", `location.pathname !== `+quoted(replications)+` && document.querySelector("h1")`)
	if title := b.text("h1"); !strings.HasPrefix(title, ids[1]) {
		t.Errorf("o opens %s, want %s", title, ids[1])
	}
}
