package rest_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/syncjob"
)

// What syncs did is in the log beside what people did, with the request that asked for them.
func TestTheChangeLogTellsOfSyncs(t *testing.T) {
	w := newWorld(t)
	w.exec(`UPDATE endpoints SET enabled = true WHERE id = $1`, w.prod)
	request := uuid.New()
	var id int32
	err := postgres.InTx(t.Context(), w.pool, func(tx pgx.Tx) (err error) {
		id, err = syncjob.Create(t.Context(), tx, syncjob.New{
			Name: "Nightly", Kinds: []string{"replication"}, Endpoints: []int32{int32(w.prod)}, UserID: new(int32(1)), UserName: "admin", RequestID: request,
		})
		if err != nil {
			return err
		}
		if err := syncjob.Started(t.Context(), tx, []int32{id}); err != nil {
			return err
		}
		_, err = syncjob.Cancel(t.Context(), tx, id, "bob")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := w.get(fmt.Sprintf("%s?changed_object_type=core.job&changed_object_id=%d", changesPath, id)).results(t)
	if len(rows) != 2 {
		t.Fatalf("%d changes: %v", len(rows), rows)
	}
	for i, want := range []struct{ display, action, before, after string }{
		{"Core | job Nightly updated by admin", "update", "running", "failed"},
		{"Core | job Nightly created by admin", "create", "", "running"},
	} {
		row := rows[i]
		before, _ := row["prechange_data"].(map[string]any)["status"].(string)
		after := row["postchange_data"].(map[string]any)["status"]
		if row["display"] != want.display || row["action"].(map[string]any)["value"] != want.action || before != want.before || after != want.after {
			t.Errorf("change %d: %v", i, row)
		}
		if row["changed_object_type"] != "core.job" || row["object_repr"] != "Nightly" || row["request_id"] != request.String() || row["user"].(map[string]any)["username"] != "admin" {
			t.Errorf("change %d: %v", i, row)
		}
		w.get(row["url"].(string)).want(t, 200, "")
	}
	for query, want := range map[string]int{"changed_object_type_id=19": 2, "q=nightly&action=create": 1, "request_id=" + request.String(): 2} {
		if got := w.get(changesPath + "?" + query).results(t); len(got) != want {
			t.Errorf("?%s: %d changes, want %d", query, len(got), want)
		}
	}
	if got := w.get(fmt.Sprintf("%s?changed_object_type=core.job&format=csv", changesPath)); got.status != 200 {
		t.Errorf("as CSV: %d %s", got.status, got.body)
	}
}

// A later version may have written changes of objects that this one does not know.
func TestChangesOfUnknownTypesAreShown(t *testing.T) {
	w := newWorld(t)
	w.exec(`INSERT INTO changes (object_type_id, object_id, action, cause, request_id, object_repr) VALUES (99, 5, 'update', 'api', gen_random_uuid(), 'thing')`)
	row := w.get(changesPath + "?object_repr=thing").results(t)[0]
	if row["display"] != "object of type 99 thing updated" || row["changed_object_type"] != nil || row["changed_object"] != nil || row["changed_object_id"] != 5.0 {
		t.Errorf("the change is %v", row)
	}
}
