package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

const provisionPath = "/api/users/tokens/provision/"

// provisioned are the keys of a token that was made by name and password, and given are those that a request may say of it.
var (
	provisioned = []string{
		"id", "url", "display_url", "display", "version", "user", "key", "created", "expires", "last_used", "enabled", "write_enabled", "description", "allowed_ips", "token",
	}
	given = []string{"version", "expires", "enabled", "write_enabled", "description", "allowed_ips", "token"}
)

// provisionRoute makes a token for whoever knows the name and password of a user.
func (a *API) provisionRoute() *route {
	tokens := a.Store.Set.Get(catalog.Tokens)
	return &route{allow: []string{"POST", "OPTIONS"}, gate: gateOpen, handle: func(ctx context.Context, q *request) (response, error) {
		if q.method == http.MethodOptions {
			return ok(encode(described{"Token Provision", "Non-authenticated REST API endpoint via which a user may create a Token.", renders, parses})), nil
		}
		body, err := small.read(q.w, q.http)
		if err != nil {
			return response{}, err
		}
		var wrong resource.Errors
		if form, isForm := body.(resource.FormData); isForm {
			body, wrong = form.Object(tokens, "username", "password")
		}
		object, isObject := body.(map[string]any)
		if !isObject {
			_, err := tokens.CheckInput(body, true)
			return response{}, err
		}
		name, password := credential(object, "username", &wrong), credential(object, "password", &wrong)
		wanted := map[string]any{}
		for _, key := range given {
			if v, ok := object[key]; ok {
				wanted[key] = v
			}
		}
		if _, err := tokens.CheckInput(wanted, true); err != nil {
			return response{}, joined(wrong, err)
		}
		if err := wrong.Err(); err != nil {
			return response{}, err
		}
		who, err := a.Auth.Login(ctx, strings.TrimSpace(name), seal.Secret(password), a.Client(q.http))
		if err != nil {
			return response{}, err
		}
		return a.provision(ctx, q, tokens, who, wanted)
	}}
}

func (a *API) provision(ctx context.Context, q *request, tokens *resource.Resource, who *auth.Principal, wanted map[string]any) (response, error) {
	// That they know the password is permission enough.
	actor := resource.Actor{Access: resource.Everything, Origin: change.Origin{Cause: change.API, UserID: &who.UserID, UserName: who.Username, RequestID: q.id}}
	o, err := a.Store.Create(ctx, tokens, resource.Request{At: q.at, Actor: actor, Body: wanted, Select: resource.Selection{Fields: provisioned}})
	if err != nil {
		return response{}, fmt.Errorf("provision a token: %w", err)
	}
	return response{status: http.StatusCreated, body: o.Body}, nil
}

// credential reads a text that must be there. Blanks around a password are part of it.
func credential(body map[string]any, name string, wrong *resource.Errors) string {
	v, given := body[name]
	text, isText := v.(string)
	if n, isNumber := v.(json.Number); isNumber {
		text, isText = n.String(), true
	}
	switch {
	case !given:
		wrong.Add(name, "This field is required.")
	case v == nil:
		wrong.Add(name, "This field may not be null.")
	case !isText:
		wrong.Add(name, "Not a valid string.")
	case strings.TrimSpace(text) == "":
		wrong.Add(name, "This field may not be blank.")
	}
	return text
}

// joined adds what else is wrong with a request.
func joined(wrong resource.Errors, err error) error {
	more, ok := errors.AsType[resource.Errors](err)
	if !ok {
		return err
	}
	wrong.Join(more)
	return wrong.Err()
}

// checkRoute tells users who they are, with the keys of NetBox.
func (a *API) checkRoute() *route {
	users := a.Store.Set.Get(catalog.Users)
	return &route{allow: readMethods, gate: gateUser, handle: func(ctx context.Context, q *request) (response, error) {
		if q.method == http.MethodOptions {
			return ok(encode(described{"Authentication Check", "Return the user making the request, if authenticated successfully.", renders, parses})), nil
		}
		o, err := a.Store.Get(ctx, users, resource.Actor{Access: resource.Everything}, q.at, int64(q.who.UserID), resource.Selection{Fields: checked})
		return ok(o.Body), err
	}}
}

// checked are the keys of a user that NetBox tells.
var checked = []string{
	"id", "url", "display_url", "display", "username", "first_name", "last_name", "email", "is_active", "date_joined", "last_login", "groups", "permissions",
}
