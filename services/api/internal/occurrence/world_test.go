package occurrence

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones of the tests, wherever they run

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// world is a store with endpoints: 1 in Berlin as somebody set it, 2 in Berlin as the cluster said, 3 in a zone that nobody knows, 4 in UTC, 5 in a zone
// that does not exist.
type world struct {
	t     *testing.T
	pool  *pgxpool.Pool
	store *resource.Store
	now   time.Time
}

func newWorld(t *testing.T, now string) *world {
	t.Helper()
	pool := pgtest.New(t)
	set, err := catalog.New(catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, pool: pool, store: &resource.Store{Set: set, Pool: pool, Limits: resource.Limits{Default: 2, Max: 3}}, now: moment(t, now)}
	w.exec(`INSERT INTO endpoints (id, name, time_zone) VALUES (1, 'set', 'Europe/Berlin'), (2, 'told', ''), (3, 'unknown', ''), (4, 'utc', 'UTC'), (5, 'wrong', 'Mars/Phobos');
		INSERT INTO endpoint_states (endpoint_id, time_zone) VALUES (1, 'Asia/Tokyo'), (2, 'Europe/Berlin');
		INSERT INTO clusters (id, name, endpoint_id) VALUES (11, 'set', 1), (12, 'told', 2);
		INSERT INTO nodes (id, name, endpoint_id) VALUES (21, 'pve1', 1), (22, 'pve1', 2);
		INSERT INTO virtual_machines (id, name, cluster_id, vmid, node_id) VALUES (31, 'web', 11, 100, 21), (32, 'web', 12, 100, 22), (33, 'db', 11, 101, 21);`)
	return w
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// routine adds a routine. More are columns with their values as SQL.
func (w *world) routine(endpoint int, job, schedule string, more ...string) {
	w.t.Helper()
	columns, values := "", ""
	for i := 0; i < len(more); i += 2 {
		columns, values = columns+", "+more[i], values+", "+more[i+1]
	}
	w.exec("INSERT INTO backup_routines (endpoint_id, job_id, schedule"+columns+") VALUES ($1, $2, $3"+values+")", endpoint, job, schedule)
}

func (w *world) replication(endpoint any, id string, vm int, schedule string) {
	w.t.Helper()
	w.exec("INSERT INTO replications (endpoint_id, replication_id, virtual_machine_id, guest, target, jobnum, schedule) VALUES ($1, $2, $3, 100, 'pve2', 0, $4)", endpoint, id, vm, schedule)
}

func (w *world) query(after, before string, filters ...string) Query {
	w.t.Helper()
	q := Query{Now: w.now, After: moment(w.t, after), Before: moment(w.t, before), Filters: url.Values{}}
	for i := 0; i < len(filters); i += 2 {
		q.Filters.Add(filters[i], filters[i+1])
	}
	return q
}

var all = resource.Actor{Access: resource.Everything}

func (w *world) find(actor resource.Actor, q Query) *Plan {
	w.t.Helper()
	p, err := Find(w.t.Context(), w.store, actor, resource.Address{Origin: "http://proxops"}, q)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// entries are some of a plan.
func (w *world) entries(p *Plan, offset, limit int) []Entry {
	w.t.Helper()
	found, err := p.Entries(w.t.Context(), offset, limit)
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// told is a plan in lines: the time in UTC, the name of the job, how many runs, and the words.
func (w *world) told(p *Plan) string {
	w.t.Helper()
	var lines []string
	for _, e := range w.entries(p, 0, 1000) {
		name, _, _ := strings.Cut(e.Display, " ")
		line := fmt.Sprintf("%s %s %d", e.At.UTC().Format("01-02T15:04"), name, e.Runs)
		if e.Runs > 1 {
			line += " until " + e.Last.UTC().Format("01-02T15:04") + " " + e.Text
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func (w *world) want(p *Plan, lines ...string) {
	w.t.Helper()
	if got, want := w.told(p), strings.Join(lines, "\n"); got != want {
		w.t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func moment(t *testing.T, s string) time.Time {
	t.Helper()
	at, ok := resource.ParseTime(s)
	if !ok {
		t.Fatalf("%q is no time", s)
	}
	return at
}
