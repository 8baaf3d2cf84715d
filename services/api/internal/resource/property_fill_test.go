package resource_test

import (
	"maps"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// generator makes rows and requests.
type generator struct{ *rand.Rand }

func (g *generator) one(list []string) string { return list[g.IntN(len(list))] }

// words are texts that lookups may get wrong: wildcards, cases, accents, numbers, and words of their own meaning.
var words = []string{
	"", "job-1", "JOB-1", "job-10", "job-2", "job_1", "job%1", "null", "Null", "true", "1", "1.0", `a\b`, "ünïcödé", "ÜNÏCÖDÉ", "Straßenbahn", "σίγμα", "ΣΊΓΜΑ",
	"a.b", "a+b", "nightly backup", "Nightly Backup of web", "x", "X", "日本", "-", "~tilde", "b52", "backup-5", "'; --", `"quoted"`,
}

func (g *generator) word() string { return g.one(words) }

// maybe is nil now and then.
func (g *generator) maybe(v any) any {
	if g.IntN(4) == 0 {
		return nil
	}
	return v
}

var times = []time.Time{
	time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 10, 30, 0, 0, time.UTC), time.Date(2026, 1, 1, 10, 30, 15, 123456000, time.UTC), time.Date(2025, 12, 31, 23, 59, 59, 999999000, time.UTC),
}

func (g *generator) time() any { return times[g.IntN(len(times))] }

// fill writes rows into the tables of all resources that are compared.
func (g *generator) fill(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	batch := &pgx.Batch{}
	insert := func(n int, table string, columns string, values func(i int) []any) {
		for i := range n {
			v := values(i + 1)
			holes := make([]string, len(v))
			for k := range v {
				holes[k] = "$" + strconv.Itoa(k+1)
			}
			batch.Queue("INSERT INTO "+table+" ("+columns+") VALUES ("+strings.Join(holes, ", ")+") ON CONFLICT DO NOTHING", v...)
		}
	}
	id := func(n int) any { return 1 + g.IntN(n) }
	status := func() string { return g.one([]string{"active", "active", "stale"}) }
	insert(5, "tags", "name, slug", func(i int) []any { return []any{"Tag " + strconv.Itoa(i), "tag-" + strconv.Itoa(i)} })
	insert(5, "endpoints", "id, name, domain, port, enabled, created", func(i int) []any {
		return []any{i, g.word() + strconv.Itoa(i), g.word(), 8000 + g.IntN(3), g.IntN(2) == 0, g.time()}
	})
	insert(6, "clusters", "id, name, endpoint_id, status, description", func(i int) []any {
		return []any{i, g.word(), map[bool]any{true: i, false: nil}[i < 4], g.one([]string{"active", "offline"}), g.word()}
	})
	insert(4, "proxmox_clusters", "id, name, endpoint_id, cluster_id, mode", func(i int) []any {
		return []any{i, g.word(), i, g.maybe(id(6)), g.one([]string{"cluster", "standalone"})}
	})
	insert(12, "nodes", "id, endpoint_id, proxmox_cluster_id, name, node_id, online, max_memory", func(i int) []any {
		return []any{i, 1 + i%5, g.maybe(id(4)), g.word() + "-" + strconv.Itoa(i), g.maybe(g.IntN(4)), g.IntN(2) == 0, g.maybe(int64(g.IntN(3)) << 35)}
	})
	insert(10, "storages", "id, cluster_id, name, storage_type, shared", func(i int) []any {
		return []any{i, 1 + i%6, g.word() + strconv.Itoa(i), g.one([]string{"", "nfs", "pbs"}), g.IntN(2) == 0}
	})
	insert(40, "virtual_machines", "id, name, cluster_id, vmid, vm_type, node_id, vcpus, memory, created", func(i int) []any {
		return []any{i, g.word(), 1 + i%6, g.maybe(100 + i), g.one([]string{"", "qemu", "lxc"}), g.maybe(id(12)), g.maybe(float64(g.IntN(5)) / 2), g.maybe(g.IntN(4)), g.time()}
	})
	insert(70, "backup_routines", "endpoint_id, job_id, enabled, schedule, next_run, node_id, storage_id, comment, status, keep_last, keep_all, pool, created, last_updated, stale_since",
		func(int) []any {
			return []any{
				id(5), g.word() + g.one([]string{"", "a", "B"}), g.IntN(2) == 0, g.word(), g.maybe(g.time()), g.maybe(id(12)), g.maybe(id(10)), g.word(), status(), g.maybe(g.IntN(4)),
				g.maybe(g.IntN(2) == 0), g.word(), g.time(), g.time(), g.maybe(g.time()),
			}
		})
	insert(70, "replications", "endpoint_id, replication_id, virtual_machine_id, proxmox_node_id, target_node_id, guest, target, schedule, rate, comment, disable, source, jobnum, remove_job, status",
		func(i int) []any {
			return []any{
				g.maybe(id(5)), g.word() + strconv.Itoa(i%9), id(40), g.maybe(id(12)), g.maybe(id(12)), 100 + g.IntN(5), g.word(), g.word(), g.maybe(float64(g.IntN(4)) / 4), g.word(), g.IntN(2) == 0, g.word(),
				g.IntN(3), g.maybe(g.one([]string{"local", "full"})), status(),
			}
		})
	insert(150, "tagged_items", "object_type_id, object_id, tag_id", func(int) []any { return []any{1 + g.IntN(8), id(70), id(4)} })
	if err := pool.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatal(err)
	}
}

// request makes the parameters of a list, and says which of them are filters.
func (g *generator) request(tab *table) (params, filters url.Values) {
	params, filters = url.Values{}, url.Values{}
	fields := make([]*resource.Field, 0, len(tab.r.Fields))
	for i := range tab.r.Fields {
		if f := &tab.r.Fields[i]; compared(f) {
			fields = append(fields, f)
		}
	}
	for range g.IntN(3) {
		f := fields[g.IntN(len(fields))]
		if f.NoFilter {
			continue
		}
		name := f.Name + g.suffix(f)
		for range 1 + g.IntN(3) {
			filters.Add(name, g.value(tab, f, name))
		}
	}
	if g.IntN(6) == 0 {
		name := g.one([]string{"tag", "tag__n", "tag__any", "tag_id", "tag_id__n", "tag_id__any"})
		for range 1 + g.IntN(2) {
			n := strconv.Itoa(1 + g.IntN(5))
			if !strings.HasPrefix(name, "tag_id") {
				n = "tag-" + n
			}
			filters.Add(name, g.one([]string{n, n, n, n, n, "null", ""}))
		}
	}
	if g.IntN(5) == 0 {
		filters.Add("q", g.part(g.word()))
	}
	maps.Copy(params, filters)
	if g.IntN(2) == 0 {
		var terms []string
		for range 1 + g.IntN(3) {
			terms = append(terms, g.one([]string{"", "-"})+fields[g.IntN(len(fields))].Name)
		}
		params.Set("ordering", strings.Join(terms, ","))
	}
	if g.IntN(3) > 0 {
		params.Set("limit", strconv.Itoa(g.IntN(12)))
	}
	if g.IntN(3) > 0 {
		params.Set("offset", strconv.Itoa(g.IntN(60)))
	}
	if g.IntN(4) == 0 {
		params["nonsense"] = []string{"b", "", "a"}
	}
	return params, filters
}

// suffix picks a lookup of a field.
func (g *generator) suffix(f *resource.Field) string {
	switch f.Kind.(type) {
	case resource.Integer, resource.Float, resource.DateTime:
		return g.one([]string{"", "__n", "__lt", "__lte", "__gt", "__gte", "__empty"})
	case resource.Boolean:
		return ""
	case resource.Reference:
		return g.one([]string{"", "__n", "_id", "_id__n"})
	}
	return g.one([]string{"", "__n", "__ic", "__nic", "__isw", "__nisw", "__iew", "__niew", "__ie", "__nie", "__regex", "__iregex", "__empty", "__bogus"})
}

// part is a piece of a text, in other capitals now and then.
func (g *generator) part(s string) string {
	runes := []rune(s)
	if len(runes) > 1 && g.IntN(3) > 0 {
		from := g.IntN(len(runes))
		runes = runes[from : from+1+g.IntN(len(runes)-from)]
	}
	switch s = string(runes); g.IntN(4) {
	case 0:
		return strings.ToUpper(s)
	case 1:
		return strings.ToLower(s)
	}
	return s
}

// value makes a value for a filter: mostly one that rows have, or a piece of it.
func (g *generator) value(tab *table, f *resource.Field, name string) string {
	if strings.HasSuffix(name, "__empty") || isKind[resource.Boolean](f) {
		return g.one([]string{"true", "false", "True", "False", "2", "3", "1", "0", "", "yes"})
	}
	switch g.IntN(25) {
	case 0:
		return ""
	case 1:
		return "null"
	case 2:
		if strings.HasSuffix(name, "regex") { // a\b is another expression to Go than to Postgres
			return quoteRegex(g.word())
		}
		return g.word()
	}
	switch v := tab.rows[g.IntN(len(tab.rows))].values[f.Name].(type) {
	case float64:
		text := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += g.one([]string{"", "", ".0"})
		}
		return text
	case int64:
		return strconv.FormatInt(v, 10)
	case time.Time:
		return v.Format(g.one([]string{time.RFC3339Nano, "2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04:05.000000", "2006-01-02 15:04:05.000000+00:00"}))
	case string:
		if strings.HasSuffix(name, "regex") {
			return g.one([]string{"", "^"}) + quoteRegex(g.part(v)) + g.one([]string{"", "$"})
		}
		if strings.Contains(name, "__") {
			return g.part(v)
		}
		return v
	}
	if _, ref := f.Kind.(resource.Reference); ref {
		return strconv.Itoa(1 + g.IntN(12))
	}
	return g.one([]string{"1", "2026-01-01", "7.5"})
}

func isKind[K resource.Kind](f *resource.Field) bool { _, ok := f.Kind.(K); return ok }

// quoteRegex makes an expression that finds a text, for Go and Postgres alike.
func quoteRegex(s string) string {
	var b strings.Builder
	for _, c := range s {
		if strings.ContainsRune(`\.+*?()|[]{}^$`, c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}
