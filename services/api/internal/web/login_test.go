package web_test

import (
	"net/url"
	"strings"
	"testing"
)

func TestPagesNeedALoginAndGoBackAfterIt(t *testing.T) {
	admin := serve(t)
	nobody := admin.visitor()
	nobody.get("/extras/tags/?q=x").goes(t, "/login/?next=%2Fextras%2Ftags%2F%3Fq%3Dx")
	nobody.post("/login/", url.Values{"username": {"admin"}, "password": {password}, "next": {"/extras/tags/?q=x"}}).goes(t, "/extras/tags/?q=x")
	if g := nobody.get("/extras/tags/").want(t, 200); !g.has(role("heading"), saying("Tags")) {
		t.Errorf("not the list of tags: %s", g.text())
	}
	nobody.post("/logout/", nil).goes(t, "/login/")
	nobody.get("/").goes(t, "/login/")
}

func TestLoginLeadsNowhereElse(t *testing.T) {
	admin := serve(t)
	for _, next := range []string{"https://evil.example/", "//evil.example/", `/\evil.example/`, "/\r\nSet-Cookie: a=b", "javascript:alert(1)", "\t//evil.example", ""} {
		admin.visitor().post("/login/", url.Values{"username": {"admin"}, "password": {password}, "next": {next}}).goes(t, "/")
	}
}

func TestLoginRefusesWithoutSayingWhatIsWrong(t *testing.T) {
	admin := serve(t)
	gone := admin.make("/users/users/", map[string]any{"username": "gone", "password": password, "is_active": false})
	if gone == 0 {
		t.Fatal("no user")
	}
	for _, name := range []string{"gone", "nobody", "ADMIN"} {
		g := admin.visitor().post("/login/", url.Values{"username": {name}, "password": {password}}).want(t, 403)
		if text := textOf(g.one(t, role("alert"))); text != "Invalid username/password" {
			t.Errorf("%s: %q", name, text)
		}
		if v, _ := attr(g.control(t, "username"), "value"); v != name {
			t.Errorf("the name %q was lost: %q", name, v)
		}
		if strings.Contains(g.body, password) {
			t.Error("the page has the password")
		}
	}
}
