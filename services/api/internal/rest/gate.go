package rest

import (
	"cmp"
	"slices"

	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// gate is what a route demands of who asks. Whatever it is, a credential that is not valid is refused.
type gate uint8

const (
	gateModel gate = iota // permission for the route's resource; without a resource, a user if the server demands one to read
	gateLogin             // a user if the server demands one to read; the token's write flag does not matter
	gateUser              // a user
	gateAdmin             // a superuser
	gateOpen              // nothing
)

// actions are what methods need permission for. OPTIONS needs none.
var actions = map[string]resource.Action{
	"GET": resource.View, "HEAD": resource.View, "POST": resource.Add, "PUT": resource.Change, "PATCH": resource.Change, "DELETE": resource.Delete,
}

// admit refuses who may not use the route by this method. It comes before the question whether the route has the method.
func (a *API) admit(q *request, rt *route) error {
	refusal := resource.ErrForbidden
	if q.who.Anonymous {
		refusal = auth.ErrAnonymous
	}
	var may bool
	switch rt.gate {
	case gateModel:
		may = a.mayUse(q, rt)
	case gateLogin:
		may = a.Open || !q.who.Anonymous
	case gateUser:
		may = !q.who.Anonymous
	case gateAdmin:
		may = q.who.Superuser
	case gateOpen:
		may = true
	}
	if !may {
		return refusal
	}
	return nil
}

func (a *API) mayUse(q *request, rt *route) bool {
	action, known := actions[q.method]
	switch {
	case q.who.Anonymous && !a.Open:
		return false
	case q.who.ReadOnly && q.method != "OPTIONS" && action != resource.View:
		return false
	case rt.res == nil && rt.anyOf == nil || !known:
		return true
	}
	may := func(r *resource.Resource) bool { _, ok := q.who.Scope(r, cmp.Or(rt.needs, action)); return ok }
	if rt.anyOf != nil {
		return slices.ContainsFunc(rt.anyOf, may)
	}
	return may(rt.res)
}
