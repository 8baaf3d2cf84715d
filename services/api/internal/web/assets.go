package web

import (
	"net/http"
	"strings"
)

// staticPath is where the files of pages are.
const staticPath = "/static/"

// eventsPath is where pages hear of changes.
const eventsPath = "/api/plugins/proxbox/events/"

// htmxConfig keeps htmx within the policy: no styles of its own, nothing evaluated, and history from the server.
const htmxConfig = `{"includeIndicatorStyles":false,"allowEval":false,"selfRequestsOnly":true,"historyCacheSize":0,"refreshOnHistoryMiss":true,"scrollBehavior":"auto"}`

// version makes the address of a file of ours change with its content.
func version(name string) string {
	if f := files[name]; !f.Fixed {
		return "?" + f.Version()
	}
	return ""
}

// serveAsset answers a request for a file of pages, and says whether it is one.
func serveAsset(rw http.ResponseWriter, r *http.Request) bool {
	name, ok := strings.CutPrefix(r.URL.Path, staticPath)
	return ok && (r.Method == http.MethodGet || r.Method == http.MethodHead) && files.Serve(rw, r, name)
}

// crumb is a step on the way to a page.
type crumb struct{ title, to string }
