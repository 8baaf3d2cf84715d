package resource

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Visible says which changes, by their ids in the change log, are of objects that the actor may view. An object is judged as it was after the
// change, or before its deletion: so one that is gone by now is judged as well, and one that has left the actor's sight is seen until it does. What
// the log does not hold, tags and what belongs to other objects, is as it is now. Changes of other resources than those given, and changes that are
// no longer in the log, may not be seen. It takes one statement, and none if the actor may view all or nothing.
func (s *Store) Visible(ctx context.Context, actor Actor, resources []*Resource, changes []int64) (map[int64]bool, error) {
	var parts []string
	q := query{}
	ids := q.arg(changes)
	for _, r := range resources {
		scope, err := actor.Scope(r, View)
		if err != nil {
			continue // nothing of it
		}
		parts = append(parts, "SELECT c.id FROM changes c "+r.asLogged()+
			" WHERE c.id = ANY("+ids+"::bigint[]) AND c.object_type_id = "+strconv.Itoa(int(r.Type))+" AND "+scope.sql(r, "t", q.arg))
	}
	seen := make(map[int64]bool, len(changes))
	if len(parts) == 0 || len(changes) == 0 {
		return seen, nil
	}
	conn, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	rows, err := conn.Query(ctx, strings.Join(parts, " UNION ALL "), q.args...)
	if err != nil {
		return nil, fmt.Errorf("check permission to view %d changes: %w", len(changes), err)
	}
	var id int64
	if _, err := pgx.ForEachRow(rows, []any{&id}, func() error { seen[id] = true; return nil }); err != nil {
		return nil, fmt.Errorf("check permission to view %d changes: %w", len(changes), err)
	}
	return seen, nil
}

// asLogged joins changes c with rows t of the resource as the change log has them. Columns that it does not hold are those of the present row, null
// if there is none. Of resources whose changes this package does not write it joins the present rows.
func (r *Resource) asLogged() string {
	if r.Job == nil {
		return "JOIN " + r.Table + " t ON t.id = c.object_id"
	}
	var column strings.Builder
	for _, f := range r.logged {
		if f.stored() && f.Column != f.Name {
			fmt.Fprintf(&column, " WHEN '%s' THEN '%s'", f.Name, f.Column)
		}
	}
	return "LEFT JOIN " + r.Table + " r ON r.id = c.object_id" +
		" JOIN LATERAL jsonb_populate_record(r, (SELECT jsonb_object_agg(CASE e.key" + column.String() + " ELSE e.key END, e.value)" +
		" FROM jsonb_each((CASE c.action WHEN 'delete' THEN c.prechange ELSE c.postchange END)::jsonb) e)" +
		" || jsonb_build_object('id', c.object_id, 'version', c.version, 'last_updated', c.time)) t ON t.id = c.object_id"
}
