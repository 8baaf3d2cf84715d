package resource

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
)

// customLock is the advisory lock that those who write values of custom fields share, and that who changes definitions has alone. It is taken
// before all other locks.
const customLock = 0x70726f78_63667300

// shareCustom loads the definitions for a write of an object of r; they stay as they are until the end of the transaction.
func (r *Resource) shareCustom(ctx context.Context, tx pgx.Tx) (*definitions, error) {
	if r.custom == nil {
		return nil, nil
	}
	batch := &pgx.Batch{}
	batch.Queue("SELECT pg_advisory_xact_lock_shared($1)", int64(customLock))
	batch.Queue(definitionSQL, int32(r.Type))
	results := tx.SendBatch(ctx, batch)
	d, err := func() (*definitions, error) {
		if _, err := results.Exec(); err != nil {
			return nil, err
		}
		rows, err := results.Query()
		if err != nil {
			return nil, err
		}
		return readDefinitions(rows)
	}()
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, fmt.Errorf("read the custom fields of %s: %w", r.Name, err)
	}
	return d, nil
}

// lockCustom keeps all others from writing values of custom fields, and definitions, if r defines them.
func (r *Resource) lockCustom(ctx context.Context, tx pgx.Tx) error {
	if !r.Defines {
		return nil
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(customLock)); err != nil {
		return fmt.Errorf("lock custom fields: %w", err)
	}
	return nil
}

func (d *definitions) get(name string) *CustomField {
	for i := range d.fields {
		if d.fields[i].Name == name {
			return &d.fields[i]
		}
	}
	return nil
}

// checkCustomNames refuses names that no custom field of the object type has.
func (in *input) checkCustomNames() {
	f := in.r.custom
	if f == nil {
		return
	}
	given, ok := in.values[f.Name].(customInput)
	if !ok {
		return
	}
	var unknown Errors
	for _, name := range sortedKeys(given) {
		if in.custom.get(name) == nil {
			unknown.addText(name, "Custom field '"+name+"' does not exist for this object type.")
		}
	}
	if !unknown.None() {
		in.errors.Nest(f.Name, unknown)
	}
}

// mergeCustom returns the values that an object will have: those it has, and those of the request. Its values are not checked yet.
func (in *input) mergeCustom(before *Record) json.RawMessage {
	f := in.r.custom
	values := map[string]any{}
	if before != nil {
		values = decodeCustom(before.values[f.Name])
	}
	given, _ := in.values[f.Name].(customInput)
	maps.Copy(values, given)
	return Marshal(values)
}

func decodeCustom(v any) map[string]any {
	out := map[string]any{}
	raw, _ := v.(json.RawMessage)
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	_ = d.Decode(&out) // what is no object has no values
	return out
}

// checkCustom checks the custom fields of an object on its way into the database, fills defaults in, and brings values into the form in which
// they are stored. As NetBox does, it says of the first wrong value alone that it is wrong.
func (r *Resource) checkCustom(it *item) {
	if r.custom == nil || it.in.custom == nil {
		return
	}
	w := it.w
	values := decodeCustom(w.After.values[r.custom.Name])
	given, partly := it.in.values[r.custom.Name].(customInput)
	partly = partly && w.Action == change.Create
	stored := map[string]any{}
	var missing []string
	for i := range it.in.custom.fields {
		f := &it.in.custom.fields[i]
		v := values[f.Name]
		if _, named := given[f.Name]; w.Action == change.Create && !named {
			v = f.DefaultValue()
			if partly && f.Required {
				missing = append(missing, f.Name)
				continue
			}
		}
		v, wrong := f.Check(v)
		if wrong != "" {
			w.Errors.Add(Model, "Invalid value for custom field '"+f.Name+"': "+wrong)
			return
		}
		if v != nil {
			stored[f.Name] = v
		}
	}
	if missing != nil {
		w.Errors.Add(Model, "Missing required custom field '"+missing[0]+"'.")
		return
	}
	w.After.values[r.custom.Name] = Marshal(stored)
}

// DefaultValue is the default of the field, decoded; nil for none.
func (f *CustomField) DefaultValue() any {
	if f.Default == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(f.Default))
	d.UseNumber()
	var v any
	_ = d.Decode(&v) // it comes from a JSON column
	return v
}

// checkCustomUnique looks for other objects with values that must be unique. Who writes such a value waits for others that do.
func (r *Resource) checkCustomUnique(ctx context.Context, tx pgx.Tx, items []*item) error {
	if len(items) == 0 || items[0].in.custom == nil {
		return nil
	}
	var fields []*CustomField
	batch := &pgx.Batch{}
	for i, f := range items[0].in.custom.fields {
		if f.Unique {
			fields = append(fields, &items[0].in.custom.fields[i])
			batch.Queue("SELECT pg_advisory_xact_lock($1::integer, $2::integer)", int32(customLock>>32), int32(f.ID))
		}
	}
	if fields == nil {
		return nil
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("lock unique custom fields of %s: %w", r.Name, err)
	}
	written := make([]int64, 0, len(items))
	for _, it := range items {
		if it.w.Before != nil {
			written = append(written, it.w.Before.ID)
		}
	}
	for _, f := range fields {
		if err := r.checkUniqueField(ctx, tx, f, items, written); err != nil {
			return fmt.Errorf("check unique custom field %s of %s: %w", f.Name, r.Name, err)
		}
	}
	return nil
}

// checkUniqueField holds the values of one field against those of objects that are not written, and against each other.
func (r *Resource) checkUniqueField(ctx context.Context, tx pgx.Tx, f *CustomField, items []*item, written []int64) error {
	uses := map[string][]*item{}
	for _, it := range items {
		v := decodeCustom(it.w.After.values[r.custom.Name])[f.Name]
		if list, ok := v.([]any); v != nil && v != "" && (!ok || len(list) > 0) {
			key := string(Marshal(v))
			uses[key] = append(uses[key], it)
		}
	}
	if len(uses) == 0 {
		return nil
	}
	values := r.custom.sql("t") + " -> $1::text"
	rows, err := tx.Query(ctx, "SELECT v.key FROM unnest($2::text[]) v (key) WHERE EXISTS (SELECT FROM "+r.Table+" t WHERE "+values+" = v.key::jsonb AND t.id <> ALL($3::bigint[]))",
		f.Name, slices.Collect(maps.Keys(uses)), written)
	if err != nil {
		return err
	}
	taken, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for key, all := range uses {
		first := 1
		if slices.Contains(taken, key) {
			first = 0
		}
		for _, it := range all[first:] {
			it.in.errors.Add(Model, "Custom field '"+f.Name+"' must have a unique value.")
		}
	}
	return nil
}
