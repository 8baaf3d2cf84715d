package rest_test

import (
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/proxops/proxops/libs/syncjob"
)

// Whoever deletes an endpoint waits for a job that is being made for it, so that no part is left that nobody settles.
func TestNoPartOutlivesItsEndpointUnsettled(t *testing.T) {
	f := newFleet(t)
	tx, err := f.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	job, err := syncjob.Create(t.Context(), tx, syncjob.New{Name: "x", Kinds: []string{"inventory"}, RequestID: uuid.New()})
	if err != nil {
		t.Fatal(err)
	}
	var deleted sync.WaitGroup
	deleted.Go(func() { f.ask("DELETE", path(endpointPath, f.prod), nil).want(t, 204, "") })
	f.waits(1)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	deleted.Wait()
	if got := f.parts(int(job)); got != "edge inventory pending, lab inventory pending, prod inventory failed" {
		t.Errorf("parts: %s", got)
	}
}
