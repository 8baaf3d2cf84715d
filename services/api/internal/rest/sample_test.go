package rest_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestRowsRenderAsTheDocumentsSampleThem makes the rows of the two documents and compares what the API shows with their samples: the same
// keys in the same order with the same values, then our own keys.
func TestRowsRenderAsTheDocumentsSampleThem(t *testing.T) {
	s := serve(t)
	for _, sql := range []string{
		`INSERT INTO endpoints (id, name, domain, enabled) VALUES (1, 'prod-proxmox', 'proxmox.example.com', false)`,
		`INSERT INTO clusters (id, name) VALUES (5, 'prod-cluster')`,
		`INSERT INTO nodes (id, endpoint_id, name, node_id, online) VALUES (1, 1, 'pve-node-01', 1, true)`,
		`INSERT INTO storages (id, cluster_id, name) VALUES (2, 5, 'backup-storage')`,
		`INSERT INTO virtual_machines (id, cluster_id, name, vmid) VALUES (10, 5, 'web-server-01', 100)`,
		`INSERT INTO backup_routines (id, endpoint_id, job_id, schedule, next_run, node_id, storage_id, selection, comment, keep_daily, keep_weekly, keep_monthly,
			repeat_missed, raw_config, created, last_updated)
		 VALUES (1, 1, 'job-1', '0 2 * * *', '2026-04-02T02:00:00Z', 1, 2, '[100,101,102]', 'nightly VM backups', 7, 4, 3, false,
			'{"compress": "zstd", "mode": "snapshot"}', '2026-01-01T00:00:00Z', '2026-04-01T00:00:00Z')`,
		`INSERT INTO replications (id, endpoint_id, replication_id, virtual_machine_id, proxmox_node_id, guest, target, schedule, comment, source, jobnum,
			raw_config, created, last_updated)
		 VALUES (1, 1, '100-0', 10, 1, 100, 'pve-node-02', '*/15', 'HA replication', 'pve-node-01', 0, '{"type": "local"}', '2026-01-01T00:00:00Z', '2026-04-01T00:00:00Z')`,
	} {
		s.exec(sql)
	}
	for _, c := range []struct{ file, path, fields, more string }{
		{"backup_routine", routinesPath, "", `"last_seen":null,"stale_since":null,"version":1,"selection_mode":"vmid","exclude":[],"pool":"","mode":"","compress":"","keep_hourly":null,"schedule_text":"daily"}`},
		{"replication", replsPath, "", `"last_seen":null,"stale_since":null,"version":1,"target_node":null,"schedule_text":"*/15"}`},
	} {
		t.Run(c.file, func(t *testing.T) {
			text, err := os.ReadFile("testdata/sample_" + c.file + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var sample bytes.Buffer
			if err := json.Compact(&sample, text); err != nil {
				t.Fatal(err)
			}
			want := sample.String()
			// Addresses are absolute, as clients follow them; fleecing is a text, as the document's table says.
			want = strings.ReplaceAll(want, `"url":"/`, `"url":"`+s.http.URL+`/`)
			want = strings.Replace(want, `"fleecing":false`, `"fleecing":""`, 1)
			want = strings.Replace(want, `"display":"web-server-01","name":"web-server-01"`,
				`"display":"web-server-01","name":"web-server-01","display_url":"`+s.http.URL+`/virtualization/virtual-machines/10/"`, 1)
			want = strings.TrimSuffix(want, "}") + "," + c.more
			if got := s.get(c.path + "1/"); got.status != 200 || got.body != want {
				t.Errorf("detail: %d\ngot  %s\nwant %s", got.status, got.body, want)
			}
			list := `{"count":1,"next":null,"previous":null,"results":[` + want + `]}`
			if got := s.get(c.path); got.status != 200 || got.body != list {
				t.Errorf("list: %d\ngot  %s\nwant %s", got.status, got.body, list)
			}
		})
	}
}
