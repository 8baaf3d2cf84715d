package web_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const (
	jobsPath      = "/core/jobs/"
	schedulesPath = "/plugins/proxbox/sync-schedules/"
	changesPath   = "/core/changelog/"
	syncPath      = "/plugins/proxbox/sync/"
)

// malice is text that wants to be markup, and to turn what follows around.
const malice = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x01\u202egnirts"

// onlyText checks that malice is on a page, and is nothing but text.
func (g page) onlyText(t *testing.T) {
	t.Helper()
	for _, n := range g.all(tag("script")) {
		if textOf(n) != "" || n.FirstChild != nil {
			t.Errorf("a script runs: %s", n.FirstChild.Data)
		}
	}
	if g.has(tag("img"), with("src", "x")) {
		t.Error("text became markup")
	}
	if strings.ContainsAny(g.body, "\x01\u202e") {
		t.Error("the page has control characters")
	}
	if !strings.Contains(g.text(), "<script>alert(1)</script>") {
		t.Errorf("the text is not shown:\n%s", g.text())
	}
}

// number runs SQL that returns one number.
func (p *person) number(sql string, args ...any) (n int) {
	p.t.Helper()
	if err := p.pool.QueryRow(p.t.Context(), sql, args...).Scan(&n); err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// start starts a job through the API, and returns its id.
func (p *person) start(body map[string]any) int {
	p.t.Helper()
	status, answer := p.ask("POST", "/plugins/proxbox/sync/", body)
	if status != 202 {
		p.t.Fatalf("%d %v", status, answer)
	}
	return int(answer["id"].(float64))
}

func TestTheListOfJobsSaysWhatTheyReadAndWhatCameOfIt(t *testing.T) {
	admin := serve(t)
	a := admin.endpoint("prod")
	admin.endpoint("lab")
	one, both := admin.start(map[string]any{"types": []string{"replications"}, "endpoints": []int{a}}), admin.start(map[string]any{})
	admin.run("UPDATE job_parts SET status = 'completed', created = 2, unchanged = 1234 WHERE job_id = $1", one)
	admin.run("UPDATE jobs SET status = 'completed', started = now() - interval '90 s', completed = now() WHERE id = $1", one)
	g := admin.get(jobsPath).want(t, 200)
	rows := g.all(tag("tr"), with("data-row"))
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, want := range [][]string{{"Sync all", "Pending", "All", "2", "admin"}, {"Sync replications of prod", "Completed", "1 m 30 s", "Replications", "prod", "2 created, 1,234 unchanged"}} {
		for _, text := range want {
			if got := textOf(rows[i]); !strings.Contains(got, text) {
				t.Errorf("row %d lacks %q: %s", i, text, got)
			}
		}
	}
	if !slices.Contains(g.links(), at(jobsPath, both)) {
		t.Errorf("no link to the job: %v", g.links())
	}
	// Columns that are none of the API can be chosen like others.
	admin.post("/preferences/jobs/", url.Values{"next": {jobsPath}, "columns": {"name", "counts"}}).goes(t, jobsPath)
	if heads := admin.get(jobsPath).all(tag("th"), with("aria-sort")); len(heads) != 2 || textOf(heads[1]) != "Counts" {
		t.Errorf("%d columns", len(heads))
	}
}

func TestAJobThatGoesOnIsFollowedAndOneThatEndedIsNot(t *testing.T) {
	admin := serve(t)
	admin.endpoint("prod")
	id := admin.start(map[string]any{})
	stream := with("data-stream", fmt.Sprintf("/api/core/jobs/%d/stream/", id))
	g := admin.get(at(jobsPath, id)).want(t, 200)
	if !g.has(stream) || len(g.all(tag("tr"), with("data-part"))) != 3 || !g.has(tag("progress"), with("value", "0"), with("max", "3")) {
		t.Errorf("an open job:\n%s", g.body)
	}
	admin.run("UPDATE job_parts SET status = 'completed' WHERE job_id = $1", id)
	admin.run("UPDATE jobs SET status = 'completed', completed = now() WHERE id = $1", id)
	g = admin.get(at(jobsPath, id)).want(t, 200)
	if g.has(with("data-stream")) || g.has(tag("progress")) || !strings.Contains(g.text(), "3 of 3 parts done") || g.has(tag("a"), saying("Cancel")) {
		t.Errorf("an ended job:\n%s", g.body)
	}
	// As the same again.
	form := g.one(t, tag("form"), with("action", syncPath))
	to := admin.post(syncPath, g.sent(form)).header.Get("Location")
	if to != at(jobsPath, id+1) {
		t.Errorf("again leads to %q", to)
	}
}

func TestWhatIsWrongWithAJobIsShownAsText(t *testing.T) {
	admin := serve(t)
	e := admin.endpoint("prod")
	id := admin.start(map[string]any{"name": "<b>all</b>"})
	stored := strings.ReplaceAll(malice, "\x00", "")
	admin.run("UPDATE job_parts SET status = 'failed', error_kind = 'permission', error_text = $2, remedy = $2, missing_privilege = '/ Sys.Audit', endpoint_name = $2 WHERE job_id = $1", id, stored)
	admin.run("UPDATE jobs SET status = 'failed', error = $2, completed = now() WHERE id = $1", id, stored)
	admin.run("INSERT INTO job_logs (job_id, level, message) VALUES ($1, 'error', $2)", id, stored)
	for _, path := range []string{at(jobsPath, id), jobsPath, jobsPath + "?q=all"} {
		admin.get(path).want(t, 200).onlyText(t)
	}
	text := admin.get(at(jobsPath, id)).text()
	for _, want := range []string{"What to do: <script>", "Missing privilege: / Sys.Audit", "permission", "<b>all</b>", "error <script>"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if n := admin.number("SELECT count(*) FROM endpoints WHERE id = $1", e); n != 1 {
		t.Error("the endpoint is gone")
	}
}

func TestWhoMayDeleteJobsCancelsThem(t *testing.T) {
	admin := serve(t)
	e := admin.endpoint("prod")
	id := admin.start(map[string]any{"endpoints": []int{e}})
	watcher := admin.limited("watcher", permission{types: []string{"core.job"}, actions: []string{"view"}})
	if g := watcher.get(at(jobsPath, id)).want(t, 200); g.has(tag("a"), saying("Cancel")) || g.has(tag("form"), with("action", syncPath)) {
		t.Error("who may only look is offered to cancel or to start")
	}
	watcher.get(at(jobsPath, id, "cancel/")).want(t, 403)
	watcher.post(at(jobsPath, id, "cancel/"), nil).want(t, 403)
	stranger := admin.limited("stranger", permission{types: []string{"extras.tag"}, actions: []string{"view"}})
	stranger.get(jobsPath).want(t, 403)
	stranger.post(at(jobsPath, id, "cancel/"), nil).want(t, 404)
	if n := admin.number("SELECT count(*) FROM jobs WHERE status = 'pending'"); n != 1 {
		t.Fatal("it was cancelled")
	}
	operator := admin.limited("operator", permission{types: []string{"core.job"}, actions: []string{"view", "delete"}})
	to, _ := attr(operator.get(at(jobsPath, id)).one(t, tag("a"), saying("Cancel")), "href")
	asks := operator.get(to).want(t, 200)
	if !strings.Contains(asks.text(), "Cancel Sync all of prod? Sync all of prod ends as failed.") || !slices.Contains(asks.links(), at(jobsPath, id)) {
		t.Errorf("it asks %s", asks.text())
	}
	asks.one(t, tag("form"), with("action", to))
	dialog := operator.piece(to, "ask").want(t, 200)
	if textOf(dialog.one(t, with("id", "ask-title"))) != "Cancel Sync all of prod?" || !dialog.has(tag("form"), with("action", to)) || dialog.has(role("navigation")) {
		t.Errorf("the dialog is\n%s", dialog.body)
	}
	if n := admin.number("SELECT count(*) FROM jobs WHERE status = 'pending'"); n != 1 {
		t.Fatal("the question cancelled it")
	}
	operator.post(to, nil).goes(t, at(jobsPath, id))
	g := operator.get(at(jobsPath, id)).want(t, 200)
	for _, want := range []string{"Failed", "cancelled by operator", "Cancelled"} {
		if !strings.Contains(g.text(), want) {
			t.Errorf("the page lacks %q:\n%s", want, g.text())
		}
	}
	if g.has(tag("a"), saying("Cancel")) {
		t.Error("what ended can be cancelled")
	}
	if late := operator.get(to).want(t, 200); !strings.Contains(late.text(), "There is nothing to cancel.") || late.has(tag("button"), saying("Cancel the job")) {
		t.Errorf("who comes too late reads\n%s", late.text())
	}
	operator.post(to, nil).goes(t, at(jobsPath, id)) // once more changes nothing
}

func TestListsStartJobsOfTheirKind(t *testing.T) {
	admin := serve(t)
	prod, lab := admin.endpoint("prod"), admin.endpoint("lab")
	last := func() (types string, endpoints string) {
		t.Helper()
		if err := admin.pool.QueryRow(t.Context(), "SELECT kinds::text, endpoint_ids::text FROM jobs ORDER BY id DESC LIMIT 1").Scan(&types, &endpoints); err != nil {
			t.Fatal(err)
		}
		return types, endpoints
	}
	for path, want := range map[string]string{
		routinesPath: "{backup_routine} {}",
		replsPath:    "{replication} {}",
		replsPath + fmt.Sprintf("?endpoint_id=%d&status=stale", lab):            fmt.Sprintf("{replication} {%d}", lab),
		routinesPath + "?endpoint=prod":                                         fmt.Sprintf("{backup_routine} {%d}", prod),
		routinesPath + fmt.Sprintf("?endpoint_id=%d&endpoint_id=%d", lab, prod): fmt.Sprintf("{backup_routine} {%d,%d}", prod, lab),
		jobsPath + fmt.Sprintf("?proxmox_endpoint_id=%d", lab):                  fmt.Sprintf("{backup_routine,replication,inventory} {%d}", lab),
	} {
		g := admin.get(path).want(t, 200)
		to := admin.post(syncPath, g.sent(g.one(t, tag("form"), with("action", syncPath)))).want(t, 303).header.Get("Location")
		types, endpoints := last()
		if got := types + " " + endpoints; got != want || !strings.HasPrefix(to, jobsPath) {
			t.Errorf("%s starts %s and leads to %s, want %s", path, got, to, want)
		}
	}
}

func TestSyncNowReachesWhatItsUserMay(t *testing.T) {
	admin := serve(t)
	prod, lab := admin.endpoint("prod"), admin.endpoint("lab")
	see := []string{"netbox_proxbox.backuproutine", "netbox_proxbox.proxmoxendpoint"}
	viewer := admin.limited("viewer", permission{types: see, actions: []string{"view"}})
	if g := viewer.get(routinesPath).want(t, 200); g.has(tag("form"), with("action", syncPath)) {
		t.Error("who may not start jobs is offered to")
	}
	viewer.post(syncPath, url.Values{"types": {"all"}}).want(t, 403)
	starter := admin.limited("starter", append(toOne(lab, "view"), permission{types: []string{"core.job"}, actions: []string{"add"}})...)
	if got := starter.post(syncPath, url.Values{"types": {"all"}, "endpoints": {fmt.Sprint(prod)}}).want(t, 400).text(); strings.Contains(got, "prod ") || !strings.Contains(got, "Related object not found") {
		t.Errorf("an endpoint that is not theirs: %s", got)
	}
	starter.post(syncPath, url.Values{"types": {"nonsense"}}).want(t, 400)
	if n := admin.number("SELECT count(*) FROM jobs"); n != 0 {
		t.Fatalf("%d jobs were made", n)
	}
	// They may not look at jobs, so they stay.
	starter.post(syncPath, url.Values{"types": {"replications"}, "next": {routinesPath}}).goes(t, routinesPath)
	if n := admin.number("SELECT count(*) FROM jobs WHERE endpoint_ids = ARRAY[$1::integer]", lab); n != 1 {
		t.Error("it is not of their endpoint")
	}
	admin.ask("PATCH", at(endpointsPath, prod), map[string]any{"enabled": false})
	if got := admin.post(syncPath, url.Values{"endpoints": {fmt.Sprint(prod)}}).want(t, 400).text(); !strings.Contains(got, "Endpoint prod is disabled: enable it first.") {
		t.Errorf("a disabled endpoint: %s", got)
	}
}

func TestPagesOfJobsOfProxmoxSyncTheirEndpoint(t *testing.T) {
	f := newClusters(t)
	id := f.routine("nightly", f.lab, []int{100}, "")
	g := f.get(at(routinesPath, id)).want(t, 200)
	to := f.post(syncPath, g.sent(g.one(t, tag("form"), with("action", syncPath)))).want(t, 303).header.Get("Location")
	if n := f.number("SELECT count(*) FROM jobs WHERE kinds = '{backup_routine}' AND endpoint_ids = ARRAY[$1::integer] AND object_id = $1", f.lab); n != 1 || !strings.HasPrefix(to, jobsPath) {
		t.Errorf("%d such jobs, %s", n, to)
	}
	u := f.limited("viewer", toOne(f.lab, "view")...)
	if u.get(at(routinesPath, id)).want(t, 200).has(tag("form"), with("action", syncPath)) {
		t.Error("who may not start jobs is offered to")
	}
}

func TestJobsAreFilteredByWhatTheyRead(t *testing.T) {
	admin := serve(t)
	prod, lab := admin.endpoint("prod"), admin.endpoint("lab")
	admin.start(map[string]any{"types": []string{"replications"}, "endpoints": []int{prod}, "name": "first"})
	admin.start(map[string]any{"types": []string{"inventory"}, "endpoints": []int{lab}, "name": "second"})
	g := admin.get(jobsPath+"?tab=filters").want(t, 200)
	if n := len(all(g.control(t, "sync_type"), tag("option"))); n != 4 {
		t.Errorf("%d types to choose from", n)
	}
	for query, want := range map[string]string{"sync_type=replications": "first", "proxmox_endpoint_id=" + fmt.Sprint(lab): "second", "status=pending&q=seco": "second"} {
		rows := admin.get(jobsPath+"?"+query).want(t, 200).all(tag("tr"), with("data-row"))
		if len(rows) != 1 || !strings.Contains(textOf(rows[0]), want) {
			t.Errorf("%s: %d rows", query, len(rows))
		}
	}
}

// Trouble that all types of an endpoint have is said once, as long as it is the same.
func TestTheSameTroubleIsSaidOnce(t *testing.T) {
	admin := serve(t)
	e := admin.endpoint("prod")
	id := admin.start(map[string]any{})
	admin.run("UPDATE job_parts SET status = 'failed', error_kind = 'dns', error_text = 'no such host' WHERE job_id = $1", id)
	admin.run("UPDATE jobs SET status = 'failed', completed = now() WHERE id = $1", id)
	for _, kind := range []string{"backup_routine", "replication", "inventory"} {
		admin.run("INSERT INTO sync_states (endpoint_id, kind, status, since, error_kind, error_text) VALUES ($1, $2, 'failing', now(), 'dns', 'no such host')", e, kind)
	}
	if n := strings.Count(admin.get(at(jobsPath, id)).text(), "no such host"); n != 1 {
		t.Errorf("the page of the job says it %d times", n)
	}
	if text := textOf(admin.get(at(endpointsPath, e)).one(t, with("id", "sync-state"))); strings.Count(text, "no such host") != 1 || !strings.Contains(text, "Backup routines, Replications, Inventory dns no such host") {
		t.Errorf("the page of the endpoint says %s", text)
	}
	admin.run("UPDATE job_parts SET error_text = 'refused' WHERE job_id = $1 AND kind = 'inventory'", id)
	admin.run("UPDATE sync_states SET error_text = 'refused' WHERE kind = 'replication'")
	if text := admin.get(at(jobsPath, id)).text(); strings.Count(text, "no such host") != 1 || strings.Count(text, "refused") != 1 {
		t.Errorf("the page of the job says %s", text)
	}
	if text := textOf(admin.get(at(endpointsPath, e)).one(t, with("id", "sync-state"))); strings.Count(text, "no such host") != 2 || strings.Count(text, "refused") != 1 {
		t.Errorf("the page of the endpoint says %s", text)
	}
}
