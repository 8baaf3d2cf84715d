// Package crowd fills a database with rows of all that the API shows, for tests of what requests cost.
package crowd

import (
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Fill puts so many rows into each table that a resource shows, with references to each other. There is a user already; of what else there is, the
// database is new.
func Fill(tb testing.TB, pool *pgxpool.Pool, rows int) {
	tb.Helper()
	for _, sql := range append(statements, "ANALYZE") {
		if _, err := pool.Exec(tb.Context(), strings.ReplaceAll(sql, "$1", strconv.Itoa(rows))); err != nil {
			tb.Fatalf("%s: %v", sql, err)
		}
	}
}

// statements have $1 for the number of rows.
var statements = []string{
	`INSERT INTO endpoints (name, domain) SELECT 'e' || n, 'e.example.com' FROM generate_series(1, $1) n`,
	`INSERT INTO clusters (name, endpoint_id) SELECT 'c' || n, n FROM generate_series(1, $1) n`,
	`INSERT INTO proxmox_clusters (name, endpoint_id, cluster_id) SELECT 'p' || n, n, n FROM generate_series(1, $1) n`,
	`INSERT INTO nodes (endpoint_id, proxmox_cluster_id, name) SELECT n, n, 'n' || n FROM generate_series(1, $1) n`,
	`INSERT INTO storages (cluster_id, name) SELECT n, 's' || n FROM generate_series(1, $1) n`,
	`INSERT INTO virtual_machines (cluster_id, name, vmid, node_id) SELECT n, 'v' || n, n, n FROM generate_series(1, $1) n`,
	`INSERT INTO tags (name, slug) SELECT 't' || n, 't' || n FROM generate_series(1, $1) n`,
	`INSERT INTO backup_routines (endpoint_id, job_id, node_id, storage_id, fleecing_storage_id) SELECT n, 'j' || n, n, n, n FROM generate_series(1, $1) n`,
	`INSERT INTO replications (endpoint_id, replication_id, virtual_machine_id, proxmox_node_id, target_node_id, guest, target, jobnum)
		SELECT n, 'j' || n, n, n, n, n, 'n', 0 FROM generate_series(1, $1) n`,
	`INSERT INTO tagged_items SELECT type, n, 1 + (n + k) % $1 FROM generate_series(1, 8) type, generate_series(1, $1) n, generate_series(1, 2) k ON CONFLICT DO NOTHING`,
	`INSERT INTO custom_field_choice_sets (name, extra_choices) SELECT 'set' || n, '[["a", "A"]]' FROM generate_series(1, $1) n`,
	`INSERT INTO custom_fields (name, type, choice_set_id) SELECT 'cf' || n, 'select', n FROM generate_series(1, $1) n`,
	`INSERT INTO custom_field_object_types SELECT n, 1 + n % 8 FROM generate_series(1, $1) n`,
	`INSERT INTO groups (name) SELECT 'g' || n FROM generate_series(1, $1) n`,
	`INSERT INTO users (username) SELECT 'u' || n FROM generate_series(1, $1) n`,
	`INSERT INTO permissions (name, actions) SELECT 'p' || n, '["add"]' FROM generate_series(1, $1) n`,
	`INSERT INTO permission_object_types SELECT p.id, 1 + k FROM permissions p, generate_series(1, 3) k`,
	`INSERT INTO permission_groups SELECT p.id, g.id FROM permissions p, groups g WHERE g.id < 4`,
	`INSERT INTO permission_users SELECT p.id, u.id FROM permissions p, users u WHERE u.username LIKE 'u1%'`,
	`INSERT INTO user_groups SELECT u.id, g.id FROM users u, groups g WHERE g.id < 4 AND u.username LIKE 'u%'`,
	`INSERT INTO tokens (user_id, version, key, pepper_id, digest) SELECT u.id, 2, 'key' || u.id, 1, '' FROM users u WHERE u.username LIKE 'u%'`,
	`INSERT INTO journal_entries (object_type_id, object_id, comments, created_by_id) SELECT 1, n, 'c' || n, (SELECT min(id) FROM users) FROM generate_series(1, $1) n`,
	`INSERT INTO sync_schedules (name, interval_minutes, user_id) SELECT 's' || n, 60, (SELECT min(id) FROM users) FROM generate_series(1, $1) n`,
	`INSERT INTO sync_schedule_endpoints SELECT n, 1 + (n + k) % $1 FROM generate_series(1, $1) n, generate_series(1, 3) k ON CONFLICT DO NOTHING`,
	`INSERT INTO changes (object_type_id, object_id, action, cause, request_id, user_id, user_name, prechange, postchange)
		SELECT 1 + n % 8, n, 'update', 'api', gen_random_uuid(), (SELECT min(id) FROM users), 'admin', '{}', '{}' FROM generate_series(1, $1) n`,
	`INSERT INTO jobs (name, kinds, endpoint_ids, status, object_type_id, object_id, user_id, request_id)
		SELECT 'j' || n, '{inventory,replication}', ARRAY[n], 'completed', 3, n, (SELECT min(id) FROM users), gen_random_uuid() FROM generate_series(1, $1) n`,
	`INSERT INTO job_parts (job_id, endpoint_id, endpoint_name, kind) SELECT j.id, n, 'e' || n, unnest(j.kinds) FROM jobs j, generate_series(1, least(10, $1)) n`,
	`INSERT INTO job_logs (job_id, message) SELECT j.id, 'line ' || n FROM jobs j, generate_series(1, least(10, $1)) n`,
}
