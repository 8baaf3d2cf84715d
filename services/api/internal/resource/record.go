package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Record is an object as its row holds it. Values are nil, string, int64, float64, bool, time.Time or json.RawMessage; a reference is its id.
// Of fields that hold many they are []int64 of ids, or []string of types of objects.
type Record struct {
	ID          int64
	Tags        []string // names, in the order of the database
	Display     string
	LastUpdated time.Time

	r        *Resource
	values   map[string]any
	tagIDs   []int32
	endpoint int64 // that it belongs to; 0 for none
}

// Get returns the value of a field that has a column.
func (o *Record) Get(field string) any { return o.values[field] }

// Text returns the value of a text field, "" for null.
func (o *Record) Text(field string) string {
	s, _ := o.values[field].(string)
	return s
}

// Int returns the value of a number or reference; ok is false for null.
func (o *Record) Int(field string) (n int64, ok bool) {
	n, ok = o.values[field].(int64)
	return n, ok
}

// Bool returns the value of a boolean, false for null.
func (o *Record) Bool(field string) bool {
	b, _ := o.values[field].(bool)
	return b
}

// Set changes the value of a field that has a column, or holds many. A hook may do that before the object is saved.
func (o *Record) Set(field string, value any) {
	if f := o.r.fields[field]; f == nil || !f.stored() && !f.isLinked() {
		panic("resource " + o.r.Name + " has no column for a field " + field)
	}
	o.values[field] = value
}

// flat returns the flat state of the change log, with sorted keys.
func (o *Record) flat() json.RawMessage {
	b := make([]byte, 0, 2048)
	for i, f := range o.r.flatFields {
		b = append(b, "{,"[min(i, 1)])
		b = append(appendString(b, f.Name), ':')
		if _, tags := f.Kind.(Tags); tags {
			b = append(b, Marshal(append([]string{}, o.Tags...))...)
			continue
		}
		v := o.values[f.Name]
		if v != nil {
			v = f.Kind.flat(v)
		}
		b = appendFlat(b, v)
	}
	if len(b) == 0 {
		b = append(b, '{')
	}
	return append(b, '}')
}

// appendFlat writes a value of a flat state.
func appendFlat(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case string:
		return appendString(b, v)
	case int64:
		return appendInt(b, v)
	case bool:
		return appendBool(b, v)
	case json.RawMessage:
		if len(v) > 0 {
			return appendJSON(b, v, true)
		}
	}
	return append(b, Marshal(v)...)
}

// Tagged says whether objects of the resource may have tags.
func (r *Resource) Tagged() bool {
	f := r.fields["tags"]
	if f == nil {
		return false
	}
	_, ok := f.Kind.(Tags)
	return ok
}

// load reads the records for which the condition holds, in the order of their ids. With lock their rows are locked until the end of the
// transaction.
func (r *Resource) load(ctx context.Context, tx pgx.Tx, lock bool, condition string, args ...any) ([]*Record, error) {
	rows, err := tx.Query(ctx, r.loadSQL(lock, condition), args...)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", r.Name, err)
	}
	defer rows.Close()
	records, err := r.readRecords(rows)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", r.Name, err)
	}
	return records, nil
}

func (r *Resource) loadSQL(lock bool, condition string) string {
	sql := r.selectSQL(r.recordPlan().plan, condition) + " ORDER BY t.id"
	if lock {
		sql += " FOR UPDATE OF t"
	}
	return sql
}

// recordPlan is how records of a resource are read.
type recordPlan struct {
	*plan
	display  appender
	names    int // of the tags, and their ids; -1 if there are none
	tagIDs   int
	endpoint int
	columnAt []int
	linkAt   []int
}

func (r *Resource) recordPlan() recordPlan {
	p := recordPlan{plan: newPlan(), names: -1}
	for _, f := range r.columns {
		p.columnAt = append(p.columnAt, p.value(f.sql("t")))
	}
	for _, f := range r.links {
		p.linkAt = append(p.linkAt, p.value(f.Kind.(linked).held("t")))
	}
	p.endpoint = p.value(r.endpointSQL("t"))
	p.display = r.display.Kind.(Words).text(p.plan, r, "t")
	if r.Tagged() {
		from := " FROM tagged_items ti JOIN tags g ON g.id = ti.tag_id WHERE ti.object_type_id = " + strconv.Itoa(int(r.Type)) +
			" AND ti.object_id = t.id ORDER BY g.name, g.id)"
		p.names = p.value("ARRAY(SELECT g.name" + from)
		p.tagIDs = p.value("ARRAY(SELECT g.id::text" + from)
	}
	return p
}

func (r *Resource) readRecords(rows pgx.Rows) ([]*Record, error) {
	p := r.recordPlan()
	var out []*Record
	for rows.Next() {
		v := rows.RawValues()
		row := Row{Vals: v[2:]}
		o := &Record{r: r, ID: decodeInt(v[0]), LastUpdated: decodeTime(v[1]), values: make(map[string]any, len(r.columns))}
		for i, f := range r.columns {
			if raw := row.Vals[p.columnAt[i]]; raw != nil {
				o.values[f.Name] = f.Kind.decode(raw)
			} else {
				o.values[f.Name] = nil
			}
		}
		for i, f := range r.links {
			o.values[f.Name] = f.Kind.decode(row.Vals[p.linkAt[i]])
		}
		o.endpoint = decodeInt(row.Vals[p.endpoint])
		o.Display = string(p.display(nil, &row))
		if p.names >= 0 {
			o.Tags = decodeTextList(row.Vals[p.names])
			for _, text := range decodeTextList(row.Vals[p.tagIDs]) {
				id, _ := strconv.ParseInt(text, 10, 32)
				o.tagIDs = append(o.tagIDs, int32(id))
			}
		}
		out = append(out, o)
	}
	return out, rows.Err()
}
