package render

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/proxops/proxops/libs/change"
)

// Names holds what nested objects say beside their ids. One goroutine may use it at a time.
type Names struct {
	Endpoints       map[int32]Endpoint
	Nodes           map[int32]Node
	Storages        map[int32]Storage
	VirtualMachines map[int32]string
	Tags            map[string]Tag
	PastTags        map[string][]PastTag // the first to end comes first

	custom    map[change.ObjectType]*custom
	schedules map[string]string // in words
}

// Endpoint names an endpoint. Host is its domain, or its address if it has none.
type Endpoint struct{ Name, Host string }

// Node names a node.
type Node struct {
	Name   string
	NodeID *int32
	Online bool
}

// Storage names a storage and its cluster.
type Storage struct {
	Name        string
	ClusterID   int32
	ClusterName string
}

// Tag names a tag.
type Tag struct {
	ID                int32
	Name, Slug, Color string
	Weight            int32 // the lighter comes first
}

// PastTag is what a tag was before a change of its own.
type PastTag struct {
	Until int64 // id of that change
	Tag
}

// tag returns the tag that had a name when a change was made. A name may have been that of several tags, one after the other.
func (n *Names) tag(name string, at int64) (Tag, bool) {
	for _, past := range n.PastTags[name] {
		if past.Until > at {
			return past.Tag, true
		}
	}
	t, ok := n.Tags[name]
	return t, ok
}

// Refs collects what jobs refer to, so that it can be looked up at once.
type Refs struct {
	Endpoints, Nodes, Storages, VirtualMachines map[int32]struct{}
	Tags                                        map[string]struct{}
}

// NewRefs returns an empty collection.
func NewRefs() *Refs {
	return &Refs{
		Endpoints: map[int32]struct{}{}, Nodes: map[int32]struct{}{}, Storages: map[int32]struct{}{}, VirtualMachines: map[int32]struct{}{},
		Tags: map[string]struct{}{},
	}
}

// appendNested begins a nested object: id, url, display. An object that is gone by now has its id for display.
func appendNested(dst []byte, path string, id int32, display string) []byte {
	if display == "" {
		display = strconv.Itoa(int(id))
	}
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendInt(dst, int64(id), 10)
	dst = append(dst, `,"url":`...)
	dst = appendURL(dst, path, id)
	dst = append(dst, `,"display":`...)
	return AppendString(dst, display)
}

func appendURL(dst []byte, path string, id int32) []byte {
	dst = append(dst, '"')
	dst = append(dst, path...)
	dst = strconv.AppendInt(dst, int64(id), 10)
	return append(dst, '/', '"')
}

func (n *Names) appendEndpoint(dst []byte, id int32) []byte {
	e := n.Endpoints[id]
	display := e.Name
	if e.Host != "" {
		display += " (" + e.Host + ")"
	}
	dst = appendNested(dst, "/api/plugins/proxbox/endpoints/proxmox/", id, display)
	dst = append(dst, `,"name":`...)
	dst = AppendString(dst, e.Name)
	return append(dst, '}')
}

func (n *Names) appendNode(dst []byte, id int32) []byte {
	node := n.Nodes[id]
	dst = appendNested(dst, "/api/plugins/proxbox/nodes/", id, node.Name)
	dst = append(dst, `,"name":`...)
	dst = AppendString(dst, node.Name)
	dst = append(dst, `,"node_id":`...)
	if node.NodeID == nil {
		dst = append(dst, null...)
	} else {
		dst = strconv.AppendInt(dst, int64(*node.NodeID), 10)
	}
	dst = append(dst, `,"online":`...)
	dst = strconv.AppendBool(dst, node.Online)
	return append(dst, '}')
}

func (n *Names) appendStorage(dst []byte, id int32) []byte {
	s := n.Storages[id]
	dst = appendNested(dst, "/api/plugins/proxbox/storage/", id, s.Name)
	dst = append(dst, `,"cluster":{"id":`...)
	dst = strconv.AppendInt(dst, int64(s.ClusterID), 10)
	dst = append(dst, `,"name":`...)
	dst = AppendString(dst, s.ClusterName)
	dst = append(dst, `},"name":`...)
	dst = AppendString(dst, s.Name)
	return append(dst, '}')
}

func (n *Names) appendVirtualMachine(dst []byte, id int32) []byte {
	name := n.VirtualMachines[id]
	dst = appendNested(dst, "/api/virtualization/virtual-machines/", id, name)
	dst = append(dst, `,"name":`...)
	dst = AppendString(dst, name)
	dst = append(dst, `,"display_url":`...)
	dst = appendURL(dst, "/virtualization/virtual-machines/", id)
	return append(dst, '}')
}

// appendTags turns a list of names, which is in their order, into nested tags as they were when a change was made, in the order of tags. One that
// nobody knows any more is left out.
func (n *Names) appendTags(dst []byte, names string, at int64) []byte {
	var tags []Tag
	eachElement(names, func(value string) {
		if t, ok := n.tag(text(value), at); ok {
			tags = append(tags, t)
		}
	})
	slices.SortStableFunc(tags, func(a, b Tag) int { return cmp.Compare(a.Weight, b.Weight) })
	dst = append(dst, '[')
	for i, t := range tags {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"id":`...)
		dst = strconv.AppendInt(dst, int64(t.ID), 10)
		dst = append(dst, `,"url":`...)
		dst = appendURL(dst, "/api/extras/tags/", t.ID)
		dst = append(dst, `,"display_url":`...)
		dst = appendURL(dst, "/extras/tags/", t.ID)
		dst = append(dst, `,"display":`...)
		dst = AppendString(dst, t.Name)
		dst = append(dst, `,"name":`...)
		dst = AppendString(dst, t.Name)
		dst = append(dst, `,"slug":`...)
		dst = AppendString(dst, t.Slug)
		dst = append(dst, `,"color":`...)
		dst = AppendString(dst, t.Color)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
