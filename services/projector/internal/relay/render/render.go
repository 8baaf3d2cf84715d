// Package render makes the REST object of a job from its flat state and the names of what it refers to.
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
}

// Parse takes a flat state apart. Fields that the type does not have are ignored, those that are missing are null.
func Parse(t change.ObjectType, state string) (*Job, error) {
	s, ok := shapes[t]
	if !ok {
		return nil, fmt.Errorf("render an object of type %d: no type of job", t)
	}
	j := &Job{shape: s, values: make([]string, len(s.fields))}
	err := eachField(state, func(name, value string) {
		if i, ok := s.index[name]; ok {
			j.values[i] = value
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

// Append appends the object, with urls relative to the server. Without raw it leaves raw_config out.
func (j *Job) Append(dst []byte, n *Names, raw bool) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendInt(dst, int64(j.ID), 10)
	dst = append(dst, `,"url":`...)
	dst = appendURL(dst, j.shape.path, j.ID)
	dst = append(dst, `,"display":`...)
	dst = AppendString(dst, j.shape.display(j, n))
	for i, f := range j.shape.fields {
		if !raw && f.name == rawConfig {
			continue
		}
		dst = append(dst, ',', '"')
		dst = append(dst, f.name...)
		dst = append(dst, '"', ':')
		dst = j.appendField(dst, f, j.values[i], n)
	}
	return append(dst, '}')
}

const rawConfig = "raw_config"

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

// AppendFields appends those fields of a flat state that are named, in the state's order, as an object. The names must be sorted. Without
// raw it leaves raw_config out.
func AppendFields(dst []byte, state string, names []string, raw bool) ([]byte, error) {
	dst = append(dst, '{')
	if len(names) == 0 || len(state) == 0 {
		return append(dst, '}'), nil
	}
	first := true
	err := eachField(state, func(name, value string) {
		if _, ok := slices.BinarySearch(names, name); !ok || !raw && name == rawConfig {
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
