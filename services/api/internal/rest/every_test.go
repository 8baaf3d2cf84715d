package rest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestEveryFilterAndOrderOfEveryResourceIsGoodSQL asks each list for each of its parameters with values of every kind: none may fail inside.
func TestEveryFilterAndOrderOfEveryResourceIsGoodSQL(t *testing.T) {
	w := newWorld(t)
	w.jobs()
	for _, r := range w.api.Store.Set.All {
		t.Run(r.Name, func(t *testing.T) {
			list := "/api/" + r.Path + "/"
			filters := r.Filters()
			if len(filters) < 20 {
				t.Errorf("only %d filters", len(filters))
			}
			for _, name := range filters {
				for _, value := range []string{"1", "true", "2026-01-01"} {
					if a := w.get(list + "?" + name + "=" + value + "&" + name + "=" + value); a.status != 200 && a.status != 400 {
						t.Errorf("?%s=%s: %d %s", name, value, a.status, a.body)
					}
				}
			}
			for i := range r.Fields {
				name := r.Fields[i].Name
				for _, page := range []string{"", "&limit=1&offset=1", "&fields=id", "&brief=1"} {
					if a := w.get(list + "?ordering=" + name + ",-" + name + page); a.status != 200 {
						t.Errorf("?ordering=%s%s: %d %s", name, page, a.status, a.body)
					}
				}
			}
			w.get(list+"?q=a").want(t, 200, "")
		})
	}
}

// TestEveryObjectOfEveryResourceIsShownAlike holds the forms of an object against each other, and follows its address.
func TestEveryObjectOfEveryResourceIsShownAlike(t *testing.T) {
	w := newWorld(t)
	w.jobs()
	w.make("/api/plugins/proxbox/proxmox-clusters/", map[string]any{"endpoint": w.prod, "cluster": w.prodCluster, "name": "prod"})
	w.make(tagsPath, map[string]any{"name": "Gold", "slug": "gold"})
	w.make(journalPath, map[string]any{"assigned_object_type": "netbox_proxbox.proxmoxnode", "assigned_object_id": w.node1, "comments": "x"})
	set := w.make(choicesPath, map[string]any{"name": "Tiers", "extra_choices": [][]string{{"gold", "Gold"}}})
	w.make(customPath, map[string]any{"name": "tier", "type": "select", "object_types": jobTypes, "choice_set": set})
	w.make(groupsPath, map[string]any{"name": "g"})
	w.make(schedulesPath, map[string]any{"name": "nightly", "calendar": "02:00", "endpoints": []int{w.prod}})
	w.make(permissionsPath, map[string]any{"name": "p", "object_types": []string{"users.user"}, "actions": []string{"view"}})
	for _, r := range w.api.Store.Set.All {
		t.Run(r.Name, func(t *testing.T) {
			list := "/api/" + r.Path + "/"
			var page struct{ Results []json.RawMessage }
			if err := json.Unmarshal([]byte(w.get(list).body), &page); err != nil || len(page.Results) == 0 {
				t.Fatalf("%v, %d rows", err, len(page.Results))
			}
			var o struct {
				ID           int
				URL, Display string
			}
			if err := json.Unmarshal(page.Results[0], &o); err != nil || o.Display == "" {
				t.Fatalf("%v: %s", err, page.Results[0])
			}
			if o.URL != w.http.URL+path(list, o.ID) {
				t.Errorf("url %s", o.URL)
			}
			w.get(o.URL).want(t, 200, string(page.Results[0]))
			for _, alias := range r.Aliases {
				w.get("/api/"+alias+fmt.Sprintf("/%d/", o.ID)).want(t, 200, string(page.Results[0]))
			}
			if r.ReadOnly {
				return
			}
			patched := w.ask("PATCH", o.URL, map[string]any{"bogus": 1, "id": 99, "created": "x", "display": "y"})
			patched.want(t, 200, "")
			if a, b := stable(t, patched.body), stable(t, string(page.Results[0])); a != b {
				t.Errorf("a write of nothing changed something:\n%s\n%s", a, b)
			}
			if n := w.exec("SELECT count(*) FROM changes WHERE object_type_id = $1 AND action = 'update'", int(r.Type)); n != 0 {
				t.Errorf("a write of nothing made %d change rows", n)
			}
			options := w.ask("OPTIONS", o.URL, nil)
			actions := options.json(t)["actions"].(map[string]any)["PUT"].(map[string]any)
			for name := range w.get(o.URL).json(t) {
				if actions[name] == nil {
					t.Errorf("OPTIONS does not know %s", name)
				}
			}
			w.ask("OPTIONS", path(list, 999), nil).want(t, 200, "")
		})
	}
}

// stable is an object without the time of its last write.
func stable(t *testing.T, body string) string {
	t.Helper()
	before, after, ok := strings.Cut(body, `"last_updated":"`)
	if !ok {
		t.Fatal(body)
	}
	_, after, _ = strings.Cut(after, `"`)
	return before + after
}
