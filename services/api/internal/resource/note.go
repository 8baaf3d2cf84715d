package resource

import (
	"encoding/json"
	"fmt"

	"github.com/proxops/proxops/libs/change"
)

// note is a value that changed with an object and is no field of it.
type note struct{ name, before, after string }

// Note has the change log tell of a value that is no field of the object as if it were one.
func (w *Write) Note(name, before, after string) {
	w.notes, w.Changed = append(w.notes, note{name, before, after}), append(w.Changed, name)
}

// annotate adds what was noted to the states of a change row.
func (w *Write) annotate(row *change.Row) {
	if w.notes == nil {
		return
	}
	pre, post := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for _, n := range w.notes {
		pre[n.name], post[n.name] = Marshal(n.before), Marshal(n.after)
	}
	row.Pre, row.Post = with(row.Pre, pre), with(row.Post, post)
}

// with adds values to a flat state; nil stays nil.
func with(state json.RawMessage, values map[string]json.RawMessage) json.RawMessage {
	if state == nil {
		return nil
	}
	if err := json.Unmarshal(state, &values); err != nil {
		panic(fmt.Sprintf("a flat state cannot be decoded: %v", err))
	}
	return Marshal(values)
}
