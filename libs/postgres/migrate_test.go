package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres/migrations"
)

// Empty is pgtest.Empty, which this package cannot import: it is set from outside.
var Empty func(testing.TB) string

// steps are n migrations, each of which would fail if it ran twice.
func steps(n int) fs.FS {
	files := fstest.MapFS{}
	for i := range n {
		files[fmt.Sprintf("%05d_step.sql", i+1)] = &fstest.MapFile{
			Data: fmt.Appendf(nil, "-- +goose Up\nCREATE TABLE step%d (id int);\nSELECT pg_sleep(0.02);\n", i+1),
		}
	}
	return files
}

func tables(t *testing.T, url string) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'step%'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMigrateWorksOnceHoweverManyStart(t *testing.T) {
	t.Parallel()
	url := Empty(t)
	var g errgroup.Group
	for range 5 {
		g.Go(func() error { return migrate(t.Context(), url, steps(3)) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := tables(t, url); got != 3 {
		t.Errorf("%d tables, want 3", got)
	}
}

func TestMigrateGoesForwardOnly(t *testing.T) {
	t.Parallel()
	url := Empty(t)
	for _, n := range []int{2, 3, 3} {
		if err := migrate(t.Context(), url, steps(n)); err != nil {
			t.Fatalf("to version %d: %v", n, err)
		}
	}
	err := migrate(t.Context(), url, steps(2))
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "version 3, newer than this binary, which knows 2") {
		t.Errorf("an older binary: %v", err)
	}
	if got := tables(t, url); got != 3 {
		t.Errorf("%d tables, want 3 still", got)
	}
}

func TestMigrateLeavesAFailedStepUndone(t *testing.T) {
	t.Parallel()
	url := Empty(t)
	files := steps(1).(fstest.MapFS)
	files["00002_step.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE step2 (id int);\nSELECT 1/0;\n")}
	err := migrate(t.Context(), url, files)
	if err == nil || !strings.Contains(err.Error(), "division by zero") || !strings.Contains(err.Error(), "from version 0 to 2") {
		t.Errorf("err = %v", err)
	}
	if got := tables(t, url); got != 1 {
		t.Errorf("%d tables, want the one of the step before", got)
	}
	if err := migrate(t.Context(), url, steps(2)); err != nil {
		t.Errorf("mended: %v", err)
	}
}

func TestCheckVersionComparesWithTheBinary(t *testing.T) {
	t.Parallel()
	url := Empty(t)
	if err := CheckVersion(t.Context(), url); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "migrate it first") {
		t.Errorf("an empty database: %v", err)
	}
	if err := errors.Join(Migrate(t.Context(), url), CheckVersion(t.Context(), url)); err != nil {
		t.Errorf("a migrated one: %v", err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)"); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"CheckVersion": CheckVersion(t.Context(), url), "Migrate": Migrate(t.Context(), url)} {
		if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "use a newer binary") {
			t.Errorf("%s of a newer one: %v", name, err)
		}
	}
}

func TestMigrationsHaveNoWayBack(t *testing.T) {
	names, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d migrations, %v", len(names), err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(string(text)), "+goose down") {
			t.Errorf("%s goes back: migrations only go forward", name)
		}
	}
}
