package pvesim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/pvesim"
)

func TestIDsOf64AllChangeWithEveryEdit(t *testing.T) {
	c, client := start(t, "6.4")
	before := client.ids("/cluster/backup")
	if again := client.ids("/cluster/backup"); !slices.Equal(before, again) {
		t.Fatalf("ids changed without an edit: %v, then %v", before, again)
	}
	c.Edit(func(w *pvesim.World) { w.Replications = w.Replications[1:] })
	if again := client.ids("/cluster/backup"); !slices.Equal(before, again) {
		t.Errorf("ids changed with a file that is not theirs: %v, then %v", before, again)
	}
	c.Edit(func(w *pvesim.World) { w.Backup("line-3").BWLimit = new(1) })
	after := client.ids("/cluster/backup")
	for i, id := range after {
		digest, ordinal, _ := strings.Cut(id, ":")
		if len(digest) != 40 || ordinal != fmt.Sprint(i+1) || slices.Contains(before, id) {
			t.Errorf("id %d is %s after an edit; it was %s", i+1, id, before[i])
		}
	}
	if got := client.refusal("/cluster/backup/" + before[0]); got != "400 Parameter verification failed." {
		t.Errorf("the old id is answered with %q", got)
	}
	client.get("/cluster/backup/" + after[0])
	c.Edit(func(w *pvesim.World) { w.Backup("line-3").BWLimit = new(51200) })
	back := client.ids("/cluster/backup")
	if slices.Equal(back, after) {
		t.Error("ids stayed although the file changed back")
	}
}

func TestLeftoversChangeTheirIDsTogetherAndAlone(t *testing.T) {
	c, client := start(t, "7.4")
	jobs, _ := pvesim.FixtureCron()
	c.Edit(func(w *pvesim.World) { w.Backups = append(w.Backups, jobs...) })
	before := client.ids("/cluster/backup")
	c.Edit(func(w *pvesim.World) { w.Backup("backup-pool-prod").Comment = "x" })
	if again := client.ids("/cluster/backup"); !slices.Equal(before, again) {
		t.Errorf("an edit of jobs.cfg changed ids: %v, then %v", before, again)
	}
	c.Edit(func(w *pvesim.World) { w.Backup("leftover-2").Disabled = false })
	after := client.ids("/cluster/backup")
	if after[0] == before[0] || after[1] == before[1] || !slices.Equal(after[2:], before[2:]) {
		t.Errorf("an edit of vzdump.cron: ids were %v, are %v", before, after)
	}
}

func TestOptionsUnknownToAReleaseDropTheLineOrTheOption(t *testing.T) {
	for version, want := range map[string][]string{
		"6.4": {"old", "sized", "new"}, "7.4": {"old", "new"}, "8.4": {"old", "new"}, "9.2": {"new"},
	} {
		c, client := start(t, version)
		c.Edit(func(w *pvesim.World) {
			w.Backups = []pvesim.BackupJob{
				{ID: "old", Cron: true, Schedule: "02:00", MaxFiles: new(3), Storage: "old"},
				{ID: "sized", Cron: true, Schedule: "02:00", Size: new(1024), Storage: "sized"},
				{ID: "new", Schedule: "02:00", MaxFiles: new(3), Storage: "new"},
			}
		})
		var got []string
		for _, row := range client.rows("/cluster/backup") {
			got = append(got, row["storage"].(string))
			if _, ok := row["maxfiles"]; ok && version == "9.2" {
				t.Errorf("9.2 knows maxfiles: %v", row)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s lists %v, want %v", version, got, want)
		}
	}
}

func TestJobsOfOtherTypesAreNotListed(t *testing.T) {
	c, client := start(t, "9.2")
	c.Edit(func(w *pvesim.World) { w.Backups[0].Type = "realm-sync" })
	if n := len(client.rows("/cluster/backup")); n != 4 {
		t.Errorf("%d jobs are listed, want 4", n)
	}
	if got := client.refusal("/cluster/backup/backup-0d5a6f1c-9e3b"); !strings.HasPrefix(got, "400 ") {
		t.Errorf("a realm-sync job is answered with %q", got)
	}
}

func TestCommentsAreReadAsTheirVersionWroteThem(t *testing.T) {
	for version, want := range map[string]string{"7.4": "aAb 50% ü:", "8.4": "a%41b 50% ü:", "9.2": "a%41b 50% ü:"} {
		c, client := start(t, version)
		c.Edit(func(w *pvesim.World) {
			w.Backups[0].Comment = "a%41b 50% ü:"
			w.Replications[0].Comment = "a%41b 50% ü:"
		})
		for _, path := range []string{"/cluster/backup", "/cluster/replication"} {
			if got := client.rows(path)[0]["comment"]; got != want {
				t.Errorf("%s %s: comment %q, want %q", version, path, got, want)
			}
		}
	}
}

func TestIDsLongerThanFiftyAreListedButNotAnswered(t *testing.T) {
	c, client := start(t, "8.4")
	long := strings.Repeat("a", 51)
	c.Edit(func(w *pvesim.World) { w.Backups[0].ID = long })
	if got := client.ids("/cluster/backup")[0]; got != long {
		t.Errorf("listed as %q", got)
	}
	status, body, err := client.do(http.MethodGet, "/api2/json/cluster/backup/"+long)
	if err != nil || status != "400 Parameter verification failed." || !strings.Contains(string(body), "may only be 50 characters long") {
		t.Errorf("answered with %s %s %v", status, body, err)
	}
	c.Edit(func(w *pvesim.World) { w.Backups[0].ID = long[:50] })
	client.get("/cluster/backup/" + long[:50])
}

func TestIDsMayBeEscaped(t *testing.T) {
	c, client := start(t, "6.4")
	client.get("/cluster/backup/" + strings.ReplaceAll(c.BackupIDs()[0], ":", "%3A"))
	if n := c.Requests()["GET /cluster/backup/{id}"]; n != 1 {
		t.Errorf("counted %v", c.Requests())
	}
}

func TestGuestsOneMayNotSeeAreLeftOut(t *testing.T) {
	for _, version := range []string{"8.4", "9.2"} {
		c, client := start(t, version)
		c.DenyVM(100)
		if diff := cmp.Diff([]string{"101-0", "205-0", "300-7", "999-0"}, client.ids("/cluster/replication")); diff != "" {
			t.Errorf("%s: replications (-want +got):\n%s", version, diff)
		}
		if ids := client.ids("/cluster/resources?type=vm"); slices.Contains(ids, "qemu/100") || len(ids) != 6 {
			t.Errorf("%s: guests %v", version, ids)
		}
		c.Allow()
		if n := len(client.ids("/cluster/replication")); n != 6 {
			t.Errorf("%s: %d replications after all, want 6", version, n)
		}
	}
}

func TestMigrationSwapsSourceAndTargetUnderTheSameID(t *testing.T) {
	c, client := start(t, "8.4")
	c.Edit(func(w *pvesim.World) { w.Migrate(100, "pve2") })
	got := map[any][2]any{}
	for _, row := range client.rows("/cluster/replication")[:2] {
		got[row["id"]] = [2]any{row["source"], row["target"]}
	}
	want := map[any][2]any{"100-0": {"pve2", "pve1"}, "100-1": {"pve2", "pve3"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after the migration (-want +got):\n%s", diff)
	}
}

func TestTheLockingCallWritesToTheCluster(t *testing.T) {
	c, client := start(t, "8.4")
	c.ExpectLocking()
	client.get("/nodes/pve1/replication")
	w := c.World()
	if got := w.Replication("101-0").Source; got != "pve1" {
		t.Errorf("source is %q, want it filled in", got)
	}
	want := []string{"GET /nodes/pve1/replication"}
	if diff := cmp.Diff(want, c.Locking()); diff != "" {
		t.Errorf("locking (-want +got):\n%s", diff)
	}
}

func TestParametersAreVerified(t *testing.T) {
	_, client := start(t, "9.2")
	for path, want := range map[string]string{
		"/cluster/backup?limit=1":                                   `"limit":"property is not defined in schema`,
		"/cluster/resources?type=guest":                             `"type":"value 'guest' does not have a value in the enumeration`,
		"/cluster/jobs/schedule-analyze":                            `"schedule":"property is missing`,
		"/cluster/jobs/schedule-analyze?schedule=0+2+*+*+*":         `"schedule":"invalid format`,
		"/cluster/jobs/schedule-analyze?schedule=5&iterations=101":  `"iterations":"value must have a maximum`,
		"/cluster/jobs/schedule-analyze?schedule=5&iterations=many": `"iterations":"type check`,
		"/cluster/jobs/schedule-analyze?schedule=5&starttime=-1":    `"starttime":"value must have a minimum`,
	} {
		status, body, err := client.do(http.MethodGet, "/api2/json"+path)
		if err != nil || status != "400 Parameter verification failed." || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s %s %v, want %s", path, status, body, err, want)
		}
	}
}

func TestSchedulesAreAnalysed(t *testing.T) {
	_, client := start(t, "8.4")
	rows := client.rows("/cluster/jobs/schedule-analyze?schedule=*/15&starttime=1795280000")
	if len(rows) != 10 || rows[0]["utc"] != "Sat Nov 21 17:00:00 2026" || rows[9]["utc"] != "Sat Nov 21 19:15:00 2026" {
		t.Errorf("%v", rows)
	}
	if rows := client.rows("/cluster/jobs/schedule-analyze?schedule=02-30"); len(rows) != 0 {
		t.Errorf("the 30th of February comes at %v", rows)
	}
}

func TestResourcesWithoutATypeAreAllOfThem(t *testing.T) {
	_, client := start(t, "8.4")
	count := map[any]int{}
	for _, row := range client.rows("/cluster/resources") {
		count[row["type"]]++
	}
	want := map[any]int{"pool": 1, "qemu": 5, "lxc": 2, "node": 3, "storage": 9}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("rows by type (-want +got):\n%s", diff)
	}
}

func TestRequestsAreCountedByTemplateAndByPath(t *testing.T) {
	c, client := start(t, "9.2")
	client.get("/version")
	client.get("/version")
	client.get("/cluster/replication/100-0")
	client.refusal("/cluster/replication/1-0")
	client.refusal("/no/such/call")
	templates := map[string]int{"GET /version": 2, "GET /cluster/replication/{id}": 2, "GET /no/such/call": 1}
	if diff := cmp.Diff(templates, c.Requests()); diff != "" {
		t.Errorf("by template (-want +got):\n%s", diff)
	}
	paths := map[string]int{"GET /version": 2, "GET /cluster/replication/100-0": 1, "GET /cluster/replication/1-0": 1, "GET /no/such/call": 1}
	if diff := cmp.Diff(paths, c.RawRequests()); diff != "" {
		t.Errorf("by path (-want +got):\n%s", diff)
	}
	c.ResetRequests()
	if n := len(c.Requests()) + len(c.RawRequests()); n != 0 {
		t.Errorf("%d counters are left", n)
	}
}

func TestNodeReplicationsOfHiddenGuestsFailOrAreLeftOut(t *testing.T) {
	for _, version := range pvesim.Versions() {
		c, client := start(t, version)
		c.ExpectLocking()
		c.DenyVM(100)
		if version < "9" {
			if got := client.refusal("/nodes/pve1/replication"); got != "403 Permission check failed (/vms/100, VM.Audit)" {
				t.Errorf("%s: %q", version, got)
			}
			continue
		}
		if diff := cmp.Diff([]string{"101-0", "300-7"}, client.ids("/nodes/pve1/replication")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", version, diff)
		}
	}
}

func TestTheStateOfADisabledReplicationIsKnownSince8(t *testing.T) {
	for version, want := range map[string]string{
		"6.4": "500 no such replication job '100-1'", "7.4": "500 no such replication job '100-1'", "8.4": "200 OK", "9.2": "200 OK",
	} {
		c, client := start(t, version)
		c.ExpectLocking()
		if got := client.refusal("/nodes/pve1/replication/100-1/status"); got != want {
			t.Errorf("%s: %q, want %q", version, got, want)
		}
	}
}

func TestAStandaloneHostKnowsNoCluster(t *testing.T) {
	_, client := start(t, "9.2", pvesim.WithWorld(pvesim.Generate("alone", 1, 1, 4, 3)))
	rows := client.rows("/cluster/status")
	if len(rows) != 1 || rows[0]["type"] != "node" || rows[0]["nodeid"] != json.Number("0") {
		t.Errorf("status %v", rows)
	}
	if nodes, jobs := client.ids("/nodes"), client.ids("/cluster/backup"); len(nodes) != 1 || len(jobs) != 3 {
		t.Errorf("nodes %v, jobs %v", nodes, jobs)
	}
}

func TestANameGivenToNewIsThatOfAnyWorld(t *testing.T) {
	_, client := start(t, "9.2", pvesim.WithName("bravo"), pvesim.WithWorld(pvesim.Generate("alpha", 1, 2, 4, 3)))
	if got := client.rows("/cluster/status")[0]["name"]; got != "bravo" {
		t.Errorf("the cluster is called %v", got)
	}
}
