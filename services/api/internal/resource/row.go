package resource

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
)

// changed says whether any field differs that counts as a change.
func (r *Resource) changed(w *Write) bool {
	for _, f := range r.logged {
		if !f.Silent && !same(w.Before.values[f.Name], w.After.values[f.Name]) {
			return true
		}
	}
	return false
}

func same(a, b any) bool {
	switch a := a.(type) {
	case json.RawMessage:
		other, ok := b.(json.RawMessage)
		equal, err := change.Same(a, other)
		return ok && equal && err == nil
	case time.Time:
		other, ok := b.(time.Time)
		return ok && a.Equal(other)
	case []int64:
		other, ok := b.([]int64)
		return ok && slices.Equal(a, other)
	case []string:
		other, ok := b.([]string)
		return ok && slices.Equal(a, other)
	case []netip.Prefix:
		other, ok := b.([]netip.Prefix)
		return ok && slices.Equal(a, other)
	}
	return a == b
}

// writeRows inserts or updates the rows, in the order of the items. When a constraint refuses one, its item has the errors that say so.
func (r *Resource) writeRows(ctx context.Context, tx pgx.Tx, items []*item) error {
	for some := range slices.Chunk(items, maxBatch) {
		batch := &pgx.Batch{}
		for _, it := range some {
			sql, args := r.rowSQL(it.w, it.changed)
			batch.Queue(sql, args...)
		}
		results := tx.SendBatch(ctx, batch)
		var err error
		for _, it := range some {
			if err = results.QueryRow().Scan(&it.w.After.ID); err == nil {
				continue
			}
			if it.in.errors = r.constraint(err); !it.in.errors.None() {
				_ = results.Close()
				return nil
			}
			break
		}
		if closeErr := results.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return unwritten(r, err)
		}
	}
	return nil
}

// rowSQL makes the statement that writes a row and returns its id. last_updated moves on even if the clock did not, as the ETag is made of it.
func (r *Resource) rowSQL(w *Write, changed bool) (sql string, args []any) {
	var columns, values []string
	set := func(column string, v any) {
		if raw, ok := v.(json.RawMessage); ok {
			v = string(raw)
		}
		args = append(args, v)
		columns, values = append(columns, column), append(values, "$"+strconv.Itoa(len(args)))
	}
	for _, f := range r.columns {
		v, known := w.After.values[f.Name]
		if !known || f.Name == "id" || f.Name == "created" || f.Name == "last_updated" || f.Name == "version" && r.Job != nil {
			continue
		}
		if w.Before == nil || !same(w.Before.values[f.Name], v) {
			set(f.Column, v)
		}
	}
	for _, column := range sortedKeys(w.Columns) {
		set(column, w.Columns[column])
	}
	if w.Before == nil {
		return "INSERT INTO " + r.Table + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(values, ", ") + ") RETURNING id", args
	}
	sql = "UPDATE " + r.Table + " SET last_updated = greatest(clock_timestamp(), last_updated + interval '1 microsecond')"
	for i, column := range columns {
		sql += ", " + column + " = " + values[i]
	}
	if changed && r.Job != nil {
		sql += ", version = version + 1"
	}
	args = append(args, w.Before.ID)
	return sql + " WHERE id = $" + strconv.Itoa(len(args)) + " RETURNING id", args
}
