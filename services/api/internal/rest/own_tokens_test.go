package rest_test

import (
	"fmt"
	"testing"

	"github.com/proxops/proxops/libs/change"
)

func TestEverybodyManagesTheirOwnTokens(t *testing.T) {
	s := serve(t)
	user := s.newUser("somebody", false)
	token := "Bearer " + s.newToken(user, true)
	as := func(method, path string, body any) answer {
		t.Helper()
		return s.ask(method, path, body, "Authorization", token)
	}
	mine := as("GET", tokensPath, nil).results(t)
	if len(mine) != 1 || mine[0]["user"].(map[string]any)["username"] != "somebody" {
		t.Fatalf("tokens that a user sees: %v", mine)
	}
	admins := path(tokensPath, int(s.exec("SELECT id FROM tokens WHERE user_id = 1")))
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		as(method, admins, map[string]any{}).want(t, 404, `{"detail":"No Token matches the given query."}`)
	}
	a := as("POST", tokensPath, map[string]any{"description": "another"})
	a.want(t, 201, "")
	another := path(tokensPath, int(a.json(t)["id"].(float64)))
	as("PATCH", another, map[string]any{"enabled": false}).want(t, 200, "")
	as("DELETE", another, nil).want(t, 204, "")
	as("POST", tokensPath, map[string]any{"user": 1}).want(t, 403, `{"detail":"This user does not have permission to create tokens for other users."}`)
	// The right to grant alone does not reach the tokens of others; with that to add them, it does.
	s.grant(user, change.Token, "grant", "")
	plain := s.newUser("plain", false)
	as("POST", tokensPath, map[string]any{"user": plain}).want(t, 403, forbidden)
	s.grant(user, change.Token, "add", "")
	as("POST", tokensPath, map[string]any{"user": plain}).want(t, 201, "")
	// A token of a superuser would make them one.
	as("POST", tokensPath, map[string]any{"user": 1}).want(t, 403, `{"detail":"Only a superuser may make, change or delete superusers and make tokens for them."}`)
	as("GET", "/api/users/users/", nil).want(t, 403, forbidden)
	if n := s.exec(fmt.Sprintf("SELECT count(*) FROM tokens WHERE user_id = %d", user)); n != 1 {
		t.Errorf("%d tokens of the user are left", n)
	}
}
