package web_test

import (
	"strings"
	"testing"
)

func TestBadgesSayWhatIsKnownOfAStatusAndNoMore(t *testing.T) {
	f := newClusters(t)
	id := f.routine("nightly", f.prod, []int{100}, "")
	const read = "2026-11-29 12:03:04.5+00"
	for name, c := range map[string]struct {
		routine, state string
		says, not      string
	}{
		"missing from the last list":  {"status = 'stale', stale_since = '" + read + "'", read, "missing from a complete list of 41 jobs", "the last"},
		"missing from lists since":    {"status = 'stale', stale_since = '2026-11-28T00:00:00Z'", read, "missing from the last complete list of 41 jobs", ""},
		"set by hand":                 {"status = 'stale', stale_since = '2026-11-30T00:00:00Z'", read, "since", "missing"},
		"never read":                  {"status = 'stale', stale_since = '2026-11-28T00:00:00Z'", "", "since", "missing"},
		"in the last list":            {"status = 'active', stale_since = NULL, seen = true", read, "in the last complete list of 41 jobs", "since"},
		"not seen by the last list":   {"status = 'active', stale_since = NULL, seen = false, last_seen = '2026-11-01T00:00:00Z'", read, "Active", "complete list"},
		"made by hand and never read": {"status = 'active', stale_since = NULL, seen = true, last_seen = NULL", "", "Active", "complete list"},
	} {
		f.run("DELETE FROM sync_states")
		if c.state != "" {
			f.run("INSERT INTO sync_states (endpoint_id, kind, object_count, last_seen, status, since) VALUES ($1, 'backup_routine', 41, $2::timestamptz, 'ok', now()), ($1, 'replication', 7, now(), 'ok', now())", f.prod, c.state)
		}
		f.run("UPDATE backup_routines SET "+c.routine+" WHERE id = $1", id)
		for _, path := range []string{at(routinesPath, id), routinesPath} {
			text := f.get(path).want(t, 200).text()
			if i := strings.Index(text, "Repeat missed"); i >= 0 { // where there are other words
				text = text[:i] + text[strings.Index(text, "Status"):]
			}
			if !strings.Contains(text, c.says) || c.not != "" && strings.Contains(strings.ReplaceAll(text, "Stale since", ""), c.not) {
				t.Errorf("%s, %s: it does not say %q, or says %q:\n%s", name, path, c.says, c.not, text)
			}
		}
	}
}

func TestProofsAreForThoseWhoMaySeeTheEndpoint(t *testing.T) {
	f := newClusters(t)
	id := f.routine("nightly", f.prod, []int{100}, "status = 'stale', stale_since = '2026-11-28T00:00:00Z'")
	f.run("INSERT INTO sync_states (endpoint_id, kind, object_count, last_seen, status, since) VALUES ($1, 'backup_routine', 41, now(), 'ok', now())", f.prod)
	u := f.limited("some", permission{types: []string{"netbox_proxbox.backuproutine"}, actions: []string{"view"}},
		permission{types: []string{"netbox_proxbox.proxmoxendpoint"}, actions: []string{"view"}, constraints: map[string]any{"id": f.lab}})
	for _, path := range []string{at(routinesPath, id), routinesPath} {
		if text := u.get(path).want(t, 200).text(); strings.Contains(text, "41") || !strings.Contains(text, "Stale") {
			t.Errorf("%s: %s", path, text)
		}
	}
}
