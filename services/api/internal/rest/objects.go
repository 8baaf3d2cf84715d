package rest

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// listRoute serves the collection of a resource under one of its paths.
func (a *API) listRoute(r *resource.Resource, path string) *route {
	rt := &route{allow: listMethods, res: r, list: true}
	rt.restrict(r)
	rt.handle = func(ctx context.Context, q *request) (response, error) {
		switch q.method {
		case "OPTIONS":
			return ok(r.Options(true, q.allowed(r, "POST", resource.Add, "PUT", resource.Change))), nil
		case "POST", "PUT", "PATCH", "DELETE":
			return a.write(ctx, r, q)
		}
		if path != r.Path {
			q.lean = r.Heavy
		}
		return a.list(ctx, r, q)
	}
	return rt
}

// list answers with a page as JSON, or with the whole list as CSV.
func (a *API) list(ctx context.Context, r *resource.Resource, q *request) (response, error) {
	custom, err := a.Store.CustomFiltered(ctx, r, q.params)
	if err != nil {
		return response{}, err
	}
	if names := q.ignored(r, custom); names != "" {
		q.w.Header().Set(ignoredHeader, names)
	}
	name, given := q.params["export"]
	switch {
	case resource.Last(name) == "csv", !given && q.media == offerCSV.media:
		return a.export(ctx, r, q)
	case given: // NetBox looks for a template of that name
		return response{}, errNoPath
	}
	body, err := a.Store.List(ctx, r, q.actor(), q.at, q.params, selection(q))
	return ok(body), err
}

// restrict makes the route of a resource that is read-only, or for everybody.
func (rt *route) restrict(r *resource.Resource) {
	if r.ReadOnly {
		rt.allow = readMethods
	}
	if r.Public {
		rt.gate = gateLogin
	}
}

// objectRoute serves the objects of a resource.
func (a *API) objectRoute(r *resource.Resource) *route {
	rt := &route{allow: objectMethods, res: r}
	rt.restrict(r)
	rt.handle = func(ctx context.Context, q *request) (response, error) {
		id, err := q.objectID()
		if q.method == "OPTIONS" {
			var methods []string
			may, err := a.Store.May(ctx, r, q.actor(), resource.Change, id)
			if may {
				methods = []string{"PUT"}
			}
			return ok(r.Options(false, methods)), err
		}
		if err != nil {
			return response{}, err
		}
		if q.method == "GET" || q.method == "HEAD" {
			o, err := a.Store.Get(ctx, r, q.actor(), q.at, id, selection(q))
			return tagged(http.StatusOK, o), err
		}
		body, bodyErr := readBody(q.w, q.http)
		req := resource.Request{
			At: q.at, Actor: q.actor(), Body: body, BodyErr: bodyErr, Partial: q.method == "PATCH", IfMatch: q.http.Header.Get("If-Match"), Select: selection(q),
		}
		if q.method == "DELETE" {
			return response{status: http.StatusNoContent}, a.Store.Delete(ctx, r, id, req)
		}
		o, err := a.Store.Update(ctx, r, id, req)
		return tagged(http.StatusOK, o), err
	}
	return rt
}

// write serves the writes that go to the address of a collection: of many objects if the body is a list, and the creation of one.
func (a *API) write(ctx context.Context, r *resource.Resource, q *request) (response, error) {
	body, err := readBody(q.w, q.http)
	if err != nil {
		return response{}, err
	}
	req := resource.Request{At: q.at, Actor: q.actor(), Body: body, Partial: q.method == "PATCH", Select: selection(q)}
	_, many := body.([]any)
	switch {
	case q.method == "DELETE":
		return response{status: http.StatusNoContent}, a.Store.DeleteAll(ctx, r, req)
	case q.method != "POST":
		list, err := a.Store.UpdateAll(ctx, r, req)
		return ok(list), err
	case many:
		list, err := a.Store.CreateAll(ctx, r, req)
		return response{status: http.StatusCreated, body: list}, err
	}
	o, err := a.Store.Create(ctx, r, req)
	if err != nil {
		return response{}, err
	}
	answer := tagged(http.StatusCreated, o)
	answer.header["Location"] = q.at.Origin + "/api/" + r.Path + "/" + strconv.FormatInt(o.ID, 10) + "/"
	return answer, nil
}

func tagged(status int, o resource.Object) response {
	answer := response{status: status, body: o.Body, header: map[string]string{}}
	if o.ETag != "" {
		answer.header["ETag"] = o.ETag
	}
	return answer
}

// allowed returns the methods, of pairs of method and action, that the client may use.
func (q *request) allowed(r *resource.Resource, pairs ...any) []string {
	var out []string
	if r.ReadOnly {
		return nil
	}
	for pair := range slices.Chunk(pairs, 2) {
		if _, may := q.who.Scope(r, pair[1].(resource.Action)); may {
			out = append(out, pair[0].(string))
		}
	}
	return out
}

// selection reads which fields a client wants. brief counts for reading only, whatever its value.
func selection(q *request) resource.Selection {
	var s resource.Selection
	if v := resource.Last(q.params["fields"]); v != "" {
		s.Fields = strings.Split(v, ",")
	}
	if v := resource.Last(q.params["omit"]); v != "" {
		s.Omit = strings.Split(v, ",")
	}
	s.Brief = resource.Last(q.params["brief"]) != "" && (q.method == "GET" || q.method == "HEAD")
	if s.Omit != nil || !s.Brief {
		for _, name := range q.lean {
			if !slices.Contains(yes, strings.ToLower(resource.Last(q.params[includePrefix+name]))) {
				s.Omit = append(s.Omit, name)
			}
		}
	}
	return s
}

// includePrefix begins the parameters that ask for a field which a list leaves out, and yes are their values.
const includePrefix = "include_"

var yes = []string{"1", "true", "yes", "on"}

// errNoPath is the answer where there is nothing.
var errNoPath = fault.Wrap(fault.NotFound, resource.Detail("Not found."), "find the path")
