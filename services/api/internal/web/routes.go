package web

import (
	"context"
	"fmt"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// routes names every page. The addresses are those of NetBox.
func (w *Web) routes(e *gin.Engine) {
	both := func(path string, h gin.HandlerFunc) { e.GET(path, h); e.POST(path, h) }
	both("/login/", w.open(w.login))
	e.POST("/logout/", w.open(w.logout))
	e.GET("/", w.page(w.dashboard))
	e.GET("/preferences/:resource/", w.page(w.columns))
	e.POST("/preferences/:resource/", w.page(w.setPreferences))
	w.accountRoutes(e)
	w.endpointRoutes(e)
	w.syncRoutes(e)
	w.calendarRoutes(e)
	for _, r := range w.Store.Set.All {
		base := pathOf(r)
		e.GET(base, w.page(w.list(r)))
		e.GET(base+":id/", w.page(w.objectPage(r)))
		if journaled(r) {
			both(base+":id/journal/", w.page(w.journal(r)))
		}
		if r.ReadOnly {
			continue
		}
		e.GET(base+":id/changelog/", w.page(w.changelog(r)))
		add, edit := w.forms(r)
		both(base+"add/", w.page(add))
		both(base+"edit/", w.page(w.editMany(r)))
		both(base+"delete/", w.page(w.removeMany(r)))
		both(base+":id/edit/", w.page(edit))
		both(base+":id/delete/", w.page(w.remove(r)))
	}
}

// objectID is the id in the address of a page.
func (p *page) objectID() (int64, error) {
	id, err := strconv.ParseInt(p.http.PathValue("id"), 10, 64)
	if err != nil {
		return 0, fault.Wrap(fault.NotFound, err, "read the id of an object")
	}
	return id, nil
}

// get reads an object with the rights of who looks.
func (p *page) get(ctx context.Context, r *resource.Resource) (object, error) {
	id, err := p.objectID()
	if err != nil {
		return nil, err
	}
	found, err := p.Store.Get(ctx, r, p.actor(), p.at(), id, resource.Selection{})
	if err != nil {
		return nil, fmt.Errorf("read an object for its page: %w", err)
	}
	return decode(found.Body)
}
