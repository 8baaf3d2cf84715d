package pgtest_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
)

func TestNewGivesADatabaseOfItsOwnWithTheSchema(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one", "two", "three"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.New(t)
			if err := postgres.CheckVersion(t.Context(), pool.Config().ConnString()); err != nil {
				t.Error(err)
			}
			if _, err := pool.Exec(t.Context(), "CREATE TABLE mine (id int)"); err != nil {
				t.Errorf("somebody else's table is here: %v", err)
			}
		})
	}
}

func TestADatabaseIsGoneAfterItsTest(t *testing.T) {
	t.Parallel()
	var was string
	t.Run("uses it", func(t *testing.T) {
		was = pgtest.URL(t)
		conn, err := pgx.Connect(t.Context(), was)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn // a connection left open does not keep it
	})
	_, err := pgx.Connect(t.Context(), was)
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); !ok || pgErr.Code != "3D000" {
		t.Errorf("err = %v, want that it does not exist", err)
	}
}

func TestEmptyHasNoSchema(t *testing.T) {
	t.Parallel()
	address := pgtest.Empty(t)
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(u.Path, "/test_") {
		t.Fatalf("address %v, %v", u, err)
	}
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d tables, %v", n, err)
	}
}
