package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/web"
)

// secretName is in the names of all objects that belong to the endpoint that the users of these tests may not see.
const secretName = "ZZHIDDENZZ"

// world is objects of two endpoints: the ids by the names of the resources.
type world struct {
	*person

	seen, hidden map[string]int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{person: serve(t)}
	w.seen, w.hidden = w.endpoint("prod"), w.endpoint(secretName)
	return w
}

// endpoint makes an endpoint with objects of all resources that belong to one.
func (w *world) endpoint(name string) map[string]int {
	w.t.Helper()
	ids := map[string]int{}
	add := func(resource string, body map[string]any) int {
		ids[resource] = w.make(web.PathOf(w.set.Get(resource)), body)
		return ids[resource]
	}
	tagID := w.make(tagsPath, map[string]any{"name": "tag of " + name, "slug": "tag-" + strings.ToLower(name)})
	endpoint := add("proxmox-endpoints", map[string]any{"name": name, "domain": strings.ToLower(name) + ".example.com", "enabled": false, "tags": []int{tagID}})
	cluster := add("clusters", map[string]any{"name": name + "-cluster"})
	add("proxmox-clusters", map[string]any{"name": name + "-px", "endpoint": endpoint, "cluster": cluster})
	node := add("nodes", map[string]any{"name": name + "-node", "endpoint": endpoint})
	storage := add("storage", map[string]any{"name": name + "-store", "cluster": cluster})
	vm := add("virtual-machines", map[string]any{"name": name + "-vm", "cluster": cluster, "vmid": 100, "node": node})
	add("backup-routines", map[string]any{"job_id": "job-" + name, "endpoint": endpoint, "node": node, "storage": storage, "schedule": "daily", "comment": "comment " + name, "tags": []int{tagID}, "selection": []int{100}})
	add("replications", map[string]any{"replication_id": "100-0", "endpoint": endpoint, "virtual_machine": vm, "proxmox_node": node, "guest": 100, "jobnum": 0, "target": name + "-node-2", "schedule": "*/15"})
	for _, r := range []string{"backup-routines", "replications"} {
		w.make("/extras/journal-entries/", map[string]any{"assigned_object_type": w.set.Get(r).Type.String(), "assigned_object_id": ids[r], "comments": "note on " + name})
	}
	return ids
}

// scoped are the constraints that leave a user the objects of one endpoint.
var scoped = map[string]map[string]any{
	"proxmox-endpoints": {"name": "prod"}, "clusters": {"name": "prod-cluster"}, "proxmox-clusters": {"endpoint__name": "prod"}, "nodes": {"endpoint__name": "prod"},
	"storage": {"cluster__name": "prod-cluster"}, "virtual-machines": {"cluster__name": "prod-cluster"}, "backup-routines": {"endpoint__name": "prod"}, "replications": {"endpoint__name": "prod"},
}

// user is one who may do these things to the objects of one endpoint.
func (w *world) user(name string, actions ...string) *person {
	var permissions []permission
	for r, constraints := range scoped {
		permissions = append(permissions, permission{types: []string{w.set.Get(r).Type.String()}, actions: actions, constraints: constraints})
	}
	return w.limited(name, permissions...)
}

func TestPagesShowWhatTheAPIShowsToWhoMaySeeOneEndpoint(t *testing.T) {
	w := newWorld(t)
	for _, who := range []*person{w.user("viewer", "view"), w.user("editor", "view", "add", "change", "delete"), w.limited("nobody")} {
		for _, r := range w.set.All {
			base := web.PathOf(r)
			status, list := who.ask("GET", "/"+r.Path+"/", nil)
			g := who.get(base)
			if g.status != status {
				t.Errorf("%s: %s answers %d, the API %d", who.name, base, g.status, status)
			}
			if status == http.StatusOK {
				if n := textOf(g.one(t, with("id", "count"))); n != fmt.Sprint(list["count"]) {
					t.Errorf("%s: %s counts %s, the API %v", who.name, base, n, list["count"])
				}
				if g := who.get(base + "?q=" + secretName); textOf(g.one(t, with("id", "count"))) != "0" {
					t.Errorf("%s: %s finds what is hidden", who.name, base)
				}
			}
			for _, id := range []int{w.seen[r.Name], w.hidden[r.Name]} {
				if id == 0 {
					continue
				}
				status, _ := who.ask("GET", at("/"+r.Path+"/", id), nil)
				for _, part := range append(web.PiecesOf(r), "object") {
					want := status
					if part == "history" && status == http.StatusOK { // it is of sync jobs, which these users may not view
						want = http.StatusForbidden
					}
					if got := who.piece(at(base, id), part).status; got != want {
						t.Errorf("%s: %s of %s answers %d, want %d", who.name, part, at(base, id), got, want)
					}
				}
				for _, part := range []string{"", "journal/", "changelog/"} {
					got := who.get(at(base, id, part)).status
					// Journal and change log need permissions of their own, which these users do not have.
					if part != "" && status == http.StatusOK {
						status = http.StatusForbidden
					}
					if got != status {
						t.Errorf("%s: %s answers %d, want %d", who.name, at(base, id, part), got, status)
					}
				}
			}
			if got := who.piece(base, "results"); got.status != status || strings.Contains(got.body, secretName) {
				t.Errorf("%s: the results of %s answer %d, the API %d", who.name, base, got.status, status)
			}
			for _, export := range []string{"?export", "?export=csv", "?format=csv"} {
				if got := who.get("/api/" + r.Path + "/" + export); strings.Contains(got.body, secretName) {
					t.Errorf("%s: the export of %s has what is hidden", who.name, base)
				}
			}
		}
	}
}

func TestNoPageHasNamesOfWhatIsHidden(t *testing.T) {
	w := newWorld(t)
	editor := w.user("editor", "view", "add", "change", "delete")
	hidden := 0
	for _, route := range w.ui.Routes() {
		if route.Method != http.MethodGet {
			continue
		}
		for _, path := range w.addresses(route.Path) {
			for _, query := range []string{"", "?q=zzhidden"} {
				for _, part := range append(w.parts(path), "") {
					g := editor.piece(path+query, part)
					if strings.Contains(strings.ReplaceAll(g.body, "q="+secretName, ""), secretName) {
						t.Errorf("%s #%s has what is hidden (status %d)", path+query, part, g.status)
					}
				}
			}
			if strings.Contains(w.get(path).body, secretName) {
				hidden++
			}
		}
	}
	if hidden < 40 {
		t.Errorf("only %d pages of a superuser have names that could be hidden", hidden)
	}
}

// parts are what scripts ask for of a page alone.
func (w *world) parts(path string) []string {
	switch path {
	case "/":
		return web.DashboardParts()
	case calendarPath:
		return []string{"calendar"}
	}
	for _, r := range w.set.All {
		switch rest, ok := strings.CutPrefix(path, web.PathOf(r)); {
		case ok && rest == "":
			return []string{"results"}
		case ok && strings.Count(rest, "/") == 1:
			return append(web.PiecesOf(r), "object")
		}
	}
	return nil
}

func TestPartsOfTheDashboardAreForWhoMayViewWhatTheyTellOf(t *testing.T) {
	w := newWorld(t)
	of := map[string]string{
		"endpoints": "proxmox-endpoints", "worst": "proxmox-endpoints", "routines": "backup-routines", "timeline": "backup-routines", "replications": "replications",
		"running": "jobs", "changes": "object-changes",
	}
	viewer, nobody := w.user("viewer", "view"), w.limited("nobody")
	for _, part := range web.DashboardParts() {
		for _, who := range []*person{w.person, viewer, nobody} {
			want, _ := who.ask("GET", "/"+w.set.Get(of[part]).Path+"/", nil)
			g := who.piece("/", part)
			if g.status != want {
				t.Errorf("%s: %s answers %d, the API %d", who.name, part, g.status, want)
			}
			if want == http.StatusOK && (len(g.all(with("id", part))) != 1 || len(g.all(with("data-live"))) != 1 || g.has(role("navigation"))) {
				t.Errorf("%s: %s is not that part alone:\n%s", who.name, part, g.body)
			}
		}
		if whole, alone := w.get("/").one(t, with("id", part)), w.piece("/", part).one(t, with("id", part)); textOf(whole) != textOf(alone) {
			t.Errorf("%s is %q on the page, and %q alone", part, textOf(whole), textOf(alone))
		}
	}
}

// addresses are those of a route, with the ids of the objects that are seen and hidden.
func (w *world) addresses(route string) []string {
	if !strings.Contains(route, ":") {
		return []string{route}
	}
	var out []string
	for _, r := range w.set.All {
		rest, ok := strings.CutPrefix(route, web.PathOf(r)+":id/")
		if !ok || strings.Contains(rest, ":") {
			continue
		}
		for _, id := range []int{w.seen[r.Name], w.hidden[r.Name]} {
			if id != 0 {
				out = append(out, at(web.PathOf(r), id, rest))
			}
		}
	}
	return out
}

func TestNobodyWritesThroughPagesWhatTheAPIRefuses(t *testing.T) {
	w := newWorld(t)
	viewer, editor := w.user("viewer", "view"), w.user("editor", "view", "add", "change", "delete")
	for name := range scoped {
		r := w.set.Get(name)
		base, before := web.PathOf(r), w.state(r)
		form := url.Values{"name": {"taken"}, "comment": {"taken"}, "changelog_message": {"x"}}
		ids := fmt.Sprint(w.hidden[name], ",", w.seen[name])
		for _, c := range []struct {
			who  *person
			path string
			id   int
			want int
		}{
			{viewer, "add/", 0, 403},
			{viewer, "edit/", w.seen[name], 403},
			{viewer, "delete/", w.seen[name], 403},
			{viewer, "edit/", w.hidden[name], 403},
			{viewer, "edit/", 0, 403},
			{viewer, "delete/", 0, 403},
			{editor, "edit/", w.hidden[name], 404},
			{editor, "delete/", w.hidden[name], 404},
		} {
			path := base + c.path
			if c.id != 0 {
				path = at(base, c.id, c.path)
				if got := c.who.get(path).status; got != c.want {
					t.Errorf("%s: GET %s: %d, want %d", c.who.name, path, got, c.want)
				}
			}
			form.Set("pk", ids)
			if got := c.who.post(path, form).status; got != c.want {
				t.Errorf("%s: POST %s: %d, want %d", c.who.name, path, got, c.want)
			}
		}
		for _, part := range []string{"edit/", "delete/"} {
			editor.post(base+part, url.Values{"pk": {fmt.Sprint(w.hidden[name])}, "_apply": {"1"}, "_change": {"comment"}, "comment": {"taken"}}).goes(t, base)
		}
		if after := w.state(r); after != before {
			t.Errorf("%s changed:\n%s\n%s", name, before, after)
		}
	}
}

// state is everything that the API says of a resource.
func (w *world) state(r *resource.Resource) string {
	_, list := w.ask("GET", "/"+r.Path+"/?ordering=id", nil)
	return fmt.Sprint(list)
}

func TestPickersAndStreamsOfPagesAreLimitedAsWell(t *testing.T) {
	w := newWorld(t)
	editor := w.user("editor", "view", "add", "change", "delete")
	g := editor.get(at("/plugins/proxbox/backup-routines/", w.seen["backup-routines"], "edit/")).want(t, 200)
	for _, n := range g.all(with("data-picker")) {
		from, _ := attr(n, "data-picker")
		if got := editor.get(from+"?limit=100").want(t, 200); strings.Contains(got.body, secretName) {
			t.Errorf("%s offers what is hidden", from)
		}
	}
}
