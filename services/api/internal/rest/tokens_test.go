package rest_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/change"
)

func TestATokenLivesUntilItIsDisabledExpiredOrDeleted(t *testing.T) {
	s := serve(t)
	anna := s.person("anna", map[string]any{"is_superuser": true})
	use := func(header string) answer { return s.ask("GET", checkPath, nil, "Authorization", header) }
	for _, version := range []int{1, 2} {
		a := s.ask("POST", tokensPath, map[string]any{"user": anna, "version": version, "description": "life"})
		a.want(t, 201, "")
		made := a.json(t)
		id, header := int(made["id"].(float64)), bearer(made)
		use(header).want(t, 200, "")
		seen := s.get(path(tokensPath, id)).json(t)
		if seen["token"] != nil || seen["last_used"] == nil || seen["pepper_id"] != 1.0 || seen["version"] != float64(version) {
			t.Errorf("a token that was used: %v", seen)
		}
		s.ask("PATCH", path(tokensPath, id), map[string]any{"enabled": false}).want(t, 200, "")
		use(header).want(t, 403, `{"detail":"Token disabled"}`)
		s.ask("PATCH", path(tokensPath, id), map[string]any{"enabled": true, "expires": "2001-01-01T00:00:00Z"}).want(t, 200, "")
		use(header).want(t, 403, `{"detail":"Token expired"}`)
		s.ask("PATCH", path(tokensPath, id), map[string]any{"expires": nil, "allowed_ips": []string{"192.0.2.0/24"}}).want(t, 200, "")
		use(header).want(t, 403, `{"detail":"Source IP 127.0.0.1 is not permitted to authenticate using this token."}`)
		s.ask("PATCH", path(tokensPath, id), map[string]any{"allowed_ips": []string{"2001:db8::/32", "127.0.0.1"}, "write_enabled": false}).want(t, 200, "")
		use(header).want(t, 200, "")
		s.ask("POST", groupsPath, map[string]any{"name": "g"}, "Authorization", header).want(t, 403, `{"detail":"You do not have permission to perform this action."}`)
		whole := s.get(path(tokensPath, id)).json(t)
		whole["description"] = "put back"
		if a := s.ask("PUT", path(tokensPath, id), whole); a.status != 200 || a.json(t)["description"] != "put back" || a.json(t)["token"] != nil {
			t.Errorf("PUT of what GET showed: %d %s", a.status, a.body)
		}
		use(header).want(t, 200, "")
		s.ask("DELETE", path(tokensPath, id), nil).want(t, 204, "")
		want := map[int]string{1: "Invalid v1 token", 2: "Invalid v2 token"}[version]
		use(header).want(t, 403, `{"detail":"`+want+`"}`)
	}
}

func TestTokensAreRefusedWithNetBoxsTexts(t *testing.T) {
	s := serve(t)
	secret := strings.Repeat("0123456789abcdef", 3)[:40]
	s.make(tokensPath, map[string]any{"version": 1, "token": secret})
	s.ask("GET", checkPath, nil, "Authorization", "Token "+secret).want(t, 200, "")
	second := s.ask("POST", tokensPath, map[string]any{"token": secret, "description": " chosen "}).json(t)
	s.ask("GET", checkPath, nil, "Authorization", "Bearer nbt_"+second["key"].(string)+"."+secret).want(t, 200, "")
	mine := path(tokensPath, int(second["id"].(float64)))
	for _, c := range []struct {
		method, path string
		body         any
		want         string
	}{
		{"POST", tokensPath, `{"version":1,"token":"` + secret + `"}`, `{"__all__":["Token with this token already exists."]}`},
		{"POST", tokensPath, `{"version":3}`, `{"version":["\"3\" is not a valid choice."]}`},
		{"POST", tokensPath, `{"user":99}`, `{"user":["Related object not found using the provided numeric ID: 99"]}`},
		{"POST", tokensPath, `{"user":null}`, `{"user":["This field may not be null."]}`},
		{"POST", tokensPath, `{"token":"short"}`, `{"token":["Ensure this value has at least 40 characters (it has 5)."]}`},
		{"POST", tokensPath, `{"token":"` + strings.Repeat("a b", 20) + `"}`, `{"token":["A token consists of printable ASCII characters without blanks."]}`},
		{"POST", tokensPath, `{"token":"nbt_` + secret + `"}`, `{"token":["Give the secret alone: a token of version 2 is nbt_ with its key, a dot and the secret."]}`},
		{"POST", tokensPath, `{"allowed_ips":"192.0.2.0/24"}`, `{"allowed_ips":["Expected a list of items but got type \"str\"."]}`},
		{"POST", tokensPath, `{"allowed_ips":null}`, `{"allowed_ips":["This field may not be null."]}`},
		{"POST", tokensPath, `{"allowed_ips":["x","192.0.2.1",{}]}`, `{"allowed_ips":{"0":["Invalid IP prefix format: x"],"2":["Not a valid string."]}}`},
		{"POST", tokensPath, `{"allowed_ips":["192.0.2.9/24"]}`, `{"allowed_ips":["Item 1 in the array did not validate: 192.0.2.9/24 is not a valid prefix. Did you mean 192.0.2.0/24?"]}`},
		{"PATCH", mine, `{"version":1}`, `{"version":["The version of a token cannot be changed: make another token."]}`},
		{"PATCH", mine, `{"token":"` + secret + `"}`, `{"token":["The secret of a token cannot be changed: make another token."]}`},
	} {
		s.ask(c.method, c.path, c.body).want(t, 400, c.want)
	}
	if past := s.ask("POST", tokensPath, `{"expires":"2001-01-01T00:00:00Z"}`); past.status != 400 ||
		!regexp.MustCompile(`^\{"expires":\["Expiration time must be in the future\. Current server time is [^"]+ \(UTC\)\."\]\}$`).MatchString(past.body) {
		t.Errorf("a past expiry: %d %s", past.status, past.body)
	}
	anna := s.person("anna", nil)
	if a := s.ask("PATCH", mine, map[string]any{"user": anna}); a.status != 200 || a.json(t)["user"].(map[string]any)["username"] != "admin" {
		t.Errorf("a token went to another user: %d %s", a.status, a.body)
	}
}

func TestTokensForOthersNeedAPermissionOfTheirOwn(t *testing.T) {
	s := serve(t)
	anna, berta := s.person("anna", nil), s.person("berta", nil)
	header := "Bearer " + s.newToken(int32(anna), true)
	post := func(body any) answer { return s.ask("POST", tokensPath, body, "Authorization", header) }
	if a := post(map[string]any{}); a.status != 201 || a.json(t)["user"].(map[string]any)["username"] != "anna" {
		t.Errorf("a token of one's own: %d %s", a.status, a.body)
	}
	post(map[string]any{"user": anna}).want(t, 201, "")
	const refused = `{"detail":"This user does not have permission to create tokens for other users."}`
	post(map[string]any{"user": berta}).want(t, 403, refused)
	post([]any{map[string]any{"user": anna}, map[string]any{"user": berta}}).want(t, 403, refused)
	if n := s.exec("SELECT count(*) FROM tokens WHERE user_id = $1", anna); n != 3 {
		t.Errorf("%d tokens of anna: some of a request that was refused are left", n)
	}
	s.grant(int32(anna), change.Token, "add grant", "")
	post(map[string]any{"user": berta}).want(t, 201, "")
	if rows := s.ask("GET", tokensPath+"?user=berta", nil, "Authorization", header).results(t); len(rows) != 0 {
		t.Errorf("tokens of others are listed: %v", rows)
	}
}

func TestTokensAreFound(t *testing.T) {
	s := serve(t)
	anna := s.person("anna", nil)
	s.make(tokensPath, map[string]any{"user": anna, "version": 1, "description": "old script", "write_enabled": false})
	s.make(tokensPath, map[string]any{"user": anna, "enabled": false, "expires": "2101-01-01"})
	for query, want := range map[string]int{
		"user=anna": 2, "user_id=1": 1, "user_id=1&user_id=2": 3, "user=admin&user=anna": 3, "version=1": 1, "enabled=false": 1, "write_enabled=true": 2, "q=SCRIPT": 1, "q=anna": 2,
		"expires__gt=2100-01-01": 1, "description__ic=old": 1, "last_used__empty=true": 2, "pepper_id=1": 3, "key__isw=%25": 0, "user__n=anna": 1,
	} {
		if n := len(s.get(tokensPath + "?" + query).results(t)); n != want {
			t.Errorf("?%s: %d, want %d", query, n, want)
		}
	}
	s.get(tokensPath+"?brief=1&version=1").want(t, 200, `{"count":1,"next":null,"previous":null,"results":[{"id":2,"url":"`+s.http.URL+
		`/api/users/tokens/2/","display":"v1 token 2","version":1,"key":null,"enabled":true,"write_enabled":false,"description":"old script"}]}`)
	s.get(tokensPath+"?user=zz").want(t, 400, `{"user":["Select a valid choice. That choice is not one of the available choices."]}`)
}

// TestSecretsOfUsersAndTokensAreShownNowhere plants secrets and looks for them, and for their hashes, in everything that is shown or stored.
func TestSecretsOfUsersAndTokensAreShownNowhere(t *testing.T) {
	s := serve(t)
	anna := s.person("anna", nil)
	s.ask("PATCH", path(usersPath, anna), map[string]any{"password": "Another-canary-8"}).want(t, 200, "")
	made := []map[string]any{s.ask("POST", tokensPath, map[string]any{"user": anna, "version": 1}).json(t), s.ask("POST", tokensPath, map[string]any{"user": anna}).json(t)}
	bulk := s.ask("POST", tokensPath, []any{map[string]any{"user": anna}, map[string]any{"version": 1, "token": strings.Repeat("planted-secret", 3)}})
	var more []map[string]any
	if err := json.Unmarshal([]byte(bulk.body), &more); err != nil || bulk.status != 201 {
		t.Fatal(bulk.status, bulk.body)
	}
	made = append(made, more...)
	secrets := []string{goodPassword, "Another-canary-8", "planted-secret", "argon2"}
	for _, token := range made {
		secrets = append(secrets, token["token"].(string))
		s.ask("GET", checkPath, nil, "Authorization", bearer(token)).want(t, 200, "")
	}
	s.ask("POST", usersPath, map[string]any{"username": "anna", "password": goodPassword}).want(t, 400, "")
	s.ask("POST", usersPath, `{"username": "x", "password": "`+goodPassword).want(t, 400, "")
	s.ask("PATCH", path(tokensPath, int(made[1]["id"].(float64))), map[string]any{"description": "changed"}).want(t, 200, "")
	s.ask("DELETE", path(tokensPath, int(made[2]["id"].(float64))), nil).want(t, 204, "")
	shown := map[string]string{}
	for _, list := range []string{usersPath, groupsPath, permissionsPath, tokensPath, "/api/core/object-changes/"} {
		for _, form := range []string{"", "?brief=1", "?fields=token,password,password_hash,digest,username", "?export=csv"} {
			shown[list+form] = s.get(list + form).body
		}
		shown["OPTIONS "+list] = s.ask("OPTIONS", list, nil).body
	}
	for _, p := range []string{path(usersPath, anna), path(tokensPath, int(made[0]["id"].(float64))), checkPath} {
		shown[p] = s.get(p).body
	}
	var stored string
	const all = `SELECT (SELECT string_agg(c::text, ' ') FROM changes c) || (SELECT string_agg(t::text, ' ') FROM tokens t)`
	if err := s.pool.QueryRow(t.Context(), all).Scan(&stored); err != nil {
		t.Fatal(err)
	}
	shown["changes and tokens in the database"], shown["log"] = stored, s.log.String()
	rows, err := s.pool.Query(t.Context(), "SELECT encode(digest, 'hex') FROM tokens")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var digest string
		if err := rows.Scan(&digest); err != nil {
			t.Fatal(err)
		}
		for where, text := range shown {
			if strings.Contains(text, digest) && !strings.Contains(where, "database") {
				t.Errorf("%s shows the digest of a token", where)
			}
		}
	}
	for where, text := range shown {
		if len(text) < 10 && where != "log" {
			t.Errorf("%s is empty: %q", where, text)
		}
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %s", where, secret)
			}
		}
	}
	if n := s.exec("SELECT count(*) FROM changes WHERE object_type_id = 10 AND object_id = $1 AND changed = '{password}'", anna); n != 1 {
		t.Errorf("%d change rows say that a password was changed", n)
	}
	for _, query := range []string{"password=x", "password_hash=x", "password_hash__isw=a", "digest=x", "ordering=password_hash"} {
		if n := len(s.get(usersPath + "?" + query).results(t)); n != 2 {
			t.Errorf("?%s is understood: %d rows", query, n)
		}
	}
	if a := s.ask("POST", permissionsPath, `{"name":"spy","object_types":["users.user"],"actions":["view"],"constraints":{"password_hash__startswith":"a"}}`); a.status != http.StatusBadRequest {
		t.Errorf("a constraint may look at hashes: %d %s", a.status, a.body)
	}
	if a := s.ask("POST", tokensPath, `{"user":{"password_hash":"x"}}`); a.status != http.StatusBadRequest || !strings.Contains(a.body, "Cannot resolve keyword") {
		t.Errorf("a reference may look at hashes: %d %s", a.status, a.body)
	}
}
