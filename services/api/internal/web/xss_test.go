package web_test

import (
	"encoding/csv"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/proxops/proxops/services/api/internal/web"
)

// Texts that try to become more than text, wherever they are put. What they would make is named zzx.
const (
	markup  = `<zzx onzz=1>"><zzx zzattr=1 x='` + `'><img src=zzx onerror=zzx>` + `</script></title></textarea></select><zzx>&lt;zzx&gt;<!--zzx-->{{zzx}}` + "`"
	control = "a\u0001b\u001b[31mc\u0085\u007f"
	turned  = "\u202egnp.exe\u2066\u200f\u061c"
	formula = "=HYPERLINK(\"zzx\")"
)

// hostile is a text with all of that, that fits into so many characters.
func hostile(n int) string {
	text := []rune(formula + turned + control + markup)
	return string(text[:min(n, len(text))])
}

// hostileWorld is objects of all resources whose texts are hostile.
func hostileWorld(t *testing.T) *world {
	t.Helper()
	w := &world{person: serve(t), seen: map[string]int{}}
	add := func(resource string, body map[string]any) int {
		w.seen[resource] = w.make(web.PathOf(w.set.Get(resource)), body)
		return w.seen[resource]
	}
	evil := hostile(250)
	set := add("custom-field-choice-sets", map[string]any{"name": hostile(100), "description": hostile(200), "extra_choices": [][]string{{hostile(100), "L" + hostile(99)}}})
	types := []string{}
	for _, r := range w.set.All {
		if r.Field("custom_fields") != nil {
			types = append(types, r.Type.String())
		}
	}
	custom := map[string]any{}
	for name, value := range map[string]any{
		"text": evil, "longtext": evil, "url": "javascript:zzx//" + evil, "json": map[string]any{evil: []any{evil}}, "select": hostile(100), "multiselect": []string{hostile(100)},
	} {
		body := map[string]any{"name": name, "type": name, "label": hostile(50), "group_name": hostile(50), "description": hostile(200), "object_types": types}
		if strings.HasSuffix(name, "select") {
			body["choice_set"] = set
		}
		add("custom-fields", body)
		custom[name] = value
	}
	tagID := add("tags", map[string]any{"name": hostile(100), "slug": "zz", "description": hostile(200)})
	common := map[string]any{"tags": []int{tagID}, "custom_fields": custom, "changelog_message": hostile(200)}
	body := func(more map[string]any) map[string]any {
		maps.Copy(more, common)
		return more
	}
	endpoint := add("proxmox-endpoints", body(map[string]any{"name": evil, "domain": "e.example", "enabled": false}))
	cluster := add("clusters", body(map[string]any{"name": hostile(100), "description": hostile(200), "comments": evil}))
	add("proxmox-clusters", body(map[string]any{"name": evil, "endpoint": endpoint, "cluster": cluster, "version": hostile(30)}))
	node := add("nodes", body(map[string]any{"name": evil, "endpoint": endpoint}))
	storage := add("storage", body(map[string]any{"name": evil, "cluster": cluster, "raw_config": map[string]any{evil: evil}}))
	vm := add("virtual-machines", body(map[string]any{"name": hostile(64), "cluster": cluster, "vmid": 100, "pool": hostile(100)}))
	routine := add("backup-routines", body(map[string]any{
		"job_id": hostile(50), "endpoint": endpoint, "node": node, "storage": storage, "schedule": hostile(100), "comment": evil, "notes_template": evil, "raw_config": map[string]any{evil: []any{evil}},
	}))
	add("replications", body(map[string]any{
		"replication_id": hostile(30), "endpoint": endpoint, "virtual_machine": vm, "proxmox_node": node, "guest": 100, "jobnum": 0, "target": hostile(100), "comment": evil, "raw_config": map[string]any{evil: evil},
	}))
	add("journal-entries", body(map[string]any{"assigned_object_type": "netbox_proxbox.backuproutine", "assigned_object_id": routine, "comments": evil}))
	add("sync-schedules", body(map[string]any{"name": hostile(100), "description": hostile(200), "interval": 60}))
	group := add("groups", map[string]any{"name": evil[:min(len(evil), 100)], "description": hostile(200)})
	user := add("users", map[string]any{"username": "zz", "password": password, "first_name": hostile(150), "last_name": hostile(150), "groups": []int{group}})
	add("permissions", map[string]any{"name": hostile(100), "description": hostile(200), "object_types": []string{"extras.tag"}, "actions": []string{"view", hostile(30)}, "constraints": map[string]any{"name": evil}, "users": []int{user}})
	add("tokens", map[string]any{"description": hostile(200), "user": user})
	w.ask("PATCH", at(web.PathOf(w.set.Get("backup-routines")), routine), map[string]any{"comment": "changed " + evil, "changelog_message": hostile(200)})
	if _, err := w.pool.Exec(t.Context(), `INSERT INTO sync_states (endpoint_id, kind, status, error_kind, error_text, remedy, missing_privilege) VALUES ($1, 'replication', 'failing', 'denied', $2, $2, $2)`, endpoint, evil); err != nil {
		t.Fatal(err)
	}
	_, changes := w.ask("GET", "/core/object-changes/?limit=1&ordering=-time", nil)
	w.seen["object-changes"] = int(changes["results"].([]any)[0].(map[string]any)["id"].(float64))
	return w
}

// inert checks that nothing of the data has become more than text.
func (g page) inert(t *testing.T, path string) {
	t.Helper()
	if g.root == nil {
		t.Errorf("%s is no page: %d %s", path, g.status, g.header.Get("Content-Type"))
		return
	}
	for n := range g.root.Descendants() {
		switch n.Type {
		case html.CommentNode:
			t.Errorf("%s: a comment: %q", path, n.Data)
		case html.ElementNode:
			inertElement(t, path, n)
		case html.TextNode:
			if n.Parent.Data != "textarea" && slices.ContainsFunc([]rune(n.Data), odd) {
				t.Errorf("%s: text in %s turns or hides what follows: %q", path, n.Parent.Data, n.Data)
			}
			if n.Parent.Data == "script" || n.Parent.Data == "style" {
				t.Errorf("%s: %s with a text: %q", path, n.Parent.Data, n.Data)
			}
		}
	}
}

func inertElement(t *testing.T, path string, n *html.Node) {
	t.Helper()
	if n.Data == "zzx" || n.Data == "iframe" || n.Data == "object" || n.Data == "base" {
		t.Errorf("%s: an element %s", path, n.Data)
	}
	for _, a := range n.Attr {
		if strings.Contains(a.Key, "zz") || strings.HasPrefix(a.Key, "on") || a.Key == "style" {
			t.Errorf("%s: %s has an attribute %s", path, n.Data, a.Key)
		}
		switch a.Key {
		case "href", "src", "action", "formaction":
			u, err := url.Parse(a.Val)
			if err != nil || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "webcal" || u.Host != "" && u.Hostname() != "127.0.0.1" {
				t.Errorf("%s: %s leads to %q", path, n.Data, a.Val)
			}
		case "title", "aria-label", "alt", "placeholder":
			if slices.ContainsFunc([]rune(a.Val), odd) {
				t.Errorf("%s: %s of %s turns or hides what follows: %q", path, a.Key, n.Data, a.Val)
			}
		}
	}
}

// odd are characters that are seen as nothing, or turn the direction of what follows.
func odd(c rune) bool {
	return c < ' ' && c != '\n' && c != '\t' && c != '\r' || c >= 0x7f && c <= 0x9f || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 || c == 0x200e || c == 0x200f || c == 0x61c
}

func TestHostileTextsAreInertOnEveryPage(t *testing.T) {
	w := hostileWorld(t)
	n := 0
	for _, route := range w.ui.Routes() {
		if route.Method != http.MethodGet {
			continue
		}
		for _, path := range w.addresses(route.Path) {
			if g := w.get(path); g.status == http.StatusOK && strings.HasPrefix(g.header.Get("Content-Type"), "text/html") {
				g.inert(t, path)
				n++
			}
			query := url.Values{"q": {hostile(100)}, "name": {hostile(100)}, "tag": {markup}, "ordering": {markup}, "offset": {markup}, "next": {"javascript:zzx"}, "clone": {markup}}
			if g := w.get(path + "?" + query.Encode()); g.root != nil {
				g.inert(t, path+"?…")
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d pages were looked at", n)
	}
}

func TestHostileTextsAreInertInFormsThatAreRefused(t *testing.T) {
	w := hostileWorld(t)
	for name, id := range w.seen {
		r := w.set.Get(name)
		if r.ReadOnly {
			continue
		}
		form := url.Values{shownField: {markup}, "changelog_message": {hostile(300)}, "pk": {fmt.Sprint(id)}, "_apply": {"1"}, "_query": {url.Values{"q": {markup}}.Encode()}}
		for i := range r.Fields {
			form.Set(r.Fields[i].Name, hostile(1000))
			form.Add("_change", r.Fields[i].Name)
		}
		for _, path := range []string{web.PathOf(r) + "add/", at(web.PathOf(r), id, "edit/"), web.PathOf(r) + "edit/"} {
			if g := w.post(path, form); g.root != nil {
				g.inert(t, path)
			} else if g.status != http.StatusSeeOther {
				t.Errorf("%s answers %d %s", path, g.status, g.header.Get("Content-Type"))
			}
		}
		w.post(web.PathOf(r)+"delete/", url.Values{"pk": {fmt.Sprint(id)}}).inert(t, "delete "+name)
	}
	for _, path := range []string{"/login/", "/nothing/" + url.PathEscape(markup), "/user/password/"} {
		nobody := w.visitor()
		if g := nobody.post(path, url.Values{"username": {hostile(100)}, "password": {markup}, "next": {markup}}); g.root != nil {
			g.inert(t, path)
		}
	}
}

// shownField is where forms remember what they showed.
const shownField = "_shown"

func TestHostileTextsAreInertInCSV(t *testing.T) {
	w := hostileWorld(t)
	for name := range w.seen {
		r := w.set.Get(name)
		g := w.get("/api/"+r.Path+"/?export=csv").want(t, 200)
		if kind := g.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/csv") || g.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %q may be taken for a page", name, kind)
		}
		rows, err := csv.NewReader(strings.NewReader(g.body)).ReadAll()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n := w.one("/" + r.Path + "/?limit=1"); len(rows) != n+1 {
			t.Errorf("%s: %d rows, want %d and a head", name, len(rows), n)
		}
		for _, row := range rows {
			for _, cell := range row {
				if strings.HasPrefix(cell, "=") {
					t.Errorf("%s: a cell is a formula: %q", name, cell)
				}
			}
		}
	}
}
