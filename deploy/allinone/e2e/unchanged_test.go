package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/pvesim"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// Hundred polls of clusters that do not change write nothing but when they were seen, although their next runs move and their keys come in
// another order each time.
func TestHundredPollsOfUnchangedClustersWriteNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c := newClock()
	var clusters []*pvesim.Cluster
	for _, v := range pvesim.Versions() {
		clusters = append(clusters, pvesim.New(v, pvesim.WithWorld(pvesim.Generate("calm", 13, 3, 15, 10)), pvesim.WithClock(c.read)))
	}
	all := l.add(t, clusters...)
	l.poll(t, all...)
	l.poll(t, all...) // the second one sees what the first one made: placeholders, the time zone
	l.mustBe(t, "ok", all...)
	before, published := l.snapshot(t), l.published(t)
	seen := map[string]string{}
	for _, e := range all {
		for id, o := range l.rest.routines(t, e) {
			seen[e.name+id] = o.text("last_seen")
		}
	}
	for i := range 100 {
		c.advance(time.Minute)
		if i%10 == 0 { // the inventory has a slower pace
			l.poll(t, all...)
		} else {
			l.pollKinds(t, []proxopsv1.Kind{proxopsv1.Kind_KIND_BACKUP_ROUTINE, proxopsv1.Kind_KIND_REPLICATION}, all...)
		}
	}
	l.mustBe(t, "ok", all...)
	if diff := cmp.Diff(before, l.snapshot(t)); diff != "" {
		t.Errorf("100 polls of unchanged clusters wrote (-before +after):\n%s", diff)
	}
	if now := l.published(t); now != published {
		t.Errorf("100 polls of unchanged clusters published %d events", now-published)
	}
	for _, e := range all {
		for id, o := range l.rest.routines(t, e) {
			if o.text("last_seen") <= seen[e.name+id] {
				t.Errorf("%s: %s was seen at %s, and is said to be seen at %s after 100 polls", e.name, id, seen[e.name+id], o.text("last_seen"))
			}
		}
	}
}

// bookkeeping are the columns that every poll writes.
var bookkeeping = map[string][]string{
	"endpoint_states": {"issued_generation", "claimed_by", "claim_expires_at", "claim_pending"},
	"sync_states":     {"applied_generation", "last_seen", "last_attempt"},
	"tokens":          {"last_used"},
}

// snapshot is all that the database holds but for bookkeeping, with the transactions that wrote it where there is none of that.
func (l *lab) snapshot(t *testing.T) map[string][]string {
	t.Helper()
	rows, _ := l.pool.Query(t.Context(), "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, table := range tables {
		written := ", x.xmin::text || x.ctid::text"
		if bookkeeping[table] != nil || table == "relay_state" {
			written = ", ''"
		}
		rows, _ := l.pool.Query(t.Context(), fmt.Sprintf("SELECT to_json(x)::text%s FROM %s x", written, pgx.Identifier{table}.Sanitize()))
		texts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
			var text, tuple string
			if err := row.Scan(&text, &tuple); err != nil {
				return "", err
			}
			return tuple + " " + without(text, bookkeeping[table]), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(texts)
		out[table] = texts
	}
	if len(out["backup_routines"]) == 0 || len(out["changes"]) == 0 {
		t.Fatal("there are no rows to compare")
	}
	return out
}

func without(text string, columns []string) string {
	if len(columns) == 0 {
		return text
	}
	var row map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &row); err != nil {
		return err.Error()
	}
	for _, c := range columns {
		delete(row, c)
	}
	out, _ := json.Marshal(row)
	return string(out)
}

// A next run that has passed is renewed, and that is no change of the job.
func TestANextRunIsRenewedWithoutAChange(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	past := clock{make(chan time.Time, 1)}
	past.now <- time.Now().Add(-48 * time.Hour)
	world := pvesim.Generate("late", 17, 3, 5, 3)
	world.TimeZone = "Europe/Berlin"
	for i := range world.Backups {
		world.Backups[i].Disabled, world.Backups[i].Schedule = false, "*:0/10"
	}
	e := l.add(t, pvesim.New("9.2", pvesim.WithWorld(world), pvesim.WithClock(past.read)))[0]
	l.poll(t, e)
	first, published := l.rest.routines(t, e), l.published(t)
	past.advance(96 * time.Hour) // the cluster's clock was wrong, and is set right
	l.poll(t, e)
	for id, o := range l.rest.routines(t, e) {
		before, err := time.Parse(time.RFC3339, first[id].text("next_run"))
		if err != nil {
			t.Fatal(err)
		}
		after, err := time.Parse(time.RFC3339, o.text("next_run"))
		if err != nil {
			t.Fatal(err)
		}
		if after.Sub(before) < 95*time.Hour {
			t.Errorf("the next run of %s was %s and is %s", id, before, after)
		}
		if o.number("version") != 1 || o.text("last_updated") != first[id].text("last_updated") {
			t.Errorf("%s has version %d and was updated at %s, and only its next run moved", id, o.number("version"), o.text("last_updated"))
		}
	}
	if now := l.published(t); now != published {
		t.Errorf("%d events followed", now-published)
	}
}
