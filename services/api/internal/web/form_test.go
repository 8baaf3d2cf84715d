package web_test

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// customTypes are custom fields of all types on clusters, with a value for each.
var customTypes = []struct {
	name, kind string
	value      any
	sent, want any // what the form sends, and what the API has then; nil: the value
}{
	{"t", "text", "a  b", nil, nil},
	{"long", "longtext", "\n one\n two\n", "one\r\ntwo", "one\ntwo"},
	{"int", "integer", 5, "7", 7.0},
	{"dec", "decimal", 1.5, "2.25", 2.25},
	{"bool", "boolean", true, "false", false},
	{"day", "date", "2026-01-31", "2026-02-01", "2026-02-01"},
	{"at", "datetime", "2026-01-31T02:00:00+02:00", "2026-02-01T00:00:00.000Z", "2026-02-01T00:00:00Z"},
	{"link", "url", "https://example.com/", "https://example.org/", "https://example.org/"},
	{"any", "json", map[string]any{"a": []int{1, 2}}, `{"b": 1.50}`, map[string]any{"b": 1.5}},
	{"one", "select", "x", "y", "y"},
	{"some", "multiselect", []string{"x", "y"}, []string{"y"}, []any{"y"}},
}

func (p *person) customFields() {
	p.t.Helper()
	set := p.make("/extras/custom-field-choice-sets/", map[string]any{"name": "xy", "extra_choices": [][]string{{"x", "Ex"}, {"y", "Why"}}})
	for _, c := range customTypes {
		body := map[string]any{"name": c.name, "type": c.kind, "label": "The " + c.name, "group_name": "Group", "description": "help of " + c.name, "object_types": []string{"virtualization.cluster"}}
		if strings.HasSuffix(c.kind, "select") {
			body["choice_set"] = set
		}
		p.make(fieldsPath, body)
	}
}

func (p *person) customValues() map[string]any {
	values := map[string]any{}
	for _, c := range customTypes {
		values[c.name] = c.value
	}
	return values
}

func TestCustomFieldsAreTypedControls(t *testing.T) {
	admin := serve(t)
	admin.customFields()
	id := admin.make(clustersPath, map[string]any{"name": "c", "custom_fields": admin.customValues()})
	g := admin.get(at(clustersPath, id, "edit/")).want(t, 200)
	for name, want := range map[string]string{"day": "date", "link": "url", "bool": "select", "one": "select", "long": "textarea", "any": "textarea"} {
		n := g.control(t, "cf_"+name)
		if kind, _ := attr(n, "type"); n.Data != want && kind != want {
			t.Errorf("%s is a %s of type %q", name, n.Data, kind)
		}
	}
	if !g.has(tag("label"), with("for", "in-cf_t"), saying("The t")) || !g.has(with("id", "help-cf_t"), saying("help of t")) || !g.has(tag("h2"), saying("Group")) {
		t.Error("label, help or group is missing")
	}
	values := url.Values{}
	want := map[string]any{}
	for _, c := range customTypes {
		switch v := c.sent.(type) {
		case string:
			values["cf_"+c.name] = []string{v}
		case []string:
			values["cf_"+c.name] = append([]string{""}, v...)
		}
		if want[c.name] = c.want; c.want == nil {
			want[c.name] = c.value
		}
	}
	admin.changed(g, at(clustersPath, id, "edit/"), values).goes(t, at(clustersPath, id))
	if got := admin.read(clustersPath, id)["custom_fields"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	emptied := url.Values{}
	for _, c := range customTypes {
		emptied["cf_"+c.name] = []string{""}
	}
	admin.changed(admin.get(at(clustersPath, id, "edit/")), at(clustersPath, id, "edit/"), emptied).goes(t, at(clustersPath, id))
	for name, v := range admin.read(clustersPath, id)["custom_fields"].(map[string]any) {
		if list, ok := v.([]any); v != nil && (!ok || len(list) > 0) {
			t.Errorf("%s is still %v", name, v)
		}
	}
}

func TestCustomFieldsSayWhatIsWrongBesideTheirControls(t *testing.T) {
	admin := serve(t)
	admin.make(fieldsPath, map[string]any{"name": "rack", "type": "integer", "required": true, "default": 3, "validation_maximum": 9, "object_types": []string{"virtualization.cluster"}})
	g := admin.get(clustersPath+"add/").want(t, 200)
	if v := valuesOf(g.control(t, "cf_rack"))[0]; v != "3" {
		t.Errorf("the default is %q", v)
	}
	for value, want := range map[string]string{"": "required", "x": "must be an integer", "10": "must not exceed 9"} {
		g := admin.changed(g, clustersPath+"add/", url.Values{"name": {"c"}, "description": {"kept"}, "cf_rack": {value}}).want(t, 400)
		if text := textOf(g.one(t, with("id", "wrong-cf_rack"))); !strings.Contains(text, want) {
			t.Errorf("%q: %q", value, text)
		}
		if to := g.one(t, tag("a"), class("alert-link")); textOf(to) != "Rack" || !g.has(with("id", strings.TrimPrefix(hrefOf(to), "#"))) {
			t.Errorf("%q: no way to the field", value)
		}
		if n := g.control(t, "cf_rack"); valuesOf(n)[0] != value {
			t.Errorf("%q was lost", value)
		} else if v, _ := attr(n, "aria-invalid"); v != "true" {
			t.Errorf("%q is not marked as wrong", value)
		}
		if valuesOf(g.control(t, "description"))[0] != "kept" {
			t.Error("other fields were lost")
		}
	}
}

func TestAFormThatNobodyTouchedChangesNothing(t *testing.T) {
	admin := serve(t)
	admin.customFields()
	odd := "\n a <b>&amp;</b>\r\n\tb \u202e \r\n"
	blue := admin.make(tagsPath, map[string]any{"name": "blue", "slug": "blue", "color": "00aaff", "object_types": []string{"virtualization.cluster"}})
	cluster := admin.make(clustersPath, map[string]any{"name": "c", "comments": odd, "tags": []int{blue}, "custom_fields": admin.customValues()})
	endpoint := admin.make(endpointsPath, map[string]any{"name": "e", "domain": "e.example", "username": "a@pam", "password": "secret", "poll_interval": 0, "enabled": false})
	user := admin.make("/users/users/", map[string]any{"username": "u", "password": password, "last_login": "2026-01-31T02:00:00.123456Z"})
	objects := map[string]int{
		clustersPath: cluster, tagsPath: blue, endpointsPath: endpoint, "/users/users/": user,
		routinesPath: admin.make(routinesPath, map[string]any{
			"endpoint": endpoint, "job_id": "j", "comment": odd, "selection": []int{100, 101}, "raw_config": map[string]any{"a": []any{1, nil, "x"}}, "keep_all": nil, "next_run": "2026-01-31T02:00:00Z",
		}),
		"/users/permissions/": admin.make("/users/permissions/", map[string]any{
			"name": "p", "object_types": []string{"extras.tag"}, "actions": []string{"view", "sync"}, "constraints": []any{map[string]any{"name": "x"}}, "users": []int{user},
		}),
		"/users/tokens/": admin.make("/users/tokens/", map[string]any{"allowed_ips": []string{"192.0.2.0/24", "2001:db8::/32"}, "expires": "2036-01-31T02:00:00Z"}),
		"/extras/custom-field-choice-sets/": admin.make("/extras/custom-field-choice-sets/", map[string]any{
			"name": "s", "extra_choices": [][]string{{"a:b", "A: B"}, {`back\slash`, ""}, {"same", "same"}},
		}),
		fieldsPath: admin.make(fieldsPath, map[string]any{"name": "f", "type": "json", "default": map[string]any{"x": 1}, "object_types": []string{"virtualization.cluster"}}),
	}
	for path, id := range objects {
		before, rows := admin.read(path, id), admin.one("/core/object-changes/")
		admin.changed(admin.get(at(path, id, "edit/")).want(t, 200), at(path, id, "edit/"), nil).goes(t, at(path, id))
		after := admin.read(path, id)
		if a, b := fmt.Sprint(before), fmt.Sprint(after); a != b {
			t.Errorf("%s changed:\n%s\n%s", path, a, b)
		}
		if n := admin.one("/core/object-changes/"); n != rows {
			t.Errorf("%s: a change is logged", path)
		}
	}
}

func TestAFormUndoesNothingThatHappenedMeanwhile(t *testing.T) {
	admin := serve(t)
	ids := admin.clusters(1)
	g := admin.get(at(clustersPath, ids[0], "edit/"))
	admin.ask("PATCH", at(clustersPath, ids[0]), map[string]any{"comments": "of another"})
	admin.changed(g, at(clustersPath, ids[0], "edit/"), url.Values{"description": {"mine"}}).goes(t, at(clustersPath, ids[0]))
	if o := admin.read(clustersPath, ids[0]); o["comments"] != "of another" || o["description"] != "mine" {
		t.Errorf("got %v", o)
	}
}

func TestFormsOfPermissionsChoicesAndTokensHaveFittingControls(t *testing.T) {
	admin := serve(t)
	g := admin.get("/users/permissions/add/").want(t, 200)
	admin.changed(g, "/users/permissions/add/", url.Values{
		"name": {"p"}, "object_types": {"", "extras.tag"}, "actions": {"", "view", "add"}, "actions_more": {"sync, grant"}, "constraints": {`{"name": "x"}`},
	})
	o := admin.found("/users/permissions/?name=p")
	if got := fmt.Sprint(o["object_types"], o["actions"], o["constraints"]); got != "[extras.tag] [view add sync grant] map[name:x]" {
		t.Errorf("got %s", got)
	}
	for constraints, want := range map[string]string{`{"name": `: "Enter valid JSON", `{"nme": 1}`: "nme"} {
		g := admin.changed(g, "/users/permissions/add/", url.Values{"name": {"q"}, "object_types": {"extras.tag"}, "actions": {"view"}, "constraints": {constraints}}).want(t, 400)
		if text := textOf(g.one(t, with("id", "wrong-constraints"))); !strings.Contains(text, want) {
			t.Errorf("%s: %q", constraints, text)
		}
		if valuesOf(g.control(t, "constraints"))[0] != "\n"+constraints && valuesOf(g.control(t, "constraints"))[0] != constraints {
			t.Errorf("%q was lost", constraints)
		}
		if n := len(g.all(tag("input"), with("name", "object_types"), with("checked"))); n != 1 {
			t.Errorf("%d types are ticked", n)
		}
	}
	g = admin.get("/extras/custom-field-choice-sets/add/").want(t, 200)
	admin.changed(g, "/extras/custom-field-choice-sets/add/", url.Values{"name": {"s"}, "extra_choices": {"a\\:b: Label: x\r\n\r\nplain\r\n"}})
	if got := fmt.Sprint(admin.found("/extras/custom-field-choice-sets/?name=s")["extra_choices"]); got != "[[a:b Label: x] [plain plain]]" {
		t.Errorf("got %s", got)
	}
	g = admin.changed(admin.get("/users/tokens/add/"), "/users/tokens/add/", url.Values{"allowed_ips": {"192.0.2.0/24\r\n2001:db8::/32"}, "description": {"script"}}).want(t, 200)
	secret, _ := attr(g.one(t, with("id", "new-secret")), "value")
	if got := admin.visitor().get("/api/users/tokens/", "Authorization", "Bearer "+secret); got.status != 403 || !strings.Contains(got.body, "not permitted") {
		t.Errorf("the token answers %d %s", got.status, got.body)
	}
	if got := fmt.Sprint(admin.found("/users/tokens/?description=script")["allowed_ips"]); got != "[192.0.2.0/24 2001:db8::/32]" {
		t.Errorf("got %s", got)
	}
	g = admin.changed(admin.get("/users/tokens/add/"), "/users/tokens/add/", url.Values{"allowed_ips": {"192.0.2.1/24"}}).want(t, 400)
	if text := textOf(g.one(t, with("id", "wrong-allowed_ips"))); !strings.Contains(text, "Did you mean 192.0.2.0/24?") {
		t.Errorf("got %q", text)
	}
	g = admin.get(tagsPath+"add/").want(t, 200)
	if kind, _ := attr(g.control(t, "color"), "type"); kind != "color" || valuesOf(g.control(t, "color"))[0] != "#9e9e9e" {
		t.Error("the colour is no colour field with the default")
	}
	admin.changed(g, tagsPath+"add/", url.Values{"name": {"red"}, "slug": {"red"}, "color": {"#FF0000"}})
	if got := admin.found(tagsPath + "?slug=red")["color"]; got != "ff0000" {
		t.Errorf("the colour is %v", got)
	}
}

// found is the only object that a list of the API has.
func (p *person) found(path string) map[string]any {
	p.t.Helper()
	_, answer := p.ask("GET", path, nil)
	list, _ := answer["results"].([]any)
	if len(list) != 1 {
		p.t.Fatalf("%s: %v", path, answer)
	}
	return list[0].(map[string]any)
}

func TestFormsOfNewObjectsBeginWithTheDefaultsOfTheAPI(t *testing.T) {
	admin := serve(t)
	g := admin.get(endpointsPath+"add/").want(t, 200)
	for name, want := range map[string]string{"enabled": "true", "verify_ssl": "true", "port": "8006", "poll_interval": "60", "site": "default"} {
		if v := valuesOf(g.control(t, name))[0]; v != want {
			t.Errorf("%s begins with %q, want %q", name, v, want)
		}
	}
	if v := valuesOf(admin.get("/users/users/add/").control(t, "is_superuser"))[0]; v != "false" {
		t.Errorf("a new user begins as superuser: %q", v)
	}
	g = admin.changed(g, endpointsPath+"add/", url.Values{"enabled": {"false"}}).want(t, 400)
	if text := textOf(g.one(t, with("id", "wrong-name"))); text != "This field is required." {
		t.Errorf("got %q", text)
	}
	blue := admin.make(tagsPath, map[string]any{"name": "blue", "slug": "blue"})
	admin.changed(g, endpointsPath+"add/", url.Values{"name": {"new"}, "domain": {"new.example"}, "tags": {"", fmt.Sprint(blue)}})
	o := admin.found(endpointsPath + "?name=new")
	if o["enabled"] != false || o["port"] != 8006.0 || len(o["tags"].([]any)) != 1 {
		t.Errorf("got %v", o)
	}
}

func TestSecretsAreKeptReplacedAndRemoved(t *testing.T) {
	admin := serve(t)
	id := admin.make(endpointsPath, map[string]any{"name": "e", "domain": "e.example", "username": "a@pam", "password": "very-secret", "enabled": false})
	edit := at(endpointsPath, id, "edit/")
	g := admin.get(edit).want(t, 200)
	if strings.Contains(g.body, "very-secret") {
		t.Error("the form has the secret")
	}
	for _, step := range []struct {
		values url.Values
		has    bool
	}{{url.Values{"poll_interval": {"120"}}, true}, {url.Values{"password": {"other"}}, true}, {url.Values{"password_remove": {"1"}}, false}} {
		admin.changed(admin.get(edit), edit, step.values).goes(t, at(endpointsPath, id))
		if has := admin.read(endpointsPath, id)["has_credentials"]; has != step.has {
			t.Errorf("after %v: %v", step.values, has)
		}
	}
	// A form that comes back with errors says that its secret was not kept.
	again := admin.changed(g, at(endpointsPath, id, "edit/"), url.Values{"port": {"none"}, "password": {"another-secret"}}).want(t, 400)
	if !strings.Contains(again.text(), "Enter it again") || strings.Contains(again.body, "another-secret") || !again.has(with("id", "in-password"), with("aria-invalid", "true")) {
		t.Errorf("the form says %s", again.text())
	}
	if again := admin.changed(g, at(endpointsPath, id, "edit/"), url.Values{"port": {"none"}}).want(t, 400); strings.Contains(again.text(), "Enter it again") {
		t.Error("it asks for a secret that was not given")
	}
}

func TestWhoMayNotSeeATargetLeavesTheReference(t *testing.T) {
	admin := serve(t)
	endpoint := admin.make(endpointsPath, map[string]any{"name": "e", "domain": "e.example", "enabled": false})
	tagID := admin.make(tagsPath, map[string]any{"name": "blue", "slug": "blue"})
	id := admin.make(routinesPath, map[string]any{"endpoint": endpoint, "job_id": "j", "tags": []int{tagID}})
	eve := admin.limited("eve", permission{types: []string{"netbox_proxbox.backuproutine"}, actions: []string{"view", "change"}})
	g := eve.get(at(routinesPath, id, "edit/")).want(t, 200)
	if g.has(with("name", "endpoint")) || g.has(with("data-picker", "/api//")) {
		t.Error("there is a control for what cannot be picked")
	}
	eve.changed(g, at(routinesPath, id, "edit/"), url.Values{"comment": {"eve"}}).goes(t, at(routinesPath, id))
	o := admin.read(routinesPath, id)
	if o["comment"] != "eve" || len(o["tags"].([]any)) != 1 || o["endpoint"] == nil {
		t.Errorf("got %v", o)
	}
}

// attributes are the rows of the tables on the page of an object.
func (g page) attributes() map[string]*html.Node {
	out := map[string]*html.Node{}
	for _, row := range g.all(tag("tr")) {
		if heads, cells := all(row, tag("th")), all(row, tag("td")); len(heads) == 1 && len(cells) == 1 {
			out[textOf(heads[0])] = cells[0]
		}
	}
	return out
}

func TestCustomFieldsAreShownByLabelGroupAndType(t *testing.T) {
	admin := serve(t)
	admin.customFields()
	admin.make(fieldsPath, map[string]any{"name": "hid", "type": "text", "ui_visible": "hidden", "object_types": []string{"virtualization.cluster"}})
	admin.make(fieldsPath, map[string]any{"name": "ifset", "type": "text", "ui_visible": "if-set", "object_types": []string{"virtualization.cluster"}})
	values := admin.customValues()
	values["hid"] = "hidden text"
	id := admin.make(clustersPath, map[string]any{"name": "c", "custom_fields": values})
	g := admin.get(at(clustersPath, id)).want(t, 200)
	shown := g.attributes()
	for label, want := range map[string]string{"The t": "a b", "The one": "Ex", "The some": "Ex, Why", "The bool": "Yes", "The int": "5"} {
		if n := shown[label]; n == nil || textOf(n) != want {
			t.Errorf("%s is not shown as %q in %s", label, want, g.text())
		}
	}
	if n := all(shown["The link"], tag("a"), with("href", "https://example.com/")); len(n) != 1 {
		t.Error("the url is no link")
	}
	if n := all(shown["The at"], tag("time")); len(n) != 1 {
		t.Error("the time is none")
	}
	if strings.Contains(g.body, "hidden text") || shown["Ifset"] != nil || !g.has(saying("Group")) {
		t.Error("what is hidden is shown, or the group is missing")
	}
	bad := admin.make(clustersPath, map[string]any{"name": "bad", "custom_fields": map[string]any{"link": "javascript:alert(1)"}})
	if g := admin.get(at(clustersPath, bad)); g.has(tag("a"), saying("javascript:alert(1)")) || !strings.Contains(g.text(), "javascript:alert(1)") {
		t.Error("a url of another scheme is a link, or not shown")
	}
}

func TestWhoMayNotSeeEndpointsLeavesThoseOfASchedule(t *testing.T) {
	admin := serve(t)
	var endpoints []int
	for _, name := range []string{"a", "b"} {
		endpoints = append(endpoints, admin.make(endpointsPath, map[string]any{"name": name, "domain": name + ".example", "enabled": false}))
	}
	const schedules = "/plugins/proxbox/sync-schedules/"
	id := admin.make(schedules, map[string]any{"name": "s", "interval": 60, "endpoints": endpoints})
	eve := admin.limited("eve", permission{types: []string{"netbox_proxbox.syncschedule"}, actions: []string{"view", "change"}})
	g := eve.get(at(schedules, id, "edit/")).want(t, 200)
	sent := g.sent(g.one(t, tag("form"), class("form")))
	sent.Set("description", "of eve")
	if got := eve.post(at(schedules, id, "edit/"), sent); got.status != 303 && got.status != 403 {
		t.Errorf("got %d %s", got.status, got.text())
	}
	if n := len(admin.read(schedules, id)["endpoints"].([]any)); n != 2 {
		t.Errorf("%d endpoints are left, want 2", n)
	}
}

func TestFormsSayWhatIsSavedAndWhatBecomesOfIt(t *testing.T) {
	f := newClusters(t)
	f.post(tagsPath+"add/", url.Values{"name": {"Red & hot"}, "slug": {"red"}, "color": {"#ff0000"}})
	tag := f.found(tagsPath + "?slug=red")
	to := at(tagsPath, int(tag["id"].(float64)))
	if !f.get(to).want(t, 200).has(role("status"), saying("Created tag Red & hot.")) {
		t.Error("nothing says that it was created")
	}
	if f.get(to).has(role("status"), saying("Created…")) {
		t.Error("it is said twice")
	}
	g := f.get(to+"edit/").want(t, 200)
	f.changed(g, to+"edit/", url.Values{"description": {"x"}})
	if !f.get(to).want(t, 200).has(role("status"), saying("Modified tag Red & hot.")) {
		t.Error("nothing says that it was changed")
	}
	routine := at(routinesPath, f.routine("nightly", f.prod, []int{100}, ""), "edit/")
	for path, want := range map[string]string{
		routine: "The next reading of the endpoint puts back what differs", routinesPath + "add/": "becomes stale with the next reading", replsPath + "add/": "becomes stale with the next reading",
	} {
		if text := f.get(path).want(t, 200).text(); !strings.Contains(text, want) {
			t.Errorf("%s does not say: %s", path, want)
		}
	}
	if strings.Contains(f.get(tagsPath+"add/").want(t, 200).text(), "Nothing is written to Proxmox") {
		t.Error("a tag is none of Proxmox's")
	}
}

// Scripts ask in a dialog whether to delete; what they get is the form of the page.
func TestDeletingIsAskedInADialog(t *testing.T) {
	admin := serve(t)
	path := at(tagsPath, admin.make(tagsPath, map[string]any{"name": "old", "slug": "old"}))
	if to, _ := attr(admin.get(path).want(t, 200).one(t, tag("a"), with("data-ask")), "href"); to != path+"delete/" {
		t.Errorf("it is asked at %s", to)
	}
	part := admin.piece(path+"delete/", "ask").want(t, 200)
	form := part.one(t, tag("form"))
	to, _ := attr(form, "action")
	if part.has(with("id", "main")) || !part.has(with("id", "ask-title"), saying("Delete tag?")) || !part.has(with("data-close"), with("autofocus")) || !strings.Contains(textOf(form), "old") {
		t.Errorf("it asks %s", part.body)
	}
	admin.post(to, part.sent(form)).goes(t, tagsPath)
	admin.get(path).want(t, 404)
}
