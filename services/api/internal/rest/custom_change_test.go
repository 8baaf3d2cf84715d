package rest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/postgres"
)

// trail is what the change log has of a job, oldest first: version, event, changed fields and custom fields after it.
func (s *server) trail(kind, id int) string {
	s.t.Helper()
	rows, err := s.pool.Query(s.t.Context(), `SELECT concat_ws(' ', version, event, array_to_string(changed, ','), postchange -> 'custom_fields', o.change_id IS NOT NULL) FROM changes c
		LEFT JOIN outbox o ON o.change_id = c.id WHERE object_type_id = $1 AND object_id = $2 ORDER BY id`, kind, id)
	if err != nil {
		s.t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func TestValuesFollowTheirDefinition(t *testing.T) {
	w := newWorld(t)
	id := w.define("rank", "integer", map[string]any{"object_types": []string{"netbox_proxbox.backuproutine", "virtualization.cluster"}})
	one, two := w.routine("r1", map[string]any{"rank": 1}), w.routine("r2", nil)
	repl := w.make(replsPath, map[string]any{"endpoint": w.prod, "replication_id": "1-0", "virtual_machine": w.web, "guest": 1, "target": "x", "jobnum": 0})
	w.ask("PATCH", path(clustersPath, w.prodCluster), `{"custom_fields":{"rank":5}}`).want(t, 200, "")
	tag := w.get(path(routinesPath, one)).header.Get("ETag")
	cluster := func() string { return w.get(path(clustersPath, w.prodCluster)).header.Get("ETag") }
	known := map[string]bool{cluster(): true}

	patch := func(body map[string]any) answer {
		t.Helper()
		a := w.ask("PATCH", path(customPath, id), body)
		a.want(t, 200, "")
		return a
	}
	patch(map[string]any{"name": "level", "changelog_message": "renamed"})
	if a, b, c := w.custom(routinesPath, one), w.custom(routinesPath, two), w.custom(clustersPath, w.prodCluster); a != `{"level":1}` || b != `{"level":null}` || c != `{"level":5}` {
		t.Errorf("after renaming: %s, %s, %s", a, b, c)
	}
	if w.get(path(routinesPath, one)).header.Get("ETag") == tag {
		t.Error("the ETag stays when a value moves")
	}
	if tag := cluster(); known[tag] {
		t.Error("the ETag of a cluster stays when its value gets another name")
	} else {
		known[tag] = true
	}
	// Another type gets the default, the first loses its values.
	request := patch(map[string]any{"default": 7, "object_types": []string{"netbox_proxbox.replication", "virtualization.cluster"}}).header.Get("X-Request-ID")
	if a, b, c := w.custom(routinesPath, one), w.custom(replsPath, repl), w.custom(clustersPath, w.prodCluster); a != `{}` || b != `{"level":7}` || c != `{"level":5}` {
		t.Errorf("after moving: %s, %s, %s", a, b, c)
	}
	if n := w.exec(`SELECT count(*) FROM changes WHERE request_id = $1 AND user_name = 'admin' AND cause = 'api'`, request); n != 3 {
		t.Errorf("%d changes have the request of the definition, want 3: its own and those of two jobs", n)
	}
	if n := w.exec(`SELECT count(*) FROM changes WHERE object_type_id = 1 AND message = 'renamed'`); n != 1 {
		t.Errorf("%d changes of jobs have the message of the definition", n)
	}
	w.ask("DELETE", path(customPath, id), nil).want(t, 204, "")
	if a, b, c := w.custom(routinesPath, one), w.custom(replsPath, repl), w.custom(clustersPath, w.prodCluster); a != `{}` || b != `{}` || c != `{}` {
		t.Errorf("after deletion: %s, %s, %s", a, b, c)
	}
	if known[cluster()] {
		t.Error("the ETag of a cluster stays when its value goes")
	}
	for _, c := range []struct {
		kind, id int
		want     string
	}{
		{1, one, `1 created {"rank":1} t` + "\n" + `2 updated custom_fields {"level":1} t` + "\n" + `3 updated custom_fields {} t`},
		{1, two, `1 created {} t`},
		{2, repl, `1 created {} t` + "\n" + `2 updated custom_fields {"level":7} t` + "\n" + `3 updated custom_fields {} t`},
	} {
		if got := strings.ReplaceAll(w.trail(c.kind, c.id), "  ", " "); got != c.want {
			t.Errorf("%d %d has\n%s\nwant\n%s", c.kind, c.id, got, c.want)
		}
	}
	for table, id := range map[string]int{"backup_routines": one, "replications": repl} {
		if v := w.exec(`SELECT version FROM `+table+` WHERE id = $1`, id); v != 3 {
			t.Errorf("%s %d is version %d", table, id, v)
		}
		if n := w.exec(`SELECT count(*) FROM changes c JOIN `+table+` t ON t.id = c.object_id AND c.version = t.version AND c.time = t.last_updated WHERE c.object_type_id = $1 AND c.event IS NOT NULL AND t.id = $2`,
			map[string]int{"backup_routines": 1, "replications": 2}[table], id); n != 1 {
			t.Errorf("the last change of %s %d does not fit its row", table, id)
		}
	}
	// The same name with another type starts anew.
	w.define("level", "text", nil)
	w.ask("PATCH", path(routinesPath, one), `{"custom_fields":{"level":"high"}}`).want(t, 200, "")
}

func TestATypeCannotBeChangedAndAChoiceInUseCannotGo(t *testing.T) {
	w := newWorld(t)
	set := w.make(choicesPath, map[string]any{"name": "Tiers", "extra_choices": [][]string{{"gold", "Gold"}, {"iron", "Iron"}, {"tin", "Tin"}}})
	one := w.define("s", "select", map[string]any{"choice_set": set})
	w.define("m", "multiselect", map[string]any{"choice_set": set, "object_types": []string{"virtualization.cluster"}})
	w.ask("PATCH", path(customPath, one), map[string]any{"type": "multiselect"}).want(t, 400, `{"type":["Changing the type of custom fields is not supported."]}`)
	w.ask("PATCH", path(customPath, one), map[string]any{"type": "select"}).want(t, 200, "")
	w.routine("r", map[string]any{"s": "gold"})
	w.ask("PATCH", path(clustersPath, w.prodCluster), `{"custom_fields":{"m":["iron"]}}`).want(t, 200, "")
	for choices, want := range map[string]string{
		`[["iron","Iron"]]`: `{"__all__":["Cannot remove choice gold as there are Proxbox | backup routine objects which reference it."]}`,
		`[["gold","Gold"]]`: `{"__all__":["Cannot remove choice iron as there are Virtualization | cluster objects which reference it."]}`,
		`[]`:                `{"__all__":["Must define base or extra choices."]}`,
	} {
		w.ask("PATCH", path(choicesPath, set), `{"extra_choices":`+choices+`}`).want(t, 400, want)
	}
	w.ask("PATCH", path(choicesPath, set), `{"extra_choices":[["iron","Iron"],["gold","Gold!"],["brass",5]],"order_alphabetically":true}`).want(t, 200, "")
	if got := fmt.Sprint(w.get(path(choicesPath, set)).json(t)["extra_choices"]); got != "[[brass 5] [gold Gold!] [iron Iron]]" {
		t.Errorf("choices are %s", got)
	}
	w.ask("DELETE", path(choicesPath, set), nil).want(t, 409, fmt.Sprintf(`{"detail":"Unable to delete object. 2 dependent objects were found: S (%d), M (%d)"}`, one, one+1))
}

// Definitions are deleted, renamed and made while values are written: no request fails but for what it says, and no value is left without a definition.
func TestDefinitionsChangeWhileValuesAreWritten(t *testing.T) {
	w := newWorld(t)
	var routines []int
	for i := range 6 {
		routines = append(routines, w.routine(fmt.Sprint("r", i), nil))
	}
	var done atomic.Bool
	var taken, refused atomic.Int64
	written := make(chan struct{}, 1) // tells that a write was answered
	var wg sync.WaitGroup
	for i, id := range routines {
		wg.Go(func() {
			for n := 0; !done.Load(); n++ {
				name := []string{"flip", "flop"}[(i+n)%2]
				a := w.ask("PATCH", path(routinesPath, id), fmt.Sprintf(`{"custom_fields":{%q:%d}}`, name, n))
				switch {
				case a.status == 200:
					taken.Add(1)
				case a.status == 400 && strings.Contains(a.body, "does not exist for this object type"):
					refused.Add(1)
				default:
					t.Errorf("a write of a value: %d %s", a.status, a.body)
				}
				select {
				case written <- struct{}{}:
				default:
				}
			}
		})
	}
	wg.Go(func() {
		defer done.Store(true)
		for i := range 8 {
			id := w.define("flip", "integer", map[string]any{"default": 100 + i})
			<-written
			w.ask("PATCH", path(customPath, id), `{"name":"flop"}`).want(t, 200, "")
			<-written
			w.get(routinesPath+"?cf_flop__gte=0&cf_flip=1").want(t, 200, "")
			w.ask("DELETE", path(customPath, id), nil).want(t, 204, "")
		}
	})
	wg.Wait()
	if taken.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d values were written, %d refused: both must happen", taken.Load(), refused.Load())
	}
	if n := w.exec(`SELECT count(*) FROM backup_routines WHERE custom_field_data <> '{}'`); n != 0 {
		t.Errorf("%d routines have values without a definition", n)
	}
	// Each version has its change, and the last says what the row has.
	bad := w.exec(`SELECT count(*) FROM backup_routines b JOIN LATERAL (SELECT count(*) AS n, max(version) AS last, (array_agg((postchange -> 'custom_fields')::jsonb ORDER BY version DESC))[1] AS held
		FROM changes c WHERE c.object_type_id = 1 AND c.object_id = b.id) c ON true WHERE c.n <> b.version OR c.last <> b.version OR c.held <> b.custom_field_data`)
	if bad != 0 {
		t.Errorf("%d routines do not fit their changes", bad)
	}
}

// A deletion waits for a write that has begun, and takes its value away.
func TestADeletedDefinitionTakesValuesThatWereBeingWritten(t *testing.T) {
	w := newWorld(t)
	id, routine := w.define("owner", "text", nil), w.routine("r", nil)
	held, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // holds the endpoint, so that the write stops after it has read the definitions
		err := postgres.InTx(t.Context(), w.pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), "SELECT FROM endpoints FOR UPDATE")
			close(held)
			<-release
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-held
	wg.Go(func() {
		w.ask("PATCH", path(routinesPath, routine), `{"custom_fields":{"owner":"me"}}`).want(t, 200, "")
	})
	w.waits(1)
	wg.Go(func() { w.ask("DELETE", path(customPath, id), nil).want(t, 204, "") })
	w.waits(2)
	close(release)
	wg.Wait()
	if got := w.exec(`SELECT count(*) FROM backup_routines WHERE custom_field_data = '{}' AND version = 3`); got != 1 {
		t.Errorf("the routine has %s", w.trail(1, routine))
	}
}

// A node has what a definition does to it under another ETag, and no change row.
func TestADefinitionGivesNodesAnotherETag(t *testing.T) {
	w := newWorld(t)
	known := map[string]bool{w.get(path(nodesPath, w.node1)).header.Get("ETag"): true}
	logged := func() int64 { return w.exec(`SELECT count(*) FROM changes WHERE object_type_id = 4`) }
	before := logged()
	moved := func(what string) {
		t.Helper()
		tag := w.get(path(nodesPath, w.node1)).header.Get("ETag")
		if known[tag] {
			t.Errorf("%s: the ETag stays", what)
		}
		known[tag] = true
	}
	id := w.define("rank", "integer", map[string]any{"object_types": []string{"netbox_proxbox.proxmoxnode"}, "default": 1})
	moved("filled")
	w.ask("PATCH", path(customPath, id), `{"name":"level"}`).want(t, 200, "")
	moved("renamed")
	w.ask("DELETE", path(customPath, id), nil).want(t, 204, "")
	moved("deleted")
	if n := logged(); n != before {
		t.Errorf("%d changes of nodes are logged, want none", n-before)
	}
}

// A sync makes jobs with the defaults under the lock of their endpoint alone. A definition that goes, or gets another name, waits for it.
func TestDefinitionsReachJobsThatASyncIsMaking(t *testing.T) {
	for what, c := range map[string]struct {
		change func(w *world, id int)
		want   string
	}{
		"deleted": {func(w *world, id int) { w.ask("DELETE", path(customPath, id), nil).want(w.t, 204, "") }, `{}`},
		"renamed": {func(w *world, id int) { w.ask("PATCH", path(customPath, id), `{"name":"level"}`).want(w.t, 200, "") }, `{"level": 1}`},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			id := w.define("rank", "integer", map[string]any{"default": 1})
			held, release := make(chan struct{}), make(chan struct{})
			free := sync.OnceFunc(func() { close(release) })
			defer free()
			var wg sync.WaitGroup
			wg.Go(func() {
				err := postgres.InTx(t.Context(), w.pool, func(tx pgx.Tx) error {
					defer func() { <-release }()
					_, err := tx.Exec(t.Context(), "SELECT FROM endpoints WHERE id = $1 FOR NO KEY UPDATE", w.prod)
					if err == nil {
						_, err = tx.Exec(t.Context(), "INSERT INTO backup_routines (endpoint_id, job_id, custom_field_data) VALUES ($1, 'synced', custom_field_defaults(1))", w.prod)
					}
					close(held)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
			<-held
			wg.Go(func() { c.change(w, id) })
			w.waits(1)
			free()
			wg.Wait()
			if n := w.exec(`SELECT count(*) FROM backup_routines WHERE job_id = 'synced' AND custom_field_data = $1::jsonb`, c.want); n != 1 {
				t.Errorf("the job of the sync does not have %s", c.want)
			}
		})
	}
}

// These are more jobs than are in memory at once.
func TestADefinitionReachesThousandsOfJobs(t *testing.T) {
	w := newWorld(t)
	w.exec(`INSERT INTO endpoints (name, domain, enabled) SELECT 'e' || n, 'e.example.com', false FROM generate_series(1, 20) n`)
	w.exec(`INSERT INTO backup_routines (endpoint_id, job_id) SELECT 3 + n % 20, 'j' || n FROM generate_series(1, 2500) n`)
	id := w.define("level", "integer", map[string]any{"default": 1})
	if n := w.exec(`SELECT count(*) FROM backup_routines b JOIN changes c ON c.object_type_id = 1 AND c.object_id = b.id AND c.version = 2 AND c.time = b.last_updated AND c.endpoint_id = b.endpoint_id
		WHERE b.version = 2 AND b.custom_field_data = '{"level": 1}' AND (c.postchange -> 'custom_fields')::jsonb = b.custom_field_data AND c.changed = '{custom_fields}' AND c.key = b.job_id`); n != 2500 {
		t.Errorf("%d of 2500 routines have the default and a change that tells it", n)
	}
	w.ask("DELETE", path(customPath, id), nil).want(t, 204, "")
	if n := w.exec(`SELECT count(*) FROM backup_routines WHERE version = 3 AND custom_field_data = '{}'`); n != 2500 {
		t.Errorf("%d of 2500 routines lost the value", n)
	}
}

func TestOptionsAndTheWholeListOfObjectsKnowCustomFields(t *testing.T) {
	w := newWorld(t)
	w.define("a", "text", nil)
	var options struct {
		Actions struct {
			POST map[string]struct{ Type string }
		}
	}
	if err := json.Unmarshal([]byte(w.ask("OPTIONS", routinesPath, nil).body), &options); err != nil || options.Actions.POST["custom_fields"].Type != "field" {
		t.Errorf("OPTIONS says %v (%v)", options.Actions.POST["custom_fields"], err)
	}
	fields, err := w.api.Store.CustomFields(t.Context(), w.api.Store.Set.Get("backup-routines"))
	if err != nil || len(fields) != 1 || fields[0].Name != "a" {
		t.Errorf("the definitions are %v (%v)", fields, err)
	}
	if fields, err = w.api.Store.CustomFields(t.Context(), w.api.Store.Set.Get("tags")); err != nil || fields != nil {
		t.Errorf("tags have %v (%v)", fields, err)
	}
}
