package resource

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// CheckConstraints says what is wrong with the constraints of a permission when they are asked of objects of r, "" if nothing. The value is
// decoded JSON with json.Number. Each constraint is tried on the database, in a savepoint of the transaction.
func (r *Resource) CheckConstraints(ctx context.Context, tx pgx.Tx, constraints any) (wrong string, err error) {
	list, ok := constraints.([]any)
	if !ok {
		list = []any{constraints}
	}
	for _, v := range list {
		if v == nil {
			continue
		}
		c, ok := v.(map[string]any)
		if !ok {
			return "Constraints must be null, an object of lookups and values, or a list of such objects.", nil
		}
		if wrong, err := r.checkConstraint(ctx, tx, c); wrong != "" || err != nil {
			return wrong, err
		}
	}
	return "", nil
}

func (r *Resource) checkConstraint(ctx context.Context, tx pgx.Tx, c Constraint) (wrong string, err error) {
	if len(c) == 0 {
		return "", nil
	}
	d := demand{}
	sql, err := d.all(r, "t", c)
	if err != nil {
		return fmt.Sprintf("Invalid filter for %s: %v", r.Class, err), nil
	}
	q := query{r: r}
	sql = d.bind(sql, q.arg)
	savepoint, err := tx.Begin(ctx)
	if err != nil {
		return "", fmt.Errorf("try a constraint on %s: %w", r.Name, err)
	}
	defer func() { _ = savepoint.Rollback(ctx) }()
	_, err = savepoint.Exec(ctx, "SELECT EXISTS (SELECT FROM "+r.Table+" t WHERE "+sql+")", q.args...)
	for i := 0; err == nil && i < len(d.regexes); i++ { // a table without rows has asked nothing
		_, err = savepoint.Exec(ctx, "SELECT '' ~ $1", d.regexes[i])
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Sprintf("Invalid filter for %s: %s", r.Class, pgErr.Message), nil
	}
	if err != nil {
		return "", fmt.Errorf("try a constraint on %s: %w", r.Name, err)
	}
	return "", nil
}
