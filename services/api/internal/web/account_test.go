package web_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

const otherPassword = "Another horse 2 battery"

func TestTheProfileSaysWhoOneIsAndWhatOneMayDo(t *testing.T) {
	admin := serve(t)
	eve := admin.limited("eve", permission{types: []string{"extras.tag"}, actions: []string{"view"}, constraints: map[string]any{"slug": "blue"}})
	status, answer := admin.ask("PATCH", at("/users/users/", eve.id), map[string]any{"first_name": "Eve", "email": "eve@example.com"})
	if status != 200 {
		t.Fatal(answer)
	}
	g := eve.get("/user/profile/").want(t, 200)
	for _, text := range []string{"Eve", "eve@example.com", "eve-0", "Tags", `{"slug":"blue"}`} {
		if !strings.Contains(g.text(), text) {
			t.Errorf("%q is missing: %s", text, g.text())
		}
	}
	eve.post("/user/profile/", url.Values{"page_size": {"25"}}).goes(t, "/user/profile/")
	admin.clusters(0)
	const saved = "Your preferences are saved."
	if strings.Contains(eve.get("/extras/tags/", "HX-Request", "true").text(), saved) {
		t.Error("a part of another page says what the next page is to say")
	}
	g = eve.get("/user/profile/")
	if !strings.Contains(g.text(), saved) || strings.Contains(eve.get("/user/profile/").text(), saved) {
		t.Error("that the preferences are saved is not said once")
	}
	if valuesOf(g.control(t, "page_size"))[0] != "25" {
		t.Error("the size of pages was not saved")
	}
	if !strings.Contains(admin.get("/user/profile/").text(), "you are a superuser") {
		t.Error("a superuser is not told so")
	}
}

func TestAPasswordIsChangedByWhoKnowsItAndEndsOtherSessions(t *testing.T) {
	admin := serve(t)
	eve := admin.limited("eve")
	elsewhere := *eve.visitor()
	elsewhere.name = "eve"
	elsewhere.login(password)
	const notYours, notTheSame = "This is not your password.", "This is not the same as the new password."
	for _, c := range []struct {
		old, new, again string
		want            [3]string // at the present, the new, and the new password again
	}{
		{"wrong", otherPassword, otherPassword, [3]string{notYours, "", ""}},
		{password, "short", "short", [3]string{"", "too short", ""}},
		{password, otherPassword, otherPassword + "!", [3]string{"", "", notTheSame}},
		{password, password, password, [3]string{"", "already", ""}},
		{"wrong", "short1", "short", [3]string{notYours, "too short. It must contain at least 12 characters. Password must have at least one uppercase letter.", notTheSame}},
		{"", "", "", [3]string{"required", "too short", ""}},
	} {
		g := eve.post("/user/password/", url.Values{"old": {c.old}, "new": {c.new}, "again": {c.again}}).want(t, 400)
		for i, field := range []string{"old", "new", "again"} {
			text := textOf(g.one(t, with("id", "wrong-"+field)))
			if !strings.Contains(text, c.want[i]) || c.want[i] == "" && text != "" {
				t.Errorf("%v: at %s: %q", c, field, text)
			}
		}
		if strings.Contains(g.body, otherPassword) {
			t.Error("the page has the password")
		}
	}
	eve.post("/user/password/", url.Values{"old": {password}, "new": {otherPassword}, "again": {otherPassword}}).goes(t, "/user/profile/")
	eve.get("/user/profile/").want(t, 200)
	elsewhere.get("/user/profile/").goes(t, "/login/?next=%2Fuser%2Fprofile%2F")
	again := eve.visitor()
	again.name = "eve"
	again.login(otherPassword)
	if status, _ := admin.ask("PATCH", at("/users/users/", eve.id), map[string]any{"password": password}); status != 200 {
		t.Fatal("an administrator cannot set a password")
	}
	again.get("/user/profile/").goes(t, "/login/?next=%2Fuser%2Fprofile%2F")
	if status, _ := again.ask("GET", "/extras/tags/", nil); status != 403 {
		t.Errorf("the API answers a session that ended with %d", status)
	}
}

func TestASessionOfAUserWhoIsDeactivatedEnds(t *testing.T) {
	admin := serve(t)
	eve := admin.limited("eve")
	admin.ask("PATCH", at("/users/users/", eve.id), map[string]any{"is_active": false})
	eve.get("/user/profile/").goes(t, "/login/?next=%2Fuser%2Fprofile%2F")
}

func TestOwnTokensAreShownOnceDisabledAndDeleted(t *testing.T) {
	admin := serve(t)
	others := admin.make("/users/tokens/", map[string]any{"description": "of admin"})
	eve := admin.limited("eve")
	g := eve.get("/user/api-tokens/").want(t, 200)
	if strings.Contains(g.text(), "of admin") || g.has(with("name", "user")) {
		t.Error("tokens of others are there")
	}
	g = eve.changed(g, "/user/api-tokens/", url.Values{"description": {"script"}, "write_enabled": {"false"}}).want(t, 200)
	secret, _ := attr(g.one(t, with("id", "new-secret")), "value")
	use := func() int {
		return eve.visitor().get("/api/users/tokens/", "Authorization", "Bearer "+secret).status
	}
	if use() != 200 {
		t.Error("the token does not work")
	}
	g = eve.get("/user/api-tokens/").want(t, 200)
	if strings.Contains(g.body, strings.SplitN(secret, ".", 2)[1]) {
		t.Error("the secret is shown again")
	}
	id := int(eve.found("/users/tokens/")["id"].(float64))
	for _, step := range []struct {
		action string
		want   int
	}{{"disable", 403}, {"enable", 200}} {
		eve.post(at("/user/api-tokens/", id, step.action, "/"), nil).goes(t, "/user/api-tokens/")
		if got := use(); got != step.want {
			t.Errorf("after %s: %d", step.action, got)
		}
	}
	eve.post(at("/user/api-tokens/", id, "delete", "/"), nil).goes(t, "/user/api-tokens/")
	if use() != 403 {
		t.Error("a deleted token works")
	}
	eve.post(at("/user/api-tokens/", others, "delete", "/"), nil).want(t, 404)
	admin.post(at("/user/api-tokens/", others, "nonsense", "/"), nil).want(t, 404)
	bad := eve.changed(g, "/user/api-tokens/", url.Values{"expires": {"2001-01-01T00:00:00Z"}}).want(t, 400)
	if text := textOf(bad.one(t, with("id", "wrong-expires"))); !strings.Contains(text, "must be in the future") {
		t.Errorf("got %q", text)
	}
}

func TestAdministratorsMakeUsersWithPasswords(t *testing.T) {
	admin := serve(t)
	g := admin.get("/users/users/add/").want(t, 200)
	g = admin.changed(g, "/users/users/add/", url.Values{"username": {"bob"}, "password": {"short"}}).want(t, 400)
	if text := textOf(g.one(t, with("id", "wrong-password"))); !strings.Contains(text, "too short") {
		t.Errorf("got %q", text)
	}
	if strings.Contains(g.body, `value="short"`) {
		t.Error("the page has the password")
	}
	admin.changed(g, "/users/users/add/", url.Values{"password": {password}}).want(t, 303)
	bob := admin.visitor()
	bob.name = "bob"
	bob.login(password)
	id := int(admin.found("/users/users/?username=bob")["id"].(float64))
	edit := at("/users/users/", id, "edit/")
	admin.changed(admin.get(edit), edit, url.Values{"first_name": {"Bob"}}).goes(t, at("/users/users/", id))
	bob.get("/user/profile/").want(t, 200)
	admin.changed(admin.get(edit), edit, url.Values{"password": {otherPassword}}).goes(t, at("/users/users/", id))
	bob.login(otherPassword)
}

func TestWhoGuessesPasswordsIsToldToWait(t *testing.T) {
	admin := serve(t)
	nobody := admin.visitor()
	var g page
	for i := range 8 {
		g = nobody.post("/login/", url.Values{"username": {"eve"}, "password": {fmt.Sprint(i)}})
		if g.status != 403 {
			break
		}
	}
	if text := textOf(g.want(t, 429).one(t, role("alert"))); !strings.Contains(text, "Try again in") || g.header.Get("Retry-After") == "" {
		t.Errorf("got %q", text)
	}
}
