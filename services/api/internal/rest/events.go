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
		return a.stream(q, func() (func(http.ResponseWriter), error) {
			return a.Live.Events(ctx, live.Listener{Filter: filter, After: after, Viewer: a.eventViewer(q, resources), Renew: func(ctx context.Context) (live.Viewer, error) {
				if err := a.recognise(ctx, q, rt); err != nil {
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
	send, err := open()
	answer.send = func(w http.ResponseWriter) error { send(w); return nil }
	return answer, err
}

// eventViewer is somebody before the events.
type eventViewer struct {
	api       *API
	actor     resource.Actor
	whole     map[string]bool // kinds of which they may see all
	narrowed  []*resource.Resource
	kinds     map[string]bool // of those
	principal string          // names them and what they may see of those
}

func (a *API) eventViewer(q *request, resources map[string]*resource.Resource) *eventViewer {
	v := &eventViewer{api: a, actor: q.actor(), whole: map[string]bool{}, kinds: map[string]bool{}, principal: fmt.Sprint(q.who.UserID)}
	for _, k := range eventKinds {
		r := resources[k.kind]
		if r == nil {
			continue
		}
		scope, err := v.actor.Scope(r, resource.View)
		switch {
		case err != nil:
		case scope.All:
			v.whole[k.kind] = true
		default:
			v.narrowed, v.kinds[k.kind] = append(v.narrowed, r), true
			v.principal += k.kind + string(resource.Marshal(scope.Any))
		}
	}
	return v
}

// See implements live.Viewer. It takes one statement at most, and none for what may be seen as a whole.
func (v *eventViewer) See(ctx context.Context, events []*live.Event) ([]*live.Event, error) {
	var asked []int64
	for _, e := range events {
		if v.kinds[e.Kind] {
			asked = append(asked, e.Change)
		}
	}
	var seen map[int64]bool
	if asked != nil {
		var err error
		seen, err = v.api.Live.Judge(ctx, v.principal, asked, func(ctx context.Context, changes []int64) (map[int64]bool, error) {
			return v.api.Store.Visible(ctx, v.actor, v.narrowed, changes)
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(events, func(e *live.Event) bool { return !v.whole[e.Kind] && !(v.kinds[e.Kind] && seen[e.Change]) }), nil
}
