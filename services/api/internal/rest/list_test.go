package rest_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// jobs makes the routines and replications that tests of lists ask for.
func (w *world) jobs() {
	w.t.Helper()
	for _, r := range []map[string]any{
		{"endpoint": w.prod, "job_id": "job-1", "schedule": "0 2 * * *", "node": w.node1, "storage": w.backup, "selection": []int{100}, "comment": "nightly", "keep_daily": 7, "next_run": "2026-04-02T02:00:00Z"},
		{"endpoint": w.prod, "job_id": "job-2", "enabled": false, "comment": "Weekly ünïcödé", "keep_last": 3},
		{"endpoint": w.prod, "job_id": "job-10", "node": w.node2, "storage": w.pbs, "status": "stale"},
		{"endpoint": w.prod, "job_id": "JOB-1", "comment": "case twin"},
		{"endpoint": w.prod, "job_id": "job_%", "comment": "100% like_wild"},
		{"endpoint": w.lab, "job_id": "job-1", "node": w.labNode, "comment": "nightly lab", "keep_daily": 14, "next_run": "2026-12-01T00:00:00Z"},
	} {
		w.make(routinesPath, r)
	}
	for _, r := range []map[string]any{
		{"endpoint": w.prod, "replication_id": "100-0", "virtual_machine": w.web, "proxmox_node": w.node1, "guest": 100, "target": "pve-node-02", "jobnum": 0, "source": "pve-node-01", "rate": 12.5},
		{"endpoint": w.prod, "replication_id": "100-1", "virtual_machine": w.web, "guest": 100, "target": "pve-node-03", "jobnum": 1, "disable": true, "remove_job": "full"},
		{"endpoint": w.lab, "replication_id": "100-0", "virtual_machine": w.lvm, "guest": 100, "target": "lab-b", "jobnum": 0, "status": "stale"},
		{"replication_id": "7-0", "virtual_machine": w.lvm, "guest": 7, "target": "lab-b", "jobnum": 0},
	} {
		w.make(replsPath, r)
	}
	w.plantSyncJobs()
}

// keys returns what a list finds, as key@endpoint.
func (s *server) keys(path string) []string {
	s.t.Helper()
	out := []string{}
	for _, o := range s.get(path).results(s.t) {
		key, _ := o["job_id"].(string)
		if key == "" {
			key, _ = o["replication_id"].(string)
		}
		if e, ok := o["endpoint"].(map[string]any); ok {
			key += "@" + strings.TrimSuffix(e["name"].(string), "-proxmox")
		}
		out = append(out, key)
	}
	return out
}

func TestFiltersFindWhatTheyAskFor(t *testing.T) {
	w := newWorld(t)
	w.jobs()
	all := "job-1@lab job_%@prod job-1@prod JOB-1@prod job-10@prod job-2@prod"
	for _, c := range []struct{ path, query, want string }{
		// the requests of the documents, in both spellings
		{routinesPath, "enabled=true", "job-1@lab job_%@prod job-1@prod JOB-1@prod job-10@prod"},
		{routinesPath, fmt.Sprint("storage_id=", w.backup), "job-1@prod"},
		{routinesPath, fmt.Sprint("storage=", w.backup), "job-1@prod"},
		{routinesPath, fmt.Sprintf("node_id=%d&status=active", w.node1), "job-1@prod"},
		{routinesPath, fmt.Sprintf("node=%d&status=active", w.node1), "job-1@prod"},
		{routinesPath, fmt.Sprintf("node=%d&status=active", w.node2), ""},
		{replsPath, fmt.Sprintf("virtual_machine_id=%d&status=active", w.web), "100-0@prod 100-1@prod"},
		{replsPath, "target=pve-node-02", "100-0@prod"},
		// references
		{routinesPath, fmt.Sprintf("node=%d&node=%d", w.node1, w.node2), "job-1@prod job-10@prod"},
		{routinesPath, "node=pve-node-01", "job-1@prod"},
		{routinesPath, "endpoint=lab", "job-1@lab"},
		{routinesPath, "node=null", "job_%@prod JOB-1@prod job-2@prod"},
		{routinesPath, fmt.Sprint("node__n=", w.node1), "job-1@lab job_%@prod JOB-1@prod job-10@prod job-2@prod"},
		{routinesPath, fmt.Sprint("node_id__n=", w.node1), "job-1@lab job_%@prod JOB-1@prod job-10@prod job-2@prod"},
		{routinesPath, "node=", all},
		{routinesPath, "node_id=", all},
		{replsPath, "endpoint=null", "7-0"},
		// texts
		{routinesPath, "job_id=job-1", "job-1@lab job-1@prod"},
		{routinesPath, "job_id=job-1&job_id=job-2", "job-1@lab job-1@prod job-2@prod"},
		{routinesPath, "job_id=job-1,job-2", ""},
		{routinesPath, "job_id__ic=_%25", "job_%@prod"},
		{routinesPath, "job_id__ie=JOB-1", "job-1@lab job-1@prod JOB-1@prod"},
		{routinesPath, "job_id__n=job-1&job_id__n=job-2", "job_%@prod JOB-1@prod job-10@prod"},
		{routinesPath, "job_id__nic=1", "job_%@prod job-2@prod"},
		{routinesPath, "job_id__isw=JOB-1", "job-1@lab job-1@prod JOB-1@prod job-10@prod"},
		{routinesPath, "job_id__iew=0", "job-10@prod"},
		{routinesPath, "job_id__regex=^job-[12]$", "job-1@lab job-1@prod job-2@prod"},
		{routinesPath, "job_id__iregex=^JOB-1$", "job-1@lab job-1@prod JOB-1@prod"},
		{routinesPath, "comment__empty=true", "job-10@prod"},
		{routinesPath, "comment__empty=false", "job-1@lab job_%@prod job-1@prod JOB-1@prod job-2@prod"},
		{routinesPath, "comment__empty=1", all},
		{routinesPath, "job_id=null", ""},
		{routinesPath, "job_id=", all},
		{routinesPath, "job_id__bogus=1&bogus=2", all},
		// choices
		{routinesPath, "status=stale", "job-10@prod"},
		{routinesPath, "status=stale&status=active", all},
		{routinesPath, "status__ic=sta", "job-10@prod"},
		{replsPath, "remove_job=null", "100-0@lab 100-0@prod 7-0"},
		{replsPath, "remove_job__n=full", "100-0@lab 100-0@prod 7-0"},
		// numbers
		{routinesPath, "keep_daily=7", "job-1@prod"},
		{routinesPath, "keep_daily=7.0&keep_daily=14", "job-1@lab job-1@prod"},
		{routinesPath, "keep_daily__gt=7", "job-1@lab"},
		{routinesPath, "keep_daily__lte=7", "job-1@prod"},
		{routinesPath, "keep_daily__n=7", "job-1@lab job_%@prod JOB-1@prod job-10@prod job-2@prod"},
		{routinesPath, "keep_daily__empty=false", "job-1@lab job-1@prod"},
		{routinesPath, "keep_daily=99999999999999999999", ""},
		{routinesPath, "keep_daily__lt=99999999999999999999", "job-1@lab job-1@prod"},
		{replsPath, "rate=12.5", "100-0@prod"},
		// booleans: NetBox knows few spellings and ignores the others
		{routinesPath, "enabled=False", "job-2@prod"},
		{routinesPath, "enabled=3", "job-2@prod"},
		{routinesPath, "enabled=0", all},
		{routinesPath, "enabled=true&enabled=false", "job-2@prod"},
		// times
		{routinesPath, "next_run__gte=2026-11-01", "job-1@lab"},
		{routinesPath, "next_run=2026-04-02T04:00:00%2B02:00", "job-1@prod"},
		{routinesPath, "created__gt=2000-01-01 10:00", all},
		// search
		{routinesPath, "q=NIGHTLY", "job-1@lab job-1@prod"},
		{routinesPath, "q=ÜNÏ", "job-2@prod"},
		{routinesPath, "q=%25", "job_%@prod"},
		{routinesPath, "q= ", all},
		{routinesPath, "q=nightly&q=lab", "job-1@lab"},
		{replsPath, "q=WEB-SERVER", "100-0@prod 100-1@prod"},
		{replsPath, "q=pve-node-0&disable=true", "100-1@prod"},
		// order
		{routinesPath, "ordering=-job_id", "job-2@prod job-10@prod JOB-1@prod job-1@prod job-1@lab job_%@prod"},
		{routinesPath, "ordering=keep_daily,-job_id", "job-1@prod job-1@lab job-2@prod job-10@prod JOB-1@prod job_%@prod"},
		{routinesPath, "ordering=-keep_last", "job-1@prod job-10@prod JOB-1@prod job_%@prod job-1@lab job-2@prod"},
		{routinesPath, "ordering=-endpoint,job_id", "job_%@prod job-1@prod JOB-1@prod job-10@prod job-2@prod job-1@lab"},
		{routinesPath, "ordering=node,-job_id", "job-1@lab job-1@prod job-10@prod job-2@prod JOB-1@prod job_%@prod"},
		{routinesPath, "ordering=-node,job_id", "job_%@prod JOB-1@prod job-2@prod job-10@prod job-1@prod job-1@lab"},
		{routinesPath, "ordering=display,bogus,id__x", all},
		{replsPath, "ordering=virtual_machine,-replication_id", "7-0 100-0@lab 100-1@prod 100-0@prod"},
	} {
		u := c.path + "?" + strings.ReplaceAll(c.query, " ", "+")
		got := strings.Join(w.keys(u), " ")
		if got != c.want {
			t.Errorf("?%s\ngot  %s\nwant %s", c.query, got, c.want)
		}
	}
}

func TestBadFiltersSayWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	w.jobs()
	for _, c := range []struct{ path, query, want string }{
		{routinesPath, "keep_last=abc", `{"keep_last":["Enter a whole number."]}`},
		{routinesPath, "keep_last=null", `{"keep_last":["Enter a whole number."]}`},
		{routinesPath, "keep_last__gt=1.5", `{"keep_last__gt":["Enter a whole number."]}`},
		{routinesPath, "id=1,3", `{"id":["Enter a whole number."]}`},
		{routinesPath, "status=Active", `{"status":["Select a valid choice. Active is not one of the available choices."]}`},
		{routinesPath, "created=garbage", `{"created":["Enter a valid date/time."]}`},
		{routinesPath, "last_updated__empty=true", `{"last_updated__empty":["Enter a valid date/time."]}`},
		{routinesPath, "created_by_request=garbage", `{"created_by_request":["Enter a valid UUID."]}`},
		{routinesPath, "node=999999", `{"node":["Select a valid choice. That choice is not one of the available choices."]}`},
		{routinesPath, "node=nobody", `{"node":["Select a valid choice. That choice is not one of the available choices."]}`},
		{routinesPath, "node_id=999999", `{"node_id":["Select a valid choice. 999999 is not one of the available choices."]}`},
		{routinesPath, "node_id=abc", `{"node_id":["“abc” is not a valid value."]}`},
		{routinesPath, "endpoint=null", `{"endpoint":["Select a valid choice. That choice is not one of the available choices."]}`},
		{routinesPath, "tag=bogus", `{"tag":["Select a valid choice. bogus is not one of the available choices."]}`},
		{routinesPath, "keep_last=x&status=y", `{"keep_last":["Enter a whole number."],"status":["Select a valid choice. y is not one of the available choices."]}`},
		{routinesPath, "job_id__regex=(", `{"job_id__regex":["Enter a valid regular expression."]}`},
		{routinesPath, "job_id=a%00b", `{"job_id":["Null characters are not allowed."]}`},
		{routinesPath, "q=%00", `{"q":["Null characters are not allowed."]}`},
		{routinesPath, "start=0&offset=1", `["'start' and 'offset' are mutually exclusive."]`},
		{routinesPath, "start=0&ordering=job_id", `["Ordering cannot be specified in conjunction with cursor-based pagination."]`},
		{routinesPath, "start=-1", `["Invalid 'start' parameter: must be a non-negative integer."]`},
		{routinesPath, "start=", `["Invalid 'start' parameter: must be a non-negative integer."]`},
	} {
		w.get(c.path+"?"+c.query).want(t, 400, c.want)
	}
}

func TestPagesLinkToEachOther(t *testing.T) {
	w := newWorld(t)
	w.jobs()
	base := w.http.URL + routinesPath
	for _, c := range []struct {
		query          string
		count          any
		next, previous any
		rows           int
	}{
		{"", 6.0, nil, nil, 6},
		{"limit=2", 6.0, base + "?limit=2&offset=2", nil, 2},
		{"limit=2&offset=2", 6.0, base + "?limit=2&offset=4", base + "?limit=2", 2},
		{"limit=2&offset=1", 6.0, base + "?limit=2&offset=3", base + "?limit=2", 2},
		{"limit=2&offset=98", 6.0, nil, base + "?limit=2&offset=96", 0},
		{"offset=3", 6.0, nil, base + "?limit=50", 3},
		{"limit=0", 6.0, nil, nil, 6},
		{"limit=abc&offset=-3", 6.0, nil, nil, 6},
		{"limit=99999999999999999999", 6.0, nil, nil, 6},
		{"limit=2&zzz=1&a=b c&zzz=0&b=", 6.0, base + "?a=b+c&b=&limit=2&offset=2&zzz=1&zzz=0", nil, 2},
		{"limit=2&x=%zz", 6.0, base + "?limit=2&offset=2&x=%25zz", nil, 2},
		{"start=0&limit=4", nil, base + "?limit=4&start=5", nil, 4},
		{"start=5&limit=4", nil, nil, nil, 2},
		{"start=999999999", nil, nil, nil, 0},
	} {
		t.Run(c.query, func(t *testing.T) {
			a := w.get(routinesPath + "?" + strings.ReplaceAll(c.query, " ", "+"))
			got := a.json(t)
			if got["count"] != c.count || got["next"] != c.next || got["previous"] != c.previous || len(a.results(t)) != c.rows {
				t.Errorf("count %v, next %v, previous %v, %d rows", got["count"], got["next"], got["previous"], len(a.results(t)))
			}
			if !strings.HasPrefix(a.body, `{"count":`) || strings.Index(a.body, `"next":`) > strings.Index(a.body, `"previous":`) {
				t.Errorf("keys are out of order: %.80s", a.body)
			}
		})
	}
}

func TestWalkingAListReturnsEachRowOnce(t *testing.T) {
	w := newWorld(t)
	w.jobs()
	for _, query := range []string{"limit=1", "limit=4&ordering=status", "limit=2&start=0", "limit=3&ordering=-enabled"} {
		seen := []float64{}
		for next := routinesPath + "?" + query; next != ""; {
			a := w.get(next)
			for _, o := range a.results(t) {
				seen = append(seen, o["id"].(float64))
			}
			next, _ = a.json(t)["next"].(string)
		}
		slices.Sort(seen)
		if diff := cmp.Diff([]float64{1, 2, 3, 4, 5, 6}, seen); diff != "" {
			t.Errorf("?%s: %s", query, diff)
		}
	}
}

func TestSelectionsShape(t *testing.T) {
	w := newWorld(t)
	w.jobs()
	keys := func(query string) string {
		var page struct{ Results []json.RawMessage }
		if err := json.Unmarshal([]byte(w.get(routinesPath+"?limit=1&"+query).body), &page); err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(strings.NewReader(string(page.Results[0])))
		var names []string
		depth := 0
		for expectKey := false; ; {
			tok, err := d.Token()
			if err != nil {
				return strings.Join(names, ",")
			}
			switch v := tok.(type) {
			case json.Delim:
				if v == '{' || v == '[' {
					depth++
				} else {
					depth--
				}
				expectKey = depth == 1
			case string:
				if depth == 1 && expectKey {
					names, expectKey = append(names, v), false
				} else {
					expectKey = depth == 1
				}
			default:
				expectKey = depth == 1
			}
		}
	}
	for query, want := range map[string]string{
		"brief=1":                      "id,url,display,endpoint,job_id,enabled,schedule,next_run,storage,status",
		"brief=false":                  "id,url,display,endpoint,job_id,enabled,schedule,next_run,storage,status",
		"fields=status,id,bogus":       "id,status",
		"fields=bogus":                 "",
		"brief=1&fields=job_id":        "job_id",
		"fields=job_id&omit=job_id":    "job_id",
		"brief=1&omit=" + allBut(t, w): "id,job_id",
	} {
		if got := keys(query); got != want {
			t.Errorf("?%s: %s, want %s", query, got, want)
		}
	}
	if got := keys("exclude=config_context&brief="); !strings.HasPrefix(got, "id,url,display,endpoint,job_id,enabled,schedule,next_run,node,storage,selection") {
		t.Errorf("whole object: %s", got)
	}
	a := w.get(routinesPath + "?limit=1&format=json&fields=url,endpoint")
	if n := strings.Count(a.body, `/?format=json"`); n != 2 {
		t.Errorf("%d addresses keep the format, want 2: %s", n, a.body)
	}
}

// allBut lists the fields of a routine without id and job_id.
func allBut(t *testing.T, w *world) string {
	t.Helper()
	var names []string
	for name := range w.get(routinesPath + "?limit=1").results(t)[0] {
		if name != "id" && name != "job_id" {
			names = append(names, name)
		}
	}
	return url.QueryEscape(strings.Join(names, ","))
}
