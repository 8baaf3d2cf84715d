package web

import (
	"context"
	"fmt"
	"slices"

	"github.com/a-h/templ"

	calendars "github.com/proxops/proxops/libs/calendar"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
)

// derived are columns of lists that are no fields of the API, by resource. What they show is filled in by enrich.
var derived = map[string][]string{
	catalog.Jobs:          {"duration", "types", "endpoints", "counts"},
	catalog.SyncSchedules: {"when"},
}

// enrich fills in more about objects of a page, by resource, in a fixed number of statements.
var enrich = map[string]func(ctx context.Context, p *page, rows []object) error{
	catalog.Jobs:          summariseJobs,
	catalog.SyncSchedules: describeTimes,
	catalog.Routines:      describeJobs("backup_routine"),
	catalog.Replications:  describeJobs("replication"),
	"journal-entries":     nameWriters,
}

// describeJobs says in words when jobs of Proxmox run, by whose clock, and how their status is known.
func describeJobs(kind string) func(ctx context.Context, p *page, rows []object) error {
	return func(ctx context.Context, p *page, rows []object) error {
		for _, o := range rows {
			if event, err := calendars.ParseAny(o.text("schedule")); o["schedule_text"] != nil && o.text("schedule") != "" {
				if o["unread"] = err != nil; err == nil {
					o["schedule_text"] = event.Sentence()
				}
			}
			if _, whole := o["keep_all"]; whole {
				o["retention"] = retention(o)
			}
		}
		endpoints, err := p.endpointsOfJobs(ctx, kind, rows)
		if err != nil {
			return err
		}
		tellClocks(p, rows, endpoints)
		return proveStatus(ctx, p, rows, endpoints)
	}
}

// endpointsOfJobs reads what tells of jobs of Proxmox by whose clock they run and how their status is known, by the ids of their endpoints.
func (p *page) endpointsOfJobs(ctx context.Context, kind string, rows []object) (map[int64]store.JobEndpointsRow, error) {
	var ids []int64
	for _, o := range rows {
		if id := o.sub("endpoint").number("id"); id != 0 && (o["schedule"] != nil || o["status"] != nil) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if ids == nil {
		return nil, nil
	}
	found, err := p.Queries.JobEndpoints(ctx, kind, ids)
	if err != nil {
		return nil, fmt.Errorf("read how %d endpoints are read: %w", len(ids), err)
	}
	endpoints := make(map[int64]store.JobEndpointsRow, len(found))
	for _, e := range found {
		endpoints[e.ID] = e
	}
	return endpoints, nil
}

// listButtons are what can be done to a whole list, by resource.
var listButtons = map[string]func(p *page, l *listing) templ.Component{
	catalog.Routines:     syncButton("backup-routines", "Sync Backup Routines"),
	catalog.Replications: syncButton("replications", "Sync Replications"),
	catalog.Jobs:         syncButton("all", "Sync All"),
	catalog.Endpoints:    syncButton("all", "Sync All"),
}

// related are parts of the page of an object that say what has to do with it, by resource.
var related = map[string]func(ctx context.Context, p *page, s *sheet) ([]templ.Component, error){
	catalog.Routines:      guestsCovered,
	"nodes":               referring,
	"storage":             referring,
	"clusters":            referring,
	"proxmox-clusters":    referring,
	catalog.SyncSchedules: runsOfSchedule,
}

// objectPage is the page of an object, as its resource has it.
func (w *Web) objectPage(r *resource.Resource) handler {
	switch r.Name {
	case catalog.Jobs:
		return w.job(r)
	case "object-changes":
		return w.change(r)
	}
	return w.detail(r)
}

// forms are the pages that make and change objects, as their resource has them.
func (w *Web) forms(r *resource.Resource) (add, edit handler) {
	if r.Name == catalog.SyncSchedules {
		return w.schedule(r, true), w.schedule(r, false)
	}
	return w.add(r), w.edit(r)
}

// allowed says whether who looks may do something to objects of a resource that requests do not write like others, such as sync jobs.
func (p *page) allowed(r *resource.Resource, action resource.Action) bool {
	_, err := p.actor().Scope(r, action)
	return err == nil
}
