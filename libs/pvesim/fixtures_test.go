package pvesim_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/pvesim"
)

// recorded says for each recorded answer what was asked, and what of the world was different then.
var recorded = map[string]struct {
	path string
	set  func(version string, c *pvesim.Cluster)
}{
	"access_permissions_auditor":          {path: "/access/permissions"},
	"access_permissions_only_pool":        {path: "/access/permissions", set: onlyPool},
	"access_permissions_vm_gap":           {path: "/access/permissions", set: gap},
	"cluster_backup":                      {path: "/cluster/backup"},
	"cluster_backup_empty":                {path: "/cluster/backup", set: noJobs},
	"cluster_backup_one":                  {path: "/cluster/backup/{first}"},
	"cluster_backup_with_legacy_cron":     {path: "/cluster/backup", set: leftovers},
	"cluster_backupinfo_not_backed_up":    {path: "/cluster/backupinfo/not_backed_up", set: uncovered},
	"cluster_backup-info_not-backed-up":   {path: "/cluster/backup-info/not-backed-up", set: uncovered},
	"cluster_jobs_schedule-analyze":       {path: "/cluster/jobs/schedule-analyze?schedule=02:00&iterations=2"},
	"cluster_replication":                 {path: "/cluster/replication"},
	"cluster_replication_100-1":           {path: "/cluster/replication/100-1"},
	"cluster_replication_empty":           {path: "/cluster/replication", set: noJobs},
	"cluster_resources_node":              {path: "/cluster/resources?type=node"},
	"cluster_resources_storage":           {path: "/cluster/resources?type=storage"},
	"cluster_resources_vm":                {path: "/cluster/resources?type=vm"},
	"cluster_status":                      {path: "/cluster/status"},
	"cluster_status_no_quorum":            {path: "/cluster/status", set: noQuorum},
	"cluster_status_standalone":           {path: "/cluster/status", set: standalone},
	"nodes":                               {path: "/nodes"},
	"nodes_pve1_replication":              {path: "/nodes/pve1/replication", set: locking},
	"nodes_pve1_replication_100-0_status": {path: "/nodes/pve1/replication/100-0/status", set: locking},
	"nodes_without_sys_audit":             {path: "/nodes", set: noSysAudit},
	"storage":                             {path: "/storage"},
	"version":                             {path: "/version"},
}

func onlyPool(_ string, c *pvesim.Cluster) {
	c.SetACL(pvesim.ACL{Path: "/pool/prod", Role: "VM.Audit"})
}

func gap(_ string, c *pvesim.Cluster) {
	c.SetACL(pvesim.ACL{Path: "/", Role: "PVEAuditor"}, pvesim.ACL{Path: "/vms/205", Role: "VM.Console"})
}

func noSysAudit(_ string, c *pvesim.Cluster) { c.SetACL(pvesim.ACL{Path: "/", Role: "VM.Audit"}) }

func noJobs(_ string, c *pvesim.Cluster) {
	c.Edit(func(w *pvesim.World) { w.Backups, w.Replications = nil, nil })
}

func leftovers(_ string, c *pvesim.Cluster) {
	c.Edit(func(w *pvesim.World) {
		jobs, _ := pvesim.FixtureCron()
		w.Backups = append(w.Backups, jobs...)
	})
	// The bytes of the recorded vzdump.cron are not known, its digest is; an edit of the jobs would forget it.
	c.Edit(func(w *pvesim.World) { _, w.CronDigest = pvesim.FixtureCron() })
}

// uncovered is a cluster whose only job leaves out two guests, one of which has no name.
func uncovered(_ string, c *pvesim.Cluster) {
	c.Edit(func(w *pvesim.World) {
		w.Backups = []pvesim.BackupJob{{ID: "most", Schedule: "02:00", VMID: "100,101;102 205, 300 900"}}
		w.Guests = append(w.Guests, pvesim.Guest{VMID: 401, Type: "lxc", Node: "pve1"})
	})
}

func noQuorum(_ string, c *pvesim.Cluster) { c.LoseQuorum(c.World()) }

func standalone(_ string, c *pvesim.Cluster) { c.Edit(func(w *pvesim.World) { w.Standalone = true }) }

func locking(_ string, c *pvesim.Cluster) { c.ExpectLocking() }

func TestEveryVersionAnswersAsRecorded(t *testing.T) {
	for _, version := range pvesim.Versions() {
		files, err := filepath.Glob(filepath.Join("testdata/pve", version, "*.json"))
		if err != nil || len(files) < 30 {
			t.Fatalf("%d fixtures of %s: %v", len(files), version, err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			if strings.HasPrefix(name, "http_") {
				continue // see TestEveryRefusalIsByteForByteAsRecorded
			}
			t.Run(version+"/"+name, func(t *testing.T) {
				asked, ok := recorded[name]
				if !ok {
					t.Fatal("nobody says what was asked for this recorded answer")
				}
				c, client := start(t, version)
				if asked.set != nil {
					asked.set(version, c)
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				path := asked.path
				if ids := c.BackupIDs(); len(ids) > 0 {
					path = strings.ReplaceAll(path, "{first}", ids[0])
				}
				if diff := cmp.Diff(normal(t, want), normal(t, client.get(path))); diff != "" {
					t.Errorf("GET %s differs (-recorded +simulated):\n%s", path, diff)
				}
			})
		}
	}
}

// normal decodes a body; hashes that Perl joins to text in random order are sorted.
func normal(t *testing.T, body []byte) any {
	t.Helper()
	var v any
	decode(t, body, &v)
	sortJoined(v)
	return v
}

func sortJoined(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			sortJoined(item)
		}
	case map[string]any:
		for key, item := range v {
			if s, ok := item.(string); ok && (key == "content" || key == "nodes") {
				parts := strings.Split(s, ",")
				slices.Sort(parts)
				v[key] = strings.Join(parts, ",")
			}
			sortJoined(item)
		}
	}
}
