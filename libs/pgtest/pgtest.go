// Package pgtest gives a test a database of its own on a real PostgreSQL, with the schema in place.
package pgtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/localpg"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/postgres/migrations"
	"github.com/proxops/proxops/libs/secretfile"
)

// New returns a pool on a fresh database with the current schema. Both are gone when the test ends. The server is the one
// of TEST_DATABASE_URL, else a private one that lives as long as the test binary. Tests may run in parallel.
func New(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool, err := postgres.Open(tb.Context(), URL(tb), postgres.Options{Name: tb.Name(), MaxConns: 8})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

// URL returns the address of a fresh database with the current schema, which is dropped when the test ends, with whoever is
// still connected to it.
func URL(tb testing.TB) string {
	tb.Helper()
	tmpl, err := template()
	if err != nil {
		tb.Fatalf("prepare the template of test databases: %v", err)
	}
	return create(tb, " TEMPLATE "+tmpl)
}

// Empty returns the address of a fresh database without any schema, for tests of the migrations themselves.
func Empty(tb testing.TB) string {
	tb.Helper()
	return create(tb, " TEMPLATE template0")
}

func create(tb testing.TB, option string) string {
	tb.Helper()
	admin, err := server()
	if err != nil {
		tb.Fatalf("start a PostgreSQL for tests: %v", err)
	}
	random, err := secretfile.Random()
	if err != nil {
		tb.Fatal(err)
	}
	name := "test_" + strings.ToLower(string(random))
	if err := exec(admin, "CREATE DATABASE "+name+option); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := exec(admin, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Error(err)
		}
	})
	return withDatabase(admin, name)
}

// server returns the address of the administrator's database of the server for tests.
var server = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("TEST_DATABASE_URL"); given != "" {
		return given, nil
	}
	// There is no hook at the end of a test binary. The server needs none: it ends with the process.
	s, err := localpg.StartForTests(context.Background(), localpg.Config{})
	if err != nil {
		return "", err
	}
	return s.URL(), sweep(s.URL())
})

// sweep drops the databases that test binaries left on a private server when they were killed.
func sweep(admin string) error {
	return connect(admin, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, "SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'")
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, err := conn.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
				return err
			}
		}
		return nil
	})
}

// template returns the name of a database with the schema of the current migrations, by whose content it is named. One
// process makes it; those that ask meanwhile wait.
var template = sync.OnceValues(func() (string, error) {
	admin, err := server()
	if err != nil {
		return "", err
	}
	name, err := templateName()
	if err != nil {
		return "", err
	}
	return name, connect(admin, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtext($1))", name); err != nil { // freed with the connection
			return err
		}
		var complete bool
		err := conn.QueryRow(ctx, "SELECT datistemplate FROM pg_database WHERE datname = $1", name).Scan(&complete)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if complete {
			return nil
		}
		for _, step := range []string{"DROP DATABASE IF EXISTS " + name + " WITH (FORCE)", "CREATE DATABASE " + name + " TEMPLATE template0"} {
			if _, err := conn.Exec(ctx, step); err != nil {
				return err
			}
		}
		if err := postgres.Migrate(ctx, withDatabase(admin, name)); err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "ALTER DATABASE "+name+" IS_TEMPLATE true")
		return err
	})
})

func templateName() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(migrations.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.FS, path)
		_, _ = fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return err
	})
	return fmt.Sprintf("template_%x", sum.Sum(nil)[:8]), err
}

func exec(url, sql string) error {
	return connect(url, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql)
		return err
	})
}

// connect has a clock of its own: databases are dropped when the context of their test has ended.
func connect(url string, fn func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return errors.Join(fn(ctx, conn), conn.Close(ctx))
}

func withDatabase(address, name string) string {
	u, err := url.Parse(address)
	if err != nil { // pgx understands other forms than urls, we do not
		panic("TEST_DATABASE_URL is not a url")
	}
	u.Path = name
	return u.String()
}
