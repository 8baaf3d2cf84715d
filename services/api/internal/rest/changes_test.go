package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

const (
	changesPath = "/api/core/object-changes/"
	typesPath   = "/api/core/object-types/"
	journalPath = "/api/extras/journal-entries/"
)

func TestTheChangeLogIsAListOfWhatHappened(t *testing.T) {
	w := newWorld(t)
	id := w.make(routinesPath, map[string]any{"endpoint": w.prod, "job_id": "life", "schedule": "daily", "changelog_message": "born"})
	patched := w.ask("PATCH", path(routinesPath, id), map[string]any{"comment": "grown", "changelog_message": "grew"})
	of := fmt.Sprintf("%s?changed_object_type=netbox_proxbox.backuproutine&changed_object_id=%d", changesPath, id)
	rows := w.get(of).results(t)
	if len(rows) != 2 || rows[0]["message"] != "grew" || rows[1]["message"] != "born" {
		t.Fatalf("the last change comes first, not %v", rows)
	}
	grown := rows[0]
	one := w.get(grown["url"].(string))
	one.want(t, 200, "")
	if one.header.Get("ETag") != "" || one.header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("headers of a change: %v", one.header)
	}
	for name, want := range map[string]any{
		"display": "Proxbox | backup routine life (daily) updated by admin", "user_name": "admin", "request_id": patched.header.Get("X-Request-ID"),
		"changed_object_type": "netbox_proxbox.backuproutine", "changed_object_id": float64(id), "object_repr": "life (daily)", "message": "grew",
		"display_url": w.http.URL + fmt.Sprintf("/core/changelog/%v/", grown["id"]),
	} {
		if grown[name] != want {
			t.Errorf("%s is %v, want %v", name, grown[name], want)
		}
	}
	if action := grown["action"].(map[string]any); action["value"] != "update" || action["label"] != "Updated" {
		t.Errorf("action %v", action)
	}
	if user := grown["user"].(map[string]any); user["username"] != "admin" || len(user) != 4 {
		t.Errorf("user %v", user)
	}
	if pre, post := grown["prechange_data"].(map[string]any), grown["postchange_data"].(map[string]any); pre["comment"] != "" || post["comment"] != "grown" || post["endpoint"] != float64(w.prod) {
		t.Errorf("states %v\n%v", pre, post)
	}
	if created := rows[1]["prechange_data"].(map[string]any); len(created) != 0 {
		t.Errorf("before its creation it was %v", created)
	}
	brief := w.get(path(routinesPath, id) + "?brief=1").body
	if !strings.Contains(one.body, `"changed_object":`+brief) {
		t.Errorf("the object is not shown in its brief form %s:\n%s", brief, one.body)
	}
	w.ask("DELETE", path(routinesPath, id), map[string]any{"changelog_message": "died"}).want(t, 204, "")
	rows = w.get(of).results(t)
	if len(rows) != 3 || rows[0]["changed_object"] != nil || rows[2]["changed_object"] != nil || len(rows[0]["postchange_data"].(map[string]any)) != 0 {
		t.Errorf("after the end: %v", rows)
	}
	if all := w.get(changesPath).results(t); len(all) != 15 {
		t.Errorf("%d changes in all", len(all))
	}
	for query, want := range map[string]int{
		"action=update": 1, "action=update&action=delete": 2, "q=LIFE": 3, "q=died": 1, "user=admin&message=born": 1, "user_id=1&message__ic=IE": 1, "user_name=nobody": 0,
		"request_id=" + patched.header.Get("X-Request-ID"): 1, "changed_object_type=netbox_proxbox.proxmoxnode": 3, "changed_object_type=NETBOX_PROXBOX.ProxmoxNode&changed_object_type=virtualization.cluster": 5,
		"changed_object_type=dcim.device": 0, "changed_object_type_id=4": 3, "time_after=2001-01-01&time_before=2001-01-02": 0, "time_after=2001-01-01&action=delete": 1,
		"object_repr=life+(daily)": 3, "object_repr__isw=LIFE&action=create": 1, "related_object_type=dcim.device": 0, "related_object_id=1": 0, "created_by_request=garbage&action=delete": 1,
	} {
		if a := w.get(changesPath + "?limit=100&" + query); a.status != 200 || len(a.results(t)) != want {
			t.Errorf("?%s: %d changes, want %d", query, len(a.results(t)), want)
		}
	}
	for query, want := range map[string]string{
		"action=zzz":                `{"action":["Select a valid choice. zzz is not one of the available choices."]}`,
		"user=zzz":                  `{"user":["Select a valid choice. zzz is not one of the available choices."]}`,
		"user_id=99":                `{"user_id":["Select a valid choice. 99 is not one of the available choices."]}`,
		"request_id=x":              `{"request_id":["Enter a valid UUID."]}`,
		"time_after=x":              `{"time":["Enter a valid date/time."]}`,
		"changed_object_type_id=0":  `{"changed_object_type_id":["Select a valid choice. 0 is not one of the available choices."]}`,
		"changed_object_type_id=x":  `{"changed_object_type_id":["“x” is not a valid value."]}`,
		"changed_object_id=x":       `{"changed_object_id":["Enter a whole number."]}`,
		"related_object_type_id=99": `{"related_object_type_id":["Select a valid choice. 99 is not one of the available choices."]}`,
	} {
		w.get(changesPath+"?"+query).want(t, 400, want)
	}
	for _, c := range []struct{ method, path string }{{"POST", changesPath}, {"PATCH", changesPath}, {"DELETE", changesPath}, {"PATCH", grown["url"].(string)}, {"DELETE", grown["url"].(string)}} {
		a := w.ask(c.method, c.path, map[string]any{})
		a.want(t, 405, `{"detail":"Method \"`+c.method+`\" not allowed."}`)
		if a.header.Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("Allow: %s", a.header.Get("Allow"))
		}
	}
	if actions := w.ask("OPTIONS", changesPath, nil).json(t)["actions"]; actions != nil {
		t.Errorf("actions: %v", actions)
	}
}

func TestChangesOutliveTheirUsers(t *testing.T) {
	w := newWorld(t)
	admin := w.token
	user := w.newUser("brief", true)
	w.token = w.newToken(user, true)
	id := w.make(tagsPath, map[string]any{"name": "Gold", "slug": "gold"})
	entry := w.make(journalPath, map[string]any{"assigned_object_type": "netbox_proxbox.proxmoxnode", "assigned_object_id": w.node1, "comments": "x"})
	w.token = admin
	w.exec("DELETE FROM tokens WHERE user_id = $1", user)
	w.ask("DELETE", fmt.Sprintf("/api/users/users/%d/", user), nil).want(t, 204, "")
	row := w.get(fmt.Sprintf("%s?changed_object_type=extras.tag&changed_object_id=%d", changesPath, id)).results(t)[0]
	if row["user"] != nil || row["user_name"] != "brief" || row["display"] != "Extras | tag Gold created by brief" {
		t.Errorf("change: %v", row)
	}
	if e := w.get(path(journalPath, entry)).json(t); e["created_by"] != nil {
		t.Errorf("entry: %v", e)
	}
}

func TestObjectTypesAreTheResources(t *testing.T) {
	s := serve(t)
	row := s.get(typesPath + "?app_label=netbox_proxbox&model=replication").results(t)[0]
	for name, want := range map[string]any{
		"id": float64(2), "display": "Proxbox | replication", "app_label": "netbox_proxbox", "app_name": "Proxbox", "model": "replication", "model_name": "replication",
		"model_name_plural": "replications", "public": true, "is_plugin_model": true, "rest_api_endpoint": "/api/plugins/proxbox/replications/",
		"url": s.http.URL + typesPath + "2/",
	} {
		if row[name] != want {
			t.Errorf("%s is %v, want %v", name, row[name], want)
		}
	}
	if got := fmt.Sprint(row["features"]); got != "[change_logging custom_fields event_rules journaling tags]" {
		t.Errorf("features %s", got)
	}
	all := s.get(typesPath + "?limit=100").results(t)
	if len(all) != len(s.api.Store.Set.All) {
		t.Errorf("%d types for %d resources", len(all), len(s.api.Store.Set.All))
	}
	for _, o := range all {
		s.get(o["rest_api_endpoint"].(string)).want(t, 200, "")
	}
	for query, want := range map[string]int{"q=ROUTINE": 1, "id=1&id=2&id=99": 2, "public=false": 0, "features=journaling&model=tag": 0, "features=event_rules": 2, "app_label=dcim": 0} {
		if got := s.get(typesPath + "?" + query).results(t); len(got) != want {
			t.Errorf("?%s: %v", query, got)
		}
	}
	s.token = s.newToken(s.newUser("nobody", false), false)
	s.get(typesPath+"1/").want(t, 200, "")
	s.ask("POST", typesPath, map[string]any{}).want(t, 405, "")
	s.get(changesPath).want(t, 403, "")
}

func TestTheChangeLogIsSeenByPermissionAlone(t *testing.T) {
	w := newWorld(t)
	user := w.newUser("auditor", false)
	admin, auditor := w.token, w.newToken(user, true)
	see := func(want int) {
		t.Helper()
		w.token = auditor
		defer func() { w.token = admin }()
		w.get(changesPath).want(t, want, "")
		w.get(changesPath+"1/").want(t, want, "")
		w.ask("POST", changesPath, map[string]any{}).want(t, 403, "") // permission comes before the question whether there is such a method
	}
	see(403)
	w.make("/api/users/permissions/", map[string]any{"name": "audit", "object_types": []string{"core.objectchange"}, "actions": []string{"view"}, "users": []any{user}})
	see(200)
}

// The list is walked by its index, however long the log and whatever the number of changes that a sync made at one time.
func TestTheChangeLogIsReadByItsIndex(t *testing.T) {
	w := newWorld(t)
	w.exec(`INSERT INTO changes (time, object_type_id, object_id, action, cause, request_id) SELECT now() - n / 1000 * interval '1 minute', 1, n, 'update', 'sync', gen_random_uuid() FROM generate_series(1, 20000) n`)
	if _, err := w.pool.Exec(t.Context(), "ANALYZE changes"); err != nil {
		t.Fatal(err)
	}
	var plan strings.Builder
	rows, err := w.pool.Query(t.Context(), "EXPLAIN SELECT t.id FROM changes t ORDER BY t.time DESC, t.id DESC, t.id LIMIT 50")
	if err != nil {
		t.Fatal(err)
	}
	var line string
	if _, err := pgx.ForEachRow(rows, []any{&line}, func() error { plan.WriteString(line + "\n"); return nil }); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plan.String(), "Sort") || !strings.Contains(plan.String(), "changes_time") {
		t.Errorf("the plan is\n%s", plan.String())
	}
	seen := map[any]bool{}
	for next := changesPath + "?limit=1000&fields=id"; next != ""; {
		page := w.get(next).json(t)
		for _, o := range page["results"].([]any) {
			seen[o.(map[string]any)["id"]] = true
		}
		next, _ = page["next"].(string)
	}
	if n := w.exec("SELECT count(*) FROM changes"); int(n) != len(seen) {
		t.Errorf("the pages have %d of %d changes", len(seen), n)
	}
}
