package web

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/alexedwards/scs/v2"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// Authenticator lets those who are logged in use the API from pages, by the cookie of their session, beside those who send a token.
type Authenticator struct {
	*auth.Tokens

	Sessions *scs.SessionManager
	// Origin tells how the browser reaches this server.
	Origin func(*http.Request) (string, error)
}

// Authenticate is that of auth.Tokens for requests with a header Authorization, and for those without a session that somebody has. What writes must come
// from a page of this server.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request, client netip.Addr) (*auth.Principal, error) {
	cookie, err := r.Cookie(Cookie)
	if err != nil || r.Header.Get("Authorization") != "" {
		return a.Tokens.Authenticate(ctx, r, client)
	}
	session, err := a.Sessions.Load(ctx, cookie.Value)
	if err != nil {
		return nil, fmt.Errorf("load a session: %w", err)
	}
	who, err := whose(session, a.Sessions, a)
	if err != nil {
		return nil, err
	}
	if who == nil {
		return a.Tokens.Authenticate(ctx, r, client)
	}
	origin, err := a.Origin(r)
	if err != nil {
		return nil, err
	}
	if crossSite(r, origin) {
		return nil, fault.Wrap(fault.Denied, resource.Detail("Cross-origin requests need a token."), "authenticate")
	}
	return who, nil
}
