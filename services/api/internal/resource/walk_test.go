package resource_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// TestWalksMeetEachRowOnce walks a list, by cursor and by pages in several orders, while other rows come, go and change. By cursor, no write may
// disturb. By pages, rows that come or go in front of a page would move those behind, as with any offset: there, rows change in what the order does not
// look at, and come at its end.
func TestWalksMeetEachRowOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	set, err := catalog.New(catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store := &resource.Store{Set: set, Pool: pool, Limits: resource.Limits{Default: 7, Max: 1000, Walk: 20}}
	var turn sync.Mutex // of the writers: they would lock rows in any order
	exec := func(sql string) {
		turn.Lock()
		defer turn.Unlock()
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Error(err)
		}
	}
	exec(`INSERT INTO endpoints (name) SELECT 'e' || n FROM generate_series(1, 9) n`)
	exec(`INSERT INTO backup_routines (endpoint_id, job_id) SELECT 1 + n % 8, 'j' || n FROM generate_series(1, 120) n`)
	for _, walk := range []struct{ query, write string }{
		{"start=0&limit=7", `WITH gone AS (DELETE FROM backup_routines WHERE job_id LIKE 'z%' AND id % 2 = 0)
			INSERT INTO backup_routines (endpoint_id, job_id) SELECT 1 + n % 9, 'z' || n || random() FROM generate_series(1, 3) n`},
		{"limit=7", `WITH changed AS (UPDATE backup_routines SET comment = comment || 'x', last_updated = now() WHERE id % 3 = 0 AND job_id LIKE 'j%')
			INSERT INTO backup_routines (endpoint_id, job_id) VALUES (9, 'z' || random())`},
		{"limit=11&ordering=id", `WITH changed AS (UPDATE backup_routines SET comment = comment || 'x' WHERE id % 3 = 0 AND job_id LIKE 'j%')
			INSERT INTO backup_routines (endpoint_id, job_id) VALUES (1, 'a' || random())`},
	} {
		stop := make(chan struct{})
		var writer sync.WaitGroup
		writer.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					exec(walk.write)
				}
			}
		})
		seen := map[int64]int{}
		query := walk.query
		for pages := 0; query != "" && pages < 2000; pages++ {
			exec(walk.write) // at least one between two pages
			query = readPage(t, store, set.Get("backup-routines"), query, seen)
		}
		close(stop)
		writer.Wait()
		for id := int64(1); id <= 120; id++ {
			if seen[id] != 1 {
				t.Errorf("?%s: row %d was met %d times", walk.query, id, seen[id])
			}
		}
		exec(`DELETE FROM backup_routines WHERE id > 120`)
	}
}

// readPage notes the ids of the first 120 rows on a page, and returns the query of the next; "" after the page that has the last of them.
func readPage(t *testing.T, store *resource.Store, r *resource.Resource, query string, seen map[int64]int) string {
	t.Helper()
	params, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	body, err := store.List(t.Context(), r, resource.Actor{Access: resource.Everything}, resource.Address{Origin: "http://x", Path: "/"}, params, resource.Selection{Brief: true})
	if err != nil {
		t.Fatal(err)
	}
	var page struct {
		Next    *string
		Results []struct{ ID int64 }
	}
	if err := json.Unmarshal(body, &page); err != nil {
		t.Fatal(err)
	}
	others := 0
	for _, o := range page.Results {
		if o.ID <= 120 {
			seen[o.ID]++
		} else {
			others++
		}
	}
	if page.Next == nil || others == len(page.Results) { // the writer may be faster than the walk
		return ""
	}
	u, err := url.Parse(*page.Next)
	if err != nil {
		t.Fatal(err)
	}
	return u.RawQuery
}

// TestReferencesThatMayNotBeNullAreNeverNull shows that orders may join from both ends where a declaration says that there always is a target.
func TestReferencesThatMayNotBeNullAreNeverNull(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	set, err := catalog.New(catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	rows, err := pool.Query(t.Context(), "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE is_nullable = 'YES' AND table_schema = 'public'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, name)
	}
	if err := rows.Err(); err != nil || len(columns) == 0 {
		t.Fatal(columns, err)
	}
	for _, r := range set.All {
		for _, f := range r.Fields {
			if _, ok := f.Kind.(resource.Reference); ok && !f.Null && slices.Contains(columns, fmt.Sprint(r.Table, ".", f.Column)) {
				t.Errorf("%s.%s may be null in the database", r.Name, f.Name)
			}
		}
	}
}
