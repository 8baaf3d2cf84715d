package resource

import (
	"strconv"

	"github.com/jackc/pgx/v5"
)

// queue adds the query that finds which of the named objects exist.
func (c *check) queue(batch *pgx.Batch) {
	table, column := c.table, "id::text"
	if table == "" {
		table, column = c.to.Table, c.to.knownBy()
	}
	if c.column != "" {
		column = c.column
	}
	sql := "SELECT id::text, " + column + " FROM " + table + " t WHERE "
	switch { // two conditions only where both are asked for: one of them may have no index
	case c.names == nil:
		batch.Queue(sql+"id = ANY($1::bigint[])", c.ids)
	case c.ids == nil:
		batch.Queue(sql+column+" = ANY($1::text[])", c.names)
	default:
		batch.Queue(sql+"id = ANY($1::bigint[]) OR "+column+" = ANY($2::text[])", c.ids, c.names)
	}
}

// read notes an error for each object that does not exist.
func (c *check) read(results pgx.BatchResults, q *query) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	ids, names := map[string]bool{}, map[string]bool{}
	for rows.Next() {
		v := rows.RawValues()
		ids[string(v[0])], names[string(v[1])] = true, true
	}
	if err := rows.Err(); err != nil {
		return err
	}
	miss := func(text string) {
		if c.strict {
			q.fail(c.param, invalidChoice(text))
			return
		}
		q.fail(c.param, "Select a valid choice. That choice is not one of the available choices.")
	}
	for _, id := range c.ids {
		if text := strconv.FormatInt(id, 10); !ids[text] {
			miss(text)
			return nil
		}
	}
	for _, name := range c.names {
		if !names[name] {
			miss(name)
			return nil
		}
	}
	return nil
}
