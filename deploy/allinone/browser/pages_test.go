package browser

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/pvesim"
)

// Every page that the menu leads to, with one of its objects and their tabs, and the forms, can be used by everybody: axe-core finds nothing that is
// serious, light and dark, and on a telephone nothing is wider than its screen but what scrolls in a frame of its own.
func TestEveryPageIsForEverybody(t *testing.T) {
	t.Parallel()
	p := populated(t)
	b := p.login(t)
	script := axe(t)
	all := b.walk()
	for _, want := range []string{replications, "/plugins/proxbox/backup-routines/", "/plugins/proxbox/endpoints/proxmox/", "/core/changelog/", "/extras/tags/"} {
		if !all.has(want) {
			t.Errorf("the walk does not come by %s", want)
		}
	}
	t.Logf("%d pages", len(all.paths))
	b.expect("/nowhere/")
	for _, path := range append(all.paths, "/nowhere/") {
		t.Run(strings.Trim(path, "/"), func(t *testing.T) { b.in(t).everybody(script, path) })
	}
	stranger := newTab(t, p.URL)
	t.Run("login", func(t *testing.T) { stranger.in(t).everybody(script, "/login/") })
}

// The whole menu is on a screen of 900 pixels, and on a lower one it scrolls. Forms keep their controls inside, and what saves them in view.
func TestMenuAndFormsHaveRoom(t *testing.T) {
	t.Parallel()
	b := newProduct(t, pvesim.FleetConfig{Clusters: 1, Jobs: 2}, 0).login(t)
	var at struct {
		More, Out int
		Save      bool
	}
	look := func(height int64, path string) {
		b.size(1440, height)
		b.open(path)
		b.eval(`(() => {
			const menu = document.querySelector(".sidebar"), form = document.querySelector("form.form"), edge = form.getBoundingClientRect().right;
			const save = form.querySelector("[type=submit]").getBoundingClientRect();
			const out = Array.from(form.querySelectorAll("input, select, textarea")).filter((e) => e.getBoundingClientRect().right > edge);
			return { more: menu.scrollHeight - menu.clientHeight, out: out.length, save: save.bottom <= window.innerHeight };
		})()`, &at)
	}
	for _, path := range []string{"/plugins/proxbox/backup-routines/add/", "/plugins/proxbox/endpoints/proxmox/add/", "/plugins/proxbox/sync-schedules/add/", "/users/permissions/add/"} {
		look(900, path)
		if at.More > 0 || at.Out > 0 || !at.Save {
			t.Errorf("%s: the menu is %d pixels too high, %d controls leave the form, what saves it is in view: %t", path, at.More, at.Out, at.Save)
		}
	}
	if look(500, "/users/permissions/add/"); at.More <= 0 || !at.Save {
		t.Errorf("on a low screen the menu has %d pixels more, and what saves is in view: %t", at.More, at.Save)
	}
	b.quiet()
}

// populated is a product that has something to show everywhere.
func populated(t *testing.T) *product {
	t.Helper()
	p := newProduct(t, pvesim.FleetConfig{Clusters: 2, Jobs: 12}, 2)
	p.call(t, http.MethodPost, "/api/extras/tags/", map[string]any{"name": "Gold plan", "slug": "gold-plan", "color": "ffbf00", "description": strings.Repeat("long ", 30)})
	p.call(t, http.MethodPost, "/api/extras/custom-field-choice-sets/", map[string]any{"name": "Tiers", "extra_choices": [][]string{{"a", "A"}, {"b", "B"}}})
	p.call(t, http.MethodPost, "/api/extras/custom-fields/", map[string]any{"name": "owner", "type": "text", "object_types": []string{"netbox_proxbox.replication"}})
	p.call(t, http.MethodPatch, "/api/plugins/proxbox/replications/1/", map[string]any{"tags": []any{map[string]any{"slug": "gold-plan"}}, "comment": strings.Repeat("a long comment ", 30)})
	p.call(t, http.MethodPost, "/api/extras/journal-entries/", map[string]any{"assigned_object_type": "netbox_proxbox.replication", "assigned_object_id": 1, "comments": "looked at it"})
	p.call(t, http.MethodPost, "/api/users/groups/", map[string]any{"name": "operators"})
	p.call(t, http.MethodPost, "/api/users/permissions/", map[string]any{"name": "look", "object_types": []string{"netbox_proxbox.replication"}, "actions": []string{"view"}})
	p.fleet.Clusters()[0].Edit(func(w *pvesim.World) { w.DeleteReplication(w.Replications[1].ID()) })
	p.sync(t)
	return p
}

// everybody opens a page in all its looks.
func (b *tab) everybody(script, path string) {
	b.t.Helper()
	b.size(1440, 900)
	b.open(path)
	b.theme("light")
	b.accessible(script, "light")
	b.theme("dark")
	b.accessible(script, "dark", "color-contrast", "link-in-text-block")
	b.size(390, 844)
	var wide struct {
		Page, Screen int
		Elements     []string
	}
	b.eval(`(() => {
		const screen = document.documentElement.clientWidth, inFrame = (e) => { for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== "visible") return p !== document.body && p !== document.documentElement; return false; };
		const out = Array.from(document.querySelectorAll("main *, header *")).filter((e) => e.getBoundingClientRect().right > screen + 1 && !inFrame(e));
		return { page: document.documentElement.scrollWidth, screen: window.innerWidth, elements: out.slice(0, 5).map((e) => e.outerHTML.slice(0, 120)) };
	})()`, &wide)
	if wide.Page > wide.Screen || wide.Screen > 390 {
		b.t.Errorf("on a screen of 390 pixels the page is %d wide in a view of %d: %s", wide.Page, wide.Screen, strings.Join(wide.Elements, "\n\t"))
	}
	b.accessible(script, "narrow", "color-contrast", "scrollable-region-focusable", "summary-name", "button-name", "link-name", "aria-required-children", "aria-required-parent", "aria-allowed-attr", "aria-allowed-role")
	b.quiet()
}

// paths are pages to go to, each kind of them once.
type walk struct {
	paths []string
	kinds map[string]bool
}

var digits = regexp.MustCompile(`\d+`)

func (w *walk) has(path string) bool { return w.kinds[digits.ReplaceAllString(path, "N")] }

func (w *walk) add(path string) bool {
	kind := digits.ReplaceAllString(path, "N")
	if w.kinds[kind] {
		return false
	}
	w.kinds[kind] = true
	w.paths = append(w.paths, path)
	return true
}

// walk collects the pages that are reached from the menus: lists, their filters, one object of each, its tabs, and the forms.
func (b *tab) walk() *walk {
	b.t.Helper()
	w := &walk{kinds: map[string]bool{}}
	links := func(selector string) (out []string) {
		var all []string
		b.eval(`Array.from(document.querySelectorAll(`+quoted(selector)+`), (a) => a.pathname + a.search)`, &all)
		for _, path := range all {
			if !strings.HasPrefix(path, "/api/") {
				out = append(out, path)
			}
		}
		return out
	}
	b.open("/")
	for _, path := range links(".sidebar a[href], .topbar a[href]") {
		if !w.add(path) || path == "/" {
			continue
		}
		b.open(path)
		list := len(links(`th a[href*="ordering="]`)) > 0
		for _, more := range links(`.actions a[href]`) {
			w.add(more)
		}
		for i, object := range links("[data-row] [data-open]") {
			if i > 0 {
				break
			}
			w.add(object)
			b.open(object)
			for _, more := range links(`.tabs a[href], .actions a[href]`) {
				if !strings.Contains(more, "clone=") {
					w.add(more)
				}
			}
		}
		if list {
			w.add(path + "?tab=filters")
		}
	}
	return w
}

// in makes the tab one of another test.
func (b *tab) in(t *testing.T) *tab {
	t.Helper()
	return &tab{t: t, ctx: b.ctx, base: b.base, sound: b.sound}
}
