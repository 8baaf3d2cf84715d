// Package rest serves the resources over HTTP as NetBox does.
package rest

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"github.com/google/uuid"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/live"
	"github.com/proxops/proxops/services/api/internal/openapi"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// The profile of NetBox that clients see.
const (
	apiVersion    = "4.6"
	netboxVersion = "4.6.9"
	pluginVersion = "0.0.29"
)

// Authenticator finds out who sends a request.
type Authenticator interface {
	// Authenticate returns who sends a request from the client's address, an anonymous principal if it does not say; a refusal is fault.Denied
	// with a resource.Detail.
	Authenticate(ctx context.Context, r *http.Request, client netip.Addr) (*auth.Principal, error)
	// Login returns the user with this name and password; a refusal is fault.Denied.
	Login(ctx context.Context, username string, password seal.Secret, client netip.Addr) (*auth.Principal, error)
}

// API answers requests under /api/.
type API struct {
	Store   *resource.Store
	Auth    Authenticator
	Prober  Prober
	Live    *live.Hub // nil: nothing is streamed
	Log     *slog.Logger
	Proxies []netip.Prefix // whose X-Forwarded headers are believed
	Version string         // of the product, as /api/status/ tells it
	// Open lets those who are not logged in read what needs no permission, and the object types that may be viewed without one.
	Open bool

	// JobsChanged is called after the commit of requests that made or cancelled sync jobs, and JobCancelled before it with the runs that need not go on.
	// RunsStopped is called with such runs when no job was cancelled. They must not fail: they are hints. Nil: nobody cares.
	JobsChanged  func(ctx context.Context)
	JobCancelled func(ctx context.Context, job int32, stopped []syncjob.Run)
	RunsStopped  func(ctx context.Context, stopped []syncjob.Run)

	exports  func(context.Context) (done func(), err error)
	document func() (*document, error)
}

// request is what handlers see of a request.
type request struct {
	http    *http.Request
	w       http.ResponseWriter
	method  string
	params  url.Values
	who     *auth.Principal
	id      uuid.UUID
	at      resource.Address
	object  string   // the last part of the path of an object
	lean    []string // fields that the answer leaves out unless the request names them
	media   string   // the form of the answer that was agreed on
	pretty  int      // blanks to indent by
	started bool
}

// response is what they answer.
type response struct {
	status int
	body   []byte // nil for none
	media  string // its type; "" stands for JSON
	header map[string]string
	send   func(http.ResponseWriter) error // sends a body that is too long to be held, instead of body; called once
}

func ok(body []byte) response { return response{status: http.StatusOK, body: body} }

// route is one address, or one form of addresses.
type route struct {
	allow  []string
	res    *resource.Resource
	list   bool
	gate   gate
	anyOf  []*resource.Resource // instead of res: permission for one of them is enough
	needs  resource.Action      // what gateModel demands; "": what the method stands for
	offers []offer              // nil: JSON, and CSV of lists
	handle func(context.Context, *request) (response, error)
	doc    map[string]*openapi.Operation // what the OpenAPI document says of routes without a resource, by method

	feed     bool // as a calendar it takes a token as the password of Basic, too
	anyForm  bool // whatever Accept says, there is but one form
	unlisted bool // the roots above do not name it
}

var (
	listMethods   = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
	objectMethods = []string{"GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
	readMethods   = []string{"GET", "HEAD", "OPTIONS"}
)

// serve answers one request, in the order of NetBox's checks: form of the answer, who asks, what they may, method, then the handler.
func (rt *route) serve(ctx context.Context, a *API, q *request) (response, error) {
	err := a.Store.Room(ctx)
	if err != nil {
		return response{}, err
	}
	if err := a.recognise(ctx, q, rt); err != nil {
		return response{}, err
	}
	if !slices.Contains(rt.allow, q.method) {
		return response{}, refusal{http.StatusMethodNotAllowed, `Method "` + q.method + `" not allowed.`}
	}
	return rt.handle(ctx, q)
}

// recognise finds out who asks, and whether they may use the route. Answers that go on for long do so again.
func (a *API) recognise(ctx context.Context, q *request, rt *route) (err error) {
	from := q.http
	feed := q.isFeed(rt)
	if feed {
		from = withToken(from)
	}
	if q.who, err = a.Auth.Authenticate(ctx, from, a.Client(q.http)); err != nil {
		return err
	}
	if feed && from != q.http && !q.who.Anonymous && !q.who.ReadOnly {
		return errFeedWrites
	}
	return a.admit(q, rt)
}

// actor is who asks.
func (q *request) actor() resource.Actor {
	actor := resource.Actor{Access: q.who, Origin: change.Origin{Cause: change.API, UserName: q.who.Username, RequestID: q.id}}
	if !q.who.Anonymous {
		actor.Origin.UserID = &q.who.UserID
	}
	return actor
}
