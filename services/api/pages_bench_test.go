package api_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkPages holds the lists that people look at, as whole pages with HTTP and a session, against the SQL of the same rows and their count, on the
// database of BenchmarkLists with a change log of 200,000 rows. Both take turns. Each page reports
//
//	p50_ratio, p99_ratio  time of the page in multiples of the SQL's (aim: at most 3 for full pages)
//	page_ms, bare_ms      the medians; for a page of few rows, as those of one machine, the session and the frame are most of it (aim: 2 ms more)
//	kB                    of the page
//
// Dashboard and Calendar are held against reading the jobs that they are made of. FirstVisit reports what a browser that was never here gets for a list: kB of HTML, and of scripts and styles together as they are sent.
func BenchmarkPages(b *testing.B) {
	l := newLists(b)
	if _, err := l.pool.Exec(b.Context(), benchChanges); err != nil {
		b.Fatal(err)
	}
	l.login(b)
	for _, c := range pageCases() {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				l.comparePage(b, c)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	for name, path := range map[string]string{"Dashboard": "/", "Calendar": "/plugins/proxbox/calendar/?view=week"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				l.compareOverview(b, path)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("FirstVisit", func(b *testing.B) {
		for b.Loop() {
			l.firstVisit(b)
		}
		b.ReportMetric(0, "ns/op")
	})
}

const benchPassword = "a password of the benchmark"

// benchChanges is a change for each job.
const benchChanges = `INSERT INTO changes (time, object_type_id, object_id, endpoint_id, action, event, version, key, status, postchange, cause, request_id, object_repr)
	SELECT now() - id * interval '1 s', type, id, endpoint_id, 'create', 'created', 1, key, status, raw_config, 'sync', gen_random_uuid(), key FROM (
		SELECT 1 AS type, id, endpoint_id, job_id AS key, status, raw_config FROM backup_routines
		UNION ALL SELECT 2, id, endpoint_id, replication_id, status, raw_config FROM replications) jobs;
	ANALYZE changes`

var (
	machineRows = benchKind{
		path: "/virtualization/virtual-machines/", table: "virtual_machines", order: "t.name, t.id",
		columns: "t.*, c.id, c.name, n.id, n.name, n.node_id, n.online, tg.tags",
		joins:   " LEFT JOIN clusters c ON c.id = t.cluster_id LEFT JOIN nodes n ON n.id = t.node_id" + fmt.Sprintf(benchTags, 3),
	}
	changeRows = benchKind{path: "/core/changelog/", table: "changes", columns: "t.*, u.id, u.username", joins: " LEFT JOIN users u ON u.id = t.user_id", order: "t.time DESC, t.id DESC"}
)

// pageCases are lists as they are first seen, and as they are most often asked for. They may stand in a comparison of the API too, but for their address.
func pageCases() []page {
	of := func(k benchKind) benchKind { k.path = strings.TrimPrefix(k.path, "/api"); return k }
	return []page{
		{name: "BackupRoutines", kind: of(routineRows)},
		{name: "BackupRoutinesOfAnEndpoint", kind: of(routineRows), query: "endpoint_id=500", where: "t.endpoint_id = $1", args: []any{500}},
		{name: "BackupRoutinesStale", kind: of(routineRows), query: "status=stale", where: "t.status = $1", args: []any{"stale"}},
		{name: "Replications", kind: of(replicationRows)},
		{name: "ReplicationsOfAMachine", kind: of(replicationRows), query: "virtual_machine_id=4711", where: "t.virtual_machine_id = $1", args: []any{4711}},
		{name: "VirtualMachines", kind: machineRows},
		{name: "ChangeLog", kind: changeRows},
	}
}

// login makes the client of the benchmark a browser that is logged in.
func (l *lists) login(b *testing.B) {
	b.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	l.http.Jar = jar
	res, err := l.http.PostForm(l.base+"/login/", url.Values{"username": {"admin"}, "password": {benchPassword}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK || strings.HasPrefix(res.Request.URL.Path, "/login/") {
		b.Fatalf("the login leads to %s: %s", res.Request.URL, res.Status)
	}
}

// look gets a page or a file as a browser does, compressed if the server does so, and returns its bytes on the wire and its text.
func (l *lists) look(b *testing.B, path string) (sent int, text string) {
	b.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, l.base+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := l.http.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s %v", path, res.Status, err)
	}
	sent = len(body)
	if res.Header.Get("Content-Encoding") == "gzip" {
		r, err := gzip.NewReader(strings.NewReader(string(body)))
		if err != nil {
			b.Fatal(err)
		}
		if body, err = io.ReadAll(r); err != nil {
			b.Fatal(err)
		}
	}
	return sent, string(body)
}

func (l *lists) comparePage(b *testing.B, c page) {
	b.Helper()
	path := c.url()
	want := l.bare(b, c)
	sent, text := l.look(b, path)
	if got := strings.Count(text, " data-row"); got != want {
		b.Fatalf("%s has %d rows, SQL %d", path, got, want)
	}
	for range 8 {
		l.bare(b, c)
		l.look(b, path)
	}
	var bare, served []float64
	for begin := time.Now(); len(bare) < 300 && time.Since(begin) < benchTime(); {
		bare = append(bare, timed(func() { l.bare(b, c) }))
		served = append(served, timed(func() { l.look(b, path) }))
	}
	slices.Sort(bare)
	slices.Sort(served)
	b.ReportMetric(at(bare, 50)*1000, "bare_ms")
	b.ReportMetric(at(served, 50)*1000, "page_ms")
	b.ReportMetric(at(served, 50)/at(bare, 50), "p50_ratio")
	b.ReportMetric(at(served, 99)/at(bare, 99), "p99_ratio")
	b.ReportMetric(float64(sent)/1000, "kB")
}

// overviewRows are what the dashboard and the calendar are made of: all jobs that run.
var overviewRows = []string{
	"SELECT id, job_id, endpoint_id, storage_id, node_id, schedule, next_run FROM backup_routines WHERE status = 'active' AND enabled",
	"SELECT id, replication_id, endpoint_id, virtual_machine_id, target, schedule FROM replications WHERE status = 'active' AND NOT disable",
}

// compareOverview holds a page about all jobs against reading them.
func (l *lists) compareOverview(b *testing.B, path string) {
	b.Helper()
	read := func() {
		for _, sql := range overviewRows {
			rows, err := l.pool.Query(context.Background(), sql)
			if err != nil {
				b.Fatal(err)
			}
			for rows.Next() {
				if _, err := rows.Values(); err != nil {
					b.Fatal(err)
				}
			}
			if err := rows.Err(); err != nil {
				b.Fatal(err)
			}
		}
	}
	var bare, served []float64
	for begin := time.Now(); len(bare) < 3 || len(bare) < 100 && time.Since(begin) < benchTime(); {
		bare = append(bare, timed(read))
		served = append(served, timed(func() { l.look(b, path) }))
	}
	slices.Sort(bare)
	slices.Sort(served)
	b.ReportMetric(at(bare, 50)*1000, "bare_ms")
	b.ReportMetric(at(served, 50)*1000, "page_ms")
	b.ReportMetric(at(served, 50)/at(bare, 50), "p50_ratio")
}

var linked = regexp.MustCompile(`(?:src|href)="(/static/[^"#]+)`)

func (l *lists) firstVisit(b *testing.B) {
	b.Helper()
	sent, text := l.look(b, "/plugins/proxbox/replications/")
	files := map[string]bool{}
	assets := 0
	for _, m := range linked.FindAllStringSubmatch(text, -1) {
		if !files[m[1]] {
			files[m[1]] = true
			n, _ := l.look(b, m[1])
			assets += n
		}
	}
	b.ReportMetric(float64(sent)/1000, "html_kB")
	b.ReportMetric(float64(assets)/1000, "static_kB")
	b.ReportMetric(float64(len(files)), "files")
	b.ReportMetric(float64(sent+assets)/1000, "all_kB")
}
