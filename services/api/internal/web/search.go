package web

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// maxFound is how many objects of each kind a search shows.
const maxFound = 10

// searchable are the lists that a search looks into, with what it shows of their objects.
var searchable = []struct {
	list    string
	columns []string
}{
	{catalog.Replications, []string{"endpoint", "virtual_machine", "target", "schedule", "status", "comment"}},
	{catalog.Routines, []string{"endpoint", "schedule", "next_run", "storage", "status", "comment"}},
	{catalog.Endpoints, []string{"domain", "ip_address", "enabled"}},
	{"virtual-machines", []string{"vmid", "cluster", "node", "status"}},
	{"clusters", []string{"proxmox_endpoint", "description"}},
	{"nodes", []string{"endpoint", "ip_address", "online"}},
	{"storage", []string{"cluster", "storage_type", "content"}},
	{"tags", []string{"slug", "description", "tagged_items"}},
}

// finding is what a search found in one list.
type finding struct {
	r       *resource.Resource
	view    view
	columns []string
	rows    []object
	count   int
	to      string
}

// search looks for a text in all lists that who looks may see.
func (w *Web) search(ctx context.Context, p *page) (answer, error) {
	q := strings.TrimSpace(p.http.URL.Query().Get("q"))
	var found []finding
	total := 0
	for _, s := range searchable {
		r := w.Store.Set.Get(s.list)
		if q == "" || !p.may(r, resource.View) {
			continue
		}
		need := append([]string{"id", "url", "display"}, s.columns...)
		for _, name := range s.columns {
			need = append(append(need, needs[name]...), needs[r.Name+"."+name]...)
		}
		page, err := p.read(ctx, s.list, url.Values{"q": {q}, "limit": {strconv.Itoa(maxFound)}}, need...)
		if err != nil {
			return answer{}, fmt.Errorf("search: %w", err)
		}
		f := finding{r: r, view: viewOf(r), columns: s.columns, rows: page.list("results"), count: int(page.number("count")), to: pathOf(r) + "?q=" + url.QueryEscape(q)}
		if f.count == 0 {
			continue
		}
		if more := enrich[r.Name]; more != nil {
			if err := more(ctx, p, f.rows); err != nil {
				return answer{}, err
			}
		}
		total += f.count
		found = append(found, f)
	}
	title := "Search"
	if q != "" {
		title = "Search for " + visible(q)
	}
	return answer{title: title, body: searchPage(p, q, total, found)}, nil
}
