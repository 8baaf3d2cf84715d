package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestRunGivesTheCommandAServerAndReturnsItsExitCode(t *testing.T) {
	t.Setenv("TEST_DATABASE_URL", "")
	seen := filepath.Join(t.TempDir(), "url")
	code, err := run(t.Context(), []string{"sh", "-c", `printf %s "$TEST_DATABASE_URL" >"$0"; exit 7`, seen})
	if err != nil || code != 7 {
		t.Fatalf("exit code %d, %v; want 7", code, err)
	}
	url, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.ParseConfig(string(url)); err != nil || len(url) == 0 {
		t.Fatalf("the command saw %q: %v", url, err)
	}
	if conn, err := pgx.Connect(t.Context(), string(url)); err == nil {
		_ = conn.Close(t.Context())
		t.Error("the server outlives the command")
	}
}

func TestRunLeavesAGivenServerAlone(t *testing.T) {
	t.Setenv("TEST_DATABASE_URL", "postgres://given")
	if code, err := run(t.Context(), []string{"sh", "-c", `test "$TEST_DATABASE_URL" = postgres://given`}); code != 0 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
}

func TestRunEndsTheCommandWhenItIsToldTo(t *testing.T) {
	t.Setenv("TEST_DATABASE_URL", "postgres://given")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if code, _ := run(ctx, []string{"sleep", "60"}); code == 0 {
		t.Error("it says that the command succeeded")
	}
}

func TestRunSaysWhichCommandIsMissing(t *testing.T) {
	t.Setenv("TEST_DATABASE_URL", "postgres://given")
	if code, err := run(t.Context(), []string{"/missing"}); code != 1 || err == nil {
		t.Errorf("exit code %d, %v", code, err)
	}
}
