package resource

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Link is a join table: each of its rows pairs an object that has a field with something that the field holds. Both sides of one table may be
// fields of their resources.
type Link struct {
	Table string
	Own   string // its column for the object that has the field
	Other string // its column for what the field holds
}

// linked is a kind whose values lie in a join table. A Record holds them sorted, without repeats, and never nil.
type linked interface {
	Kind
	link() Link
	// held is the SQL array of what an object of the table alias holds, as a Record has it.
	held(alias string) string
	// others is the SQL that selects the values for Link.Other from an array of what a Record has, which is the parameter.
	others(parameter string) string
	// found makes the value for a Record of lookups that were successful.
	found(lookups []*lookup) any
}

// linkAlias is the name of join tables in statements.
const linkAlias = "l"

// linkedKind is what the kinds of join tables have in common.
type linkedKind struct{ common }

func (linkedKind) column(string) string { return "-" }
func (linkedKind) computed() bool       { return true }

// isLinked says whether the values of a field lie in a join table.
func (f *Field) isLinked() bool {
	_, ok := f.Kind.(linked)
	return ok
}

// AsList takes the list of a field that holds many, or says what is wrong. As in NetBox a dictionary stands for its keys.
func AsList(v any) (items []any, wrong []string) {
	switch v := v.(type) {
	case []any:
		return v, nil
	case map[string]any:
		for _, key := range sortedKeys(v) {
			items = append(items, key)
		}
		return items, nil
	}
	return nil, []string{`Expected a list of items but got type "` + typeName(v) + `".`}
}

// settleLinks turns what was found for fields that hold many into values.
func (in *input) settleLinks() {
	for name, v := range in.values {
		if lookups, ok := v.([]*lookup); ok {
			in.values[name] = in.r.fields[name].Kind.(linked).found(lookups)
		}
	}
}

// writeLinks makes the join tables say what the objects hold now. When a constraint refuses that, the item has the errors that say so.
func (r *Resource) writeLinks(ctx context.Context, tx pgx.Tx, items []*item) error {
	for _, f := range r.links {
		for some := range slices.Chunk(items, maxBatch) {
			if err := r.writeLink(ctx, tx, f, some); err != nil {
				return fmt.Errorf("write %s of %s: %w", f.Name, r.Name, err)
			}
		}
	}
	return nil
}

func (r *Resource) writeLink(ctx context.Context, tx pgx.Tx, f *Field, items []*item) error {
	k := f.Kind.(linked)
	l, batch := k.link(), &pgx.Batch{}
	var whose []*item
	for _, it := range items {
		w := it.w
		if w.Before != nil && !w.Differs(f.Name) {
			continue
		}
		held := w.After.values[f.Name]
		if w.Before != nil {
			batch.Queue("DELETE FROM "+l.Table+" WHERE "+l.Own+" = $1::bigint AND "+l.Other+" NOT IN ("+k.others("$2")+")", w.After.ID, held)
			whose = append(whose, it)
		}
		batch.Queue("INSERT INTO "+l.Table+" ("+l.Own+", "+l.Other+") SELECT $1::bigint, o.id FROM ("+k.others("$2")+") o (id) ON CONFLICT DO NOTHING", w.After.ID, held)
		whose = append(whose, it)
	}
	if whose == nil {
		return nil
	}
	results := tx.SendBatch(ctx, batch)
	for _, it := range whose {
		if _, err := results.Exec(); err != nil {
			_ = results.Close()
			if it.in.errors = r.constraint(err); !it.in.errors.None() {
				return nil
			}
			return err
		}
	}
	return results.Close()
}

// unlink removes objects that will be deleted from all join tables that name them, on either side.
func (s *Set) unlink(ctx context.Context, tx pgx.Tx, target *Resource, ids []int64) error {
	remove := func(table, column string) error {
		if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE "+column+" = ANY($1::bigint[])", ids); err != nil {
			return fmt.Errorf("delete from %s what names %s: %w", table, target.Name, err)
		}
		return nil
	}
	for _, r := range s.All {
		for _, f := range r.links {
			l := f.Kind.(linked).link()
			if r == target {
				if err := remove(l.Table, l.Own); err != nil {
					return err
				}
			}
			if k, ok := f.Kind.(References); ok && k.To == target.Name {
				if err := remove(l.Table, l.Other); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// linkFilter adds the condition that an object holds one of some things, or that it holds none of them.
type linkFilter struct {
	link   Link
	others string // SQL that selects values of Link.Other
}

func (c linkFilter) sql() string {
	return "t.id IN (SELECT " + linkAlias + "." + c.link.Own + " FROM " + c.link.Table + " " + linkAlias + " WHERE " + linkAlias + "." + c.link.Other + " IN (" + c.others + "))"
}

// holdsNone is the condition that an object holds nothing at all.
func (l Link) holdsNone() string {
	return "NOT EXISTS (SELECT FROM " + l.Table + " " + linkAlias + " WHERE " + linkAlias + "." + l.Own + " = t.id)"
}

// decodeInts takes an array of bigint apart; it is never nil.
func decodeInts(v []byte) []int64 {
	out := []int64{}
	for _, item := range decodeItems(v) {
		out = append(out, decodeInt(item))
	}
	return out
}

// decodeRecords takes an array of rows apart: the values of each as Postgres sends them, nil for NULL.
func decodeRecords(v []byte) [][][]byte {
	items := decodeItems(v)
	out := make([][][]byte, len(items))
	for i, record := range items {
		out[i] = make([][]byte, binary.BigEndian.Uint32(record))
		record = record[4:]
		for j := range out[i] {
			out[i][j], record = cutSized(record[4:]) // after the type
		}
	}
	return out
}

// uniqueSorted sorts values and drops repeats; the result is never nil.
func uniqueSorted[T int64 | string](values []T) []T {
	slices.Sort(values)
	return append([]T{}, slices.Compact(values)...)
}
