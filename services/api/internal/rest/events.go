package rest

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/live"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// eventsPath is where events are streamed.
const eventsPath = "/api/plugins/proxbox/events/"

// streamOffers are the forms of a stream. There is but one, which clients that ask for JSON in general get too.
var streamOffers = []offer{
	{live.MediaType, []string{"sse", "api", "json"}}, {offerJSON.media, offerJSON.formats}, {offerHTML.media, offerHTML.formats},
}

// streamHeader keeps proxies from holding back what is sent.
var streamHeader = map[string]string{"X-Accel-Buffering": "no"}

// errNotLive is the answer of a server without NATS.
var errNotLive = fault.Wrap(fault.Unavailable, resource.Detail("This server streams nothing."), "open a stream")

// eventKinds are the kinds of events with the types of objects that they are about.
var eventKinds = []struct {
	kind   string
	object change.ObjectType
}{{live.Routine, change.BackupRoutine}, {live.Replication, change.Replication}, {live.Sync, change.Job}}

// eventResources are the resources that events are about, by kind.
func (a *API) eventResources() map[string]*resource.Resource {
	out := map[string]*resource.Resource{}
	for _, k := range eventKinds {
		if r := a.Store.Set.Of(k.object); r != nil {
			out[k.kind] = r
		}
	}
	return out
}

// eventsRoute streams events to whoever may view any of what they are about.
func (a *API) eventsRoute() *route {
	resources := a.eventResources()
	rt := &route{allow: readMethods, offers: streamOffers, unlisted: true, doc: eventsDoc}
	for _, k := range eventKinds {
		if r := resources[k.kind]; r != nil {
			rt.anyOf = append(rt.anyOf, r)
		}
	}
	rt.handle = func(ctx context.Context, q *request) (response, error) {
		if q.method == http.MethodOptions {
			return ok(encode(described{"Events", eventsDoc[http.MethodGet].Description, []string{live.MediaType}, parses})), nil
		}
		filter, after, err := q.listening()
		if err != nil {
			return response{}, err
		}
		if names := q.unknown(func(name string) bool { return slices.Contains(eventParameters, name) }); names != "" {
			q.w.Header().Set(ignoredHeader, names)
		}
		return a.stream(q, func() (func(http.ResponseWriter), error) {
			return a.Live.Events(ctx, live.Listener{Filter: filter, After: after, Viewer: a.eventViewer(q, resources), Renew: func(ctx context.Context) (live.Viewer, error) {
				defer q.forget()
				if err := a.renew(ctx, q, rt); err != nil {
					return nil, err
				}
				return a.eventViewer(q, resources), nil
			}})
		})
	}
	return rt
}

// stream answers with what open returns. HEAD gets the headers alone.
func (a *API) stream(q *request, open func() (func(http.ResponseWriter), error)) (response, error) {
	answer := response{status: http.StatusOK, media: live.MediaType, header: streamHeader, send: func(http.ResponseWriter) error { return nil }}
	if a.Live == nil {
		return response{}, errNotLive
	}
	if q.method == http.MethodHead {
		return answer, nil
	}
	defer q.forget()
	send, err := open()
	answer.send = func(w http.ResponseWriter) error { send(w); return nil }
	return answer, err
}

// forget lets go of who asks, whose permissions are much to keep until it is asked again.
func (q *request) forget() { q.who = nil }

// eventViewer is somebody before the events.
type eventViewer struct {
	api       *API
	whole     map[string]bool // kinds of which they may see all
	parts     map[string]bool // kinds of which they may see a part,
	resources []*resource.Resource
	scopes    scopes
	key       string // the same for all who may see those parts
}

// scopes is the access of somebody to a few resources. All of their permissions would be much to keep as long as they listen.
type scopes map[*resource.Resource]resource.Scope

// Scope implements resource.Access.
func (s scopes) Scope(r *resource.Resource, action resource.Action) (scope resource.Scope, ok bool) {
	scope, ok = s[r]
	return scope, ok && action == resource.View
}

func (a *API) eventViewer(q *request, resources map[string]*resource.Resource) *eventViewer {
	v := &eventViewer{api: a, key: fmt.Sprint(q.who.UserID)}
	for _, k := range eventKinds {
		r := resources[k.kind]
		if r == nil {
			continue
		}
		scope, err := q.actor().Scope(r, resource.View)
		switch {
		case err != nil:
		case scope.All:
			v.whole = with(v.whole, k.kind, true)
		default:
			v.parts, v.scopes = with(v.parts, k.kind, true), with(v.scopes, r, scope)
			v.resources = append(v.resources, r)
			v.key += " " + k.kind + string(resource.Marshal(scope.Any))
		}
	}
	return v
}

// with adds to a map, which may be nil.
func with[M ~map[K]V, K comparable, V any](m M, k K, v V) M {
	if m == nil {
		m = M{}
	}
	m[k] = v
	return m
}

// See implements live.Viewer. It takes one statement at most, and none for what may be seen as a whole.
func (v *eventViewer) See(ctx context.Context, events []*live.Event) ([]*live.Event, error) {
	var asked []int64
	for _, e := range events {
		if v.parts[e.Kind] {
			asked = append(asked, e.Change)
		}
	}
	var seen map[int64]bool
	if asked != nil {
		var err error
		seen, err = v.api.Live.Judge(ctx, v.key, asked, func(ctx context.Context, changes []int64) (map[int64]bool, error) {
			return v.api.Store.Visible(ctx, resource.Actor{Access: v.scopes}, v.resources, changes)
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(events, func(e *live.Event) bool { return !v.whole[e.Kind] && !seen[e.Change] }), nil
}
