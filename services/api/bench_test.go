package api_test

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/httpd"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api"
	"github.com/proxops/proxops/services/api/admin"
)

// BenchmarkLists holds pages of the API, with HTTP and a token, against the SQL of the same pages that one would write by hand, through pgx, on
// 100,000 routines and as many replications of 1,000 endpoints. Both take turns, so that what else the machine does meanwhile hits both. Each
// page reports
//
//	p50_ratio, p99_ratio  time of the API in multiples of the SQL's (aim: at most 2.5 for 50 rows, 3 for 1,000)
//	api_ms, bare_ms       the medians
//
// Deep reports last_to_first, the last page by offset in multiples of the first (aim: at most 3), and cursor_end, the same for pages by cursor.
// Clients reports with eight clients at once the API's pages per second as a part of the SQL's (aim: at least 0.4), and the memory of the
// process, which is server and client in one.
func BenchmarkLists(b *testing.B) {
	l := newLists(b)
	for _, c := range l.cases() {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				l.compare(b, c)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("Deep", func(b *testing.B) {
		for b.Loop() {
			l.deep(b)
		}
		b.ReportMetric(0, "ns/op")
	})
	b.Run("Clients", func(b *testing.B) {
		for b.Loop() {
			l.clients(b)
		}
		b.ReportMetric(0, "ns/op")
	})
}

//go:embed testdata/bench.sql
var benchRows string

const (
	benchRoutines     = "/api/plugins/proxbox/backup-routines/"
	benchReplications = "/api/plugins/proxbox/replications/"
)

// lists is a served API on a large database.
type lists struct {
	pool  *pgxpool.Pool
	base  string
	token string
	http  *http.Client
}

func newLists(b *testing.B) *lists {
	b.Helper()
	nats, url := natstest.Start(b), pgtest.URL(b)
	pool, err := postgres.Open(b.Context(), url, postgres.Options{MaxConns: 8})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	if _, err := pool.Exec(b.Context(), benchRows); err != nil {
		b.Fatal(err)
	}
	if _, err := pool.Exec(b.Context(), "VACUUM ANALYZE"); err != nil {
		b.Fatal(err)
	}
	opener, err := seal.LoadOrCreate(filepath.Join(b.TempDir(), "site.key"))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := admin.CreateUser(b.Context(), pool, admin.NewUser{Name: "admin", Password: benchPassword, Superuser: true}); err != nil {
		b.Fatal(err)
	}
	token, err := admin.CreateToken(b.Context(), pool, peppers, "admin", admin.NewToken{Version: 2})
	if err != nil {
		b.Fatal(err)
	}
	ln, err := httpd.Listen(b.Context(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	cfg := api.Config{DatabaseURL: url, NATSURL: nats.URL(localnats.API), SiteKeys: map[string]string{"default": opener.PublicKey()}, Peppers: peppers}
	go func() { ended <- api.Run(ctx, cfg, api.Deps{Listener: ln}) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Errorf("Run: %v", err)
		}
	})
	return &lists{pool, "http://" + ln.Addr().String(), token.Reveal(), &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
}

// page is one page of a list: what the API is asked, and the SQL of the same rows and of their count.
type page struct {
	name, query string
	kind        benchKind
	where       string
	args        []any
	order       string // instead of the default
	limit       int
	count       string // instead of the count of the rows; "-": none
}

// benchKind is what the SQL of a resource consists of.
type benchKind struct{ path, table, columns, joins, order string }

const benchTags = ` LEFT JOIN LATERAL (SELECT array_agg(ARRAY[g.id::text, g.name, g.slug, g.color] ORDER BY g.name) AS tags
	FROM tagged_items ti JOIN tags g ON g.id = ti.tag_id WHERE ti.object_type_id = %d AND ti.object_id = t.id) tg ON true`

var (
	routineRows = benchKind{
		path: benchRoutines, table: "backup_routines",
		columns: `t.*, e.id, e.name, e.domain, e.ip_address, n.id, n.name, n.node_id, n.online, s.id, s.name, c.id, c.name, f.id, f.name, fc.id, fc.name, ss.last_seen, tg.tags`,
		joins: ` JOIN endpoints e ON e.id = t.endpoint_id LEFT JOIN nodes n ON n.id = t.node_id LEFT JOIN storages s ON s.id = t.storage_id
			LEFT JOIN clusters c ON c.id = s.cluster_id LEFT JOIN storages f ON f.id = t.fleecing_storage_id LEFT JOIN clusters fc ON fc.id = f.cluster_id
			LEFT JOIN sync_states ss ON ss.endpoint_id = t.endpoint_id AND ss.kind = 'backup_routine'` + fmt.Sprintf(benchTags, 1),
		order: "e.name, t.job_id, t.id",
	}
	replicationRows = benchKind{
		path: benchReplications, table: "replications",
		columns: `t.*, e.id, e.name, e.domain, e.ip_address, v.id, v.name, n.id, n.name, n.node_id, n.online, tn.id, tn.name, tn.node_id, tn.online, ss.last_seen, tg.tags`,
		joins: ` LEFT JOIN endpoints e ON e.id = t.endpoint_id JOIN virtual_machines v ON v.id = t.virtual_machine_id LEFT JOIN nodes n ON n.id = t.proxmox_node_id
			LEFT JOIN nodes tn ON tn.id = t.target_node_id
			LEFT JOIN sync_states ss ON ss.endpoint_id = t.endpoint_id AND ss.kind = 'replication'` + fmt.Sprintf(benchTags, 2),
		order: "e.name, t.replication_id, t.id",
	}
)

func (l *lists) cases() []page {
	tagged := " JOIN tagged_items x ON x.object_type_id = 1 AND x.object_id = t.id JOIN tags y ON y.id = x.tag_id"
	one := routineRows
	one.joins += tagged
	return []page{
		{name: "Default", kind: routineRows},
		{name: "Default1000", kind: routineRows, limit: 1000},
		{name: "Endpoint", kind: routineRows, query: "endpoint=500", where: "t.endpoint_id = $1", args: []any{500}},
		{name: "EndpointName", kind: routineRows, query: "endpoint=site+500+Berlin", where: "e.name = $1", args: []any{"site 500 Berlin"}},
		{name: "Node", kind: routineRows, query: "node_id=1500", where: "t.node_id = $1", args: []any{1500}},
		{name: "Storage", kind: routineRows, query: "storage_id=1500", where: "t.storage_id = $1", args: []any{1500}},
		{name: "JobID", kind: routineRows, query: "job_id=backup-cb70ab37-6", where: "t.job_id = $1", args: []any{"backup-cb70ab37-6"}},
		{name: "ID", kind: routineRows, query: "id=4711", where: "t.id = $1", args: []any{4711}},
		{name: "Stale", kind: routineRows, query: "status=stale", where: "t.status = $1", args: []any{"stale"}},
		{name: "Stale1000", kind: routineRows, query: "status=stale", where: "t.status = $1", args: []any{"stale"}, limit: 1000},
		{name: "Active", kind: routineRows, query: "status=active", where: "t.status = $1", args: []any{"active"}},
		{name: "Tag", kind: one, query: "tag=tag-7", where: "y.slug = $1", args: []any{"tag-7"}},
		{name: "NextRun", kind: routineRows, query: "ordering=next_run", order: "t.next_run, t.id"},
		{name: "Search", kind: routineRows, query: "q=e39b", where: "(t.job_id ILIKE $1 OR t.comment ILIKE $1)", args: []any{"%e39b%"}},
		{name: "Cursor", kind: routineRows, query: "start=50000", where: "t.id >= $1", args: []any{50000}, order: "t.id", count: "-"},
		{name: "Cursor1000", kind: routineRows, query: "start=50000", where: "t.id >= $1", args: []any{50000}, order: "t.id", count: "-", limit: 1000},
		{name: "Replications", kind: replicationRows},
		{name: "VirtualMachine", kind: replicationRows, query: "virtual_machine_id=4711", where: "t.virtual_machine_id = $1", args: []any{4711}},
		{name: "SourceNode", kind: replicationRows, query: "proxmox_node=2711&proxmox_node=1500", where: "t.proxmox_node_id = ANY($1)", args: []any{[]int32{2711, 1500}}},
		{
			name: "ReplicationSearch", kind: replicationRows, query: "q=e39b",
			where: "(t.replication_id ILIKE $1 OR v.name ILIKE $1 OR t.target ILIKE $1 OR t.comment ILIKE $1 OR t.source ILIKE $1)", args: []any{"%e39b%"},
		},
	}
}

func (c page) rows() int {
	if c.limit > 0 {
		return c.limit
	}
	return 50
}

func (c page) url() string {
	u := c.kind.path + "?limit=" + strconv.Itoa(c.rows())
	if c.query != "" {
		u += "&" + c.query
	}
	return u
}

// sql returns the statements of the page and of its count.
func (c page) sql() (rows, count string) {
	where, order := "", c.kind.order
	if c.where != "" {
		where = " WHERE " + c.where
	}
	if c.order != "" {
		order = c.order
	}
	from := " FROM " + c.kind.table + " t"
	rows = "SELECT " + c.kind.columns + from + c.kind.joins + where + " ORDER BY " + order + " LIMIT " + strconv.Itoa(c.rows())
	if c.where == "" || !strings.Contains(strings.ReplaceAll(c.where, "t.", ""), ".") {
		return rows, "SELECT count(*)" + from + where
	}
	return rows, "SELECT count(*)" + from + c.kind.joins + where
}

// compare times a page both ways.
func (l *lists) compare(b *testing.B, c page) {
	b.Helper()
	var bare, served []float64
	want := l.bare(b, c)
	if got := l.get(b, c.url()); got != want {
		b.Fatalf("the API has %d rows, SQL %d", got, want)
	}
	for range 8 { // let both prepare their statements
		l.bare(b, c)
		l.get(b, c.url())
	}
	for begin := time.Now(); len(bare) < 300 && time.Since(begin) < benchTime(); {
		bare = append(bare, timed(func() { l.bare(b, c) }))
		served = append(served, timed(func() { l.get(b, c.url()) }))
	}
	slices.Sort(bare)
	slices.Sort(served)
	b.ReportMetric(at(bare, 50)*1000, "bare_ms")
	b.ReportMetric(at(served, 50)*1000, "api_ms")
	b.ReportMetric(at(served, 50)/at(bare, 50), "p50_ratio")
	b.ReportMetric(at(served, 99)/at(bare, 99), "p99_ratio")
}

// benchTime is how long a page is measured.
func benchTime() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("BENCH_TIME")); err == nil {
		return d
	}
	return 3 * time.Second
}

func at(sorted []float64, percent int) float64 { return sorted[(len(sorted)-1)*percent/100] }

func timed(fn func()) float64 {
	begin := time.Now()
	fn()
	return time.Since(begin).Seconds()
}

// bare runs the statements of a page in one round trip, and returns how many rows came.
func (l *lists) bare(b *testing.B, c page) (n int) {
	b.Helper()
	rows, count := c.sql()
	batch := &pgx.Batch{}
	if c.count != "-" {
		batch.Queue(count, c.args...)
	}
	batch.Queue(rows, c.args...)
	results := l.pool.SendBatch(context.Background(), batch)
	for range batch.Len() {
		r, err := results.Query()
		if err != nil {
			b.Error(err)
			break
		}
		for n = 0; r.Next(); n++ {
			_ = r.RawValues()
		}
	}
	if err := results.Close(); err != nil {
		b.Error(err)
	}
	return n
}

// get asks the API for a page and returns how many rows it has.
func (l *lists) get(b *testing.B, path string) int {
	b.Helper()
	body := l.body(b, path)
	return strings.Count(body, `"custom_fields":`)
}

func (l *lists) body(b *testing.B, path string) string {
	b.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, l.base+path, nil)
	if err != nil {
		b.Error(err)
		return ""
	}
	req.Header.Set("Authorization", "Bearer "+l.token)
	res, err := l.http.Do(req)
	if err != nil {
		b.Error(err)
		return ""
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		b.Errorf("%s: %s %s %v", path, res.Status, body, err)
	}
	return string(body)
}

// deep compares the last page by offset and by cursor with the first.
func (l *lists) deep(b *testing.B) {
	b.Helper()
	for _, kind := range []string{benchRoutines, benchReplications} {
		times := map[string][]float64{}
		pages := map[string]string{"first": "?limit=50", "last": "?limit=50&offset=99950", "begin": "?limit=50&start=0", "end": "?limit=50&start=99900"}
		for begin := time.Now(); time.Since(begin) < benchTime() || len(times["first"]) < 10; {
			for name, query := range pages {
				times[name] = append(times[name], timed(func() { l.get(b, kind+query) }))
			}
		}
		for _, t := range times {
			slices.Sort(t)
		}
		name := strings.Split(kind, "/")[4]
		b.ReportMetric(at(times["last"], 50)/at(times["first"], 50), name+"_last_to_first")
		b.ReportMetric(at(times["end"], 50)/at(times["begin"], 50), name+"_cursor_end")
	}
}

// clients has eight clients ask for the pages of endpoints at once.
func (l *lists) clients(b *testing.B) {
	b.Helper()
	rate := func(one func(endpoint int)) float64 {
		var wg sync.WaitGroup
		done := make([]int, 8)
		begin := time.Now()
		for i := range done {
			wg.Go(func() {
				for n := i; time.Since(begin) < benchTime(); n += 8 {
					one(1 + n*37%1000)
					done[i]++
				}
			})
		}
		wg.Wait()
		sum := 0
		for _, n := range done {
			sum += n
		}
		return float64(sum) / time.Since(begin).Seconds()
	}
	var ratios, served []float64
	for range 3 {
		bare := rate(func(e int) { l.bare(b, page{kind: routineRows, where: "t.endpoint_id = $1", args: []any{e}}) })
		got := rate(func(e int) { l.get(b, benchRoutines+"?limit=50&endpoint_id="+strconv.Itoa(e)) })
		ratios, served = append(ratios, got/bare), append(served, got)
	}
	slices.Sort(ratios)
	slices.Sort(served)
	b.ReportMetric(served[1], "pages/s")
	b.ReportMetric(ratios[1], "to_bare")
	runtime.GC()
	b.ReportMetric(residentMB(), "resident_MB")
}

// residentMB is the memory of this process, 0 where the system does not tell.
func residentMB() float64 {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kb, _ := strconv.ParseFloat(f[1], 64)
			return kb / 1024
		}
	}
	return 0
}
