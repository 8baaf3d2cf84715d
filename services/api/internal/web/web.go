// Package web serves the pages that people look at. What they show and write goes through the resources of the REST API, with the rights of who looks,
// so nothing can be seen or done here that the API would refuse.
package web

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/alexedwards/scs/v2"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/identity"
	"github.com/proxops/proxops/services/api/internal/probe"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/static"
	"github.com/proxops/proxops/services/api/internal/store"
	"github.com/proxops/proxops/services/api/internal/syncs"
	"github.com/proxops/proxops/services/api/internal/wire"
)

//go:embed assets
var embedded embed.FS

// own is the directory of the files that are not of others.
const own = "own"

var files = static.Load(embedded, "assets", own)

// Accounts knows who people are.
type Accounts interface {
	// Login returns the user with this name and password; a refusal is fault.Denied.
	Login(ctx context.Context, username string, password seal.Secret, client netip.Addr) (*auth.Principal, error)
	// ByID returns the active user with this id, with what they may do; fault.Denied if there is none.
	ByID(ctx context.Context, id int32) (*auth.Principal, error)
}

// Prober tries connections to clusters.
type Prober interface {
	// Probe tries the connection of the endpoint with this id, and returns what was seen. Its errors say in a resource.Detail why nobody tried.
	Probe(ctx context.Context, endpoint int32) (*probe.Result, error)
}

// Web serves pages. All its fields are required.
type Web struct {
	Store    *resource.Store
	Queries  *store.Queries
	Accounts Accounts
	Sessions *scs.SessionManager
	Log      *slog.Logger
	Version  string
	// Prober tries connections, Syncs starts sync jobs, and Identities accepts other clusters: all as the REST API does.
	Prober     Prober
	Syncs      syncs.Starter
	Identities identity.Accepter
	// Client and Origin tell where a request comes from and how the browser reaches this server.
	Client func(*http.Request) netip.Addr
	Origin func(*http.Request) (string, error)
}

// page is one request for a page.
type page struct {
	*Web

	http   *http.Request
	w      http.ResponseWriter
	who    *auth.Principal // nil before login
	id     uuid.UUID
	origin string
	prefs  preferences
	clock  *time.Location // see zone
}

// answer is what handlers return: a page, or where to go.
type answer struct {
	status  int // default 200
	title   string
	body    templ.Component // inside of the layout
	bare    bool            // the body is a piece of a page
	to      string          // where to go instead, a path
	headers map[string]string
}

type handler func(ctx context.Context, p *page) (answer, error)

// policy lets pages load what comes from this server alone. Pictures of ours may be in the page itself.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Handler serves everything that is not the API. It is called once.
func (w *Web) Handler() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath, e.HandleMethodNotAllowed = true, false, true
	w.routes(e)
	e.NoRoute(w.open(func(context.Context, *page) (answer, error) { return answer{}, errNoPage }))
	e.NoMethod(w.open(func(context.Context, *page) (answer, error) { return answer{}, errNoPage }))
	pages := w.Sessions.LoadAndSave(e)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		// Caches may share files, so they come without the cookie of a session, and without reading and writing one.
		if !serveAsset(rw, r) {
			pages.ServeHTTP(rw, r)
		}
	})
}

// open serves a page to anybody.
func (w *Web) open(h handler) gin.HandlerFunc {
	return func(c *gin.Context) { w.serve(c.Writer, c.Request, h, false) }
}

// page serves a page to those who are logged in. Others are sent to log in, and back.
func (w *Web) page(h handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		for _, p := range c.Params {
			c.Request.SetPathValue(p.Key, p.Value)
		}
		w.serve(c.Writer, c.Request, h, true)
	}
}

func (w *Web) serve(rw http.ResponseWriter, r *http.Request, h handler, login bool) {
	ctx := r.Context()
	p := &page{Web: w, http: r, w: rw, id: uuid.New()}
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler { //nolint:errorlint // the sentinel of net/http, which is compared as such
				panic(v)
			}
			w.Log.ErrorContext(ctx, "page panicked", "request_id", p.id, "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			p.write(ctx, p.refusal(ctx, errors.New("the page panicked")))
		}
	}()
	a, err := p.run(ctx, h, login)
	if err != nil {
		a = p.refusal(ctx, err)
	}
	p.write(ctx, a)
}

func (p *page) run(ctx context.Context, h handler, login bool) (answer, error) {
	var err error
	if p.origin, err = p.Origin(p.http); err != nil {
		return answer{}, err
	}
	if crossSite(p.http, p.origin) {
		return answer{}, errOtherSite
	}
	if err := p.identify(ctx); err != nil {
		return answer{}, err
	}
	if login && p.who == nil {
		return p.toLogin(), nil
	}
	if err := p.parseForm(); err != nil {
		return answer{}, err
	}
	return h(ctx, p)
}

// formTime is how long a form may take to arrive, and formSize how many bytes it may have.
const (
	formTime = 30 * time.Second
	formSize = 10 << 20
)

// parseForm reads the form that was sent, for handlers to find in PostForm. It comes first, as handlers would make net/http read files of any size from
// what says that it has some: no page sends any.
func (p *page) parseForm() error {
	if p.http.Method != http.MethodPost {
		_ = p.http.ParseForm() // what can be read of the address is what it says
		return nil
	}
	// A writer that cannot set deadlines, as in tests, has none.
	controller := http.NewResponseController(p.w)
	_ = controller.SetReadDeadline(time.Now().Add(formTime))
	p.http.Body = http.MaxBytesReader(p.w, p.http.Body, formSize)
	if err := p.http.ParseForm(); err != nil {
		p.w.Header().Set("Connection", "close") // what is left of the body would be taken for the next request
		return unreadable(err)
	}
	// The server goes on reading to notice that the client leaves: that has no end.
	_ = controller.SetReadDeadline(time.Time{})
	return nil
}

// write sends an answer. Everything is rendered before the first byte goes out, so an error has a page of its own.
func (p *page) write(ctx context.Context, a answer) {
	h := p.w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Request-ID", p.id.String())
	for name, value := range a.headers {
		h.Set(name, value)
	}
	if a.to != "" {
		if p.partial() {
			h.Set("HX-Location", a.to)
			p.w.WriteHeader(http.StatusNoContent)
			return
		}
		http.Redirect(p.w, p.http, a.to, http.StatusSeeOther)
		return
	}
	body := a.body
	if !a.bare {
		body = layout(p, a.title, a.body)
	}
	var b bytes.Buffer
	if err := body.Render(ctx, &b); err != nil {
		p.Log.ErrorContext(ctx, "page not rendered", "request_id", p.id, "path", p.http.URL.Path, "err", err)
		http.Error(p.w, "The page cannot be shown. The log of the server has the reason under "+p.id.String()+".", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	p.w.WriteHeader(max(a.status, http.StatusOK))
	if p.http.Method != http.MethodHead {
		_, _ = p.w.Write(b.Bytes()) // a browser that is gone needs no page
	}
}

// partial says that a script asks for a part of a page.
func (p *page) partial() bool { return p.http.Header.Get("HX-Request") != "" }

var errNoPage = fault.New(fault.NotFound, "there is no such page")

// refusal is the page that says what went wrong. What is our own fault is logged, and not shown.
func (p *page) refusal(ctx context.Context, err error) answer {
	kind := fault.KindOf(err)
	text := ""
	if d, ok := errors.AsType[resource.Detail](err); ok {
		text = string(d)
	}
	if wrong, ok := errors.AsType[resource.Errors](err); ok {
		text = whole(wrong)
	}
	if kind == fault.Internal || kind == fault.Unavailable && text == "" {
		p.Log.ErrorContext(ctx, "page failed", "request_id", p.id, "method", p.http.Method, "path", p.http.URL.Path, "kind", kind, "err", err)
	}
	if kind == fault.NotFound { // what the API says of that is for programs
		text = "It may have been deleted, or you may not see it."
	}
	a := answer{status: wire.Status[kind], title: refusalTitles[kind]}
	if t, ok := errors.AsType[auth.Throttled](err); ok {
		a.status, a.title, text = http.StatusTooManyRequests, "Too many attempts", t.Error()
	}
	if r, ok := errors.AsType[rejection](err); ok {
		a.status, a.title, text = r.status, r.title, r.text
	}
	a.body = refusalPage(a.status, a.title, text, p.id.String())
	return a
}

var refusalTitles = map[fault.Kind]string{
	fault.Invalid: "That cannot be", fault.Denied: "You may not see this", fault.NotFound: "There is no such page", fault.Conflict: "That cannot be done now",
	fault.Unavailable: "Something is not reachable", fault.Internal: "Something went wrong",
}

// actor is who looks, for what they change.
func (p *page) actor() resource.Actor {
	return resource.Actor{Access: p.who, Origin: change.Origin{Cause: change.API, UserID: &p.who.UserID, UserName: p.who.Username, RequestID: p.id}}
}

// at is where resources make the addresses of their objects.
func (p *page) at() resource.Address {
	return resource.Address{Origin: p.origin, Path: p.http.URL.EscapedPath()}
}

// local is an address of the API as one of a page.
func (p *page) local(url string) string {
	return strings.Replace(strings.TrimPrefix(url, p.origin), "/api/", "/", 1)
}

// may says whether who looks may do something to objects of a resource at all.
func (p *page) may(r *resource.Resource, action resource.Action) bool {
	if p.who == nil || r.ReadOnly && action != resource.View {
		return false
	}
	_, err := p.actor().Scope(r, action)
	return err == nil
}

// sees says whether who looks may view objects of the resource of this name at all.
func (p *page) sees(name string) bool { return p.may(p.Store.Set.Get(name), resource.View) }
