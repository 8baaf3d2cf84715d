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
}

var crossOrigin = http.NewCrossOriginProtection()

// Authenticate is that of auth.Tokens for requests with a header Authorization, and for those without a session. What writes must come from a page of
// this server.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request, client netip.Addr) (*auth.Principal, error) {
	cookie, err := r.Cookie(Cookie)
	if err != nil || r.Header.Get("Authorization") != "" {
		return a.Tokens.Authenticate(ctx, r, client)
	}
	session, err := a.Sessions.Load(ctx, cookie.Value)
	if err != nil {
		return nil, fmt.Errorf("load a session: %w", err)
	}
	id := userOf(session, a.Sessions)
	if id == 0 {
		return a.Tokens.Authenticate(ctx, r, client)
	}
	if err := crossOrigin.Check(r); err != nil {
		return nil, fault.Wrap(fault.Denied, resource.Detail("Cross-origin requests need a token."), "authenticate")
	}
	who, err := a.ByID(ctx, id)
	if err == nil && who.Epoch != a.Sessions.GetString(session, epochKey) {
		return a.Tokens.Authenticate(ctx, r, client)
	}
	return who, err
}
