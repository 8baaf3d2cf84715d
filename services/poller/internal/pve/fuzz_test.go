package pve

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// FuzzNormaliser shows that no answer makes the normaliser panic, drop a job, or say what the bus or Postgres cannot carry.
func FuzzNormaliser(f *testing.F) {
	for _, version := range []string{"6.4", "7.4", "8.4", "9.2"} {
		f.Add([]byte(fixture(f, version, "cluster_backup")))
		f.Add([]byte(fixture(f, version, "cluster_replication")))
	}
	f.Add([]byte(`[{"id":"a","fleecing":"1,storage=x","prune-backups":"keep-all=1","vmid":[1,"2",{}]},{"id":"a","type":"vzdump"}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		entries, err := list(raw)
		if err != nil {
			return
		}
		var warn Warnings
		if jobs, err := backupRoutines(entries, &warn); err == nil {
			check(t, keys(entries, true), jobs, (*proxopsv1.BackupRoutine).GetJobId)
		}
		if jobs, err := replications(entries, &warn); err == nil {
			check(t, keys(entries, false), jobs, (*proxopsv1.Replication).GetReplicationId)
		}
		_, _ = nodes(raw, Status{}, &warn)
		_, _ = guests(raw, &warn)
		_, _ = storages(raw, &warn)
		_, _ = clusterStatus(raw)
		for _, w := range warn.List() {
			if !utf8.ValidString(w) {
				t.Errorf("warning %q is no text", w)
			}
		}
	})
}

func keys(entries []object, backups bool) map[string]bool {
	out := map[string]bool{}
	for _, e := range entries {
		if kind, ok := e["type"].(string); backups && ok && kind != "" && kind != "vzdump" {
			continue
		}
		if id, err := jobID(e); err == nil {
			out[id] = true
		}
	}
	return out
}

func check[T interface {
	proto.Message
	keyed
}](t *testing.T, want map[string]bool, jobs []T, key func(T) string,
) {
	t.Helper()
	if len(jobs) != len(want) {
		t.Errorf("%d jobs of %d", len(jobs), len(want))
	}
	for _, j := range jobs {
		if !want[key(j)] {
			t.Errorf("job %q is not in the answer", key(j))
		}
		if !json.Valid(j.GetRawConfig()) {
			t.Errorf("raw config of %q is no JSON: %s", key(j), j.GetRawConfig())
		}
		if _, err := proto.Marshal(j); err != nil {
			t.Errorf("job %q: %v", key(j), err)
		}
	}
}
