// Package clusterid says in words which cluster answers for an endpoint, and what to do when it is another one than before.
package clusterid

import "fmt"

// Name names a cluster, or a host that belongs to none.
func Name(name string, standalone bool) string {
	if standalone {
		return "standalone host " + name
	}
	return "cluster " + name
}

// Remedy is what a person can do when another cluster answers than the one that the endpoint is.
func Remedy(endpoint int64) string {
	return fmt.Sprintf("Check the addresses of the endpoint, and make another endpoint for another cluster; if this is its cluster now (renamed, joined, replaced), "+
		"accept it: POST /api/plugins/proxbox/endpoints/proxmox/%d/accept-identity/", endpoint)
}
