package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/a-h/templ"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/syncs"
)

// syncNowPath is where forms start syncs.
const syncNowPath = "/plugins/proxbox/sync/"

// syncButton starts a job of a type, for the endpoints that the list is filtered to, or for all that who looks may view.
func syncButton(kind, title string) func(p *page, l *listing) templ.Component {
	return func(p *page, l *listing) templ.Component {
		if !p.allowed(p.Store.Set.Get(catalog.Jobs), resource.Add) {
			return templ.NopComponent
		}
		return syncForm(title, []string{kind}, chosenEndpoints(l.params))
	}
}

// syncOfObject starts a job of a type for the endpoint of an object.
func syncOfObject(kind string) func(p *page, s *sheet) templ.Component {
	return func(p *page, s *sheet) templ.Component {
		endpoint := s.o.sub("endpoint").id()
		if endpoint == "" || !p.allowed(p.Store.Set.Get(catalog.Jobs), resource.Add) {
			return templ.NopComponent
		}
		return syncForm("Sync now", []string{kind}, []string{endpoint})
	}
}

// chosenEndpoints are the endpoints that a list is filtered to.
func chosenEndpoints(params url.Values) (references []string) {
	for _, name := range []string{"endpoint_id", "endpoint", "proxmox_endpoint_id"} {
		references = append(references, params[name]...)
	}
	return references
}

// syncNow starts a job, and shows it.
func (w *Web) syncNow(ctx context.Context, p *page) (answer, error) {
	jobs := w.Store.Set.Get(catalog.Jobs)
	if !p.allowed(jobs, resource.Add) {
		return answer{}, resource.ErrForbidden
	}
	choose := w.Syncs.All(p.actor())
	var named []any
	for _, v := range p.http.PostForm["endpoints"] {
		switch n, err := strconv.ParseInt(v, 10, 64); {
		case err == nil:
			named = append(named, json.Number(strconv.FormatInt(n, 10)))
		case v != "":
			named = append(named, map[string]any{"name": v})
		}
	}
	if named != nil {
		choose = w.Syncs.Named(p.actor(), "endpoints", named)
	}
	id, err := w.Syncs.Start(ctx, p.actor(), syncs.Wanted{Types: p.http.PostForm["types"]}, choose)
	if err != nil {
		return answer{}, err
	}
	return p.toJob(ctx, id)
}

// toJob shows a job that was just started, to those who may look at it.
func (p *page) toJob(ctx context.Context, id int32) (answer, error) {
	jobs := p.Store.Set.Get(catalog.Jobs)
	may, err := p.Store.May(ctx, jobs, p.actor(), resource.View, int64(id))
	if err != nil {
		return answer{}, err
	}
	if !may {
		return answer{to: next(p.http)}, nil
	}
	return answer{to: fmt.Sprintf("%s%d/", pathOf(jobs), id)}, nil
}
