package catalog

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// twinText is what is wrong with a name that differs from another user's in case alone.
const twinText = "A user with this username already exists."

// refuseTwins refuses names that differ from another user's in case alone. The writes happen one after the other: a name counts that one of them
// gave before, and one that was given up does not. Names that are equal are the concern of the unique constraint.
func refuseTwins(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
	writes := slices.DeleteFunc(slices.Clone(all), func(w *resource.Write) bool { return !w.Differs("username") })
	if len(writes) == 0 {
		return nil
	}
	names := make([]string, len(writes))
	for i, w := range writes {
		names[i] = w.After.Text("username")
	}
	const q = `SELECT v.name, upper(v.name COLLATE "und-x-icu"), ARRAY(SELECT u.id::bigint FROM users u WHERE upper(u.username) = upper(v.name COLLATE "und-x-icu") AND u.username <> v.name)
		FROM unnest($1::text[]) WITH ORDINALITY v (name, place) ORDER BY v.place`
	rows, err := tx.Query(ctx, q, names)
	if err != nil {
		return fmt.Errorf("look for users of like names: %w", err)
	}
	type like struct {
		Name, Key string
		Others    []int64
	}
	likes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[like])
	if err != nil {
		return fmt.Errorf("look for users of like names: %w", err)
	}
	given, renamed := map[string]string{}, map[int64]bool{}
	for i, w := range writes {
		l := likes[i]
		renamed[w.After.ID] = true
		other := slices.ContainsFunc(l.Others, func(id int64) bool { return !renamed[id] })
		if before, ok := given[l.Key]; other || ok && before != l.Name {
			w.Errors.Add(resource.Model, twinText)
			continue
		}
		given[l.Key] = l.Name
	}
	return nil
}
