package change

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/pgtest"
)

func TestTypesAreNamedAsTheirRows(t *testing.T) {
	rows, err := pgtest.New(t).Query(t.Context(), "SELECT id, app_label || '.' || model FROM object_types")
	if err != nil {
		t.Fatal(err)
	}
	var id ObjectType
	var name string
	n := 0
	_, err = pgx.ForEachRow(rows, []any{(*int32)(&id), &name}, func() error {
		n++
		if found, ok := TypeNamed(name); !ok || found != id || id.String() != name {
			t.Errorf("%s is row %d, but type %d, which is called %q", name, id, found, id)
		}
		return nil
	})
	if err != nil || n != len(names) {
		t.Errorf("%d rows for %d types (%v)", n, len(names), err)
	}
	if _, ok := TypeNamed(""); ok || ObjectType(99).String() != "" {
		t.Error("what is no type has a name")
	}
}
