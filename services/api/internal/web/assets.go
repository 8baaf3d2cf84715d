package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// eventsPath is where pages hear of changes.
const eventsPath = "/api/plugins/proxbox/events/"

// htmxConfig keeps htmx within the policy: no styles of its own, nothing evaluated, and history from the server.
const htmxConfig = `{"includeIndicatorStyles":false,"allowEval":false,"selfRequestsOnly":true,"historyCacheSize":0,"refreshOnHistoryMiss":true,"scrollBehavior":"auto"}`

// version makes the address of a file of ours change with its content.
func version(name string) string {
	if f := files[name]; !f.Fixed {
		return "?v=" + strings.Trim(f.ETag, `"`)
	}
	return ""
}

// assets serves the files of pages.
func (w *Web) assets(c *gin.Context) {
	if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead || !files.Serve(c.Writer, c.Request, strings.TrimPrefix(c.Param("file"), "/")) {
		w.serve(c.Writer, c.Request, func(context.Context, *page) (answer, error) { return answer{}, errNoPage }, false)
	}
}

// crumb is a step on the way to a page.
type crumb struct{ title, to string }
