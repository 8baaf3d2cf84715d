package resource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/jackc/pgx/v5"
)

// exportRows is how many rows of an export are in memory at a time.
const exportRows = 1000

// Export is a list as CSV, as one moment saw it. It holds a connection until it is closed.
type Export struct {
	tx      pgx.Tx
	columns []column
	origin  string
	chunk   []byte // lines that are ready; nil if none are
	spare   []byte // the memory of those before
	scratch []byte
	done    bool
}

// Export begins the CSV of a list: all that the filters let through, in the order asked for; limit and offset count if they are given. What is
// wrong with the request shows here. The caller closes the export.
func (s *Store) Export(ctx context.Context, r *Resource, actor Actor, at Address, params url.Values, sel Selection) (*Export, error) {
	scope, err := actor.Scope(r, View)
	if err != nil {
		return nil, err
	}
	fields, err := s.CustomFields(ctx, r)
	if err != nil {
		return nil, err
	}
	form := newPlan()
	columns := r.tabulate(form, sel, fields)
	custom, err := s.customFilters(ctx, r, params)
	if err != nil {
		return nil, err
	}
	p, q, err := r.ask(scope, custom, params, Limits{})
	if err != nil {
		return nil, s.refuse(ctx, q, err)
	}
	tx, err := s.Pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", r.Name, err)
	}
	e := &Export{tx: tx, columns: columns, origin: at.Origin}
	begun := false
	defer func() {
		if !begun {
			e.Close(ctx)
		}
	}()
	if err := e.begin(ctx, q, exportSQL(q, form, p, Last(params["ordering"]))); err != nil {
		e.Close(ctx) // explaining takes a connection of its own: who holds one may not wait for another
		return nil, s.explain(ctx, q, fmt.Errorf("export %s: %w", r.Name, err))
	}
	begun = true
	return e, nil
}

// exportSQL makes the statement of all rows that a query is about.
func exportSQL(q *query, form *plan, p page, ordering string) string {
	r := q.r
	terms := r.order(ordering)
	if p.cursor {
		q.cond("t.id >= " + q.arg(p.start) + "::bigint")
		terms = []term{{path: []*Field{r.fields["id"]}}}
	}
	ordered := newPlan()
	ordered.joins, ordered.aliases = slices.Clone(form.joins), maps.Clone(form.aliases)
	order := r.orderSQL(ordered, terms)
	columns := form.columnSQL()
	if columns == "" {
		columns = "1"
	}
	sql := "SELECT " + columns + " FROM " + r.Table + " t " + ordered.joinSQL() + q.whereSQL() + " ORDER BY " + order
	if p.limit > 0 {
		sql += " LIMIT " + q.arg(p.limit)
	}
	if p.offset > 0 {
		sql += " OFFSET " + q.arg(p.offset)
	}
	return sql
}

// begin checks what filters name, opens the cursor, and reads the first rows, so that nothing is sent of what fails.
func (e *Export) begin(ctx context.Context, q *query, sql string) error {
	batch := &pgx.Batch{}
	for i := range q.checks {
		q.checks[i].queue(batch)
	}
	// Each row will be read: a plan that has the first ones early is no aim.
	batch.Queue("SET LOCAL cursor_tuple_fraction = 1")
	results := e.tx.SendBatch(ctx, batch)
	for i := range q.checks {
		if err := q.checks[i].read(results, q); err != nil {
			return errors.Join(err, results.Close())
		}
	}
	if err := results.Close(); err != nil {
		return err
	}
	if err := q.errors.Err(); err != nil {
		return err
	}
	// Names of statements that were prepared before would be those of other columns.
	args := append([]any{pgx.QueryExecModeDescribeExec}, q.args...)
	if _, err := e.tx.Exec(ctx, "DECLARE export NO SCROLL CURSOR FOR "+sql, args...); err != nil {
		return err
	}
	for i, c := range e.columns {
		if i > 0 {
			e.chunk = append(e.chunk, ',')
		}
		e.chunk = appendCell(e.chunk, []byte(c.name), true)
	}
	e.chunk = append(e.chunk, "\r\n"...)
	return e.fetch(ctx)
}

// fetch appends the next rows to the chunk.
func (e *Export) fetch(ctx context.Context) error {
	rows, err := e.tx.Query(ctx, fmt.Sprintf("FETCH %d FROM export", exportRows), pgx.QueryExecModeDescribeExec)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		row := Row{Vals: rows.RawValues(), Origin: e.origin}
		for i, c := range e.columns {
			if i > 0 {
				e.chunk = append(e.chunk, ',')
			}
			value, text := c.cell(e.scratch[:0], &row)
			e.chunk = appendCell(e.chunk, value, text)
			e.scratch = value
		}
		if len(e.columns) == 1 && len(e.scratch) == 0 {
			e.chunk = append(e.chunk, `""`...) // an empty line would be no row
		}
		e.chunk = append(e.chunk, "\r\n"...)
	}
	e.done = n < exportRows
	return rows.Err()
}

// Next returns the next lines, the names of the columns first, and nil after the last. They are good until the next call.
func (e *Export) Next(ctx context.Context) ([]byte, error) {
	if e.chunk == nil {
		if e.done {
			return nil, nil
		}
		e.chunk = e.spare[:0]
		if err := e.fetch(ctx); err != nil {
			return nil, fmt.Errorf("go on with an export: %w", err)
		}
	}
	chunk := e.chunk
	e.chunk, e.spare = nil, chunk
	return chunk, nil
}

// Close ends the export. It may be called at any time.
func (e *Export) Close(ctx context.Context) {
	// What was only read needs no commit, and a connection that broke is not kept.
	_ = e.tx.Rollback(context.WithoutCancel(ctx))
}
