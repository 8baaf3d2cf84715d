package rest_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/proxops/proxops/services/api/internal/store"
)

func TestEveryFailureOfAuthenticationIs403(t *testing.T) {
	s := serve(t)
	key, secret, _ := strings.Cut(strings.TrimPrefix(s.token, "nbt_"), ".")
	nobody := s.newToken(s.newUser("nobody", false), true)
	reader := s.newToken(s.newUser("reader", true), false)
	v1, err := peppers.Make(1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.New(s.pool).TokenInsert(t.Context(), store.TokenInsertParams{UserID: 1, Version: 1, PepperID: v1.PepperID, Digest: v1.Digest, Enabled: true, WriteEnabled: true, AllowedIps: []netip.Prefix{}})
	if err != nil {
		t.Fatal(err)
	}
	with := func(name, sql string) string {
		token := s.newToken(s.newUser(name, true), true)
		s.exec("UPDATE "+sql, strings.SplitN(strings.TrimPrefix(token, "nbt_"), ".", 2)[0])
		return "Bearer " + token
	}
	const anonymous, form = "Authentication credentials were not provided.", `Invalid authorization header: Must be in the form \"Bearer <key>.<token>\" or \"Token <token>\"`
	const forbidden = "You do not have permission to perform this action."
	for _, c := range []struct{ method, header, want string }{
		{"GET", "", anonymous},
		{"POST", "", anonymous},
		{"OPTIONS", "", anonymous},
		{"GET", "Basic YTpi", anonymous},
		{"GET", "Bearer", form},
		{"GET", "Token a b", form},
		{"GET", "Token \xff", "Invalid authorization header: Token contains invalid characters"},
		{"GET", "Token " + strings.Repeat("0", 40), "Invalid v1 token"},
		{"GET", "Token " + secret, "Invalid v1 token"},
		{"GET", "Token " + strings.Repeat("x", 100_000), "Invalid v1 token"},
		{"GET", "Bearer nbt_" + strings.Repeat("x", 100_000) + ".x", "Invalid v2 token"},
		{"GET", "Bearer nbt_AAAAAAAAAAAA." + secret, "Invalid v2 token"},
		{"GET", "Bearer nbt_" + key + "." + strings.Repeat("x", 40), "Invalid v2 token"},
		{"GET", "Bearer nbt_" + key + "." + secret + ".x", "Invalid v2 token"},
		{"GET", "Bearer nbt_" + key, "Invalid authorization header: Could not parse key from v2 token. Did you mean to use 'Token' instead of 'Bearer'?"},
		{"GET", with("ip", "tokens SET allowed_ips = '{192.0.2.0/24}', enabled = false WHERE key = $1"), "Source IP 127.0.0.1 is not permitted to authenticate using this token."},
		{"GET", with("off", "tokens SET enabled = false, expires = '2001-01-01' WHERE key = $1"), "Token disabled"},
		{"GET", with("old", "tokens SET expires = '2001-01-01' WHERE key = $1"), "Token expired"},
		{"GET", with("gone", "users SET is_active = false FROM tokens t WHERE t.user_id = users.id AND t.key = $1"), "User inactive"},
		{"GET", with("pepper", "tokens SET pepper_id = 9 WHERE key = $1"), "Invalid v2 token"},
		{"GET", "Bearer " + nobody, forbidden},
		{"POST", "Bearer " + nobody, forbidden},
		{"POST", "Bearer " + reader, forbidden},
	} {
		a := s.ask(c.method, routinesPath, nil, "Authorization", c.header)
		a.want(t, 403, `{"detail":"`+c.want+`"}`)
		if a.header.Get("WWW-Authenticate") != "" || a.header.Get("API-Version") != "4.6" || a.header.Get("Allow") == "" {
			t.Errorf("headers of a refusal: %v", a.header)
		}
	}
	for _, header := range []string{"Token " + s.token, "bearer " + s.token, "TOKEN   " + s.token, "Token " + v1.Plain.Reveal(), "Bearer " + v1.Plain.Reveal(), "Bearer " + reader} {
		s.ask("GET", routinesPath, nil, "Authorization", header).want(t, 200, "")
	}
	// Who asks comes before what is asked for; what they may, before whether it exists.
	s.ask("POST", "/api/plugins/proxbox/", nil, "Authorization", "Token nope").want(t, 403, "")
	s.ask("GET", path(routinesPath, 999), nil, "Authorization", "Bearer "+nobody).want(t, 403, `{"detail":"`+forbidden+`"}`)
	s.ask("POST", path(routinesPath, 999), nil, "Authorization", "Bearer "+nobody).want(t, 403, `{"detail":"`+forbidden+`"}`)
	s.ask("OPTIONS", routinesPath, nil, "Authorization", "Bearer "+nobody).want(t, 200, "")
	s.ask("GET", routinesPath, nil, "Authorization", "", "Accept", "application/xml").want(t, 406, "")
}

func TestLastUseIsNotedOnceAMinute(t *testing.T) {
	s := serve(t)
	used := func() int64 {
		return s.exec("SELECT coalesce(extract(epoch FROM last_used) * 1000000, 0)::bigint FROM tokens WHERE user_id = 1")
	}
	s.get(routinesPath)
	first := used()
	s.get(routinesPath)
	if first == 0 || used() != first {
		t.Errorf("last used %d, then %d", first, used())
	}
	s.exec("UPDATE tokens SET last_used = now() - interval '2 minutes'")
	old := used()
	s.get(routinesPath)
	if used() <= old {
		t.Error("an old last use was not renewed")
	}
}

func TestAllowedNetworksSeeTheClientBehindTrustedProxiesOnly(t *testing.T) {
	s := serve(t)
	s.exec("UPDATE tokens SET allowed_ips = '{203.0.113.0/24}'")
	s.ask("GET", routinesPath, nil, "X-Forwarded-For", "203.0.113.9").want(t, 403, `{"detail":"Source IP 127.0.0.1 is not permitted to authenticate using this token."}`)
	s.api.Proxies = append(s.api.Proxies, netip.MustParsePrefix("127.0.0.0/8"))
	s.ask("GET", routinesPath, nil, "X-Forwarded-For", "203.0.113.9").want(t, 200, "")
	s.ask("GET", routinesPath, nil, "X-Forwarded-For", "203.0.113.9, 198.51.100.1, 192.0.2.1").want(t, 403, `{"detail":"Source IP 198.51.100.1 is not permitted to authenticate using this token."}`)
	s.ask("GET", routinesPath, nil, "X-Real-IP", "203.0.113.9").want(t, 200, "")
	s.ask("GET", routinesPath, nil, "X-Real-IP", "203.0.113.9:4711").want(t, 200, "")
	s.ask("GET", routinesPath, nil, "X-Forwarded-For", "203.0.113.9, [2001:db8::1]:4711").want(t, 403, `{"detail":"Source IP 2001:db8::1 is not permitted to authenticate using this token."}`)
}
