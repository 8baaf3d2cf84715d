package localpg_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestAServerEndsWhenItsProcessIsKilled(t *testing.T) {
	t.Parallel()
	cmd, url := child(t, t.TempDir())
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			return
		}
		_ = conn.Close(t.Context())
		if time.Now().After(deadline) {
			t.Fatal("it still answers ten seconds later")
		}
	}
}
