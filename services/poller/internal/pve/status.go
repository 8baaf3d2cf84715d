package pve

import (
	"context"
	"fmt"
	"maps"
	"slices"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// Status is what a cluster says of itself.
type Status struct {
	Identity *proxopsv1.Identity
	// Quorate is true for a standalone host, which has nobody to agree with.
	Quorate bool
	// Local is the name of the node that answered; empty when it does not say.
	Local string

	nodes map[string]object
}

// Nodes are the names of the cluster's nodes, sorted.
func (s Status) Nodes() []string { return slices.Sorted(maps.Keys(s.nodes)) }

// Status reads /cluster/status.
func (c *Conn) Status(ctx context.Context) (Status, error) {
	raw, err := c.get(ctx, callStatus, "/cluster/status")
	if err != nil {
		return Status{}, err
	}
	s, err := clusterStatus(raw)
	return s, c.explain(callStatus, err)
}

// NoQuorum is that the node is not one whose word counts.
func (c *Conn) NoQuorum(s Status) *Error {
	return &Error{
		Kind:   proxopsv1.ErrorKind_ERROR_KIND_QUORUM,
		Text:   c.cluster.plain(fmt.Sprintf("%s: the node has no quorum in the cluster %q", c.address, s.Identity.GetName())),
		Remedy: "Bring the missing nodes back; without quorum a node may show an old state of the cluster.",
	}
}

func clusterStatus(raw []byte) (Status, error) {
	rows, err := list(raw)
	if err != nil {
		return Status{}, err
	}
	s := Status{nodes: map[string]object{}}
	var cluster object
	for _, row := range rows {
		name, _ := lexText(row["name"])
		switch row["type"] {
		case "cluster":
			if cluster != nil {
				return Status{}, malformedf("it tells of two clusters")
			}
			cluster = row
		case "node":
			if name == "" {
				return Status{}, malformedf("it tells of a node without a name")
			}
			s.nodes[name] = row
			if local, _ := lexBool(row["local"]); local {
				s.Local = name
			}
		}
	}
	switch {
	case cluster != nil:
		name, _ := lexText(cluster["name"])
		if name == "" {
			return Status{}, malformedf("it tells of a cluster without a name")
		}
		s.Identity = &proxopsv1.Identity{Name: name}
		// A flag that is missing or unreadable proves no quorum.
		s.Quorate, _ = lexBool(cluster["quorate"])
	case len(s.nodes) == 1:
		for name := range s.nodes {
			s.Identity = &proxopsv1.Identity{Name: name, Standalone: true}
			s.Local = name
		}
		s.Quorate = true
	default:
		return Status{}, malformedf("it tells of no cluster and of %d nodes", len(s.nodes))
	}
	return s, nil
}
