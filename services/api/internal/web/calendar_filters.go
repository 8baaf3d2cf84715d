package web

import (
	"context"
	"slices"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/occurrence"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// calendarControls are the filters of the form of the calendar, in its order. Any other filter of the lists may be in the address.
var calendarControls = []string{
	"endpoint_id", "cluster_id", "virtual_machine_id", "covers", "node_id", "storage_id", "proxmox_node_id", "target_node_id", "tag", "schedule", "comment", "job_id", "replication_id",
}

// jobResources are the names of the resources of each kind of jobs.
var jobResources = map[string]string{occurrence.Routine: catalog.Routines, occurrence.Replication: catalog.Replications}

// calendarFilters are the filters of the kinds that are shown, with what is set.
func (p *page) calendarFilters(ctx context.Context, c *almanac) (controls []filterControl, chips []filterChip, err error) {
	var all []filterControl
	for _, kind := range occurrence.Kinds {
		r := p.Store.Set.Get(jobResources[kind])
		if c.kind() != "" && c.kind() != kind || !p.may(r, resource.View) {
			continue
		}
		of := p.filterControls(r)
		if asksCustom(c.params) {
			custom, err := p.customControls(ctx, r)
			if err != nil {
				return nil, nil, err
			}
			of = append(of, custom...)
		}
		set := fill(of, c.filtering(), c.wrong)
		for _, f := range of {
			if !slices.ContainsFunc(all, func(other filterControl) bool { return other.param == f.param }) {
				all = append(all, f)
			}
		}
		for _, chip := range set {
			if !slices.Contains(chips, chip) {
				chips = append(chips, chip)
			}
		}
	}
	for _, name := range calendarControls {
		i := slices.IndexFunc(all, func(f filterControl) bool { return f.param == name })
		// The source node of replications is a node like that of routines.
		if i < 0 || name == "proxmox_node_id" && c.kind() == "" {
			continue
		}
		controls = append(controls, all[i])
	}
	return controls, chips, nil
}
