package rest_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/pgtest"
)

// counter counts the statements that a pool sends.
type counter struct{ n atomic.Int32 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}
func (*counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (c *counter) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) { c.n.Add(1) }
func (*counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)       {}

// crowd puts forty rows into each table that a resource shows.
func (s *server) crowd() {
	s.t.Helper()
	for _, sql := range []string{
		`INSERT INTO endpoints (name, domain) SELECT 'e' || n, 'e.example.com' FROM generate_series(1, 40) n`,
		`INSERT INTO clusters (name, endpoint_id) SELECT 'c' || n, n FROM generate_series(1, 40) n`,
		`INSERT INTO proxmox_clusters (name, endpoint_id, cluster_id) SELECT 'p' || n, n, n FROM generate_series(1, 40) n`,
		`INSERT INTO nodes (endpoint_id, proxmox_cluster_id, name) SELECT n, n, 'n' || n FROM generate_series(1, 40) n`,
		`INSERT INTO storages (cluster_id, name) SELECT n, 's' || n FROM generate_series(1, 40) n`,
		`INSERT INTO virtual_machines (cluster_id, name, vmid, node_id) SELECT n, 'v' || n, n, n FROM generate_series(1, 40) n`,
		`INSERT INTO tags (name, slug) SELECT 't' || n, 't' || n FROM generate_series(1, 40) n`,
		`INSERT INTO backup_routines (endpoint_id, job_id, node_id, storage_id, fleecing_storage_id) SELECT n, 'j' || n, n, n, n FROM generate_series(1, 40) n`,
		`INSERT INTO replications (endpoint_id, replication_id, virtual_machine_id, proxmox_node_id, target_node_id, guest, target, jobnum)
			SELECT n, 'j' || n, n, n, n, n, 'n', 0 FROM generate_series(1, 40) n`,
		`INSERT INTO tagged_items SELECT type, n, 1 + (n + k) % 40 FROM generate_series(1, 8) type, generate_series(1, 40) n, generate_series(1, 2) k`,
		`INSERT INTO custom_field_choice_sets (name, extra_choices) SELECT 'set' || n, '[["a", "A"]]' FROM generate_series(1, 40) n`,
		`INSERT INTO custom_fields (name, type, choice_set_id) SELECT 'cf' || n, 'select', n FROM generate_series(1, 40) n`,
		`INSERT INTO custom_field_object_types SELECT n, 1 + n % 8 FROM generate_series(1, 40) n`,
		`INSERT INTO groups (name) SELECT 'g' || n FROM generate_series(1, 40) n`,
		`INSERT INTO users (username) SELECT 'u' || n FROM generate_series(1, 40) n`,
		`INSERT INTO permissions (name, actions) SELECT 'p' || n, '["add"]' FROM generate_series(1, 40) n`,
		`INSERT INTO permission_object_types SELECT p.id, 1 + k FROM permissions p, generate_series(1, 3) k`,
		`INSERT INTO permission_groups SELECT p.id, g.id FROM permissions p, groups g WHERE g.id < 4`,
		`INSERT INTO permission_users SELECT p.id, u.id FROM permissions p, users u WHERE u.username LIKE 'u1%'`,
		`INSERT INTO user_groups SELECT u.id, g.id FROM users u, groups g WHERE g.id < 4 AND u.username LIKE 'u%'`,
		`INSERT INTO tokens (user_id, version, key, pepper_id, digest) SELECT u.id, 2, 'key' || u.id, 1, '' FROM users u WHERE u.username LIKE 'u%'`,
		`INSERT INTO journal_entries (object_type_id, object_id, comments, created_by_id) SELECT 1, n, 'c' || n, (SELECT min(id) FROM users) FROM generate_series(1, 40) n`,
		`INSERT INTO sync_schedules (name, interval_minutes, user_id) SELECT 's' || n, 60, (SELECT min(id) FROM users) FROM generate_series(1, 40) n`,
		`INSERT INTO sync_schedule_endpoints SELECT n, 1 + (n + k) % 40 FROM generate_series(1, 40) n, generate_series(1, 3) k`,
		`INSERT INTO changes (object_type_id, object_id, action, cause, request_id, user_id, user_name, prechange, postchange)
			SELECT 1 + n % 8, n, 'update', 'api', gen_random_uuid(), (SELECT min(id) FROM users), 'admin', '{}', '{}' FROM generate_series(1, 40) n`,
		`INSERT INTO jobs (name, kinds, endpoint_ids, status, object_type_id, object_id, user_id, request_id)
			SELECT 'j' || n, '{inventory,replication}', ARRAY[n], 'completed', 3, n, (SELECT min(id) FROM users), gen_random_uuid() FROM generate_series(1, 40) n`,
		`INSERT INTO job_parts (job_id, endpoint_id, endpoint_name, kind) SELECT j.id, n, 'e' || n, unnest(j.kinds) FROM jobs j, generate_series(1, 10) n`,
		`INSERT INTO job_logs (job_id, message) SELECT j.id, 'line ' || n FROM jobs j, generate_series(1, 10) n`,
		`ANALYZE`,
	} {
		s.exec(sql)
	}
}

// TestWhatARequestCostsDoesNotGrowWithItsRows counts statements for one row and for many: of lists, of exports, of single objects, with all kinds of
// permissions. A resource that asked for each row, or for each object that rows refer to, would need more for many.
func TestWhatARequestCostsDoesNotGrowWithItsRows(t *testing.T) {
	cfg, err := pgxpool.ParseConfig(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{}
	cfg.ConnConfig.Tracer = c
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s := serveOn(t, pool)
	s.crowd()
	everything, narrowed := s.newUser("everything", false), s.newUser("narrowed", false)
	for _, r := range s.api.Store.Set.All {
		s.grant(everything, r.Type, "view", "")
		s.grant(narrowed, r.Type, "view", `[{"id__gt": 0}, {"id__in": [1, 2, 3]}]`)
	}
	tokens := map[string]string{"admin": s.token, "everything": s.newToken(everything, true), "narrowed": s.newToken(narrowed, true)}
	cost := func(token, path string) int32 {
		ask := func() answer { return s.ask("GET", path, nil, "Authorization", "Bearer "+token) }
		ask() // notes the use of the token, and prepares statements
		before := c.n.Load()
		if a := ask(); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		return c.n.Load() - before
	}
	const most = 9 // for the token, what it permits, the custom fields, the rows, and what begins and ends a look at the database
	for _, r := range s.api.Store.Set.All {
		list := "/api/" + r.Path + "/"
		for who, token := range tokens {
			queries := []string{"q=1", "export=csv"}
			if who == "admin" {
				queries = append(queries, "", "brief=1", "ordering=-id,display", "id__gt=0&id__lt=99999", "start=0", "offset=1")
			}
			for _, query := range queries {
				one, many := cost(token, list+"?limit=1&"+query), cost(token, list+"?limit=40&"+query)
				if one != many || many > most {
					t.Errorf("%s for %s: %d statements for one row, %d for many, at most %d", list+"?"+query, who, one, many, most)
				}
			}
			id := s.get(list + "?limit=1&fields=id").results(t)[0]["id"]
			if n := cost(token, fmt.Sprintf("%s%v/", list, id)); n > most {
				t.Errorf("an object of %s for %s: %d statements, at most %d", list, who, n, most)
			}
		}
	}
	for query, more := range map[string]int32{"node_id=1&node_id=2": 1, "endpoint=e1&endpoint=e2&storage=1&storage=2": 2, "id=1": -1, "tag=t1&tag=t2": 1} { // one looks up what each filter names, and a narrow filter needs no plan of its own
		if got, bare := cost(s.token, routinesPath+"?"+query), cost(s.token, routinesPath); got != bare+more {
			t.Errorf("?%s: %d statements, want %d and %d", query, got, bare, more)
		}
	}
}
