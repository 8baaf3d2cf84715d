package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/net/html"

	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/probe"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/rest"
	"github.com/proxops/proxops/services/api/internal/store"
	"github.com/proxops/proxops/services/api/internal/web"
)

const (
	password      = "Correct horse 1 battery"
	routinesPath  = "/plugins/proxbox/backup-routines/"
	replsPath     = "/plugins/proxbox/replications/"
	endpointsPath = "/plugins/proxbox/endpoints/proxmox/"
	nodesPath     = "/plugins/proxbox/nodes/"
	storagePath   = "/plugins/proxbox/storage/"
	clustersPath  = "/virtualization/clusters/"
	vmsPath       = "/virtualization/virtual-machines/"
	tagsPath      = "/extras/tags/"
	fieldsPath    = "/extras/custom-fields/"
)

// server is pages and the API on a database of their own.
type server struct {
	t    *testing.T
	pool *pgxpool.Pool
	http *httptest.Server
	set  *resource.Set
	ui   *web.Web
	api  *rest.API
	log  *bytes.Buffer

	prober prober
}

// prober sees what a test wants, and remembers which endpoint was asked about.
type prober struct {
	sees  *probe.Result
	err   error
	asked []int32
}

func (p *prober) Probe(_ context.Context, endpoint int32) (*probe.Result, error) {
	p.asked = append(p.asked, endpoint)
	return p.sees, p.err
}

// person is somebody who is logged in, with a browser of their own.
type person struct {
	*server

	t      *testing.T
	id     int
	name   string
	client *http.Client
}

var peppers = auth.Peppers{1: seal.Secret(strings.Repeat("pepper", 8))}

// serve starts a server, and returns its superuser, who is logged in.
func serve(t *testing.T) *person {
	t.Helper()
	return serveOn(t, pgtest.New(t))
}

func serveOn(t *testing.T, pool *pgxpool.Pool) *person {
	t.Helper()
	s := &server{t: t, pool: pool, log: &bytes.Buffer{}}
	site, err := seal.LoadOrCreate(t.TempDir() + "/site.key")
	if err != nil {
		t.Fatal(err)
	}
	nothing := func(context.Context) {}
	s.set, err = catalog.New(catalog.Options{
		SiteKeys: map[string]string{"default": site.PublicKey()}, Peppers: peppers, EndpointsChanged: nothing, JobsChanged: nothing,
	})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	sessions := web.NewSessions(s.pool, false)
	queries := store.New(s.pool)
	tokens := &auth.Tokens{Queries: queries, Peppers: peppers, Guard: auth.NewGuard(25, time.Hour, log), Log: log}
	api := &rest.API{
		Store: &resource.Store{Set: s.set, Pool: s.pool, Limits: resource.Limits{Default: 50, Max: 1000}},
		Log:   log, Version: "test", JobsChanged: nothing,
	}
	api.Auth = &web.Authenticator{Tokens: tokens, Sessions: sessions, Origin: api.Origin}
	ui := &web.Web{
		Store: api.Store, Queries: queries, Accounts: tokens, Sessions: sessions, Log: log, Version: "test", Client: api.Client, Origin: api.Origin,
		Prober: &s.prober, Syncs: api.Syncs(), Identities: api.Identities(),
	}
	s.ui, s.api = ui, api
	pages, answers := ui.Handler(), api.Handler()
	s.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			answers.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	}))
	t.Cleanup(s.http.Close)
	hash, err := auth.HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	u, err := queries.UserInsert(t.Context(), "admin", hash, "", true)
	if err != nil {
		t.Fatal(err)
	}
	admin := s.visitor()
	admin.id, admin.name = int(u.ID), u.Username
	return admin.login(password)
}

// visitor is somebody who is not logged in.
func (s *server) visitor() *person {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &person{server: s, t: s.t, client: client}
}

// login logs in through the form.
func (p *person) login(password string) *person {
	p.t.Helper()
	p.post("/login/", url.Values{"username": {p.name}, "password": {password}}).goes(p.t, "/")
	return p
}

// session is what the cookie of the person says.
func (p *person) session() string {
	p.t.Helper()
	at, err := url.Parse(p.http.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range p.client.Jar.Cookies(at) {
		if c.Name == web.Cookie {
			return c.Value
		}
	}
	p.t.Fatal("there is no session")
	return ""
}

// permission is what a limited user may do.
type permission struct {
	types, actions []string
	constraints    any
}

// limited makes a user who may do only this, and logs in. It is called by a superuser.
func (p *person) limited(name string, permissions ...permission) *person {
	p.t.Helper()
	u := p.visitor()
	u.name, u.id = name, p.make("/users/users/", map[string]any{"username": name, "password": password})
	for i, m := range permissions {
		p.make("/users/permissions/", map[string]any{
			"name": fmt.Sprintf("%s-%d", name, i), "object_types": m.types, "actions": m.actions, "constraints": m.constraints, "users": []int{u.id},
		})
	}
	return u.login(password)
}

// page is what a browser got.
type page struct {
	status int
	header http.Header
	body   string
	root   *html.Node
}

func (p *person) get(path string, headers ...string) page {
	p.t.Helper()
	return p.send("GET", path, nil, headers...)
}

// piece asks for a part of a page, as scripts do.
func (p *person) piece(path, part string) page {
	p.t.Helper()
	return p.get(path, "HX-Request", "true", "HX-Target", part)
}

// post sends a form.
func (p *person) post(path string, form url.Values) page {
	p.t.Helper()
	return p.send("POST", path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded")
}

// send sends a request; headers are pairs. Redirects are not followed; see page.goes.
func (p *person) send(method, path string, body io.Reader, headers ...string) page {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.http.URL+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if res.StatusCode >= 500 {
		p.t.Errorf("%s %s: %d\n%s", method, path, res.StatusCode, p.log)
	}
	out := page{status: res.StatusCode, header: res.Header, body: string(b)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		if out.root, err = html.Parse(strings.NewReader(out.body)); err != nil {
			p.t.Fatal(err)
		}
	}
	return out
}

// ask sends JSON to the API, with the session of the person; path is that of the pages. The answer is decoded if it is JSON.
func (p *person) ask(method, path string, body any) (status int, answer map[string]any) {
	p.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	got := p.send(method, "/api"+path, bytes.NewReader(text), "Content-Type", "application/json")
	if json.Unmarshal([]byte(got.body), &answer) != nil {
		answer = map[string]any{"": got.body}
	}
	return got.status, answer
}

// make creates an object through the API and returns its id.
func (p *person) make(path string, body map[string]any) int {
	p.t.Helper()
	status, answer := p.ask("POST", path, body)
	if status != http.StatusCreated {
		p.t.Fatalf("POST %s %v: %d %v", path, body, status, answer)
	}
	return int(answer["id"].(float64))
}

// read returns an object of the API.
func (p *person) read(path string, id int) map[string]any {
	p.t.Helper()
	status, answer := p.ask("GET", at(path, id), nil)
	if status != http.StatusOK {
		p.t.Fatalf("GET %s: %d %v", at(path, id), status, answer)
	}
	return answer
}

func at(path string, id int, more ...string) string {
	return fmt.Sprintf("%s%d/%s", path, id, strings.Join(more, ""))
}

// goes checks that the answer sends the browser elsewhere.
func (g page) goes(t *testing.T, to string) {
	t.Helper()
	if got := g.header.Get("Location"); g.status != http.StatusSeeOther || got != to {
		t.Fatalf("got %d to %q, want 303 to %q\n%s", g.status, got, to, g.text())
	}
}

// want checks the status.
func (g page) want(t *testing.T, status int) page {
	t.Helper()
	if g.status != status {
		t.Fatalf("got %d, want %d\n%s", g.status, status, g.text())
	}
	return g
}
