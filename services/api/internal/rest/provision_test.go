package rest_test

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/obs"
	"github.com/proxops/proxops/services/api/internal/auth"
)

const (
	tokensPath    = "/api/users/tokens/"
	provisionPath = "/api/users/tokens/provision/"
	checkPath     = "/api/authentication-check/"

	goodPassword = "Correct-horse-9!"
)

// person makes a user with a password and returns the id.
func (s *server) person(name string, more map[string]any) int {
	s.t.Helper()
	body := map[string]any{"username": name, "password": goodPassword}
	maps.Copy(body, more)
	return s.make(usersPath, body)
}

// bearer is the Authorization header of a token as the answer to its creation shows it.
func bearer(token map[string]any) string {
	if token["version"].(float64) == 1 {
		return "Token " + token["token"].(string)
	}
	return "Bearer nbt_" + token["key"].(string) + "." + token["token"].(string)
}

func TestATokenIsProvisionedByNameAndPassword(t *testing.T) {
	s := serve(t)
	hank := s.person("hank", map[string]any{"first_name": "Hank", "last_name": "Hill"})
	s.person("gone", map[string]any{"is_active": false})
	ask := func(body any, headers ...string) answer {
		return s.ask("POST", provisionPath, body, append([]string{"Authorization", ""}, headers...)...)
	}
	const good = `{"username":"hank","password":"` + goodPassword + `"`
	a := ask(good + "}")
	body := regexp.MustCompile(`"(created)":"[^"]+"`).ReplaceAllString(strings.ReplaceAll(a.body, s.http.URL, ""), `"$1":"<stamp>"`)
	made := a.json(t)
	key, token := made["key"].(string), made["token"].(string)
	if !regexp.MustCompile(`^[A-Za-z0-9]{12}$`).MatchString(key) || !regexp.MustCompile(`^[A-Za-z0-9]{40}$`).MatchString(token) {
		t.Errorf("key %q, token %q", key, token)
	}
	body = strings.NewReplacer(key, "<key>", token, "<token>").Replace(body)
	if want := `{"id":2,"url":"/api/users/tokens/2/","display_url":"/users/tokens/2/","display":"<key>","version":2,"key":"<key>",` +
		`"user":{"id":2,"url":"/api/users/users/2/","display":"hank (Hank Hill)","username":"hank"},"description":"","created":"<stamp>","expires":null,"last_used":null,` +
		`"enabled":true,"write_enabled":true,"allowed_ips":[],"token":"<token>"}`; a.status != 201 || body != want {
		t.Errorf("got %d %s\nwant %s", a.status, body, want)
	}
	s.ask("GET", checkPath, nil, "Authorization", bearer(made)).want(t, 200, "")
	if a := ask(`{"username":"` + strings.Repeat("x", 17<<10) + `"}`); a.status != 413 {
		t.Errorf("a body that nobody needs: %d %s", a.status, a.body)
	}
	s.get(made["url"].(string)).want(t, 200, "")
	v1 := ask(good + `,"version":1,"description":"old client","expires":"2101-01-01","write_enabled":false,"allowed_ips":["127.0.0.0/8"]}`).json(t)
	if v1["key"] != nil || v1["description"] != "old client" || v1["expires"] != "2101-01-01T00:00:00Z" || v1["write_enabled"] != false || v1["display"] != "v1 token 3" {
		t.Errorf("a token of version 1: %v", v1)
	}
	s.ask("GET", checkPath, nil, "Authorization", bearer(v1)).want(t, 200, "")
	if n := s.exec("SELECT count(*) FROM changes WHERE object_type_id = 11 AND action = 'create' AND user_id = $1 AND user_name = 'hank'", hank); n != 2 {
		t.Errorf("%d change rows of provisioned tokens", n)
	}

	form, contentType := form(t, "username", "hank", "password", goodPassword, "enabled", "true", "description", "by form")
	if a := ask(form, "Content-Type", contentType); a.status != 201 || a.json(t)["description"] != "by form" {
		t.Errorf("a form: %d %s", a.status, a.body)
	}

	const refused = `{"detail":"Invalid username/password"}`
	const required = `["This field is required."]`
	for body, want := range map[string]string{
		`{"username":"hank","password":"no"}`:                   "403 " + refused,
		`{"username":"nobody","password":"no"}`:                 "403 " + refused,
		`{"username":"HANK","password":"` + goodPassword + `"}`: "403 " + refused,
		`{"username":"gone","password":"` + goodPassword + `"}`: "403 " + refused,
		`{"username":"admin","password":""}`:                    `400 {"password":["This field may not be blank."]}`,
		`{"username":"admin","password":"x"}`:                   "403 " + refused, // has no password
		`{"username":"a\u0000","password":"x"}`:                 "403 " + refused,
		`{}`:                                                    `400 {"username":` + required + `,"password":` + required + `}`,
		``:                                                      `400 {"username":` + required + `,"password":` + required + `}`,
		`{"username":"x"}`:                                      `400 {"password":` + required + `}`,
		`{"username":null,"password":[]}`:                       `400 {"username":["This field may not be null."],"password":["Not a valid string."]}`,
		`{"username":"x","version":3,"expires":"soon"}`:         `400 {"password":` + required + `,"version":["\"3\" is not a valid choice."],"expires":["Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."]}`,
		`[]`:   `400 {"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`,
		`null`: `400 {"non_field_errors":["No data provided"]}`,
	} {
		a := ask(body, "Content-Type", "application/json")
		if got := fmt.Sprint(a.status, " ", a.body); got != want {
			t.Errorf("%s:\n got %s\nwant %s", body, got, want)
		}
	}
	past := ask(good + `,"expires":"2001-01-01T00:00:00Z"}`)
	if past.status != 400 || !regexp.MustCompile(`^\{"expires":\["Expiration time must be in the future\. Current server time is \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(UTC\)\."\]\}$`).MatchString(past.body) {
		t.Errorf("a past expiry: %d %s", past.status, past.body)
	}
	get := s.ask("GET", provisionPath, nil, "Authorization", "")
	get.want(t, 405, `{"detail":"Method \"GET\" not allowed."}`)
	if allow := get.header.Get("Allow"); allow != "POST, OPTIONS" {
		t.Errorf("Allow: %s", allow)
	}
	ask(good+"}", "Authorization", "Token nope").want(t, 403, `{"detail":"Invalid v1 token"}`)
	ask(good+`,"user":1}`).want(t, 201, "")
	if n := s.exec("SELECT count(*) FROM tokens WHERE user_id = 1"); n != 1 {
		t.Error("a token was provisioned for somebody else")
	}
}

func TestGuessedPasswordsAreSlowedDown(t *testing.T) {
	s := serve(t)
	s.person("hank", nil)
	s.api.Auth.(*auth.Tokens).Guard = auth.NewGuard(10, time.Hour, obs.NewLogger(s.log, obs.LogConfig{}))
	ask := func(password string) answer {
		return s.ask("POST", provisionPath, map[string]any{"username": "hank", "password": password}, "Authorization", "")
	}
	ask("wrong-one").want(t, 403, "")
	ask(goodPassword).want(t, 201, "")
	ask("wrong-two").want(t, 403, "")
	throttled := ask(goodPassword)
	if throttled.status != 429 || throttled.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", throttled.status, throttled.body)
	}
	s.ask("GET", checkPath, nil).want(t, 200, "")
	if log := s.log.String(); strings.Contains(log, goodPassword) || strings.Contains(log, "wrong-") {
		t.Error("the log has passwords")
	}
}

func TestUsersAreToldWhoTheyAre(t *testing.T) {
	s := serve(t)
	anna := s.person("anna", map[string]any{"email": "anna@example.com"})
	ops := s.make(groupsPath, map[string]any{"name": "ops"})
	s.ask("PATCH", path(usersPath, anna), map[string]any{"groups": []any{ops}}).want(t, 200, "")
	header := "Bearer " + s.newToken(int32(anna), false)
	a := s.ask("GET", checkPath, nil, "Authorization", header)
	body := regexp.MustCompile(`"date_joined":"[^"]+"`).ReplaceAllString(strings.ReplaceAll(a.body, s.http.URL, ""), `"date_joined":"<stamp>"`)
	if want := `{"id":2,"url":"/api/users/users/2/","display_url":"/users/users/2/","display":"anna","username":"anna","first_name":"","last_name":"","email":"anna@example.com",` +
		`"is_active":true,"date_joined":"<stamp>","last_login":null,"groups":[{"id":1,"url":"/api/users/groups/1/","display":"ops","name":"ops","description":""}],"permissions":[]}`; a.status != 200 || body != want {
		t.Errorf("got %d %s\nwant %s", a.status, body, want)
	}
	s.ask("GET", checkPath, nil, "Authorization", "").want(t, 403, `{"detail":"Authentication credentials were not provided."}`)
	s.ask("POST", checkPath, map[string]any{}).want(t, 405, `{"detail":"Method \"POST\" not allowed."}`)
	s.exec("UPDATE users SET is_active = false WHERE id = $1", anna)
	s.ask("GET", checkPath, nil, "Authorization", header).want(t, 403, `{"detail":"User inactive"}`)
}
