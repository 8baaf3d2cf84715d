package rest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/proxops/proxops/libs/change"
)

func TestUsersGroupsAndPermissionsAreRefusedWithNetBoxsTexts(t *testing.T) {
	s := serve(t)
	s.person("anna", nil)
	s.make(groupsPath, map[string]any{"name": "ops"})
	const required = `["This field is required."]`
	const length, lower = `"This password is too short. It must contain at least 12 characters."`, `"Password must have at least one lowercase letter."`
	user := func(more string) string { return `{"username":"x","password":"` + goodPassword + `",` + more + `}` }
	password := func(p string) string { return `{"username":"x","password":"` + p + `"}` }
	permission := func(more string) string {
		return `{"name":"p","object_types":["netbox_proxbox.backuproutine"],` + more + `}`
	}
	for _, c := range []struct{ path, body, want string }{
		{usersPath, `{}`, `{"username":` + required + `,"password":` + required + `}`},
		{usersPath, `{"username":"anna","password":"` + goodPassword + `"}`, `{"username":["A user with that username already exists."]}`},
		{usersPath, `{"username":"Anna","password":"` + goodPassword + `"}`, `{"__all__":["A user with this username already exists."]}`},
		{usersPath, `{"username":"a b","password":"` + goodPassword + `"}`, `{"username":["Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."]}`},
		{usersPath, `{"username":"` + strings.Repeat("a", 151) + `","password":"` + goodPassword + `"}`, `{"username":["Ensure this field has no more than 150 characters."]}`},
		{usersPath, `{"username":"","password":""}`, `{"username":["This field may not be blank."],"password":["This field may not be blank."]}`},
		{usersPath, password("Short1"), `{"non_field_errors":[` + length + `]}`},
		{usersPath, password("short"), `{"non_field_errors":[` + length + `,"Password must have at least one numeral."]}`},
		{usersPath, password("no-numeral-in-it"), `{"non_field_errors":["Password must have at least one numeral."]}`},
		{usersPath, password("no-capitals-123"), `{"non_field_errors":["Password must have at least one uppercase letter."]}`},
		{usersPath, password("NO-LOWER-CASE-1"), `{"non_field_errors":[` + lower + `]}`},
		{usersPath, password(strings.Repeat("Aa1", 50)), `{"password":["Ensure this field has no more than 128 characters."]}`},
		{usersPath, user(`"email":"nowhere"`), `{"email":["Enter a valid email address."]}`},
		{usersPath, user(`"is_active":"maybe"`), `{"is_active":["Must be a valid boolean."]}`},
		{usersPath, user(`"groups":[99]`), `{"groups":["Invalid pk \"99\" - object does not exist."]}`},
		{usersPath, user(`"date_joined":"soon"`), `{"date_joined":["Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."]}`},
		{groupsPath, `{}`, `{"name":` + required + `}`},
		{groupsPath, `{"name":"ops"}`, `{"name":["group with this name already exists."]}`},
		{permissionsPath, `{}`, `{"name":` + required + `,"object_types":` + required + `,"actions":` + required + `}`},
		{permissionsPath, permission(`"actions":[]`), `{"actions":["This list may not be empty."]}`},
		{permissionsPath, permission(`"actions":"view"`), `{"actions":["Expected a list of items but got type \"str\"."]}`},
		{
			permissionsPath, permission(`"actions":["view",{},null,"","` + strings.Repeat("a", 31) + `"]`),
			`{"actions":{"1":["Not a valid string."],"2":["This field may not be null."],"3":["This field may not be blank."],"4":["Ensure this field has no more than 30 characters."]}}`,
		},
		{permissionsPath, permission(`"actions":["view"],"constraints":"id=1"`), `{"constraints":["Constraints must be null, an object of lookups and values, or a list of such objects."]}`},
		{permissionsPath, permission(`"actions":["view"],"constraints":[{"id":1},2]`), `{"constraints":["Constraints must be null, an object of lookups and values, or a list of such objects."]}`},
	} {
		s.ask("POST", c.path, c.body).want(t, 400, c.want)
	}
	bad := s.ask("POST", permissionsPath, permission(`"actions":["view"],"constraints":{"bogus":1}`))
	if bad.status != 400 || !strings.HasPrefix(bad.body, `{"constraints":["Invalid filter for BackupRoutine: Cannot resolve keyword 'bogus' into field.`) {
		t.Errorf("a constraint on nothing: %d %s", bad.status, bad.body)
	}
	s.ask("POST", permissionsPath, permission(`"actions":["view","sync_now"],"constraints":[{"job_id":"a"},{"endpoint__name":"lab"}]`)).want(t, 201, "")
	s.ask("POST", permissionsPath, permission(`"actions":["view"],"constraints":null,"enabled":false`)).want(t, 201, "")
	if n := len(s.get(permissionsPath + "?can_view=true&enabled=true").results(t)); n != 1 {
		t.Errorf("%d enabled permissions to view", n)
	}
	if n := len(s.get(permissionsPath + "?can_delete=false").results(t)); n != 2 {
		t.Errorf("%d permissions that do not delete", n)
	}
}

// Names that differ in case alone are one person's: in a request, in several, and in several at once.
func TestUsersDifferInMoreThanCase(t *testing.T) {
	s := serve(t)
	user := func(name string) object { return object{"username": name, "password": goodPassword} }
	const twin = `{"__all__":["A user with this username already exists."]}`
	s.ask("POST", usersPath, []object{user("anna"), user("Berta"), user("ANNA"), user("carl"), user("berta")}).want(t, 400, `[{},{},`+twin+`,{},`+twin+`]`)
	s.ask("POST", usersPath, []object{user("stra\u00dfe"), user("STRASSE")}).want(t, 400, `[{},`+twin+`]`)
	anna, berta := s.make(usersPath, user("anna")), s.make(usersPath, user("berta"))
	s.ask("PATCH", usersPath, []object{{"id": anna, "username": "Berta"}}).want(t, 400, twin)
	s.ask("PATCH", usersPath, []object{{"id": anna, "username": "Anna"}}).want(t, 200, "")
	s.ask("PATCH", usersPath, []object{{"id": anna, "username": "carl"}, {"id": berta, "username": "ANNA"}}).want(t, 200, "")

	conn, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "INSERT INTO users (username) VALUES ('DORA')"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { s.ask("POST", usersPath, user("dora")).want(t, 400, twin) })
	s.waits(1)
	if err := conn.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
}

func TestAPasswordCountsAtOnce(t *testing.T) {
	s := serve(t)
	anna := s.person("anna", nil)
	login := func(password string) int {
		return s.ask("POST", provisionPath, map[string]any{"username": "anna", "password": password}, "Authorization", "").status
	}
	if login(goodPassword) != 201 {
		t.Error("the first password does not work")
	}
	s.ask("PATCH", path(usersPath, anna), map[string]any{"email": "anna@example.com"}).want(t, 200, "")
	if login(goodPassword) != 201 {
		t.Error("a change of something else changed the password")
	}
	s.ask("PUT", path(usersPath, anna), map[string]any{"username": "anna"}).want(t, 400, `{"password":["This field is required."]}`)
	s.ask("PATCH", path(usersPath, anna), map[string]any{"password": "Second-password-2"}).want(t, 200, "")
	if old, renewed := login(goodPassword), login("Second-password-2"); old != 403 || renewed != 201 {
		t.Errorf("after a change of the password: %d with the old one, %d with the new one", old, renewed)
	}
	s.ask("PATCH", path(usersPath, anna), map[string]any{"is_active": false}).want(t, 200, "")
	if login("Second-password-2") != 403 {
		t.Error("who is not active may log in")
	}
}

func TestAUserTakesAlongWhatIsTheirs(t *testing.T) {
	s := serve(t)
	anna := s.person("anna", nil)
	header := "Bearer " + s.newToken(int32(anna), true)
	ops := s.make(groupsPath, map[string]any{"name": "ops"})
	permission := s.make(permissionsPath, map[string]any{"name": "p", "object_types": []string{"users.group", "virtualization.cluster", "extras.journalentry"}, "actions": []string{"view", "add"}, "users": []any{anna}, "groups": []any{ops}})
	s.ask("PATCH", path(usersPath, anna), map[string]any{"groups": []any{ops}}).want(t, 200, "")
	s.ask("GET", path(groupsPath, ops), nil, "Authorization", header).want(t, 200, "")
	journal := s.ask("POST", "/api/extras/journal-entries/", map[string]any{"assigned_object_type": "virtualization.cluster", "assigned_object_id": s.make(clustersPath, map[string]any{"name": "c"}), "comments": "hello"}, "Authorization", header)
	journal.want(t, 201, "")
	s.ask("DELETE", path(usersPath, anna), nil).want(t, 204, "")
	s.ask("GET", checkPath, nil, "Authorization", header).want(t, 403, `{"detail":"Invalid v2 token"}`)
	if n := s.exec("SELECT (SELECT count(*) FROM tokens WHERE user_id = $1) + (SELECT count(*) FROM user_groups) + (SELECT count(*) FROM permission_users)", anna); n != 0 {
		t.Errorf("%d rows of the user are left", n)
	}
	if n := s.exec("SELECT count(*) FROM journal_entries WHERE created_by_id IS NULL AND comments = 'hello'"); n != 1 {
		t.Error("the journal entry is gone")
	}
	if n := s.exec("SELECT count(*) FROM changes WHERE action = 'delete' AND object_type_id = ANY('{10,11}')"); n != 2 {
		t.Errorf("%d change rows of what was deleted, want those of the user and the token", n)
	}
	s.get(path(permissionsPath, permission)).want(t, 200, "")
	s.ask("DELETE", path(groupsPath, ops), nil).want(t, 204, "")
	if a := s.get(path(permissionsPath, permission)).json(t); fmt.Sprint(a["users"], a["groups"]) != "[] []" {
		t.Errorf("the permission still names who is gone: %v", a)
	}
}

func TestThereIsAlwaysASuperuser(t *testing.T) {
	s := serve(t)
	admin := path(usersPath, 1)
	const last = "This is the last active superuser: nobody could administer the system any more."
	const refused = `{"detail":"Unable to delete object. ` + last + `"}`
	off := map[string]any{"id": 1, "is_active": false}
	s.ask("PATCH", admin, off).want(t, 400, `{"is_active":["`+last+`"]}`)
	s.ask("PATCH", admin, map[string]any{"is_superuser": false}).want(t, 400, `{"is_superuser":["`+last+`"]}`)
	s.ask("DELETE", admin, nil).want(t, 400, refused)
	s.ask("PATCH", admin, map[string]any{"first_name": "Root"}).want(t, 200, "")
	second := s.person("second", map[string]any{"is_superuser": true})
	s.ask("PATCH", usersPath, []any{off, map[string]any{"id": second, "is_superuser": false}}).want(t, 400, `{"is_active":["`+last+`"]}`)
	s.ask("DELETE", usersPath, []any{map[string]any{"id": 1}, map[string]any{"id": second}}).want(t, 400, refused)
	s.ask("PATCH", path(usersPath, second), off).want(t, 200, "")
	s.ask("DELETE", admin, nil).want(t, 400, refused)
	s.ask("PATCH", path(usersPath, second), map[string]any{"is_active": true}).want(t, 200, "")

	// Two who demote each other at the same moment must not both succeed.
	var wg sync.WaitGroup
	for _, id := range []int{1, second} {
		wg.Go(func() { s.ask("PATCH", path(usersPath, id), map[string]any{"is_superuser": false}) })
	}
	wg.Wait()
	if n := s.exec("SELECT count(*) FROM users WHERE is_superuser AND is_active"); n != 1 {
		t.Errorf("%d superusers are left", n)
	}
}

func TestSuperusersAreAboveOthers(t *testing.T) {
	s := serve(t)
	desk, anna := s.person("desk", nil), s.person("anna", nil)
	header := "Bearer " + s.newToken(int32(desk), true)
	s.grant(int32(desk), change.User, "view add change delete", "")
	as := func(method, path string, body any) answer { return s.ask(method, path, body, "Authorization", header) }
	const refused = `{"detail":"Only a superuser may make, change or delete superusers and make tokens for them."}`
	as("PATCH", path(usersPath, 1), map[string]any{"password": "Taken-over-1234"}).want(t, 403, refused)
	as("PATCH", path(usersPath, desk), map[string]any{"is_superuser": true}).want(t, 403, refused)
	as("POST", usersPath, map[string]any{"username": "evil", "password": goodPassword, "is_superuser": true}).want(t, 403, refused)
	as("DELETE", path(usersPath, 1), nil).want(t, 403, refused)
	as("PATCH", path(usersPath, anna), map[string]any{"password": "Helped-out-5678", "is_superuser": false}).want(t, 200, "")
	as("DELETE", path(usersPath, anna), nil).want(t, 204, "")
}

func TestListsInACSVAreTheirItems(t *testing.T) {
	s := serve(t)
	s.person("anna", nil)
	s.make(groupsPath, map[string]any{"name": "ops"})
	s.make(permissionsPath, map[string]any{"name": "p", "object_types": []string{"users.user", "users.group"}, "actions": []string{"view", "add"}, "users": []any{1, 2}, "groups": []any{1}})
	s.ask("PATCH", path(tokensPath, 1), map[string]any{"allowed_ips": []string{"127.0.0.1", "2001:db8::/32"}}).want(t, 200, "")
	for query, want := range map[string]string{
		permissionsPath + "?fields=name,object_types,actions,users,groups": "name,object_types,actions,users,groups\r\np,\"users.group,users.user\",\"view,add\",\"admin,anna\",ops\r\n",
		tokensPath + "?fields=version,user,allowed_ips,token":              "version,user,user_id,allowed_ips\r\n2,admin,1,\"127.0.0.1/32,2001:db8::/32\"\r\n",
		usersPath + "?fields=username,groups&username=anna":                "username,groups\r\nanna,\r\n",
	} {
		if a := s.get(query + "&export=csv"); a.body != want {
			t.Errorf("%s:\n got %q\nwant %q", query, a.body, want)
		}
	}
}
