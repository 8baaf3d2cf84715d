package resource

import (
	"bytes"
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Statements around those of a list. Finding rows depends much on the values it is given, and its statement is small: it is planned each time, unless
// a condition is narrow in any case. What shows rows joins many tables, but has no parameters: Postgres plans it once.
const (
	beginSnapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
	planEachTime  = "SET LOCAL plan_cache_mode = force_custom_plan"
	endSnapshot   = "COMMIT"
)

// foundIDs is the setting, of the transaction alone, in which the statement that finds a page leaves its ids for the one that shows their rows. So
// both fit into one round trip.
const foundIDs = "proxops.found"

// foundPage is a page, its objects as JSON with commas between, and how many rows there are in all.
type foundPage struct {
	count int
	ids   []int64
	list  []byte
}

// fetch runs the checks of a query, finds its page and reads what is shown of it. All that sees one state of the database, in one round trip.
func (s *Store) fetch(ctx context.Context, q *query, find string, form *plan, at Address) (found foundPage, err error) {
	conn, err := s.acquire(ctx)
	if err != nil {
		return found, err
	}
	defer conn.Release()
	batch := &pgx.Batch{}
	batch.Queue(beginSnapshot)
	form.queueCustom(batch, q.r.Type)
	for i := range q.checks {
		q.checks[i].queue(batch)
	}
	if !q.narrow {
		batch.Queue(planEachTime)
	}
	batch.Queue(find, q.args...)
	batch.Queue(q.r.selectSQL(form, "t.id = ANY(current_setting('"+foundIDs+"')::bigint[])"))
	batch.Queue(endSnapshot)
	results := conn.SendBatch(ctx, batch)
	found, err = readList(results, q, form, at)
	if closed := results.Close(); err == nil {
		err = closed
	}
	if err != nil && conn.Conn().PgConn().TxStatus() != 'I' && !conn.Conn().IsClosed() {
		// ctx may be done by now. A connection that cannot even do this is closed by the pool.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_, _ = conn.Exec(ctx, "ROLLBACK")
	}
	return found, err
}

// readList reads the results of a fetch in turn.
func readList(results pgx.BatchResults, q *query, form *plan, at Address) (found foundPage, err error) {
	if _, err := results.Exec(); err != nil {
		return found, err
	}
	custom, err := form.readCustom(results)
	if err != nil {
		return found, err
	}
	for i := range q.checks {
		if err := q.checks[i].read(results, q); err != nil {
			return found, err
		}
	}
	if err := q.errors.Err(); err != nil {
		return found, err
	}
	if !q.narrow {
		if _, err := results.Exec(); err != nil {
			return found, err
		}
	}
	rows, err := results.Query()
	if err != nil {
		return found, err
	}
	for rows.Next() {
		v := rows.RawValues()
		found.count, found.ids = int(decodeInt(v[0])), decodeIDs(v[1])
	}
	if rows.Close(); rows.Err() != nil {
		return found, rows.Err()
	}
	found.list, err = readRows(results, form, Row{Origin: at.Origin, Suffix: at.Suffix, Custom: custom}, found.ids)
	return found, err
}

// readRows appends the objects of the rows, which come in any order, in the order of the ids.
func readRows(results pgx.BatchResults, form *plan, row Row, ids []int64) ([]byte, error) {
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	objects := make(map[int64][]byte, len(ids))
	var buffer []byte
	for rows.Next() {
		v := rows.RawValues()
		row.Vals = v[2:]
		start := len(buffer)
		buffer = form.encode(buffer, &row)
		objects[decodeInt(v[0])] = buffer[start:len(buffer):len(buffer)]
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	list := make([]byte, 0, len(buffer)+len(ids))
	for i, id := range ids {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, objects[id]...)
	}
	return list, nil
}

// decodeIDs reads what Postgres writes for an array of numbers, {1,2,3}.
func decodeIDs(v []byte) []int64 {
	if len(v) <= 2 {
		return nil
	}
	ids := make([]int64, 0, 50)
	for text := range bytes.SplitSeq(v[1:len(v)-1], []byte{','}) {
		id, _ := strconv.ParseInt(string(text), 10, 64)
		ids = append(ids, id)
	}
	return ids
}
