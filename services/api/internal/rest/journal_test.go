package rest_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestJournalEntriesAreAboutObjects(t *testing.T) {
	w := newWorld(t)
	id := w.make(routinesPath, map[string]any{"endpoint": w.lab, "job_id": "life"})
	other := w.newUser("other", true)
	a := w.ask("POST", journalPath, map[string]any{
		"assigned_object_type": "netbox_proxbox.backuproutine", "assigned_object_id": id, "comments": "hello *world*", "created_by": other, "changelog_message": "why",
	})
	a.want(t, 201, "")
	brief := w.get(path(routinesPath, id) + "?brief=1").body
	o := a.json(t)
	want := fmt.Sprintf(`{"id":1,"url":"%[1]s/api/extras/journal-entries/1/","display_url":"%[1]s/extras/journal-entries/1/","display":%[2]q,"assigned_object_type":"netbox_proxbox.backuproutine","assigned_object_id":%[3]d,`+
		`"assigned_object":%[4]s,"created":%[5]q,"created_by":1,"kind":{"value":"info","label":"Info"},"comments":"hello *world*","tags":[],"custom_fields":{},"last_updated":%[6]q}`,
		w.http.URL, strings.Replace(o["created"].(string)[:16], "T", " ", 1)+" (Info)", id, brief, o["created"], o["last_updated"])
	if a.body != want {
		t.Errorf("got  %s\nwant %s", a.body, want)
	}
	w.ask("PATCH", path(journalPath, 1), map[string]any{"kind": "warning", "created_by": other}).want(t, 200, "")
	if o := w.get(path(journalPath, 1)).json(t); o["created_by"] != float64(1) || o["kind"].(map[string]any)["label"] != "Warning" {
		t.Errorf("patched: %v", o)
	}
	rows := w.changes(16, 1)
	if len(rows) != 2 || rows[0].Message != "why" || rows[0].Post["assigned_object_type"] != float64(1) || rows[0].Post["created_by"] != float64(1) || strings.Join(rows[1].Changed, ",") != "kind" {
		t.Errorf("changes: %+v", rows)
	}
	about := func(what string, id any, more ...any) map[string]any {
		body := map[string]any{"assigned_object_type": what, "assigned_object_id": id, "comments": "x"}
		for i := 0; i < len(more); i += 2 {
			body[more[i].(string)] = more[i+1]
		}
		return body
	}
	for _, c := range []struct {
		body map[string]any
		want string
	}{
		{map[string]any{}, `{"assigned_object_type":["This field is required."],"assigned_object_id":["This field is required."],"comments":["This field is required."]}`},
		{about("netbox_proxbox.backuproutine", 999999), `{"non_field_errors":["Invalid assigned_object: Proxbox | backup routine ID 999999"]}`},
		{about("netbox_proxbox.backuproutine", id, "kind", "zzz"), `{"kind":["zzz is not a valid choice."]}`},
		{about("netbox_proxbox.backuproutine", id, "comments", ""), `{"comments":["This field may not be blank."]}`},
		{about("dcim.device", 1), `{"assigned_object_type":["Invalid content type: dcim.device"]}`},
		{about("backuproutine", 1), `{"assigned_object_type":["Invalid value. Specify a content type as '<app_label>.<model_name>'."]}`},
		{about("users.user", 1), `{"__all__":["Journaling is not supported for this object type (Users | user)."]}`},
		{about("netbox_proxbox.replication", "x"), `{"assigned_object_id":["A valid integer is required."]}`},
	} {
		w.ask("POST", journalPath, c.body).want(t, 400, c.want)
	}
	w.ask("PATCH", path(journalPath, 1), map[string]any{"assigned_object_id": 999999}).want(t, 400, `{"non_field_errors":["Invalid assigned_object: Proxbox | backup routine ID 999999"]}`)
	node := w.make(journalPath, about("netbox_proxbox.proxmoxnode", w.node1, "kind", "danger"))
	for query, want := range map[string]int{
		"": 2, "assigned_object_type=netbox_proxbox.backuproutine": 1, "assigned_object_type_id=4": 1, fmt.Sprintf("assigned_object_id=%d", id): 1 + b2i(id == w.node1), "kind=danger&kind=info": 1,
		"created_by=admin": 2, "created_by_id=1": 2, fmt.Sprintf("created_by_id=%d", other): 0, "q=WORLD": 1, "created_before=2001-01-01": 0, "created_after=2001-01-01": 2, "kind__ic=AN": 1,
	} {
		if got := w.get(journalPath + "?" + query).results(t); len(got) != want {
			t.Errorf("?%s: %d entries, want %d", query, len(got), want)
		}
	}
	w.get(journalPath+"?assigned_object_type_id=0").want(t, 400, `{"assigned_object_type_id":["Select a valid choice. 0 is not one of the available choices."]}`)
	if first := w.get(journalPath).results(t)[0]; first["id"] != float64(node) {
		t.Errorf("the last entry comes first, not %v", first)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestJournalEntriesGoWithTheirObjects(t *testing.T) {
	w := newWorld(t)
	id := w.make(routinesPath, map[string]any{"endpoint": w.lab, "job_id": "life"})
	on := func(what string, id int) int {
		return w.make(journalPath, map[string]any{"assigned_object_type": what, "assigned_object_id": id, "comments": "x"})
	}
	first, second, node, endpoint := on("netbox_proxbox.backuproutine", id), on("netbox_proxbox.backuproutine", id), on("netbox_proxbox.proxmoxnode", w.node1), on("netbox_proxbox.proxmoxendpoint", w.lab)
	w.ask("DELETE", path(routinesPath, id), map[string]any{"changelog_message": "bye"}).want(t, 204, "")
	for _, gone := range []int{first, second} {
		w.get(path(journalPath, gone)).want(t, 404, `{"detail":"No JournalEntry matches the given query."}`)
		if rows := w.changes(16, gone); len(rows) != 2 || rows[1].Action != "delete" || rows[1].Message != "bye" {
			t.Errorf("changes: %+v", rows)
		}
	}
	w.get(path(journalPath, node)).want(t, 200, "")
	w.ask("DELETE", path(endpointPath, w.lab), nil).want(t, 204, "")
	w.get(path(journalPath, endpoint)).want(t, 404, "")
	if n := w.exec("SELECT count(*) FROM journal_entries"); n != 1 {
		t.Errorf("%d entries are left", n)
	}
}
