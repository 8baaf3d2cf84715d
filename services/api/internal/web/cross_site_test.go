package web_test

import (
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/web"
)

// TestWhatOtherSitesSendIsRefused sends a form and a request to the API as browsers do from pages of various origins, by way of a proxy that asks for a
// host of its own.
func TestWhatOtherSitesSendIsRefused(t *testing.T) {
	admin := serve(t)
	own := strings.TrimPrefix(admin.http.URL, "http://")
	for name, c := range map[string]struct {
		trusted bool
		headers map[string]string
		taken   bool
	}{
		"no browser":                    {taken: true},
		"own page":                      {headers: map[string]string{"Origin": "http://" + own}, taken: true},
		"own page, new browser":         {headers: map[string]string{"Origin": "http://" + own, "Sec-Fetch-Site": "same-origin"}, taken: true},
		"other site":                    {headers: map[string]string{"Origin": "https://evil.example"}},
		"other site, new browser":       {headers: map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}},
		"other port, new browser":       {headers: map[string]string{"Sec-Fetch-Site": "same-site"}},
		"page without an origin":        {headers: map[string]string{"Origin": "null"}},
		"proxy":                         {trusted: true, headers: map[string]string{"Origin": "https://ops.example", "X-Forwarded-Host": "ops.example", "X-Forwarded-Proto": "https"}, taken: true},
		"proxy that ends TLS unsaid":    {trusted: true, headers: map[string]string{"Origin": "https://ops.example", "X-Forwarded-Host": "ops.example"}, taken: true},
		"proxy, other site":             {trusted: true, headers: map[string]string{"Origin": "https://evil.example", "X-Forwarded-Host": "ops.example"}},
		"proxy, inner name":             {trusted: true, headers: map[string]string{"Origin": "http://" + own, "X-Forwarded-Host": "ops.example"}},
		"proxy, other site, new":        {trusted: true, headers: map[string]string{"Origin": "https://ops.example", "X-Forwarded-Host": "ops.example", "Sec-Fetch-Site": "cross-site"}},
		"forwarded host of a stranger":  {headers: map[string]string{"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"}},
		"proxy that does not say where": {trusted: true, headers: map[string]string{"Origin": "https://ops.example"}},
	} {
		admin.api.Proxies = nil
		if c.trusted {
			admin.api.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		}
		headers := []string{"Content-Type", "application/x-www-form-urlencoded"}
		for _, h := range slices.Sorted(maps.Keys(c.headers)) {
			headers = append(headers, h, c.headers[h])
		}
		form := func(name string) string {
			return url.Values{"name": {name}, "slug": {name}, "color": {"#9e9e9e"}}.Encode()
		}
		g := admin.send("POST", tagsPath+"add/", strings.NewReader(form("by-form")), headers...)
		headers[1] = "application/json"
		api := admin.send("POST", "/api"+tagsPath, strings.NewReader(`{"name": "by API", "slug": "by-api"}`), headers...)
		_, made := admin.ask("GET", tagsPath, nil)
		if c.taken {
			g.want(t, 303)
			api.want(t, 201)
			admin.run("DELETE FROM tags")
			continue
		}
		if made["count"] != 0.0 {
			t.Errorf("%s: something was written: %v", name, made)
		}
		if g.status != 403 || !g.has(role("heading"), saying("This form was sent from another site")) {
			t.Errorf("%s: the page is %d %s", name, g.status, g.text())
		}
		for _, h := range []string{"Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "X-Request-Id"} {
			if g.header.Get(h) == "" {
				t.Errorf("%s: the refusal has no %s", name, h)
			}
		}
		if api.status != 403 || !strings.Contains(api.body, "Cross-origin requests need a token.") {
			t.Errorf("%s: the API answers %d %s", name, api.status, api.body)
		}
	}
}

func TestSessionsOfThoseWhoMayNotLogInAreNobodys(t *testing.T) {
	admin := serve(t)
	admin.api.Open, admin.api.Auth.(*web.Authenticator).Exempt = true, auth.Exempt{"extras.tag"}
	for name, end := range map[string]func(u *person){
		"deactivated":  func(u *person) { admin.run("UPDATE users SET is_active = false WHERE id = $1", u.id) },
		"new password": func(u *person) { admin.run("UPDATE users SET password_hash = 'x' WHERE id = $1", u.id) },
		"deleted":      func(u *person) { admin.send("DELETE", "/api"+at("/users/users/", u.id), nil).want(t, 204) },
	} {
		u := admin.limited(strings.ReplaceAll(name, " ", "-"), permission{types: []string{"virtualization.cluster"}, actions: []string{"view", "add"}})
		if status, _ := u.ask("POST", clustersPath, map[string]any{"name": name}); status != 201 {
			t.Fatalf("%s: the session is worth nothing before: %d", name, status)
		}
		end(u)
		if status, answer := u.ask("GET", tagsPath, nil); status != 200 {
			t.Errorf("%s: what anybody may read is %d %v", name, status, answer)
		}
		if status, answer := u.ask("GET", clustersPath, nil); status != 403 {
			t.Errorf("%s: what the user could read is still %d %v", name, status, answer)
		}
		if status, answer := u.ask("POST", clustersPath, map[string]any{"name": "late"}); status != 403 {
			t.Errorf("%s: something is written: %d %v", name, status, answer)
		}
		u.get("/user/profile/").goes(t, "/login/?next=%2Fuser%2Fprofile%2F")
	}
}
