package web_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/services/api/internal/probe"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// endpoint makes one with a secret that nobody reads by itself.
func (p *person) endpoint(name string) int {
	p.t.Helper()
	return p.make(endpointsPath, map[string]any{
		"name": name, "domain": name + ".example.com", "username": "proxops@pve", "token_name": "reader", "token_value": "planted-" + name, "poll_interval": 0,
	})
}

// run runs SQL.
func (p *person) run(sql string, args ...any) {
	p.t.Helper()
	if _, err := p.pool.Exec(p.t.Context(), sql, args...); err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
}

// toOne is a permission for what belongs to one endpoint.
func toOne(endpoint int, actions ...string) []permission {
	return []permission{
		{types: []string{"netbox_proxbox.proxmoxendpoint"}, actions: actions, constraints: map[string]any{"id": endpoint}},
		{types: []string{"netbox_proxbox.backuproutine", "netbox_proxbox.replication"}, actions: []string{"view"}, constraints: map[string]any{"endpoint_id": endpoint}},
	}
}

func TestSyncNowStartsAJobOfTheEndpointAndShowsIt(t *testing.T) {
	admin := serve(t)
	id := admin.endpoint("prod")
	for types, kinds := range map[string]string{
		"all": "[backup_routine replication inventory]", "backup-routines": "[backup_routine]", "replications": "[replication]", "inventory": "[inventory]",
	} {
		to := admin.post(at(endpointsPath, id, "sync/"), url.Values{"types": {types}}).header.Get("Location")
		var got []string
		var endpoints []int32
		if err := admin.pool.QueryRow(t.Context(), "SELECT kinds, endpoint_ids FROM jobs ORDER BY id DESC LIMIT 1").Scan(&got, &endpoints); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != kinds || fmt.Sprint(endpoints) != fmt.Sprintf("[%d]", id) || !strings.HasPrefix(to, "/core/jobs/") {
			t.Errorf("%s: job of %v on %v, then to %s", types, got, endpoints, to)
		}
		admin.get(to).want(t, 200)
	}
	shown := admin.get(at(endpointsPath, id)).want(t, 200)
	if n := len(shown.all(tag("a"), saying("Sync all of prod"))); n != 1 {
		t.Errorf("the page of the endpoint has %d links to the job", n)
	}
	admin.post(at(endpointsPath, id, "sync/"), url.Values{"types": {"everything"}}).want(t, 404)
	admin.post(at(endpointsPath, id, "enable/"), url.Values{"enabled": {"false"}}).goes(t, at(endpointsPath, id))
	if text := admin.post(at(endpointsPath, id, "sync/"), nil).want(t, 400).text(); !strings.Contains(text, "Endpoint prod is disabled: enable it first.") {
		t.Error(text)
	}
}

func TestAnEndpointIsDisabledAndEnabledOnItsPage(t *testing.T) {
	admin := serve(t)
	id := admin.endpoint("prod")
	for _, on := range []string{"false", "true"} {
		form := admin.get(at(endpointsPath, id)).one(t, tag("button"), with("name", "enabled"))
		if v, _ := attr(form, "value"); v != on {
			t.Errorf("the button says enabled=%s, want %s", v, on)
		}
		admin.post(at(endpointsPath, id, "enable/"), url.Values{"enabled": {on}}).goes(t, at(endpointsPath, id))
		if got := admin.read(endpointsPath, id)["enabled"]; fmt.Sprint(got) != on {
			t.Errorf("enabled is %v, want %s", got, on)
		}
	}
}

func TestATestOfTheConnectionShowsWhatAPollerSaw(t *testing.T) {
	admin := serve(t)
	id := admin.endpoint("prod")
	identity := probe.Same
	admin.prober.sees = &probe.Result{
		OK: false, Address: "prod.example.com:8006", Fingerprint: "AB:CD", Trusted: true, VerifySSL: true, Version: "8.4.5", Poller: "host-1", Identity: &identity,
		Cluster: &probe.Cluster{Name: "alpha", Quorate: true, Nodes: []string{"pve1", "pve2"}}, Privileges: []string{"/ Sys.Audit"}, MissingPrivileges: []string{"/vms VM.Audit"},
		Error: &probe.Error{Kind: "privilege", Text: "<b>no</b>", Remedy: "grant it"}, Grant: "pveum acl modify /vms --users proxops@pve --roles PVEAuditor",
	}
	inline := admin.send("POST", at(endpointsPath, id, "test/"), nil, "HX-Request", "true").want(t, 200)
	for _, part := range []string{
		"prod.example.com:8006", "AB:CD", "Trusted", "8.4.5", "alpha", "Quorate", "pve1, pve2", "/ Sys.Audit", "Missing /vms VM.Audit", "privilege <b>no</b>", "grant it",
		"pveum acl modify /vms --users proxops@pve --roles PVEAuditor", "Reading would fail",
	} {
		if !strings.Contains(inline.text(), part) {
			t.Errorf("it does not say %q:\n%s", part, inline.text())
		}
	}
	if inline.has(role("navigation")) || inline.has(tag("b")) {
		t.Error("it is more than a part of a page")
	}
	if whole := admin.post(at(endpointsPath, id, "test/"), nil).want(t, 200); !whole.has(role("navigation")) || !strings.Contains(whole.text(), "AB:CD") {
		t.Error("without scripts it is no page")
	}
	admin.prober.sees, admin.prober.err = nil, fault.Wrap(fault.Unavailable, resource.Detail("No poller of site default is connected to NATS."), "probe")
	if text := admin.send("POST", at(endpointsPath, id, "test/"), nil, "HX-Request", "true").want(t, 200).text(); !strings.Contains(text, "Not tried No poller of site default") {
		t.Error(text)
	}
	if len(admin.prober.asked) != 3 || slices.Max(admin.prober.asked) != int32(id) {
		t.Errorf("asked about %v", admin.prober.asked)
	}
}

func TestAnotherClusterIsAcceptedAfterAQuestion(t *testing.T) {
	admin := serve(t)
	id := admin.endpoint("prod")
	routine := admin.make(routinesPath, map[string]any{"endpoint": id, "job_id": "backup-1", "schedule": "daily"})
	base := at(endpointsPath, id)
	if admin.get(base).has(tag("a"), with("href", base+"accept-identity/")) {
		t.Error("it offers to accept nothing")
	}
	if text := admin.get(base+"accept-identity/").want(t, 200).text(); !strings.Contains(text, "No other cluster answers") {
		t.Error(text)
	}
	admin.post(base+"accept-identity/", url.Values{"existing_jobs": {"keep"}}).want(t, 409)
	admin.run("INSERT INTO endpoint_states (endpoint_id, cluster_name, other_name, other_seen) VALUES ($1, 'alpha', 'gamma', now())", id)
	if !admin.get(base).has(tag("a"), with("href", base+"accept-identity/")) {
		t.Error("the page does not lead to the question")
	}
	asked := admin.get(base+"accept-identity/").want(t, 200)
	form := asked.sent(asked.one(t, tag("form"), class("form")))
	if form.Get("cluster_name") != "gamma" || form.Get("existing_jobs") != "keep" {
		t.Errorf("the form says %v", form)
	}
	admin.post(base+"accept-identity/", url.Values{"cluster_name": {"gamma"}}).want(t, 400)
	admin.post(base+"accept-identity/", url.Values{"cluster_name": {"beta"}, "existing_jobs": {"keep"}}).want(t, 409)
	form.Set("existing_jobs", "stale")
	admin.post(base+"accept-identity/", form).goes(t, base)
	state := admin.read(endpointsPath, id)["sync_state"].(map[string]any)
	if state["cluster_name"] != "gamma" || state["other_cluster"] != nil {
		t.Errorf("the endpoint is %v, and %v answers", state["cluster_name"], state["other_cluster"])
	}
	if status := admin.read(routinesPath, routine)["status"].(map[string]any)["value"]; status != "stale" {
		t.Errorf("its routine is %v", status)
	}
}

func TestThePageOfAnEndpointSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	admin := serve(t)
	id := admin.endpoint("prod")
	admin.run(`INSERT INTO sync_states (endpoint_id, kind, status, since, last_seen, error_kind, error_text, remedy, missing_privilege, warnings)
		VALUES ($1, 'replication', 'failing', now(), now() - interval '3 hours', 'privilege', 'hidden <i>jobs</i>', 'grant it', '/vms/205 VM.Audit', '["odd key"]')`, id)
	shown := admin.get(at(endpointsPath, id)).want(t, 200)
	for _, part := range []string{"hidden <i>jobs</i>", "What to do: grant it", "/vms/205 VM.Audit", "pveum acl modify /vms/205 --users proxops@pve --tokens 'proxops@pve!reader' --roles PVEAuditor", "odd key", "3 h"} {
		if !strings.Contains(shown.text(), part) {
			t.Errorf("it does not say %q:\n%s", part, shown.text())
		}
	}
	list := admin.get(endpointsPath+"?sync_status=failing").want(t, 200)
	if n := len(list.all(tag("tr"), with("data-row"))); n != 1 {
		t.Errorf("%d endpoints are failing", n)
	}
	if n := len(admin.get(endpointsPath+"?sync_status=ok").want(t, 200).all(tag("tr"), with("data-row"))); n != 0 {
		t.Errorf("%d endpoints are ok", n)
	}
	// What was wrong before somebody changed the endpoint may be so no longer.
	const before = "That was before the endpoint was changed."
	for tried, want := range map[string]bool{"now() + interval '1 hour'": false, "now() - interval '1 hour'": true} {
		admin.run("UPDATE sync_states SET last_attempt = "+tried+" WHERE endpoint_id = $1", id)
		if text := admin.get(at(endpointsPath, id)).want(t, 200).text(); strings.Contains(text, before) != want {
			t.Errorf("tried at %s: %s", tried, text)
		}
	}
}

func TestTheListMarksHowCertificatesAreChecked(t *testing.T) {
	admin := serve(t)
	for name, more := range map[string]map[string]any{
		"Verified": {}, "Not verified": {"verify_ssl": false}, "Pinned": {"verify_ssl": false, "fingerprints": []string{strings.Repeat("AB", 32)}},
	} {
		more["name"], more["domain"] = strings.ReplaceAll(strings.ToLower(name), " ", "-"), "pve.example.com"
		admin.make(endpointsPath, more)
	}
	list := admin.get(endpointsPath).want(t, 200)
	for _, want := range []string{"not-verified Not verified", "pinned Pinned", "verified Verified"} {
		name, mark, _ := strings.Cut(want, " ")
		row := list.one(t, tag("tr"), with("data-row"), func(n *html.Node) bool { return len(all(n, tag("a"), saying(name))) == 1 })
		if got := textOf(all(row, tag("td"), with("data-column", "verify_ssl"))[0]); got != mark {
			t.Errorf("%s is marked %q", name, got)
		}
	}
}

func TestTheFormOfAnEndpointKeepsItsSecret(t *testing.T) {
	admin := serve(t)
	id := admin.endpoint("prod")
	path := at(endpointsPath, id, "edit/")
	shown := admin.get(path).want(t, 200)
	if strings.Contains(shown.body, "planted") {
		t.Error("it shows the secret")
	}
	if !strings.Contains(shown.text(), "A secret is set.") {
		t.Error("it does not say that there is a secret")
	}
	if admin.get(at(endpointsPath, id)).has(tag("th"), saying("Token value")) {
		t.Error("the page of the endpoint has a row for what it never shows")
	}
	form := shown.sent(shown.one(t, tag("form"), class("form")))
	form.Set("name", "prod-2")
	admin.post(path, form).goes(t, at(endpointsPath, id))
	if o := admin.read(endpointsPath, id); o["has_credentials"] != true || o["name"] != "prod-2" {
		t.Errorf("it is %v with credentials %v", o["name"], o["has_credentials"])
	}
	form.Set("domain", "evil.example.com")
	if text := admin.post(path, form).want(t, 400).text(); !strings.Contains(text, "Enter the secret again") {
		t.Error(text)
	}
}

func TestWhoIsLimitedToAnEndpointDoesNothingToOthers(t *testing.T) {
	admin := serve(t)
	mine, other := admin.endpoint("mine"), admin.endpoint("other")
	viewer := admin.limited("viewer", toOne(mine, "view")...)
	editor := admin.limited("editor", append(toOne(mine, "view", "change"), permission{types: []string{"core.job"}, actions: []string{"add"}})...)
	for _, c := range []struct {
		who             *person
		method, path    string
		onMine, toOther int
	}{
		{viewer, "GET", "", 200, 404},
		{viewer, "POST", "sync/", 403, 404},
		{viewer, "POST", "test/", 403, 403},
		{viewer, "POST", "enable/", 403, 403},
		{viewer, "GET", "accept-identity/", 403, 403},
		{viewer, "POST", "accept-identity/", 403, 403},
		{editor, "GET", "", 200, 404},
		{editor, "POST", "sync/", 303, 404},
		{editor, "POST", "enable/", 303, 404},
		{editor, "GET", "accept-identity/", 200, 404},
	} {
		form := "enabled=true&types=all"
		for id, want := range map[int]int{mine: c.onMine, other: c.toOther} {
			if got := c.who.send(c.method, at(endpointsPath, id, c.path), strings.NewReader(form), "Content-Type", "application/x-www-form-urlencoded"); got.status != want {
				t.Errorf("%s: %s %s: %d, want %d", c.who.name, c.method, at(endpointsPath, id, c.path), got.status, want)
			}
		}
	}
	shown := viewer.get(at(endpointsPath, mine))
	for _, path := range []string{"sync/", "test/", "enable/"} {
		if shown.has(tag("form"), with("action", at(endpointsPath, mine, path))) {
			t.Errorf("who may only look is offered %s", path)
		}
	}
	if len(admin.prober.asked) != 0 {
		t.Errorf("connections of %v were tried", admin.prober.asked)
	}
}
