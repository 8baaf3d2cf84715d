package web

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// reference is a filtered list of what refers to an object.
type reference struct {
	title, list string
	filter      string // the parameter that takes the id of the object
	to          string
	count       int
}

// references are the lists that refer to objects of a resource.
var referenceLists = map[string][]reference{
	"nodes": {
		{title: "Virtual machines on this node", list: "virtual-machines", filter: "node_id"},
		{title: "Backup routines of this node", list: catalog.Routines, filter: "node_id"},
		{title: "Replications from here", list: catalog.Replications, filter: "proxmox_node_id"},
		{title: "Replications to here", list: catalog.Replications, filter: "target_node_id"},
	},
	"storage": {
		{title: "Backup routines that write here", list: catalog.Routines, filter: "storage_id"},
		{title: "Backup routines that use it for fleecing", list: catalog.Routines, filter: "fleecing_storage_id"},
	},
	"clusters": {
		{title: "Virtual machines", list: "virtual-machines", filter: "cluster_id"},
		{title: "Storage", list: "storage", filter: "cluster_id"},
		{title: "Backup routines", list: catalog.Routines, filter: "cluster_id"},
		{title: "Replications", list: catalog.Replications, filter: "cluster_id"},
	},
	"proxmox-clusters": {{title: "Nodes", list: "nodes", filter: "proxmox_cluster_id"}},
	// Their own pages say it with what was found there, so only the page that deletes one shows these.
	catalog.Endpoints: {
		{title: "Backup routines", list: catalog.Routines, filter: "endpoint_id"},
		{title: "Replications", list: catalog.Replications, filter: "endpoint_id"},
		{title: "Nodes", list: "nodes", filter: "endpoint_id"},
	},
}

// referring counts what refers to an object, as far as who looks may see it.
func referring(ctx context.Context, p *page, s *sheet) ([]templ.Component, error) {
	var shown []reference
	for _, ref := range referenceLists[s.r.Name] {
		r := p.Store.Set.Get(ref.list)
		if !p.may(r, resource.View) {
			continue
		}
		n, err := p.count(ctx, ref.list, url.Values{ref.filter: {s.o.id()}})
		if err != nil {
			return nil, err
		}
		ref.count, ref.to = n, pathOf(r)+"?"+ref.filter+"="+s.o.id()
		shown = append(shown, ref)
	}
	if shown == nil {
		return nil, nil
	}
	return []templ.Component{referenceCard(shown)}, nil
}

// count is how many objects of a list there are that who looks may see.
func (p *page) count(ctx context.Context, name string, query url.Values) (int, error) {
	query = cloneValues(query)
	query.Set("limit", "1")
	found, err := p.read(ctx, name, query, "id")
	return int(found.number("count")), err
}

// maxGuests is how many guests the page of a routine shows.
const maxGuests = 50

// coverage is which guests a routine covers.
type coverage struct {
	mode     string
	guests   []object
	count    int      // of the guests that are covered, as far as they are known
	unknown  []string // VMIDs that are named, but that no inventory has
	excluded []string
	to       string // the list of the guests
	node     string // id of the only node whose guests are covered; "" for all
	known    bool   // whether the inventory was read
}

// guestsCovered shows the guests that a backup routine covers, as the inventory of its cluster has them now.
func guestsCovered(ctx context.Context, p *page, s *sheet) ([]templ.Component, error) {
	vms, clusters := p.Store.Set.Get("virtual-machines"), p.Store.Set.Get("clusters")
	if !p.may(vms, resource.View) || !p.may(clusters, resource.View) {
		return nil, nil
	}
	c := &coverage{mode: s.o.choiceOrText("selection_mode"), excluded: s.o.items("exclude"), node: s.o.sub("node").id()}
	named := s.o.items("selection")
	found, err := p.read(ctx, "clusters", url.Values{"proxmox_endpoint_id": {s.o.sub("endpoint").id()}, "limit": {"1"}}, "id")
	if err != nil {
		return nil, err
	}
	if c.known = len(found.list("results")) > 0; c.known {
		query := url.Values{"cluster_id": {found.list("results")[0].id()}, "present": {"true"}}
		switch {
		case c.mode == "vmid" && len(named) > 0:
			query["vmid"] = named
		case c.mode == "pool" && s.o.text("pool") != "":
			query["pool"] = []string{s.o.text("pool")}
		case c.mode == "all":
			if len(c.excluded) > 0 {
				query["vmid__n"] = c.excluded
			}
		default:
			return []templ.Component{coverageCard(p, s, c)}, nil
		}
		if c.mode != "vmid" {
			query.Set("vmid__empty", "false") // what has no number is no guest of Proxmox
		}
		if c.node != "" && c.mode != "vmid" {
			query.Set("node_id", c.node)
		}
		if err := p.readGuests(ctx, c, vms, query, named); err != nil {
			return nil, err
		}
	} else {
		c.unknown = named
	}
	return []templ.Component{coverageCard(p, s, c)}, nil
}

// readGuests reads the first guests of a query, and finds out which of those that are named no inventory has.
func (p *page) readGuests(ctx context.Context, c *coverage, vms *resource.Resource, query url.Values, named []string) error {
	c.to = pathOf(vms) + "?" + query.Encode()
	query = cloneValues(query)
	query.Set("ordering", "vmid")
	query.Set("limit", strconv.Itoa(max(maxGuests, min(len(named), p.Store.Limits.Max))))
	found, err := p.read(ctx, vms.Name, query, "id", "url", "display", "name", "vmid", "node", "status", "vm_type")
	if err != nil {
		return err
	}
	c.guests, c.count = found.list("results"), int(found.number("count"))
	if c.mode == "vmid" && c.count == len(c.guests) {
		for _, vmid := range named {
			if !slices.ContainsFunc(c.guests, func(g object) bool { return g.text("vmid") == vmid }) {
				c.unknown = append(c.unknown, vmid)
			}
		}
	}
	c.guests = c.guests[:min(len(c.guests), maxGuests)]
	return nil
}

// elsewhere says that a guest that is named runs on another node than the one whose guests are covered.
func (c *coverage) elsewhere(g object) bool {
	at := g.sub("node").id()
	return c.mode == "vmid" && c.node != "" && at != "" && at != c.node
}

// joined is a list of numbers as text, of long ones the beginning.
func joined(all []string) string {
	const most = 50
	if len(all) > most {
		return strings.Join(all[:most], ", ") + " and " + count(len(all)-most) + " more"
	}
	return strings.Join(all, ", ")
}

// words say which guests a routine covers.
func (c *coverage) words(o object) string {
	switch c.mode {
	case "all":
		text := "All guests"
		if len(c.excluded) > 0 {
			text += " but " + joined(c.excluded)
		}
		if c.node != "" {
			return text + " of the node, as the inventory has them now."
		}
		return text + " of the cluster, as its inventory has them now."
	case "pool":
		return "The guests of the pool " + visible(o.text("pool")) + ", as the inventory of the cluster has them now."
	case "vmid":
		return "The guests that it names."
	}
	return "It names no guests: it backs up nothing."
}
