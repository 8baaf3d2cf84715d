package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
)

// Whenever a context ends, the error says so, whatever the layers between make of it.
func TestMigrateSaysThatItsContextEnded(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	failed := 0
	for after := time.Duration(0); after < 40*time.Millisecond; after += time.Millisecond {
		ctx, cancel := context.WithCancel(t.Context())
		stop := time.AfterFunc(after, cancel)
		err := postgres.Migrate(ctx, url)
		if err != nil {
			failed++
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("ended after %s: %v", after, err)
		}
		stop.Stop()
		cancel()
	}
	if failed == 0 {
		t.Error("no migration was cut short, so nothing was proved")
	}
}
