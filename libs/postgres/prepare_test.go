package postgres_test

import (
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
)

func TestPrepareMigratesOrRefuses(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	if pool, err := postgres.Prepare(t.Context(), url, true, postgres.Options{}); fault.KindOf(err) != fault.Conflict {
		if err == nil {
			pool.Close()
		}
		t.Fatalf("an empty database that may not be migrated: %v", err)
	}
	for _, checkOnly := range []bool{false, true} {
		pool, err := postgres.Prepare(t.Context(), url, checkOnly, postgres.Options{Name: "one"})
		if err != nil {
			t.Fatalf("check only %v: %v", checkOnly, err)
		}
		if err := postgres.Ready(t.Context(), pool); err != nil {
			t.Errorf("check only %v: %v", checkOnly, err)
		}
		pool.Close()
		if err := postgres.Ready(t.Context(), pool); err == nil || !strings.HasPrefix(err.Error(), "ping Postgres: ") {
			t.Errorf("a closed pool: %v", err)
		}
	}
}
