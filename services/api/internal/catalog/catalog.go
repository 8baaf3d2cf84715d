// Package catalog declares the resources of the REST API.
package catalog

import (
	"context"

	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// Options are what the declarations need from their surroundings.
type Options struct {
	// SiteKeys holds the public key of each site, to which the credentials of its endpoints are sealed.
	SiteKeys map[string]string
	// Peppers are the keys with which API tokens are hashed. Without any, no tokens can be made.
	Peppers auth.Peppers
	// EndpointsChanged is called after an endpoint was created, changed or deleted. It must not fail: it is a hint. Nil: nobody cares.
	EndpointsChanged func(ctx context.Context)
	// JobsChanged is called after a sync job or a schedule of syncs was made or changed. It must not fail: it is a hint. Nil: nobody cares.
	JobsChanged func(ctx context.Context)
}

// New returns the resources, linked to each other.
func New(o Options) (*resource.Set, error) {
	words := typeWords{}
	all := []*resource.Resource{
		backupRoutines(), replications(), endpoints(o), nodes(), storages(), proxmoxClusters(), clusters(), virtualMachines(),
		tags(), customFields(), choiceSets(),
		users(), groups(), permissions(), tokens(o),
		syncJobs(), syncSchedules(o), objectChanges(words), journalEntries(words),
	}
	return resource.NewSet(append(all, objectTypes(words, all))...)
}

// Names of resources that others know: of endpoints, of the jobs of Proxmox, and of users.
const (
	Endpoints    = "proxmox-endpoints"
	Routines     = "backup-routines"
	Replications = "replications"
	Users        = "users"
)

// Names of the other resources, as references know them.
const (
	nameNodes           = "nodes"
	nameStorages        = "storage"
	nameProxmoxClusters = "proxmox-clusters"
	nameClusters        = "clusters"
	nameVMs             = "virtual-machines"
	nameTags            = "tags" // the engine knows it by this name
	nameCustomFields    = "custom-fields"
	nameChoiceSets      = "custom-field-choice-sets"
	nameGroups          = "groups"
	namePermissions     = "permissions"
)

// Paths under /api/.
const (
	plugin         = "plugins/proxbox/"
	virtualization = "virtualization/"
	extras         = "extras/"
	usersApp       = "users/"
	core           = "core/"
)

// goesWithEndpoint names the roots from which deletions reach what was discovered through an endpoint.
var goesWithEndpoint = []string{Endpoints}

// leading are the keys that each object begins with.
func leading(display resource.Kind) []resource.Field {
	return []resource.Field{
		{Name: "id", Kind: resource.Integer{}, ReadOnly: true, Unlogged: true, Label: "ID"},
		{Name: "url", Kind: resource.URL{}, ReadOnly: true},
		{Name: "display", Kind: display, ReadOnly: true},
	}
}

// leadingCore are the keys that objects of NetBox's own begin with.
func leadingCore(display resource.Kind) []resource.Field {
	return append(leading(display)[:2], displayURL, resource.Field{Name: "display", Kind: display, ReadOnly: true})
}

// stamps are when an object was made and last changed.
func stamps() []resource.Field {
	return []resource.Field{
		{Name: "created", Kind: resource.DateTime{Stamp: true}, ReadOnly: true, Unlogged: true},
		{Name: "last_updated", Kind: resource.DateTime{Stamp: true}, ReadOnly: true, Unlogged: true},
	}
}

// trailing are the keys that each object has at the end of what NetBox knows.
func trailing() []resource.Field {
	return append([]resource.Field{
		{Name: "tags", Kind: resource.Tags{}},
		{Name: "custom_fields", Kind: resource.CustomFields{}, NoFilter: true},
	}, stamps()...)
}

func fields(parts ...[]resource.Field) []resource.Field {
	var out []resource.Field
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// named is a nested object of id, url, display and name.
var named = resource.Picks("id", "url", "display", "name")

// ref makes a reference field.
func ref(name, to string) resource.Field {
	return resource.Field{Name: name, Kind: resource.Reference{To: to}, Null: true}
}
