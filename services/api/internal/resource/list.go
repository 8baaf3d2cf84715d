package resource

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/seal"
)

// Store answers for the resources of a set from a database. It is safe for concurrent use.
type Store struct {
	Set    *Set
	Pool   *pgxpool.Pool
	Limits Limits
	// Patience is how long a request waits for a connection when all are in use. Default 5 s.
	Patience time.Duration
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
	custom, err := s.customFilters(ctx, r, params)
	if err != nil {
		return nil, err
	}
	p, q, sql, err := r.prepare(scope, custom, params, s.Limits)
	if err != nil {
		return nil, s.refuse(ctx, q, err)
	}
	found, err := s.fetch(ctx, q, sql, r.plan(r.shape(sel)), at)
	if err != nil {
		return nil, s.explain(ctx, q, fmt.Errorf("list %s: %w", r.Name, err))
	}
	var last int64
	if n := len(found.ids); n > 0 {
		last = found.ids[n-1]
	}
	next, previous := p.links(at.Origin+at.Path, params, found.count, len(found.ids), last)
	return envelope(found.list, p.cursor, found.count, next, previous), nil
}

// prepare reads the parameters of a list request, and returns the statement that finds its page.
func (r *Resource) prepare(scope Scope, custom map[string]filter, params url.Values, limits Limits) (p page, q *query, sql string, err error) {
	if p, q, err = r.ask(scope, custom, params, limits); err != nil {
		return p, q, "", err
	}
	return p, q, findSQL(q, p, Last(params["ordering"])), nil
}

// ask reads which rows a list request is about. With an error about filters comes the query of them all the same: see refuse.
func (r *Resource) ask(scope Scope, custom map[string]filter, params url.Values, limits Limits) (p page, q *query, err error) {
	if r.MaxPage > 0 && limits.Max > 0 {
		limits.Max = min(limits.Max, r.MaxPage)
	}
	if p, err = readPage(params, limits); err != nil {
		return p, nil, err
	}
	q = &query{r: r, custom: custom}
	q.filter(params)
	q.search(params["q"])
	if err := q.errors.Err(); err != nil {
		return p, q, err
	}
	q.within(scope)
	return p, q, nil
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
