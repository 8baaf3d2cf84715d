package rest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/wire"
)

// methods are those that gin routes. All others are answered as one of them that no route allows.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}

// Handler returns the handler of everything under /api/. It is called once.
func (a *API) Handler() http.Handler {
	a.exports, a.document = exports(maxExports), sync.OnceValues(a.describe)
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath, e.HandleMethodNotAllowed = false, false, false
	e.UseRawPath, e.UnescapePathValues = true, false
	for _, r := range a.Store.Set.All {
		for _, path := range append([]string{r.Path}, r.Aliases...) {
			a.mount(e, "/api/"+path+"/", a.listRoute(r, path))
			a.mount(e, "/api/"+path+"/:object/", a.objectRoute(r))
		}
	}
	for _, act := range a.actions() {
		before, after := act.paths(a.Store.Set.Get(act.on))
		for _, path := range before {
			a.mount(e, path+":object"+after, a.actionRoute(act))
		}
	}
	for path, rt := range a.services() {
		a.mount(e, path, rt)
	}
	assets := a.assetRoute()
	for _, m := range methods {
		e.Handle(m, schemaPath+"static/*file", func(c *gin.Context) { a.answer(c.Writer, c.Request, c.Param("file"), assets, false) })
	}
	e.NoRoute(func(c *gin.Context) {
		a.answer(c.Writer, c.Request, "", &route{}, true)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del(oddMethod) // it is no client's to set
		if slices.Contains(methods, r.Method) {
			e.ServeHTTP(w, r)
			return
		}
		odd := *r
		odd.Method = "TRACE"
		odd.Header = r.Header.Clone()
		odd.Header.Set(oddMethod, r.Method)
		e.ServeHTTP(w, &odd)
	})
}

// oddMethod is the header in which the name of an unknown method reaches its route.
const oddMethod = "X-Proxops-Method"

// mount serves a path with a slash at its end. Without the slash, reading is redirected, and writing is refused: a redirect would lose the body.
func (a *API) mount(e *gin.Engine, path string, rt *route) {
	serve := func(c *gin.Context) { a.answer(c.Writer, c.Request, c.Param("object"), rt, false) }
	bare := func(c *gin.Context) {
		if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
			a.answer(c.Writer, c.Request, "", &route{}, true)
			return
		}
		to := c.Request.URL.EscapedPath() + "/"
		if c.Request.URL.RawQuery != "" {
			to += "?" + c.Request.URL.RawQuery
		}
		a.headers(c.Writer, uuid.New(), rt)
		c.Writer.Header().Set("Location", to)
		c.Writer.WriteHeader(http.StatusMovedPermanently)
	}
	for _, m := range methods {
		e.Handle(m, path, serve)
		e.Handle(m, strings.TrimSuffix(path, "/"), bare)
	}
}

// headers sets what every answer has.
func (a *API) headers(w http.ResponseWriter, id uuid.UUID, rt *route) {
	h := w.Header()
	h.Set("API-Version", apiVersion)
	h.Set("X-Request-ID", id.String())
	h.Set("Vary", "Accept, Authorization, Origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "private, no-store")
	if rt.allow != nil {
		h.Set("Allow", strings.Join(rt.allow, ", "))
	}
}

// answer runs a route and writes what it returns. It is the one place that turns errors into answers.
func (a *API) answer(w http.ResponseWriter, r *http.Request, object string, rt *route, missing bool) {
	ctx := r.Context()
	q := &request{http: r, w: w, method: r.Method, object: object, id: uuid.New()}
	if m := r.Header.Get(oddMethod); m != "" && r.Method == "TRACE" {
		q.method = m
	}
	a.headers(w, q.id, rt)
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if v == http.ErrAbortHandler { //nolint:errorlint // the sentinel of net/http, which is compared as such
			panic(v)
		}
		a.Log.ErrorContext(ctx, "request panicked", "request_id", q.id, "method", q.method, "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		if !q.started {
			q.write(w, internal())
		}
	}()
	answer, err := a.run(ctx, q, rt, missing)
	if err != nil {
		answer = q.challenge(rt, a.refuse(ctx, q, err))
	}
	if answer.send == nil {
		q.write(w, answer)
		return
	}
	q.begin(w, answer)
	if err := answer.send(w); err != nil {
		if ctx.Err() == nil {
			a.Log.ErrorContext(ctx, "answer broke off", "request_id", q.id, "method", q.method, "path", r.URL.Path, "err", err)
		}
		panic(http.ErrAbortHandler) // the client has to see that the end is missing
	}
}

// maxQuery bounds the query of a request: what it names has to be looked up.
const maxQuery = 64 << 10

func (a *API) run(ctx context.Context, q *request, rt *route, missing bool) (response, error) {
	if len(q.http.URL.RawQuery) > maxQuery {
		return response{}, refusal{http.StatusRequestURITooLong, fmt.Sprintf("The query is longer than %d KiB: ask in several requests.", maxQuery>>10)}
	}
	q.params = wire.ParseQuery(q.http.URL.RawQuery)
	if missing {
		return response{}, errNoPath
	}
	if err := q.negotiate(rt); err != nil {
		return response{}, err
	}
	origin, err := a.Origin(q.http)
	if err != nil {
		return response{}, err
	}
	q.at = resource.Address{Origin: origin, Path: q.http.URL.EscapedPath()}
	if f := resource.Last(q.params["format"]); f != "" && q.media != offerCSV.media {
		q.at.Suffix = "?format=" + f
	}
	return rt.serve(ctx, a, q)
}

// write sends the answer. HEAD gets the headers alone.
func (q *request) write(w http.ResponseWriter, answer response) {
	body := answer.body
	if body != nil {
		if answer.media == "" && q.pretty > 0 {
			body = indent(body, q.pretty)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	if q.begin(w, answer); body != nil && q.method != http.MethodHead {
		_, _ = w.Write(body) // a client that is gone needs no answer
	}
}

// begin sends the headers of the answer.
func (q *request) begin(w http.ResponseWriter, answer response) {
	q.started = true
	if answer.body != nil || answer.send != nil {
		w.Header().Set("Content-Type", cmp.Or(answer.media, offerJSON.media))
	}
	for k, v := range answer.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(answer.status)
}
