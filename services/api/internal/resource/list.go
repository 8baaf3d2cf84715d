package resource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/seal"
)

// Store answers for the resources of a set from a database. It is safe for concurrent use.
type Store struct {
	Set    *Set
	Pool   *pgxpool.Pool
	Limits Limits
}

// Address is where a request came to, for absolute urls.
type Address struct {
	Origin string // scheme and host, "https://proxops.example.com"
	Path   string // of the list, as requested
	Suffix string // query that urls of objects keep

	reveal map[int64]seal.Secret // what OneTime fields show, by the id of their object
}

// List answers a list request with NetBox's envelope as JSON. It takes one round trip, whatever the length of the page.
func (s *Store) List(ctx context.Context, r *Resource, actor Actor, at Address, params url.Values, sel Selection) ([]byte, error) {
	scope, err := actor.Scope(r, View)
	if err != nil {
		return nil, err
	}
	form := r.plan(r.shape(sel))
	custom, err := s.customFilters(ctx, r, params)
	if err != nil {
		return nil, err
	}
	p, q, sql, err := r.prepare(form, scope, custom, params, s.Limits)
	if err != nil {
		return nil, err
	}
	batch := &pgx.Batch{}
	form.queueCustom(batch, r.Type)
	for i := range q.checks {
		q.checks[i].queue(batch)
	}
	batch.Queue(sql, q.args...)
	results := s.Pool.SendBatch(ctx, batch)
	body, err := readList(results, q, form, p, at, params)
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, s.explain(ctx, q, fmt.Errorf("list %s: %w", r.Name, err))
	}
	return body, nil
}

// prepare reads the parameters of a list request.
func (r *Resource) prepare(form *plan, scope Scope, custom map[string]filter, params url.Values, limits Limits) (p page, q *query, sql string, err error) {
	if p, q, err = r.ask(scope, custom, params, limits); err != nil {
		return p, nil, "", err
	}
	return p, q, listSQL(q, form, p, lastOf(params["ordering"])), nil
}

// ask reads which rows a list request is about.
func (r *Resource) ask(scope Scope, custom map[string]filter, params url.Values, limits Limits) (p page, q *query, err error) {
	if p, err = readPage(params, limits); err != nil {
		return p, nil, err
	}
	q = &query{r: r, custom: custom}
	q.filter(params)
	q.search(params["q"])
	if err := q.errors.Err(); err != nil {
		return p, nil, err
	}
	q.within(scope)
	return p, q, nil
}

// listSQL makes one statement of the count and the page, so that both see the same rows. The page is found by ids first: joins for display
// are made for its rows alone.
func listSQL(q *query, form *plan, p page, ordering string) string {
	r := q.r
	count := "(SELECT count(*) AS n FROM " + r.Table + " t" + q.whereSQL() + ") c"
	terms := r.order(ordering)
	if p.cursor {
		q.cond("t.id >= " + q.arg(p.start) + "::bigint")
		count = "(SELECT 0::bigint AS n) c"
		terms = []term{{path: []*Field{r.fields["id"]}}}
	}
	inner := newPlan()
	order := r.orderSQL(inner, terms)
	ids := "(SELECT t.id FROM " + r.Table + " t " + inner.joinSQL() + q.whereSQL() + " ORDER BY " + order
	if p.limit > 0 {
		ids += " LIMIT " + q.arg(p.limit)
	}
	if p.offset > 0 {
		ids += " OFFSET " + q.arg(p.offset)
	}
	ids += ") p"
	outer := newPlan()
	outer.joins, outer.aliases = slices.Clone(form.joins), maps.Clone(form.aliases)
	order = r.orderSQL(outer, terms)
	columns := "c.n, t.id"
	if len(form.columns) > 0 {
		columns += ", " + form.columnSQL()
	}
	return "SELECT " + columns + " FROM " + count + " LEFT JOIN " + ids + " ON true LEFT JOIN " + r.Table + " t ON t.id = p.id " +
		outer.joinSQL() + " ORDER BY " + order
}

// readList reads the results of the checks, then the page.
func readList(results pgx.BatchResults, q *query, form *plan, p page, at Address, params url.Values) ([]byte, error) {
	custom, err := form.readCustom(results)
	if err != nil {
		return nil, err
	}
	for i := range q.checks {
		if err := q.checks[i].read(results, q); err != nil {
			return nil, err
		}
	}
	if err := q.errors.Err(); err != nil {
		return nil, err
	}
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var count, n int
	var lastID int64
	row := Row{Origin: at.Origin, Suffix: at.Suffix, Custom: custom}
	list := make([]byte, 0, 16<<10)
	for rows.Next() {
		v := rows.RawValues()
		if count = int(decodeInt(v[0])); v[1] == nil {
			continue // an empty page still has its count
		}
		if lastID = decodeInt(v[1]); n > 0 {
			list = append(list, ',')
		}
		n++
		row.Vals = v[2:]
		list = form.encode(list, &row)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	next, previous := p.links(at.Origin+at.Path, params, count, n, lastID)
	return envelope(list, p.cursor, count, next, previous), nil
}

func envelope(list []byte, cursor bool, count int, next, previous string) []byte {
	b := append(make([]byte, 0, len(list)+512), `{"count":`...)
	if cursor {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, int64(count), 10)
	}
	b = appendLink(append(b, `,"next":`...), next)
	b = appendLink(append(b, `,"previous":`...), previous)
	b = append(append(b, `,"results":[`...), list...)
	return append(b, "]}"...)
}

func appendLink(b []byte, link string) []byte {
	if link == "" {
		return append(b, "null"...)
	}
	return appendString(b, link)
}

// queue adds the query that finds which of the named objects exist.
func (c *check) queue(batch *pgx.Batch) {
	table, column := c.table, "id::text"
	if table == "" {
		table, column = c.to.Table, c.to.knownBy()
	}
	if c.column != "" {
		column = c.column
	}
	batch.Queue("SELECT id::text, "+column+" FROM "+table+" t WHERE id = ANY($1::bigint[]) OR "+column+" = ANY($2::text[])", c.ids, c.names)
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

// explain turns what Postgres says about a client's input into an error that tells the client.
func (s *Store) explain(ctx context.Context, q *query, err error) error {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pgErr.Code != "2201B" {
		return refused(err)
	}
	var wrong Errors
	for _, use := range q.regexes {
		if _, err := s.Pool.Exec(ctx, "SELECT '' ~ $1", use.text); err != nil {
			wrong.Add(use.param, "Enter a valid regular expression.")
		}
	}
	if wrong.None() {
		return err
	}
	return wrong.Err()
}

// selectSQL reads rows of a resource in a form; the condition is about the alias t.
func (r *Resource) selectSQL(form *plan, condition string) string {
	columns := "t.id, t.last_updated"
	if r.ReadOnly {
		columns = "t.id, NULL::timestamptz"
	}
	if len(form.columns) > 0 {
		columns += ", " + form.columnSQL()
	}
	return strings.Join([]string{"SELECT", columns, "FROM", r.Table, "t", form.joinSQL(), "WHERE", condition}, " ")
}

// Object is one object as JSON.
type Object struct {
	ID   int64
	ETag string // "" for none
	Body []byte
}

// Get answers a request for one object. Its error is fault.NotFound if there is none that the actor may see.
func (s *Store) Get(ctx context.Context, r *Resource, actor Actor, at Address, id int64, sel Selection) (Object, error) {
	scope, err := actor.Scope(r, View)
	if err != nil {
		return Object{}, err
	}
	form := r.plan(r.shape(sel))
	condition, args := r.condition(scope, id)
	batch := &pgx.Batch{}
	form.queueCustom(batch, r.Type)
	batch.Queue(r.selectSQL(form, condition), args...)
	results := s.Pool.SendBatch(ctx, batch)
	objects, err := getObjects(results, form, at)
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return Object{}, fmt.Errorf("read %s %d: %w", r.Name, id, err)
	}
	if len(objects) == 0 {
		return Object{}, r.NotFound()
	}
	return objects[0], nil
}

// getObjects reads the results of queueCustom and of a selectSQL.
func getObjects(results pgx.BatchResults, form *plan, at Address) ([]Object, error) {
	custom, err := form.readCustom(results)
	if err != nil {
		return nil, err
	}
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return readObjects(rows, form, at, custom)
}

// readObjects reads the rows of a selectSQL.
func readObjects(rows pgx.Rows, form *plan, at Address, custom *definitions) (objects []Object, err error) {
	for rows.Next() {
		v := rows.RawValues()
		row := Row{Vals: v[2:], Origin: at.Origin, Suffix: at.Suffix, Custom: custom, reveal: at.reveal}
		objects = append(objects, Object{ID: decodeInt(v[0]), ETag: etag(v[1]), Body: form.encode(make([]byte, 0, 2048), &row)})
	}
	return objects, rows.Err()
}

// etag names the state of an object by last_updated, as NetBox does: Python's isoformat, weak. Without one it is empty.
func etag(lastUpdated []byte) string {
	if lastUpdated == nil {
		return ""
	}
	return etagOf(decodeTime(lastUpdated))
}

func etagOf(t time.Time) string {
	if t.Nanosecond() == 0 {
		return t.Format(`W/"2006-01-02T15:04:05+00:00"`)
	}
	return t.Format(`W/"2006-01-02T15:04:05.000000+00:00"`)
}
