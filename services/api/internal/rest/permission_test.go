package rest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/obs"
	"github.com/proxops/proxops/services/api/internal/auth"
)

const (
	noRoutine = `{"detail":"No BackupRoutine matches the given query."}`
	anonymous = `{"detail":"Authentication credentials were not provided."}`
)

func TestPermissionsAreCheckedBeforeAllElse(t *testing.T) {
	w := newWorld(t)
	prod, lab1, _ := w.threeJobs()
	nobody, viewer := w.as("nobody", "", ""), w.as("viewer", "view", "")
	one := w.as("one", "view change delete", fmt.Sprintf(`{"id": %d}`, prod))
	user := w.newUser("ro", true)
	readOnly := "Bearer " + w.newToken(user, false)
	theirs, other, missing := path(routinesPath, prod), path(routinesPath, lab1), path(routinesPath, 999999)
	notAllowed := func(method string) string { return `{"detail":"Method \"` + method + `\" not allowed."}` }
	for _, c := range []struct {
		token, method, path string
		body                any
		status              int
		want                string
	}{
		{nobody, "GET", routinesPath, nil, 403, forbidden},
		{nobody, "HEAD", routinesPath, nil, 403, ""},
		{nobody, "GET", routinesPath + "?bogus=1&id=x&start=x", nil, 403, forbidden},
		{nobody, "GET", routinesPath + "?export=csv", nil, 403, forbidden},
		{nobody, "GET", theirs, nil, 403, forbidden},
		{nobody, "GET", missing, nil, 403, forbidden},
		{nobody, "GET", routinesPath + "x/", nil, 403, forbidden},
		{nobody, "POST", routinesPath, "{", 403, forbidden},
		{nobody, "POST", routinesPath, []any{}, 403, forbidden},
		{nobody, "PUT", routinesPath, []any{}, 403, forbidden},
		{nobody, "PATCH", routinesPath, []any{}, 403, forbidden},
		{nobody, "DELETE", routinesPath, []any{}, 403, forbidden},
		{nobody, "PATCH", theirs, nil, 403, forbidden},
		{nobody, "PUT", theirs, nil, 403, forbidden},
		{nobody, "DELETE", theirs, nil, 403, forbidden},
		{nobody, "POST", theirs, nil, 403, forbidden},
		{nobody, "TRACE", theirs, nil, 405, notAllowed("TRACE")},
		{nobody, "BREW", routinesPath, nil, 405, notAllowed("BREW")},
		{nobody, "OPTIONS", routinesPath, nil, 200, ""},
		{nobody, "OPTIONS", missing, nil, 200, ""},
		{nobody, "OPTIONS", routinesPath + "x/", nil, 200, ""},
		{nobody, "GET", "/api/plugins/proxbox/", nil, 200, ""},
		{nobody, "POST", "/api/plugins/proxbox/", nil, 405, notAllowed("POST")},
		{nobody, "GET", "/api/status/", nil, 200, ""},
		{nobody, "GET", "/api/plugins/installed-plugins/", nil, 403, forbidden},
		{nobody, "OPTIONS", "/api/plugins/installed-plugins/", nil, 403, forbidden},
		{viewer, "GET", theirs, nil, 200, ""},
		{viewer, "GET", replsPath, nil, 403, forbidden},
		{viewer, "PATCH", theirs, map[string]any{"comment": "x"}, 403, forbidden},
		{viewer, "POST", theirs, nil, 403, forbidden},
		{viewer, "GET", missing, nil, 404, noRoutine},
		{viewer, "GET", routinesPath + "x/", nil, 404, `{"detail":"Not found."}`},
		{one, "GET", theirs, nil, 200, ""},
		{one, "GET", other, nil, 404, noRoutine},
		{one, "HEAD", other, nil, 404, ""},
		{one, "PATCH", other, "{", 404, noRoutine},
		{one, "PUT", other, nil, 404, noRoutine},
		{one, "DELETE", other, nil, 404, noRoutine},
		{one, "POST", theirs, nil, 403, forbidden},
		{one, "PATCH", theirs, "{", 400, ""},
		{readOnly, "GET", theirs, nil, 200, ""},
		{readOnly, "HEAD", theirs, nil, 200, ""},
		{readOnly, "OPTIONS", theirs, nil, 200, ""},
		{readOnly, "POST", routinesPath, nil, 403, forbidden},
		{readOnly, "POST", theirs, nil, 403, forbidden},
		{readOnly, "PATCH", theirs, nil, 403, forbidden},
		{readOnly, "PUT", theirs, nil, 403, forbidden},
		{readOnly, "DELETE", theirs, nil, 403, forbidden},
		{readOnly, "TRACE", theirs, nil, 403, forbidden},
		{readOnly, "POST", "/api/", nil, 403, forbidden},
		{readOnly, "POST", "/api/status/", nil, 405, notAllowed("POST")},
		{readOnly, "PATCH", "/api/plugins/installed-plugins/", nil, 405, notAllowed("PATCH")},
		{"", "GET", "/api/", nil, 403, anonymous},
		{"", "GET", "/api/status/", nil, 403, anonymous},
		{"", "POST", "/api/plugins/proxbox/", nil, 403, anonymous},
		{"", "TRACE", routinesPath, nil, 403, anonymous},
		{"", "GET", missing, nil, 403, anonymous},
		{"", "GET", "/api/plugins/installed-plugins/", nil, 403, anonymous},
		{"", "GET", "/api/nothing/", nil, 404, `{"detail":"Not found."}`},
		{"Token nope", "POST", "/api/plugins/proxbox/", nil, 403, `{"detail":"Invalid v1 token"}`},
		{"Token nope", "TRACE", routinesPath, nil, 403, `{"detail":"Invalid v1 token"}`},
	} {
		a := w.ask(c.method, c.path, c.body, "Authorization", c.token)
		if a.status != c.status || c.want != "" && a.body != c.want {
			t.Errorf("%s %s as %q: got %d %s\nwant %d %s", c.method, c.path, c.token, a.status, a.body, c.status, c.want)
		}
	}
	// The form of the answer comes first of all.
	for _, token := range []string{"", "Token nope", nobody} {
		w.ask("GET", routinesPath, nil, "Authorization", token, "Accept", "application/xml").want(t, 406, `{"detail":"Could not satisfy the request Accept header."}`)
		w.ask("POST", "/api/", nil, "Authorization", token, "Accept", "application/json; version=1").want(t, 406, `{"detail":"Invalid version in \"Accept\" header."}`)
		w.ask("GET", routinesPath+"?format=bogus", nil, "Authorization", token).want(t, 404, `{"detail":"Not found."}`)
	}
}

func TestOptionsTellsWhatOneMayDo(t *testing.T) {
	w := newWorld(t)
	prod, lab1, _ := w.threeJobs()
	readOnly := "Bearer " + w.newToken(w.newUser("ro", true), false)
	for name, c := range map[string]struct{ token, list, detail, other string }{
		"nobody":    {w.as("nobody", "", ""), "", "", ""},
		"viewer":    {w.as("viewer", "view delete", ""), "", "", ""},
		"adder":     {w.as("adder", "add", ""), "POST", "", ""},
		"changer":   {w.as("changer", "change", ""), "PUT", "PUT", "PUT"},
		"one":       {w.as("one", "add change", fmt.Sprintf(`{"id": %d}`, prod)), "POST PUT", "PUT", ""},
		"read-only": {readOnly, "", "", ""},
		"admin":     {"Bearer " + w.token, "POST PUT", "PUT", "PUT"},
	} {
		for path, want := range map[string]string{routinesPath: c.list, path(routinesPath, prod): c.detail, path(routinesPath, lab1): c.other, path(routinesPath, 999999): ""} {
			a := w.ask("OPTIONS", path, nil, "Authorization", c.token)
			a.want(t, 200, "")
			var got []string
			actions, given := a.json(t)["actions"].(map[string]any)
			for _, method := range []string{"POST", "PUT"} {
				if actions[method] != nil {
					got = append(got, method)
				}
			}
			if strings.Join(got, " ") != want || given != (want != "") {
				t.Errorf("%s %s: %v, want %q", name, path, got, want)
			}
		}
	}
}

func TestOneActionIsEnoughForIt(t *testing.T) {
	w := newWorld(t)
	prod, lab1, lab2 := w.threeJobs()
	adder, changer, deleter := w.as("adder", "add", ""), w.as("changer", "change", ""), w.as("deleter", "delete", "")
	a := w.ask("POST", routinesPath, map[string]any{"endpoint": w.lab, "job_id": "added"}, "Authorization", adder)
	if o := a.json(t); a.status != 201 || o["job_id"] != "added" || a.header.Get("ETag") == "" {
		t.Errorf("add: %d %s", a.status, a.body)
	}
	w.ask("POST", routinesPath, []any{map[string]any{"endpoint": w.lab, "job_id": "bulk"}}, "Authorization", adder).want(t, 201, "")
	w.ask("GET", routinesPath, nil, "Authorization", adder).want(t, 403, forbidden)
	a = w.ask("PATCH", path(routinesPath, lab1), map[string]any{"comment": "changed"}, "Authorization", changer)
	if o := a.json(t); a.status != 200 || o["comment"] != "changed" || len(o) < 20 {
		t.Errorf("change: %d %s", a.status, a.body)
	}
	w.ask("PATCH", routinesPath, []any{map[string]any{"id": lab1, "comment": "bulk"}}, "Authorization", changer).want(t, 200, "")
	w.ask("GET", path(routinesPath, lab1), nil, "Authorization", changer).want(t, 403, forbidden)
	w.ask("DELETE", path(routinesPath, lab1), nil, "Authorization", deleter).want(t, 204, "")
	w.ask("DELETE", routinesPath, []any{map[string]any{"id": lab2}}, "Authorization", deleter).want(t, 204, "")
	w.get(path(routinesPath, prod)).want(t, 200, "")
	w.get(path(routinesPath, lab1)).want(t, 404, "")
	w.get(path(routinesPath, lab2)).want(t, 404, "")
}

func TestWhatLeavesThePermissionIsRolledBack(t *testing.T) {
	w := newWorld(t)
	prod, lab1, lab2 := w.threeJobs()
	lab := w.as("lab", "view add change delete", fmt.Sprintf(`{"endpoint": %d}`, w.lab))
	rows := func() string { return w.ask("GET", routinesPath+"?fields=id,endpoint,job_id,last_updated", nil).body }
	before, changes := rows(), w.exec("SELECT count(*) FROM changes")
	routine := func(id, endpoint int, job string) map[string]any {
		o := map[string]any{"endpoint": endpoint, "job_id": job}
		if id > 0 {
			o["id"] = id
		}
		return o
	}
	for _, c := range []struct {
		method, path string
		body         any
		status       int
		want         string
	}{
		{"POST", routinesPath, routine(0, w.prod, "out"), 403, forbidden},
		{"POST", routinesPath, []any{routine(0, w.lab, "in"), routine(0, w.prod, "out")}, 403, forbidden},
		{"PATCH", path(routinesPath, lab1), routine(0, w.prod, "moved"), 403, forbidden},
		{"PUT", path(routinesPath, lab1), routine(0, w.prod, "moved"), 403, forbidden},
		{"PATCH", routinesPath, []any{routine(lab2, w.lab, "in"), routine(lab1, w.prod, "moved")}, 403, forbidden},
		{"PATCH", path(routinesPath, prod), routine(0, w.lab, "in"), 404, noRoutine},
		{"DELETE", path(routinesPath, prod), nil, 404, noRoutine},
	} {
		a := w.ask(c.method, c.path, c.body, "Authorization", lab)
		a.want(t, c.status, c.want)
		if now := rows(); now != before || w.exec("SELECT count(*) FROM changes") != changes {
			t.Errorf("%s %s changed something: %s, before %s", c.method, c.path, now, before)
		}
	}
	// Many at once: those that are out of reach are as unknown as those that do not exist.
	w.ask("PATCH", routinesPath, []any{map[string]any{"id": prod, "comment": "x"}, map[string]any{"id": lab2, "comment": "y"}}, "Authorization", lab).want(t, 200, "")
	if o := w.get(path(routinesPath, prod)).json(t); o["comment"] != "Nightly" {
		t.Errorf("an object out of reach was changed: %v", o)
	}
	w.ask("DELETE", routinesPath, []any{map[string]any{"id": prod}}, "Authorization", lab)
	w.get(path(routinesPath, prod)).want(t, 200, "")
	w.ask("POST", routinesPath, routine(0, w.lab, "in"), "Authorization", lab).want(t, 201, "")
	w.ask("PATCH", path(routinesPath, lab1), routine(0, w.lab, "renamed"), "Authorization", lab).want(t, 200, "")
	w.ask("DELETE", path(routinesPath, lab1), nil, "Authorization", lab).want(t, 204, "")
}

func TestReferencesByAttributesLeadToWhatOneMaySee(t *testing.T) {
	w := newWorld(t)
	user := w.newUser("adder", false)
	token := "Bearer " + w.newToken(user, true)
	w.grant(user, change.BackupRoutine, "add", "")
	w.exec("INSERT INTO tags (name, slug) VALUES ('Alpha', 'alpha')")
	n := 0
	post := func(endpoint any, more ...any) answer {
		n++
		body := map[string]any{"endpoint": endpoint, "job_id": fmt.Sprint("job-", n)}
		for i := 0; i < len(more); i += 2 {
			body[more[i].(string)] = more[i+1]
		}
		return w.ask("POST", routinesPath, body, "Authorization", token)
	}
	missing := `{"endpoint":["Related object not found using the provided attributes: {'name': 'lab'}"]}`
	named := map[string]any{"name": "lab"}
	post(w.lab).want(t, 201, "")
	post(fmt.Sprint(w.lab)).want(t, 201, "")
	post(map[string]any{"id": w.lab}).want(t, 201, "")
	post(named).want(t, 400, missing)
	post(w.lab, "tags", []any{1}).want(t, 201, "")
	post(w.lab, "tags", []any{map[string]any{"slug": "alpha"}}).want(t, 400, `{"tags":["Related object not found using the provided attributes: {'slug': 'alpha'}"]}`)
	w.grant(user, change.ProxmoxEndpoint, "view", `{"name": "prod-proxmox"}`)
	post(named).want(t, 400, missing)
	post(map[string]any{"name": "prod-proxmox"}).want(t, 201, "")
	w.grant(user, change.ProxmoxEndpoint, "view", `{"name__startswith": "l"}`)
	w.grant(user, change.Tag, "view", "")
	post(named, "tags", []any{map[string]any{"slug": "alpha"}}).want(t, 201, "")
	// Filters name what they like.
	w.grant(user, change.BackupRoutine, "view", "")
	w.grant(user, change.Replication, "view", "")
	w.ask("GET", fmt.Sprint(replsPath, "?virtual_machine=", w.web), nil, "Authorization", token).want(t, 200, "")
}

func TestGrantsComeFromEnabledPermissionsOfUsersAndGroups(t *testing.T) {
	w := newWorld(t)
	w.threeJobs()
	user := w.newUser("member", false)
	token := "Bearer " + w.newToken(user, true)
	count := func() int {
		a := w.ask("GET", routinesPath, nil, "Authorization", token)
		if a.status == 403 {
			return -1
		}
		return int(a.json(t)["count"].(float64))
	}
	want := func(n int, when string) {
		t.Helper()
		if got := count(); got != n {
			t.Errorf("%s: %d, want %d", when, got, n)
		}
	}
	want(-1, "without permissions")
	w.grant(user, change.BackupRoutine, "view", `{"status": "stale"}`)
	want(1, "with a permission of their own")
	w.exec("UPDATE permissions SET enabled = false")
	want(-1, "when it is disabled")
	group := w.exec("INSERT INTO groups (name) VALUES ('g') RETURNING id")
	w.exec("INSERT INTO permission_groups SELECT id, $1 FROM permissions", group)
	w.exec("UPDATE permissions SET enabled = true")
	w.exec("DELETE FROM permission_users")
	want(-1, "when only a group has it")
	w.exec("INSERT INTO user_groups VALUES ($1, $2)", user, group)
	want(1, "as a member of the group")
	w.grant(user, change.BackupRoutine, "view", `{"enabled": false}`)
	want(2, "with both")
	w.exec(`UPDATE permissions SET actions = '["add", 5, null]'`)
	want(-1, "when the actions are others")
	w.exec(`UPDATE permissions SET actions = '{"view": 1}'`)
	want(-1, "when the actions are no list")
}

func TestWhoIsNotLoggedInSeesWhatIsExempt(t *testing.T) {
	w := newWorld(t)
	prod, _, _ := w.threeJobs()
	tokens := w.api.Auth.(*auth.Tokens)
	ask := func(method, path string) answer { t.Helper(); return w.ask(method, path, nil, "Authorization", "") }
	ask("GET", "/api/").want(t, 403, anonymous)
	w.api.Open = true
	for _, path := range []string{"/api/", "/api/plugins/", "/api/status/"} {
		ask("GET", path).want(t, 200, "")
	}
	ask("GET", "/api/plugins/installed-plugins/").want(t, 403, anonymous)
	ask("GET", routinesPath).want(t, 403, anonymous)
	ask("GET", path(routinesPath, prod)).want(t, 403, anonymous)
	ask("POST", "/api/").want(t, 405, "")
	a := ask("OPTIONS", routinesPath)
	if a.status != 200 || a.json(t)["actions"] != nil {
		t.Errorf("OPTIONS: %d %s", a.status, a.body)
	}
	tokens.Exempt = auth.Exempt{"netbox_proxbox.backuproutine", "users.user"}
	ask("GET", path(routinesPath, prod)).want(t, 200, "")
	ask("GET", "/api/users/users/").want(t, 200, "")
	ask("GET", replsPath).want(t, 403, anonymous)
	ask("POST", routinesPath).want(t, 403, anonymous)
	ask("DELETE", path(routinesPath, prod)).want(t, 403, anonymous)
	ask("TRACE", routinesPath).want(t, 405, "")
	nobody := w.as("nobody", "", "")
	w.ask("GET", routinesPath, nil, "Authorization", nobody).want(t, 200, "")
	w.ask("GET", replsPath, nil, "Authorization", nobody).want(t, 403, forbidden)
	w.ask("GET", routinesPath, nil, "Authorization", "Token nope").want(t, 403, `{"detail":"Invalid v1 token"}`)
	tokens.Exempt = auth.Exempt{"*"}
	ask("GET", replsPath).want(t, 200, "")
	ask("GET", "/api/core/object-changes/").want(t, 403, anonymous)
	for _, path := range []string{"users", "groups", "permissions"} {
		ask("GET", "/api/users/"+path+"/").want(t, 403, anonymous)
	}
	if err := (auth.Exempt{"*", "extras.tag"}).Check(); err != nil {
		t.Error(err)
	}
	if err := (auth.Exempt{"ipam.prefix"}).Check(); err == nil {
		t.Error("an unknown object type is taken")
	}
	// Login is required again: nothing is open, whatever is exempt.
	w.api.Open = false
	ask("GET", routinesPath).want(t, 403, anonymous)
}

func TestTooManyWrongTokensAreThrottled(t *testing.T) {
	s := serve(t)
	s.api.Auth.(*auth.Tokens).Guard = auth.NewGuard(40, time.Hour, obs.NewLogger(s.log, obs.LogConfig{}))
	for range 40 {
		s.ask("GET", routinesPath, nil, "Authorization", "Token "+strings.Repeat("0", 40)).want(t, 403, `{"detail":"Invalid v1 token"}`)
	}
	for _, wrong := range []string{"Token " + strings.Repeat("0", 40), "Bearer " + s.token + "x", "Bearer nbt_AAAAAAAAAAAA.x"} {
		a := s.ask("GET", routinesPath, nil, "Authorization", wrong)
		a.want(t, 429, `{"detail":"Request was throttled. Expected available in 3600 seconds."}`)
		if a.header.Get("Retry-After") != "3600" || a.header.Get("API-Version") != "4.6" {
			t.Errorf("headers: %v", a.header)
		}
	}
	// Whoever has a valid token is not held up by others at the same address, nor is who forgot it.
	s.get(routinesPath).want(t, 200, "")
	s.ask("GET", routinesPath, nil, "Authorization", "").want(t, 403, anonymous)
	if log := s.log.String(); strings.Count(log, "too many failed attempts") != 1 || strings.Contains(log, "0000") {
		t.Errorf("log: %s", log)
	}
}
