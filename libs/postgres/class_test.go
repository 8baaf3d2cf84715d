package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
)

func TestClassesOfErrors(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	const table = "CREATE TABLE n (v int CONSTRAINT n_once UNIQUE, t text CONSTRAINT n_short CHECK (length(t) <> 3)); CREATE INDEX ON n (t); INSERT INTO n VALUES (1, '')"
	if _, err := pool.Exec(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		sql                string
		constraint, reason string
	}{
		"taken":           {sql: "INSERT INTO n VALUES (1)", constraint: "n_once"},
		"number too big":  {sql: "INSERT INTO n VALUES (3000000000)", reason: "integer out of range"},
		"no number":       {sql: "INSERT INTO n VALUES ('x'::text::int)", reason: "invalid input syntax for type integer"},
		"index too long":  {sql: "INSERT INTO n SELECT 2, string_agg(md5(i::text), '') FROM generate_series(1, 1000) i", reason: "index row requires"},
		"check":           {sql: "INSERT INTO n VALUES (2, 'abc')"},
		"no such table":   {sql: "SELECT 1 FROM missing"},
		"nothing at all":  {sql: "SELECT 1"},
		"a broken syntax": {sql: "SELEKT"},
	} {
		_, err := pool.Exec(t.Context(), tc.sql)
		if (err == nil) != (name == "nothing at all") {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			err = fmt.Errorf("wrapped: %w", err)
		}
		if constraint, ok := postgres.UniqueViolation(err); constraint != tc.constraint || ok != (tc.constraint != "") {
			t.Errorf("%s: a unique violation: %v of %q", name, ok, constraint)
		}
		if reason, ok := postgres.Unstorable(err); !strings.Contains(reason, tc.reason) || ok != (tc.reason != "") {
			t.Errorf("%s: unstorable: %v, %q", name, ok, reason)
		}
	}
	if _, ok := postgres.UniqueViolation(errors.New("23505")); ok {
		t.Error("a unique violation that Postgres did not report")
	}
}
