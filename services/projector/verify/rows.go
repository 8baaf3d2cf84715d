package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/proxops/proxops/libs/change"
)

// checkRows holds every row against the last event of its job. Jobs whose last event has expired from the stream are not compared, nor those
// that changed after its end.
func (v *run) checkRows(ctx context.Context, known map[object]folded, end int64) error {
	unpublished, err := v.q.VerifyUnpublished(ctx, end)
	if err != nil {
		return err
	}
	for _, o := range unpublished {
		delete(known, object{o.ObjectTypeID, o.ObjectID})
	}
	routines, err := v.q.VerifyRoutines(ctx)
	if err != nil {
		return err
	}
	for _, r := range routines {
		v.checkRow(object{int32(change.BackupRoutine), r.ID}, r.Version, r.State, known)
	}
	replications, err := v.q.VerifyReplications(ctx)
	if err != nil {
		return err
	}
	for _, r := range replications {
		v.checkRow(object{int32(change.Replication), r.ID}, r.Version, r.State, known)
	}
	syncs, err := v.q.VerifySyncs(ctx)
	if err != nil {
		return err
	}
	for _, s := range syncs {
		v.checkRow(object{int32(change.Job), s.ID}, s.Version, s.State, known)
	}
	for o, k := range known {
		if !k.ended {
			v.fail(v.folding, "%s is version %d by its events, but has no row", o, k.version)
		}
	}
	return nil
}

// checkRow takes the job out of known.
func (v *run) checkRow(o object, version int32, state []byte, known map[object]folded) {
	k, ok := known[o]
	if !ok {
		return
	}
	delete(known, o)
	v.report.Objects++
	if k.ended && o.objectType != int32(change.Job) {
		v.fail(v.folding, "%s was deleted by its events, but has a row of version %d", o, version)
		return
	}
	if k.version != version {
		v.fail(v.folding, "%s is version %d by its events, but its row is version %d", o, k.version, version)
		return
	}
	if d := differsFlat(k.object, state, k.omitted); d != "" {
		v.fail(v.folding, "%s, version %d: %s", o, version, d)
	}
}

// differsFlat says in which field a REST object differs from a flat state. next_run moves by itself, so it is not compared.
func differsFlat(object map[string]json.RawMessage, state []byte, omitted []string) string {
	var want map[string]json.RawMessage
	if err := json.Unmarshal(state, &want); err != nil {
		return err.Error()
	}
	for name, w := range want {
		if name == "next_run" || slices.Contains(omitted, name) {
			continue
		}
		g, ok := object[name]
		if !ok {
			return fmt.Sprintf("%s is missing, want %s", name, w)
		}
		if g = flat(name, g); !sameJSON(g, plain(name, w)) {
			return fmt.Sprintf("%s is %s, want %s", name, cut(g), cut(w))
		}
	}
	return ""
}

// flat turns what REST shows of a field back into what the state has: nested objects into ids, choices into values, tags into names.
func flat(name string, shown json.RawMessage) json.RawMessage {
	switch name {
	case "raw_config", "selection", "exclude", "counts":
		return shown
	case "custom_fields":
		return plain(name, shown)
	case "tags":
		var nested []struct{ Name json.RawMessage }
		if json.Unmarshal(shown, &nested) != nil {
			return shown
		}
		names := make([]json.RawMessage, len(nested))
		for i, t := range nested {
			names[i] = t.Name
		}
		return plain(name, encode(names))
	}
	if !bytes.HasPrefix(shown, []byte("{")) {
		return shown
	}
	var nested struct{ ID, Value json.RawMessage }
	if json.Unmarshal(shown, &nested) != nil {
		return shown
	}
	if nested.ID != nil {
		return nested.ID
	}
	return nested.Value
}

// plain leaves out what says nothing: the order of tags, and custom fields that are null.
func plain(name string, value json.RawMessage) json.RawMessage {
	switch name {
	case "tags":
		var names []string
		if json.Unmarshal(value, &names) == nil {
			slices.Sort(names)
			return encode(names)
		}
	case "custom_fields":
		var values map[string]json.RawMessage
		if json.Unmarshal(value, &values) == nil {
			maps.DeleteFunc(values, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
			return encode(values)
		}
	}
	return value
}

func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage(err.Error()) // differs from everything
	}
	return b
}

// sameJSON compares values, not their spelling: absent is null, and a time is the same however it is written.
func sameJSON(a, b json.RawMessage) bool {
	x, y := decode(a), decode(b)
	if reflect.DeepEqual(x, y) {
		return true
	}
	s, ok := x.(string)
	t, also := y.(string)
	if !ok || !also || !strings.Contains(s, "T") {
		return false
	}
	p, err := time.Parse(time.RFC3339Nano, s)
	q, err2 := time.Parse(time.RFC3339Nano, t)
	return err == nil && err2 == nil && p.Equal(q)
}

func decode(raw json.RawMessage) (v any) {
	if len(raw) == 0 {
		return nil
	}
	if json.Unmarshal(raw, &v) != nil {
		return string(raw) + " (no JSON)"
	}
	return v
}

// cut keeps a counter-example readable.
func cut(raw json.RawMessage) string {
	const most = 200
	if len(raw) > most {
		return string(raw[:most]) + "..."
	}
	return string(raw)
}
