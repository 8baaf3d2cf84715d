// Package auth finds out who asks, and what they may do.
package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
)

// Principal is a user who has proved who they are, or nobody.
type Principal struct {
	UserID    int32
	Username  string
	Superuser bool
	ReadOnly  bool // the token may not write
	Anonymous bool // nobody: there is no user
	Grants    Grants
	Exempt    Exempt
	Epoch     string // another one after each change of the password; "" of who came by a token
	// Preferences are how a person wants pages, as the pages keep it; nil of who came by a token.
	Preferences []byte
}

// Scope implements resource.Access.
func (p *Principal) Scope(r *resource.Resource, a resource.Action) (s resource.Scope, ok bool) {
	if p.ReadOnly && (a == resource.Add || a == resource.Change || a == resource.Delete) {
		return s, false
	}
	if p.Superuser || a == resource.View && p.Exempt.covers(r.Type) {
		return resource.Scope{All: true}, true
	}
	constraints, ok := p.Grants[r.Type][a]
	if !ok || r.Type == 0 {
		return s, false
	}
	return resource.ScopeOf(constraints, int64(p.UserID)), true
}

// denied is a refusal with a text for the client. NetBox answers every failure of authentication with 403.
func denied(format string, args ...any) error {
	return fault.Wrap(fault.Denied, resource.Detail(fmt.Sprintf(format, args...)), "authenticate")
}

// ErrAnonymous is the refusal of whoever does not say who they are.
var ErrAnonymous = denied("Authentication credentials were not provided.")

// TokenPrefix begins each token of version 2.
const TokenPrefix = "nbt_"

// maxToken bounds the length of what is looked up as a token, in bytes.
const maxToken = 1024

// Tokens authenticates requests by API tokens.
type Tokens struct {
	Queries *store.Queries
	Peppers Peppers
	Exempt  Exempt
	Guard   *Guard // nil: any number of tokens may fail
	Log     *slog.Logger
}

// Authenticate finds the owner of the token in the Authorization header; without one, the principal is anonymous. The address is that of the
// client, invalid if it is not known. Every refusal is fault.Denied with a resource.Detail.
func (t *Tokens) Authenticate(ctx context.Context, r *http.Request, client netip.Addr) (*Principal, error) {
	token, err := readHeader(r.Header.Get("Authorization"))
	if err != nil {
		return nil, err
	}
	if token == "" {
		return &Principal{Anonymous: true, Exempt: t.Exempt}, nil
	}
	row, err := t.find(ctx, token)
	if bad, ok := errors.AsType[badToken](err); ok {
		if err := t.Guard.badToken(ctx, client, bad.key); err != nil {
			return nil, err
		}
		return nil, denied("%s", bad.Error())
	}
	if err != nil {
		return nil, err
	}
	if err := permitted(row.AllowedIps, client); err != nil {
		return nil, err
	}
	switch {
	case !row.Enabled:
		return nil, denied("Token disabled")
	case row.Expires != nil && !row.Expires.After(time.Now()):
		return nil, denied("Token expired")
	case !row.IsActive:
		return nil, denied("User inactive")
	}
	if row.LastUsed == nil || time.Since(*row.LastUsed) > time.Minute {
		if err := t.Queries.TokenTouch(ctx, row.ID); err != nil {
			t.Log.WarnContext(ctx, "last use of a token was not noted", "token_id", row.ID, "err", err)
		}
	}
	p := &Principal{UserID: row.UserID, Username: row.Username, Superuser: row.IsSuperuser, ReadOnly: !row.WriteEnabled, Exempt: t.Exempt}
	if !p.Superuser {
		if p.Grants, err = LoadGrants(ctx, t.Queries, p.UserID); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// readHeader returns the token of an Authorization header, "" if it is of another kind. The keyword does not tell the version, as clients mix them up.
func readHeader(header string) (string, error) {
	words := strings.FieldsFunc(header, func(c rune) bool { return strings.ContainsRune(" \t\n\v\f\r", c) })
	if len(words) == 0 {
		return "", nil
	}
	if keyword := strings.ToLower(words[0]); keyword != "token" && keyword != "bearer" {
		return "", nil
	}
	if len(words) != 2 {
		return "", denied(`Invalid authorization header: Must be in the form "Bearer <key>.<token>" or "Token <token>"`)
	}
	if !utf8.ValidString(words[1]) {
		return "", denied("Invalid authorization header: Token contains invalid characters")
	}
	return words[1], nil
}

func (t *Tokens) find(ctx context.Context, token string) (store.TokenByKeyRow, error) {
	version := 1
	rest, second := strings.CutPrefix(token, TokenPrefix)
	if second {
		version = 2
	}
	switch {
	case len(token) > maxToken:
		return store.TokenByKeyRow{}, badToken{version, ""}
	case version == 1:
		row, err := t.Queries.TokenByDigest(ctx, t.Peppers.digests(token))
		return store.TokenByKeyRow(row), found(err, badToken{version, ""})
	}
	key, secret, ok := strings.Cut(rest, ".")
	if !ok {
		return store.TokenByKeyRow{}, denied("Invalid authorization header: Could not parse key from v2 token. Did you mean to use 'Token' instead of 'Bearer'?")
	}
	// A NUL can be in no key, and Postgres takes none.
	row, err := t.Queries.TokenByKey(ctx, new(strings.ReplaceAll(key, "\x00", "")))
	if err := found(err, badToken{version, key}); err != nil {
		return row, err
	}
	if !t.Peppers.match(row.PepperID, secret, row.Digest) {
		return row, badToken{version, key}
	}
	return row, nil
}

// badToken is the error of a token that is not valid.
type badToken struct {
	version int
	key     string
}

// Error implements error.
func (b badToken) Error() string { return fmt.Sprintf("Invalid v%d token", b.version) }

func found(err error, bad badToken) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return bad
	}
	if err != nil {
		return fmt.Errorf("look up a token: %w", err)
	}
	return nil
}

// permitted checks the client's address against the networks that a token may be used from; none means anywhere.
func permitted(networks []netip.Prefix, client netip.Addr) error {
	if len(networks) == 0 {
		return nil
	}
	if !client.IsValid() {
		return denied("Client IP address could not be determined for validation. Check that the HTTP server is correctly configured to pass the required header(s).")
	}
	for _, n := range networks {
		if n.Contains(cmp.Or(client.Unmap(), client)) {
			return nil
		}
	}
	return denied("Source IP %s is not permitted to authenticate using this token.", client.Unmap())
}
