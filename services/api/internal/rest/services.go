package rest

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/services/api/internal/openapi"
)

// services returns the routes that are no resources: the roots above them, which list what is below, and what is known about the server.
func (a *API) services() map[string]*route {
	out := map[string]*route{
		"/api/status/":                    a.statusRoute(),
		"/api/plugins/installed-plugins/": a.pluginsRoute(),
		syncPath:                          a.syncRoute(),
		eventsPath:                        a.eventsRoute(),
		occurrencesPath:                   a.occurrencesRoute(),
		schedulePath:                      a.scheduleRoute(),
		schemaPath:                        a.schemaRoute(),
		schemaPath + "swagger-ui/":        a.pageRoute("swagger-ui"),
		schemaPath + "redoc/":             a.pageRoute("redoc"),
	}
	roots := map[string][]string{}
	var paths []string
	for path, rt := range out {
		if !rt.unlisted {
			paths = append(paths, path)
		}
	}
	for _, r := range a.Store.Set.All {
		for _, p := range append([]string{r.Path}, r.Aliases...) {
			paths = append(paths, "/api/"+p+"/")
		}
	}
	for _, p := range paths {
		for parent, child := split(p); parent != "/"; parent, child = split(parent) {
			if !slices.Contains(roots[parent], child) {
				roots[parent] = append(roots[parent], child)
			}
		}
	}
	for path, children := range roots {
		slices.Sort(children)
		doc := get(&openapi.Operation{Description: "What is below.", Answer: openapi.Ref("Links"), Parameters: []*openapi3.Parameter{openapi.Format("json", "api")}})
		out[path] = &route{allow: readMethods, doc: doc, handle: func(_ context.Context, q *request) (response, error) {
			if q.method == "OPTIONS" {
				return ok(encode(described{rootName(path), "", renders, parses})), nil
			}
			b := []byte{'{'}
			for i, child := range children {
				if i > 0 {
					b = append(b, ',')
				}
				b = append(append(b, encode(child)...), ':')
				b = append(b, encode(q.at.Origin+path+child+"/"+q.at.Suffix)...)
			}
			return ok(append(b, '}')), nil
		}}
	}
	// NetBox's roots do not list these.
	out[provisionPath], out["/api/authentication-check/"] = a.provisionRoute(), a.checkRoute()
	out[provisionPath].doc, out["/api/authentication-check/"].doc = provisionDoc, checkDoc
	return out
}

// split cuts the last part off a path that ends with a slash.
func split(path string) (parent, child string) {
	path = strings.TrimSuffix(path, "/")
	i := strings.LastIndexByte(path, '/') + 1
	return path[:i], path[i:]
}

type described struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Renders     []string `json:"renders"`
	Parses      []string `json:"parses"`
}

var (
	renders = []string{"application/json", "text/html"}
	parses  = []string{"application/json", "multipart/form-data"}
)

func rootName(path string) string {
	_, name := split(path)
	if name == "api" {
		return "API Root"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// statusRoute says what runs, with the keys that clients of NetBox read.
func (a *API) statusRoute() *route {
	type body struct {
		Django      string            `json:"django-version"`
		Hostname    string            `json:"hostname"`
		Apps        map[string]string `json:"installed_apps"`
		NetBox      string            `json:"netbox-version"`
		NetBoxFull  string            `json:"netbox-full-version"`
		Plugins     map[string]string `json:"plugins"`
		Python      string            `json:"python-version"`
		Workers     int               `json:"rq-workers-running"`
		Proxops     string            `json:"proxops-version"`
		GoVersion   string            `json:"go-version"`
		APIVersions []string          `json:"api-versions"`
	}
	hostname, _ := os.Hostname()
	return &route{allow: readMethods, gate: gateLogin, doc: get(&openapi.Operation{Description: "What runs here.", Answer: openapi.Ref("Status")}), handle: func(_ context.Context, q *request) (response, error) {
		if q.method == "OPTIONS" {
			return ok(encode(described{"Status", "", renders, parses})), nil
		}
		return ok(encode(body{
			Django: "n/a", Hostname: hostname, Apps: map[string]string{}, NetBox: netboxVersion, NetBoxFull: netboxVersion,
			Plugins: map[string]string{"netbox_proxbox": pluginVersion}, Python: "n/a", Workers: 0,
			Proxops: a.Version, GoVersion: runtime.Version(), APIVersions: []string{apiVersion},
		})), nil
	}}
}

// pluginsRoute lists the one plugin that this server stands for. As in NetBox, administrators alone may see it.
func (a *API) pluginsRoute() *route {
	type plugin struct {
		Name         string `json:"name"`
		Package      string `json:"package"`
		Author       string `json:"author"`
		AuthorEmail  string `json:"author_email"`
		Description  string `json:"description"`
		Version      string `json:"version"`
		ReleaseTrack string `json:"release_track"`
	}
	list := openapi3.NewArraySchema()
	list.Items = openapi.Ref("Plugin")
	return &route{allow: readMethods, gate: gateAdmin, doc: get(&openapi.Operation{Verb: "list", Description: "The plugins of NetBox that this server stands for.", Answer: list.NewRef()}), handle: func(_ context.Context, q *request) (response, error) {
		if q.method == "OPTIONS" {
			return ok(encode(described{"Installed Plugins", "", renders, parses})), nil
		}
		return ok(encode([]plugin{{Name: "Proxbox", Package: "netbox_proxbox", Author: "Proxops", Description: "Backup routines and replications of Proxmox VE clusters", Version: pluginVersion}})), nil
	}}
}
