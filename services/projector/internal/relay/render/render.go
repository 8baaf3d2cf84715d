// Package render makes the REST object of a job, of Proxmox or of a sync, from its flat state and the names of what it refers to.
package render

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/proxops/proxops/libs/change"
)

// Job is a job about to be rendered. It keeps the state it was made of.
type Job struct {
	ID          int32
	Change      int64 // id of the change that made this state
	Version     int32
	Created     *time.Time // nil: nobody knows any more
	LastUpdated time.Time

	shape  *shape
	values []string
	more   []extra
}

// extra is a field of a state that this version does not know.
type extra struct{ name, value string }

// Parse takes a flat state apart. Fields that are missing are null. Those that the type does not have are ignored, or carried through if it is one
// that does so.
func Parse(t change.ObjectType, state string) (*Job, error) {
	s, ok := shapes[t]
	if !ok {
		return nil, fmt.Errorf("render an object of type %d: no type of job", t)
	}
	j := &Job{shape: s, values: make([]string, len(s.fields))}
	err := eachField(state, func(name, value string) {
		if i, ok := s.index[name]; ok {
			j.values[i] = value
		} else if s.carries && !slices.Contains(leading, name) {
			j.more = append(j.more, extra{name, value})
		}
	})
	return j, err
}

// Refs adds what the job refers to.
func (j *Job) Refs(r *Refs) {
	for i, f := range j.shape.fields {
		var set map[int32]struct{}
		switch f.kind {
		case endpointRef:
			set = r.Endpoints
		case nodeRef:
			set = r.Nodes
		case storageRef:
			set = r.Storages
		case virtualMachineRef:
			set = r.VirtualMachines
		case tags:
			eachElement(j.values[i], func(v string) { r.Tags[text(v)] = struct{}{} })
			continue
		default:
			continue
		}
		if id := reference(j.values[i]); id != 0 {
			set[id] = struct{}{}
		}
	}
}

// leading are the fields that every object begins with.
var leading = []string{"id", "url", "display"}

// Bulky names the fields that alone can be so large that the object does not fit into a message.
func (j *Job) Bulky() []string {
	names := slices.Clone(j.shape.bulky)
	for _, e := range j.more {
		names = append(names, e.name)
	}
	return names
}

// Append appends the object without the fields that are named, with urls relative to the server.
func (j *Job) Append(dst []byte, n *Names, without []string) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendInt(dst, int64(j.ID), 10)
	dst = append(dst, `,"url":`...)
	dst = appendURL(dst, j.shape.path, j.ID)
	dst = append(dst, `,"display":`...)
	dst = AppendString(dst, j.shape.display(j, n))
	for i, f := range j.shape.fields {
		if slices.Contains(without, f.name) {
			continue
		}
		dst = append(dst, ',', '"')
		dst = append(dst, f.name...)
		dst = append(dst, '"', ':')
		dst = j.appendField(dst, f, j.values[i], n)
	}
	for _, e := range j.more {
		if slices.Contains(without, e.name) {
			continue
		}
		dst = append(append(append(dst, `,"`...), e.name...), `":`...)
		dst = appendCompact(dst, e.value)
	}
	return append(dst, '}')
}

func (j *Job) appendField(dst []byte, f field, value string, n *Names) []byte {
	switch f.kind {
	case created:
		if j.Created == nil {
			return append(dst, null...)
		}
		return AppendTime(dst, *j.Created)
	case lastUpdated:
		return AppendTime(dst, j.LastUpdated)
	case version:
		return strconv.AppendInt(dst, int64(j.Version), 10)
	case scheduleText:
		return AppendString(dst, n.words(text(j.value("schedule"))))
	case tags:
		return n.appendTags(dst, value, j.Change)
	case customFields:
		return n.appendCustom(dst, j.shape.of, value)
	}
	if isNull(value) {
		return append(dst, null...)
	}
	switch f.kind {
	case datetime:
		return appendDatetime(dst, value)
	case choice:
		return appendChoice(dst, value, f.labels)
	case endpointRef:
		return n.appendEndpoint(dst, reference(value))
	case nodeRef:
		return n.appendNode(dst, reference(value))
	case storageRef:
		return n.appendStorage(dst, reference(value))
	case virtualMachineRef:
		return n.appendVirtualMachine(dst, reference(value))
	}
	return appendCompact(dst, value)
}

// appendChoice writes a stored choice with its label; the empty choice is null, and one that nobody knows has an empty label.
func appendChoice(dst []byte, value string, labels map[string]string) []byte {
	v := text(value)
	if v == "" {
		return append(dst, null...)
	}
	dst = append(dst, `{"value":`...)
	dst = AppendString(dst, v)
	dst = append(dst, `,"label":`...)
	dst = AppendString(dst, labels[v])
	return append(dst, '}')
}

func (j *Job) value(name string) string { return j.values[j.shape.index[name]] }

// AppendFields appends those fields of a flat state that are in names, which must be sorted, and not in without, in the state's order, as an object.
func AppendFields(dst []byte, state string, names, without []string) ([]byte, error) {
	dst = append(dst, '{')
	if len(names) == 0 || len(state) == 0 {
		return append(dst, '}'), nil
	}
	first := true
	err := eachField(state, func(name, value string) {
		if _, ok := slices.BinarySearch(names, name); !ok || slices.Contains(without, name) {
			return
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, '"')
		dst = append(dst, name...)
		dst = append(dst, '"', ':')
		dst = appendCompact(dst, value)
	})
	return append(dst, '}'), err
}
