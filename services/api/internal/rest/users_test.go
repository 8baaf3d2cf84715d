package rest_test

import (
	"encoding/json"
	"strings"
	"testing"
)

const (
	usersPath       = "/api/users/users/"
	groupsPath      = "/api/users/groups/"
	permissionsPath = "/api/users/permissions/"
)

func TestListsOfObjectsAndOfTypesAreReadAndWritten(t *testing.T) {
	s := serve(t)
	anna := s.make(usersPath, map[string]any{"username": "anna", "password": "Correct-horse-9!"})
	berta := s.make(usersPath, map[string]any{"username": "Berta", "password": "Correct-horse-9!"})
	ops := s.make(groupsPath, map[string]any{"name": "ops"})
	list := func(body, key string) string {
		var v map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		return string(v[key])
	}
	a := s.ask("POST", permissionsPath, map[string]any{
		"name": "p", "object_types": []string{"netbox_proxbox.replication", "netbox_proxbox.backuproutine"}, "actions": []string{"view"},
		"users": []any{berta, "1", map[string]any{"username": "anna"}, anna}, "groups": []any{ops},
	})
	a.want(t, 201, "")
	id := int(a.json(t)["id"].(float64))
	if got := list(a.body, "object_types"); got != `["netbox_proxbox.backuproutine","netbox_proxbox.replication"]` {
		t.Errorf("object types %s", got)
	}
	if got := strings.ReplaceAll(list(a.body, "users"), s.http.URL, ""); got != `[{"id":1,"url":"/api/users/users/1/","display":"admin","username":"admin"},`+
		`{"id":2,"url":"/api/users/users/2/","display":"anna","username":"anna"},{"id":3,"url":"/api/users/users/3/","display":"Berta","username":"Berta"}]` {
		t.Errorf("users %s", got)
	}
	p := path(permissionsPath, id)
	seen := s.get(path(usersPath, anna))
	if got := strings.ReplaceAll(list(seen.body, "permissions"), s.http.URL, ""); got != `[{"id":1,"url":"/api/users/permissions/1/","display":"p","name":"p","description":"","enabled":true,`+
		`"object_types":["netbox_proxbox.backuproutine","netbox_proxbox.replication"],"actions":["view"]}]` {
		t.Errorf("permissions of a user %s", got)
	}
	for _, c := range []struct {
		body any
		want string
	}{
		{map[string]any{"users": "x"}, `{"users":["Expected a list of items but got type \"str\"."]}`},
		{map[string]any{"users": 1}, `{"users":["Expected a list of items but got type \"int\"."]}`},
		{map[string]any{"users": nil}, `{"users":["This field may not be null."]}`},
		{map[string]any{"users": []any{1, 999, 998}}, `{"users":["Invalid pk \"999\" - object does not exist."]}`},
		{map[string]any{"users": []any{"x"}}, `{"users":["Incorrect type. Expected pk value, received str."]}`},
		{map[string]any{"users": []any{true}}, `{"users":["Incorrect type. Expected pk value, received bool."]}`},
		{map[string]any{"users": []any{nil}}, `{"users":["Invalid pk \"None\" - object does not exist."]}`},
		{map[string]any{"users": []any{map[string]any{"username": "zz"}}}, `{"users":["Related object not found using the provided attributes: {'username': 'zz'}"]}`},
		{map[string]any{"object_types": "x"}, `{"object_types":["Expected a list of items but got type \"str\"."]}`},
		{map[string]any{"object_types": []any{"x"}}, `{"object_types":["Invalid value. Specify a content type as '<app_label>.<model_name>'."]}`},
		{map[string]any{"object_types": []any{1}}, `{"object_types":["Invalid value. Specify a content type as '<app_label>.<model_name>'."]}`},
		{map[string]any{"object_types": []any{"users.user", "foo.bar", "foo.baz"}}, `{"object_types":["Invalid content type: foo.bar"]}`},
		{map[string]any{"object_types": nil}, `{"object_types":["This field may not be null."]}`},
	} {
		s.ask("PATCH", p, c.body).want(t, 400, c.want)
	}
	before := s.exec("SELECT count(*) FROM changes")
	s.ask("PATCH", p, map[string]any{"users": []any{3, 2, 1}, "object_types": []string{"netbox_proxbox.replication", "netbox_proxbox.backuproutine"}}).want(t, 200, "")
	if s.exec("SELECT count(*) FROM changes") != before {
		t.Error("the same lists in another order are a change")
	}
	s.ask("PATCH", p, map[string]any{"users": []any{anna}, "groups": []any{}, "object_types": []any{"users.user"}}).want(t, 200, "")
	var pre, post map[string]any
	var changed []string
	if err := s.pool.QueryRow(t.Context(), "SELECT prechange, postchange, changed FROM changes ORDER BY id DESC LIMIT 1").Scan(&pre, &post, &changed); err != nil {
		t.Fatal(err)
	}
	if text, _ := json.Marshal([]any{changed, pre["users"], pre["groups"], pre["object_types"], post["users"], post["groups"], post["object_types"]}); string(text) !=
		`[["groups","object_types","users"],[1,2,3],[1],["netbox_proxbox.backuproutine","netbox_proxbox.replication"],[2],[],["users.user"]]` {
		t.Errorf("change row %s", text)
	}
	s.ask("PATCH", path(usersPath, berta), map[string]any{"permissions": []any{id}, "groups": []any{map[string]any{"name": "ops"}}}).want(t, 200, "")
	q := s.make(permissionsPath, map[string]any{"name": "q", "object_types": []string{}, "actions": []string{"add"}})
	for query, want := range map[string]string{
		"user_id=2": "p", "user=anna": "p", "user=admin": "", "user=admin&user=Berta": "p", "user_id__n=2": "q", "user=null": "q", "group_id=null": "p,q",
		"object_type=users.user": "p", "object_type=Users.User": "p", "object_type=x": "", "object_type_id=10": "p", "object_types=10&object_types=9": "p", "object_type__n=users.user": "q",
	} {
		var names []string
		for _, r := range s.get(permissionsPath + "?" + query).results(t) {
			names = append(names, r["name"].(string))
		}
		if strings.Join(names, ",") != want {
			t.Errorf("?%s: %v, want %s", query, names, want)
		}
	}
	s.get(permissionsPath+"?user_id=99").want(t, 400, `{"user_id":["Select a valid choice. 99 is not one of the available choices."]}`)
	s.get(permissionsPath+"?user=zz").want(t, 400, `{"user":["Select a valid choice. zz is not one of the available choices."]}`)
	s.get(permissionsPath+"?object_type_id=x").want(t, 400, `{"object_type_id":["“x” is not a valid value."]}`)
	s.get(usersPath+"?group=ops&fields=username").want(t, 200, `{"count":1,"next":null,"previous":null,"results":[{"username":"Berta"}]}`)
	s.ask("DELETE", path(usersPath, berta), nil).want(t, 204, "")
	s.ask("DELETE", p, nil).want(t, 204, "")
	s.ask("DELETE", path(permissionsPath, q), nil).want(t, 204, "")
	if n := s.exec("SELECT (SELECT count(*) FROM permission_users) + (SELECT count(*) FROM permission_object_types) + (SELECT count(*) FROM user_groups)"); n != 0 {
		t.Errorf("%d rows of join tables are left", n)
	}
}
