package rest

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/proxops/proxops/services/api/internal/openapi"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// action is what can be done to one object of a resource, at an address below that of the object: …/jobs/5/cancel/. An object that the client may
// not view is not found.
type action struct {
	on     string     // the name of the resource
	name   string     // the last part of the address
	also   []string   // paths under /api/ of further lists below whose objects it is found
	method string     // default: POST
	needs  permission // what it takes beside that to view the object
	offers []offer    // nil: JSON
	doc    *openapi.Operation
	handle func(ctx context.Context, q *request, id int64) (response, error)
}

// permission is to do something to objects of a resource.
type permission struct {
	to resource.Action
	of string // default: the resource of the action, whose object has to be among those that the permission is for
}

// actions returns what can be done to objects of resources beside reading and writing them.
func (a *API) actions() []action {
	return []action{a.syncEndpointAction(), a.cancelAction(), a.watchAction(), a.testAction(), a.acceptAction(), a.runScheduleAction()}
}

// paths are where an action is found, as the router and the OpenAPI document write them but for the id.
func (act action) paths(r *resource.Resource) (before []string, after string) {
	for _, path := range append(append([]string{r.Path}, r.Aliases...), act.also...) {
		before = append(before, "/api/"+path+"/")
	}
	return before, "/" + act.name + "/"
}

// operations describes the action, by method.
func (act action) operations() map[string]*openapi.Operation {
	op := *act.doc
	id := openapi3.NewPathParameter("id").WithSchema(openapi3.NewInt32Schema().WithMin(0))
	op.Parameters = append([]*openapi3.Parameter{id}, op.Parameters...)
	return map[string]*openapi.Operation{cmp.Or(act.method, http.MethodPost): &op}
}

// actionRoute serves an action on the objects of a resource.
func (a *API) actionRoute(act action) *route {
	r := a.Store.Set.Get(act.on)
	rt := &route{allow: []string{cmp.Or(act.method, http.MethodPost), http.MethodOptions}, res: r, needs: act.needs.to, offers: act.offers}
	if act.method == http.MethodGet {
		rt.allow = readMethods
	}
	own := act.needs.of == "" || act.needs.of == act.on
	if !own {
		rt.res = a.Store.Set.Get(act.needs.of)
	}
	rt.handle = func(ctx context.Context, q *request) (response, error) {
		if q.method == http.MethodOptions {
			return ok(encode(described{r.Verbose + " " + strings.ToUpper(act.name[:1]) + act.name[1:], act.doc.Description, renders, parses})), nil
		}
		id, err := q.objectID()
		if err != nil {
			return response{}, err
		}
		needs := resource.View
		if own {
			needs = act.needs.to
		}
		if err := a.Store.Admit(ctx, r, q.actor(), needs, id); err != nil {
			return response{}, err
		}
		return act.handle(ctx, q, id)
	}
	return rt
}

// objectID reads the id in the address of an object. One that no column can hold is that of no object.
func (q *request) objectID() (int64, error) {
	id, err := strconv.ParseInt(q.object, 10, 64)
	if err != nil && !strings.HasSuffix(err.Error(), strconv.ErrRange.Error()) {
		return 0, errNoPath
	}
	return id, nil
}
