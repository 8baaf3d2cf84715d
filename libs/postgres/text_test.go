package postgres_test

import (
	"testing"

	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
)

func TestTextIsWhatPostgresStores(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), pgtest.URL(t), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for _, tc := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 0, ""},
		{"plain", 0, "plain"},
		{"plain", 5, "plain"},
		{"plain", 4, "plai"},
		{"a\x00b\x00", 0, "ab"},
		{"a\x00b\x00c", 2, "ab"},
		{"caf\xe9!", 0, "caf!"},
		{"\xc3\x00\xa9", 0, "é"},
		{"üü", 3, "ü"},
		{"üü", 1, ""},
	} {
		var stored string
		if err := pool.QueryRow(t.Context(), "SELECT $1::text", postgres.Text(tc.in, tc.limit)).Scan(&stored); err != nil || stored != tc.want {
			t.Errorf("%q cut to %d is stored as %q (%v), want %q", tc.in, tc.limit, stored, err, tc.want)
		}
	}
}
