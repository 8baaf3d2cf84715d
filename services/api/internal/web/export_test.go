package web

import (
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

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

// MonthAt is what the month view shows for an address at a time: title, first and last day, and where it is earlier and later.
func (w *Web) MonthAt(query string, now time.Time) string {
	c := (&page{Web: w, http: httptest.NewRequest("GET", calendarPath+"?"+query, nil)}).readCalendar(now)
	last := dayAfter(c.to, -1)
	return strings.Join([]string{c.title(), c.from.Format("Mon 2 Jan"), last.Format("Mon 2 Jan"), strings.TrimPrefix(c.step(-1), calendarPath), strings.TrimPrefix(c.step(1), calendarPath)}, "; ")
}
