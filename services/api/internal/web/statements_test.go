package web_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/services/api/internal/crowd"
	"github.com/proxops/proxops/services/api/internal/web"
)

// TestNothingThatAPageShowsCostsAQueryPerRow counts the statements of every page and part of a page where there are two rows of everything, and where
// there are thirty. (One alone may cost less: a filter by a single id needs no plan of its own.)
func TestNothingThatAPageShowsCostsAQueryPerRow(t *testing.T) {
	few, many := costs(t, 2), costs(t, 30)
	if len(few) < 100 || len(few) != len(many) {
		t.Fatalf("%d and %d pages were looked at", len(few), len(many))
	}
	for _, page := range slices.Sorted(maps.Keys(few)) {
		if few[page] != many[page] {
			t.Errorf("%s: %d statements for two rows, %d for thirty", page, few[page], many[page])
		}
	}
}

// costs are the numbers of statements of pages by what they are, with so many rows of everything.
func costs(t *testing.T, rows int) map[string]int64 {
	t.Helper()
	pool, sent := pgtest.Counted(t)
	admin := serveOn(t, pool)
	crowd.Fill(t, pool, rows)
	out := map[string]int64{}
	look := func(name, path, part string) {
		var headers []string
		if part != "" {
			name += " #" + part
			headers = []string{"HX-Request", "true", "HX-Target", part}
		}
		admin.get(path, headers...).want(t, 200) // prepares statements
		before := sent.Load()
		admin.get(path, headers...)
		out[name] = sent.Load() - before
	}
	for _, path := range []string{"/", "/plugins/proxbox/calendar/", "/plugins/proxbox/calendar/?view=week", "/plugins/proxbox/calendar/?view=agenda", "/search/?q=j", "/search/?q=e", "/search/?q=v", "/search/?q=n", "/search/?q=s", "/search/?q=t"} {
		look(path, path, "")
	}
	for _, part := range web.DashboardParts() {
		look("/", "/", part)
	}
	look(calendarPath, calendarPath, "calendar")
	for _, r := range admin.set.All {
		base := web.PathOf(r)
		look(base, base, "")
		look(base, base, "results")
		_, list := admin.ask("GET", "/"+r.Path+"/?limit=1&ordering=id&fields=id", nil)
		id := fmt.Sprint(list["results"].([]any)[0].(map[string]any)["id"])
		for _, route := range admin.ui.Routes() {
			if tab, ok := strings.CutPrefix(route.Path, base+":id/"); ok && route.Method == "GET" && !strings.Contains(tab, ":") {
				look(route.Path, base+id+"/"+tab, "")
			}
		}
		look(base+":id/", base+id+"/", "object")
		for _, part := range web.PiecesOf(r) {
			look(base+":id/", base+id+"/", part)
		}
	}
	return out
}
