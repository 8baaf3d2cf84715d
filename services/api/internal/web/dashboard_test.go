package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// tile is what a tile of the dashboard says: its total and its parts, "4: Failing 1, Partial 0 …".
func (g page) tile(t *testing.T, title string) string {
	t.Helper()
	box := g.one(t, tag("section"), class("tile"), with("aria-label", title))
	var parts []string
	for _, li := range all(box, tag("li")) {
		parts = append(parts, textOf(li))
	}
	return textOf(all(box, tag("strong"))[0]) + ": " + strings.Join(parts, ", ")
}

// fleet makes two endpoints with jobs: prod is read well, lab fails.
func (p *person) fleet() (prod, lab int) {
	p.t.Helper()
	prod, lab = p.endpoint("prod"), p.endpoint("lab")
	for _, id := range []int{prod, lab} {
		for _, kind := range []string{"backup_routine", "replication", "inventory"} {
			p.run("INSERT INTO sync_states (endpoint_id, kind, status, since, last_seen) VALUES ($1, $2, 'ok', now(), now() - interval '30 seconds')", id, kind)
		}
	}
	p.run("UPDATE sync_states SET status = 'failing', error_text = 'lab <s>is</s> down', last_seen = now() - interval '3 hours' WHERE endpoint_id = $1 AND kind = 'replication'", lab)
	for i, endpoint := range []int{prod, prod, prod, lab, lab} {
		cluster := 0
		if err := p.pool.QueryRow(p.t.Context(), `INSERT INTO clusters (name, endpoint_id) VALUES ('c' || $1::integer, $1::integer)
			ON CONFLICT (endpoint_id) DO UPDATE SET name = excluded.name RETURNING id`, endpoint).Scan(&cluster); err != nil {
			p.t.Fatal(err)
		}
		var storage int
		if err := p.pool.QueryRow(p.t.Context(), "INSERT INTO storages (name, cluster_id) VALUES ('nfs', $1) ON CONFLICT (cluster_id, name) DO UPDATE SET name = 'nfs' RETURNING id", cluster).Scan(&storage); err != nil {
			p.t.Fatal(err)
		}
		p.make(routinesPath, map[string]any{"endpoint": endpoint, "job_id": fmt.Sprintf("backup-%d", i), "schedule": "*:0/30", "storage": storage, "enabled": i != 1})
	}
	p.run("UPDATE backup_routines SET status = 'stale', next_run = NULL WHERE job_id = 'backup-2'")
	return prod, lab
}

func TestTheDashboardCountsWhatIsThereWorstFirst(t *testing.T) {
	admin := serve(t)
	_, lab := admin.fleet()
	shown := admin.get("/").want(t, 200)
	for title, want := range map[string]string{
		"Proxmox Endpoints": "2: Failing 1, Partial 0, Never 0, OK 1, Disabled 0",
		"Backup Routines":   "5: Active 3, Stale 1, Disabled 1",
		"Replications":      "0: Active 0, Stale 0, Disabled 0",
	} {
		if got := shown.tile(t, title); got != want {
			t.Errorf("%s: got %s, want %s", title, got, want)
		}
	}
	rows := all(shown.one(t, with("id", "worst")), tag("tr"), with("data-row"))
	if len(rows) != 2 || textOf(rows[0]) != "lab Failing 3 h lab <s>is</s> down" || !strings.HasPrefix(textOf(rows[1]), "prod OK 30 s") {
		t.Errorf("the worst are %q", texts(rows))
	}
	// What a tile counts is what its link lists.
	for _, a := range all(shown.one(t, with("id", "tiles")), tag("a")) {
		to, _ := attr(a, "href")
		list := admin.get(to).want(t, 200)
		if got, want := textOf(list.one(t, with("id", "count"))), textOf(all(a, tag("strong"))[0]); got != want {
			t.Errorf("%s lists %s, but the tile says %s", to, got, want)
		}
	}
	admin.post(at(endpointsPath, lab, "sync/"), nil)
	if !strings.Contains(textOf(admin.get("/").one(t, with("id", "running"))), "Sync all of lab Pending") {
		t.Error("the job that waits is not shown")
	}
}

func TestTheTimelineShowsEveryRunOfTheNextDayWithALinkToItsRoutines(t *testing.T) {
	admin := serve(t)
	admin.fleet()
	shown := admin.get("/").want(t, 200)
	picture := shown.one(t, tag("svg"), class("timeline"))
	if n := len(all(picture, class("lane-name"))); n != 2 {
		t.Errorf("%d lanes, want 2: one for each storage with runs", n)
	}
	marks := all(picture, tag("a"))
	if len(marks) < 94 || len(marks) > 98 {
		t.Errorf("%d marks, want one for each half hour of both storages", len(marks))
	}
	var listed []string
	for _, m := range []*html.Node{marks[0], marks[len(marks)-1]} {
		to, _ := attr(m, "href")
		list := admin.get(to).want(t, 200)
		for _, tr := range list.all(tag("tr"), with("data-row")) {
			listed = append(listed, textOf(all(tr, tag("a"))[0]))
		}
	}
	slices.Sort(listed)
	if want := "[backup-0 backup-3 backup-4]"; fmt.Sprint(listed) != want {
		t.Errorf("the marks lead to %v, want %s", listed, want)
	}
	if !strings.Contains(textOf(shown.one(t, with("aria-labelledby", "timeline-title"), tag("section"))), "UTC is assumed") {
		t.Error("nothing says that the zone is assumed")
	}
}

func TestTheDashboardHasATableBehindEachPicture(t *testing.T) {
	admin := serve(t)
	admin.fleet()
	shown := admin.get("/").want(t, 200)
	for _, title := range []string{"timeline-title", "changes-title"} {
		box := shown.one(t, tag("section"), with("aria-labelledby", title))
		if len(all(box, tag("svg"), with("role", "group"))) != 1 || len(all(box, tag("details"))) != 1 || len(all(box, tag("table"))) == 0 {
			t.Errorf("%s: no picture, or no table", title)
		}
	}
	changes := shown.one(t, tag("section"), with("aria-labelledby", "changes-title"))
	days := all(changes, tag("svg"))[0]
	if n := len(all(days, tag("a"))); n != 14 {
		t.Errorf("%d days", n)
	}
	today := all(days, tag("a"))[13]
	to, _ := attr(today, "href")
	all := textOf(admin.get(to).want(t, 200).one(t, with("id", "count")))
	if got, _ := attr(today, "aria-label"); !strings.HasSuffix(got, ": "+all+" changes") {
		t.Errorf("the bar says %q, the list has %s", got, all)
	}
}

func TestTheDashboardOfWhoIsLimitedToAnEndpointKnowsNoOther(t *testing.T) {
	admin := serve(t)
	prod, _ := admin.fleet()
	limited := admin.limited("limited", toOne(prod, "view")...)
	shown := limited.get("/").want(t, 200)
	for title, want := range map[string]string{
		"Proxmox Endpoints": "1: Failing 0, Partial 0, Never 0, OK 1, Disabled 0",
		"Backup Routines":   "3: Active 1, Stale 1, Disabled 1",
	} {
		if got := shown.tile(t, title); got != want {
			t.Errorf("%s: got %s, want %s", title, got, want)
		}
	}
	if strings.Contains(shown.text(), "lab") {
		t.Errorf("it tells of another endpoint:\n%s", shown.text())
	}
	if n := len(all(shown.one(t, tag("svg"), class("timeline")), class("lane-name"))); n != 1 {
		t.Errorf("%d lanes", n)
	}
	for _, id := range []string{"running", "changes-title"} {
		if shown.has(with("id", id)) {
			t.Errorf("%s is shown to who may not view it", id)
		}
	}
	nobody := admin.limited("nobody").get("/").want(t, 200)
	if !strings.Contains(nobody.text(), "There is nothing here that you may see") || nobody.has(class("tile")) {
		t.Errorf("who may see nothing is shown\n%s", nobody.text())
	}
}

func TestAnEmptyDashboardSaysHowToBegin(t *testing.T) {
	admin := serve(t)
	shown := admin.get("/").want(t, 200)
	for _, part := range []string{"pveum acl modify / --users proxops@pve --roles PVEAuditor", "pveum user token add proxops@pve reader"} {
		if !strings.Contains(shown.text(), part) {
			t.Errorf("it does not say %q", part)
		}
	}
	if !slices.Contains(shown.links(), endpointsPath+"add/") {
		t.Error("it does not lead to the form")
	}
	viewer := admin.limited("viewer", permission{types: []string{"netbox_proxbox.proxmoxendpoint"}, actions: []string{"view"}})
	if got := viewer.get("/").want(t, 200); slices.Contains(got.links(), endpointsPath+"add/") {
		t.Error("who may not add an endpoint is asked to")
	}
}

func texts(nodes []*html.Node) (out []string) {
	for _, n := range nodes {
		out = append(out, textOf(n))
	}
	return out
}

// Whoever may see a routine is told when it runs, even if they may not see the endpoint whose clock it goes by.
func TestTheTimelineGoesByTheClockOfClustersThatOneMayNotSee(t *testing.T) {
	admin := serve(t)
	tokyo := admin.endpoint("tokyo")
	admin.run("UPDATE endpoints SET time_zone = 'Asia/Tokyo' WHERE id = $1", tokyo)
	// It begins a minute ago, so that the next run is as far away as can be.
	last := time.Now().UTC().Add(-time.Minute)
	admin.make(routinesPath, map[string]any{"endpoint": tokyo, "job_id": "nightly", "schedule": last.Add(9 * time.Hour).Format("15:04")})
	eve := admin.limited("eve", permission{types: []string{"netbox_proxbox.backuproutine"}, actions: []string{"view"}})
	for name, who := range map[string]*person{"admin": admin, "eve": eve} {
		section := who.get("/").want(t, 200).one(t, with("aria-labelledby", "timeline-title"), tag("section"))
		times := all(section, tag("time"))
		if len(times) == 0 || strings.Contains(textOf(section), "UTC is assumed") {
			t.Errorf("%s reads: %s", name, textOf(section))
		}
		for _, at := range times {
			if when, _ := attr(at, "datetime"); !strings.HasSuffix(when, last.Format("T15:04:00Z")) {
				t.Errorf("%s is told of a run at %s", name, when)
			}
		}
	}
}
