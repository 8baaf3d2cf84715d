package catalog

import "github.com/proxops/proxops/services/api/internal/resource"

// clusterOf is the filter of jobs by the cluster that their endpoint discovered.
var clusterOf = resource.Field{
	Name: "cluster", Null: true, Help: "The cluster that the endpoint of the job discovered",
	Kind: resource.Owner{Reference: resource.Reference{To: nameClusters}, Column: "endpoint_id"},
}

// guestFilter is a filter of jobs by the number of a guest.
func guestFilter(name, help, sql string) resource.Field {
	return resource.Field{Name: name, Label: "VMID", Help: help, Kind: resource.Finder{SQL: sql}}
}

// routineFilters find routines by guests as Proxmox chooses these: a pool goes before a list, and a list before all guests.
//
// Which guests a cluster has, where they run and which pool they are in is what its inventory said last. A routine bound to a node covers the
// guests there. What it names itself counts unless it is known to be elsewhere.
var routineFilters = []resource.Field{
	guestFilter("vmid", "Routines that name the guest", names),
	guestFilter("covers", "Routines that back the guest up: by naming it, its pool, or all guests but some", covers),
	clusterOf,
}

const (
	names = "{t}.selection @> jsonb_build_array({v})"
	// inventoried are the guests of this number that inventories had last, with their endpoints.
	inventoried = "FROM virtual_machines g JOIN clusters c ON c.id = g.cluster_id WHERE g.vmid = {v} AND g.present"
	onNode      = " AND ({t}.node_id IS NULL OR {t}.node_id IN (SELECT g.node_id " + inventoried + "))"

	covers = names + " AND {t}.selection_mode = 'vmid' AND ({t}.node_id IS NULL OR NOT EXISTS (SELECT " + inventoried +
		" AND c.endpoint_id = {t}.endpoint_id AND g.node_id <> {t}.node_id))" +
		" OR {t}.selection_mode = 'all' AND NOT {t}.exclude @> jsonb_build_array({v}) AND {t}.endpoint_id IN (SELECT c.endpoint_id " + inventoried + ")" + onNode +
		" OR {t}.selection_mode = 'pool' AND {t}.pool <> '' AND ({t}.endpoint_id, {t}.pool) IN (SELECT c.endpoint_id, g.pool " + inventoried + ")" + onNode
)

// replicationFilters find replications by their guest.
var replicationFilters = []resource.Field{
	guestFilter("vmid", "Replications of the guest", "{t}.guest = {v}"),
	guestFilter("covers", "Replications of the guest, as vmid", "{t}.guest = {v}"),
	clusterOf,
}
