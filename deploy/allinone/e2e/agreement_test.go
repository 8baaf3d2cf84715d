package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/pvesim"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// The object in an event is the object of REST, but for the host of its urls and for last_seen, which moves with every poll.
func TestEventsShowTheObjectsOfREST(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c := newClock() // no next run is renewed
	all := l.add(t,
		pvesim.New("8.4", pvesim.WithClock(c.read)),
		pvesim.New("6.4", pvesim.WithWorld(pvesim.Generate("old", 1, 3, 20, 30)), pvesim.WithClock(c.read)),
		pvesim.New("9.2", pvesim.WithWorld(pvesim.Generate("new", 2, 3, 20, 30)), pvesim.WithClock(c.read)))
	l.customFields(t)
	// An event shows nodes, storages and guests as they were known then: without the inventory, that may be by their names alone.
	l.pollKinds(t, []proxopsv1.Kind{proxopsv1.Kind_KIND_INVENTORY}, all...)
	l.poll(t, all...)
	jobs := l.useCustomFields(t)
	for _, e := range all {
		e.cluster.Edit(func(w *pvesim.World) {
			w.Migrate(w.Replications[0].Guest, w.Replications[0].Target)
			w.Backups[0].Storage, w.Backups[1].Disabled = "never-heard-of", !w.Backups[1].Disabled
			w.Backups, w.Replications = w.Backups[:len(w.Backups)-1], w.Replications[:len(w.Replications)-1]
		})
	}
	l.poll(t, all...)
	l.mustBe(t, "ok", all...)
	last := map[string]event{}
	for _, ev := range l.events(t) {
		last[fmt.Sprintf("%s %d", ev.Data.Kind, ev.Data.ObjectID)] = ev
	}
	n := 0
	for i, path := range []string{routinesPath, replicationsPath} {
		for _, listed := range l.rest.list(t, path) {
			n++
			ev := last[fmt.Sprintf("%s %d", jobKinds[i], listed.id())]
			answer, err := l.rest.try(t.Context(), "GET", fmt.Sprintf("%s%d/", path, listed.id()), nil)
			if err != nil {
				t.Fatal(err)
			}
			answer = bytes.ReplaceAll(answer, []byte(l.rest.base), nil)
			want, got := decode(t, answer), decode(t, ev.Data.Object)
			if want.number("version") != ev.Data.Version || want.choice("status") != ev.Data.Status {
				t.Errorf("the last event of %s %d has version %d and status %s, REST %d and %s", ev.Data.Kind, listed.id(), ev.Data.Version, ev.Data.Status,
					want.number("version"), want.choice("status"))
			}
			delete(want, "last_seen")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %d (-REST +event):\n%s", ev.Data.Kind, listed.id(), diff)
			}
			order := slices.DeleteFunc(keys(t, answer), func(key string) bool { return key == "last_seen" })
			if diff := cmp.Diff(order, keys(t, ev.Data.Object)); diff != "" {
				t.Errorf("order of the keys of %s %d (-REST +event):\n%s", ev.Data.Kind, listed.id(), diff)
			}
		}
	}
	if n != len(last) || n < 100 {
		t.Errorf("%d jobs were compared with %d that had events", n, len(last))
	}
	l.forgetCustomFields(t, jobs)
}

const customPath = "/api/extras/custom-fields/"

// customFields defines fields of jobs, in another order than that of their names.
func (l *lab) customFields(t *testing.T) {
	t.Helper()
	types := []string{"netbox_proxbox.backuproutine", "netbox_proxbox.replication"}
	for _, f := range []object{
		{"name": "rank", "type": "integer", "weight": 1}, {"name": "owner", "type": "text"}, {"name": "plan", "type": "json", "group_name": "later"},
	} {
		f["object_types"] = types
		l.rest.post(t, customPath, f)
	}
}

// useCustomFields gives a job of each kind values and returns the addresses of both.
func (l *lab) useCustomFields(t *testing.T) (jobs []string) {
	t.Helper()
	for _, path := range []string{routinesPath, replicationsPath} {
		job := fmt.Sprintf("%s%d/", path, l.rest.list(t, path)[0].id())
		l.rest.patch(t, job, object{"custom_fields": object{"rank": 3, "plan": object{"b": []int{1}, "a": "\u00fc \"quoted\""}}})
		jobs = append(jobs, job)
	}
	return jobs
}

// forgetCustomFields renames a field and deletes one: what the jobs had follows, and each has an event of it.
func (l *lab) forgetCustomFields(t *testing.T, jobs []string) {
	t.Helper()
	versions := map[string]int{}
	for _, job := range jobs {
		versions[job] = l.rest.get(t, job).number("version")
	}
	for _, f := range l.rest.list(t, customPath) {
		path := fmt.Sprintf("%s%d/", customPath, f.id())
		switch f.text("name") {
		case "rank":
			l.rest.patch(t, path, object{"name": "level"})
		case "plan":
			l.rest.do(t, "DELETE", path, nil)
		}
	}
	for _, job := range jobs {
		got := l.rest.get(t, job)
		want := object{"level": json.Number("3"), "owner": nil}
		if diff := cmp.Diff(want, got.sub("custom_fields")); diff != "" || got.number("version") != versions[job]+2 {
			t.Errorf("%s of version %d is version %d with (-want +got):\n%s", job, versions[job], got.number("version"), diff)
		}
		var last event
		for _, ev := range l.events(t) {
			if job == fmt.Sprintf("%s%d/", []string{routinesPath, replicationsPath}[slices.Index(jobKinds, ev.Data.Kind)], ev.Data.ObjectID) {
				last = ev
			}
		}
		if object := decode(t, last.Data.Object); object.number("version") != got.number("version") || cmp.Diff(want, object.sub("custom_fields")) != "" || !slices.Equal(last.Data.Changed, []string{"custom_fields"}) {
			t.Errorf("the last event of %s is %s", job, last.Data.Object)
		}
	}
}

// keys are those of a JSON object, in their order.
func keys(t *testing.T, text []byte) []string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	var out []string
	for depth, isKey := 0, false; ; {
		token, err := d.Token()
		if err != nil {
			return out
		}
		switch v := token.(type) {
		case json.Delim:
			if depth++; v == '}' || v == ']' {
				depth -= 2
			}
			isKey = depth == 1
			continue
		case string:
			if depth == 1 && isKey {
				out = append(out, v)
				isKey = false
				continue
			}
		}
		isKey = depth == 1
	}
}

// state is one row of the change log.
type state struct {
	version   int
	cause     string
	pre, post object
}

// history is the change log of one job, in the flat form.
func (l *lab) history(t *testing.T, kind string, id int) []state {
	t.Helper()
	rows, err := l.pool.Query(t.Context(), `SELECT version, cause, coalesce(prechange::text, '{}'), coalesce(postchange::text, '{}') FROM changes
		WHERE object_type_id = $1 AND object_id = $2 ORDER BY id`, slices.Index(jobKinds, kind)+1, id)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []state
	for rows.Next() {
		var s state
		var pre, post string
		if err := rows.Scan(&s.version, &s.cause, &pre, &post); err != nil {
			t.Fatal(err)
		}
		s.pre, s.post = decode(t, []byte(pre)), decode(t, []byte(post))
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// What the api writes into the change log begins where the projector's last state ended, and the other way round, with the same keys and
// forms: nobody can tell which of them wrote.
func TestChangesOfAPIAndProjectorContinueEachOther(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c := newClock()
	e := l.add(t, pvesim.New("8.4", pvesim.WithClock(c.read)))[0]
	l.poll(t, e)
	if _, err := l.pool.Exec(t.Context(), "INSERT INTO tags (name, slug) VALUES ('Gold', 'gold'), ('another', 'another')"); err != nil {
		t.Fatal(err)
	}
	routine, replication := l.rest.routines(t, e)["backup-0d5a6f1c-9e3b"], l.rest.replications(t, e)["100-1"]
	tags := []object{{"name": "Gold"}, {"slug": "another"}}
	for path, o := range map[string]object{routinesPath: routine, replicationsPath: replication} {
		path = fmt.Sprintf("%s%d/", path, o.id())
		l.rest.patch(t, path, object{"tags": tags})
		l.rest.patch(t, path, object{"comment": "by hand — ü", "raw_config": object{"a": 1.5, "b": []any{true, nil}}})
	}
	l.rest.patch(t, fmt.Sprintf("%s%d/", replicationsPath, replication.id()), object{"rate": 2.25, "remove_job": "local"})
	l.poll(t, e)
	e.cluster.Edit(func(w *pvesim.World) { w.Backups[0].Comment, w.Replications[1].Comment = "there", "there" })
	l.poll(t, e)
	e.cluster.Edit(func(w *pvesim.World) {
		w.DeleteBackup("backup-0d5a6f1c-9e3b")
		w.DeleteReplication("100-1")
	})
	l.poll(t, e)
	l.rest.patch(t, fmt.Sprintf("%s%d/", routinesPath, routine.id()), object{"comment": "rest in peace"})
	l.rest.delete(t, fmt.Sprintf("%s%d/", routinesPath, routine.id()))
	l.rest.delete(t, fmt.Sprintf("%s%d/", replicationsPath, replication.id()))
	for kind, want := range map[string]struct {
		id     int
		causes string
	}{
		"backup_routine": {routine.id(), "sync api api sync sync sync api api"},
		"replication":    {replication.id(), "sync api api api sync sync sync api"},
	} {
		states := l.history(t, kind, want.id)
		var causes []string
		for i, s := range states {
			causes = append(causes, s.cause)
			if s.version != i+1 {
				t.Errorf("change %d of the %s has version %d", i+1, kind, s.version)
			}
			if i == 0 {
				continue
			}
			if diff := cmp.Diff(states[i-1].post, s.pre); diff != "" {
				t.Errorf("%s: version %d, by %s, does not begin where version %d, by %s, ended:\n%s", kind, s.version, s.cause, s.version-1, states[i-1].cause, diff)
			}
		}
		if got := strings.Join(causes, " "); got != want.causes {
			t.Errorf("%s: changes by %s, want %s", kind, got, want.causes)
		}
	}
}
