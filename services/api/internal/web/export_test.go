package web

import (
	"maps"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// Routes are all pages.
func (w *Web) Routes() gin.RoutesInfo {
	e := gin.New()
	w.routes(e)
	return e.Routes()
}

// PathOf is where the pages of a resource are.
var PathOf = pathOf

// DashboardParts are the ids of the parts of the dashboard.
func DashboardParts() []string { return slices.Sorted(maps.Keys(dashboardCards)) }

// PiecesOf are the ids of the parts of the page of an object.
func PiecesOf(r *resource.Resource) []string { return slices.Sorted(maps.Keys(pieces[r.Name])) }

// Label names a field for people.
var Label = label
