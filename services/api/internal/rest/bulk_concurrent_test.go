package rest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// TestBulkWritesThatMeetTakeTurns has several clients write the same objects at once, each in another order, and move them between endpoints: all
// succeed, and each change is one version.
func TestBulkWritesThatMeetTakeTurns(t *testing.T) {
	w := newWorld(t)
	const rows, clients, rounds = 12, 4, 6
	var ids []int
	for _, text := range w.ask("POST", routinesPath, w.routines(slices.Collect(func(yield func(string) bool) {
		for i := range rows {
			if !yield(fmt.Sprint("job-", i)) {
				return
			}
		}
	})...)).list(t) {
		ids = append(ids, id(text))
	}
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(client)))
			for round := range rounds {
				var items []object
				for _, i := range random.Perm(rows) {
					item := object{"id": ids[i], "comment": fmt.Sprint(client, round, i)}
					if random.IntN(4) == 0 {
						item["endpoint"] = []int{w.prod, w.lab}[random.IntN(2)]
					}
					items = append(items, item)
				}
				if a := w.ask("PATCH", routinesPath, items); a.status != 200 {
					t.Errorf("client %d, round %d: %d %s", client, round, a.status, a.body)
				}
			}
		})
	}
	wg.Wait()
	if n := w.exec("SELECT count(*) FROM backup_routines WHERE version = $1", 1+clients*rounds); n != rows {
		t.Errorf("%d routines have version %d, want %d", n, 1+clients*rounds, rows)
	}
	for _, id := range ids {
		changes := w.changes(1, id)
		for i := 1; i < len(changes); i++ {
			if changes[i].Version != i+1 || changes[i].Pre["comment"] != changes[i-1].Post["comment"] || changes[i].Pre["endpoint"] != changes[i-1].Post["endpoint"] {
				t.Fatalf("change %d of %d does not follow the one before: %+v", i, id, changes[i])
			}
		}
	}
}

func TestDeletingWhatOthersWriteTakesTurns(t *testing.T) {
	w := newWorld(t)
	made := w.ask("POST", routinesPath, w.routines("a", "b", "c", "d")).list(t)
	var patch, drop []object
	for _, o := range made {
		patch = append(patch, object{"id": o["id"], "comment": "x"})
		drop = append([]object{{"id": o["id"]}}, drop...)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { w.ask("PATCH", routinesPath, patch).want(t, 200, "") })
		wg.Go(func() { w.ask("DELETE", routinesPath, drop).want(t, 204, "") })
	}
	wg.Wait()
	if n := w.exec("SELECT count(*) FROM changes WHERE object_type_id = 1 AND action = 'delete'"); n != 4 {
		t.Errorf("%d deletions are logged, want 4", n)
	}
}
