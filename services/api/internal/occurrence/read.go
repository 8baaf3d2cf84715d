package occurrence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/store"
)

// kind is how jobs of a kind are found.
type kind struct {
	name     string
	resource string
	fields   []string          // beside the brief form
	running  url.Values        // the filters that leave out what is disabled
	aliases  map[string]string // names of filters of the other kind, with those of this one
	opposite map[string]string // the same, of filters that say the opposite
}

var kinds = []kind{
	{
		name: Routine, resource: "backup-routines", running: url.Values{"enabled": {"true"}},
		aliases: map[string]string{"proxmox_node": "node", "proxmox_node_id": "node_id"}, opposite: map[string]string{"disable": "enabled"},
	},
	{
		name: Replication, resource: "replications", fields: []string{"endpoint", "schedule", "disable"}, running: url.Values{"disable": {"false"}},
		aliases: map[string]string{"node": "proxmox_node", "node_id": "proxmox_node_id"}, opposite: map[string]string{"enabled": "disable"},
	},
}

// read reads the jobs that a query is about; more says that there are others.
func read(ctx context.Context, s *resource.Store, actor resource.Actor, at resource.Address, q Query) (jobs []*Job, more bool, err error) {
	// What is bounded here needs no pages.
	whole := *s
	whole.Limits = resource.Limits{Default: maxJobs, Max: maxJobs}
	known, err := knownFilters(ctx, s, q.Filters)
	if err != nil {
		return nil, false, err
	}
	allowed := false
	for _, k := range kinds {
		r := s.Set.Get(k.resource)
		if _, err := actor.Scope(r, resource.View); !q.wants(k.name) || errors.Is(err, resource.ErrForbidden) {
			continue
		}
		allowed = true
		filters, err := k.filters(ctx, &whole, q, known)
		if err != nil {
			return nil, false, err
		}
		seen := map[int64]bool{}
		for _, f := range filters {
			var count int
			if jobs, count, err = k.list(ctx, &whole, r, actor, at, f, jobs, seen); err != nil {
				return nil, false, err
			}
			more = more || count > maxJobs
		}
	}
	if !allowed {
		return nil, false, resource.ErrForbidden
	}
	return jobs, more, nil
}

// Filtered says which parameters are filters of any kind of jobs.
func Filtered(ctx context.Context, s *resource.Store, params url.Values) (map[string]bool, error) {
	known, err := knownFilters(ctx, s, params)
	return known[""], err
}

// knownFilters are the parameters of a query that filter each kind, and under "" those that filter any.
func knownFilters(ctx context.Context, s *resource.Store, params url.Values) (map[string]map[string]bool, error) {
	known := map[string]map[string]bool{"": {}}
	for _, k := range kinds {
		r := s.Set.Get(k.resource)
		of, err := s.CustomFiltered(ctx, r, params)
		if err != nil {
			return nil, fmt.Errorf("read the custom filters of %s: %w", k.resource, err)
		}
		for name := range params {
			of[name] = of[name] || name == "q" || r.Filtered(name)
			known[""][name] = known[""][name] || of[name]
		}
		known[k.name] = of
	}
	return known, nil
}

// list appends the jobs of a list to those that were seen.
func (k kind) list(ctx context.Context, s *resource.Store, r *resource.Resource, actor resource.Actor, at resource.Address, filters url.Values, jobs []*Job, seen map[int64]bool) ([]*Job, int, error) {
	fields := slices.Clone(k.fields)
	for _, pick := range r.Brief {
		fields = append(fields, pick.Name)
	}
	body, err := s.List(ctx, r, actor, at, filters, resource.Selection{Fields: fields})
	if err != nil {
		return nil, 0, fmt.Errorf("list %s to tell when they run: %w", k.resource, err)
	}
	var page struct {
		Count   int               `json:"count"`
		Results []json.RawMessage `json:"results"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, 0, fmt.Errorf("read the list of %s: %w", k.resource, err)
	}
	for _, raw := range page.Results {
		j, err := k.job(raw)
		if err != nil {
			return nil, 0, err
		}
		if !seen[j.ID] {
			seen[j.ID] = true
			j.brief = r.Brief
			jobs = append(jobs, j)
		}
	}
	return jobs, page.Count, nil
}

// named is a nested object.
type named struct {
	ID      int64  `json:"id"`
	URL     string `json:"url"`
	Display string `json:"display"`
}

func (k kind) job(raw json.RawMessage) (*Job, error) {
	var v struct {
		named
		Endpoint, Storage *named
		Target            string
		Schedule          string
		Enabled           *bool
		Disable           bool
		NextRun           time.Time `json:"next_run"`
		Status            struct{ Value string }
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("read a job of the kind %s: %w", k.name, err)
	}
	j := &Job{
		Kind: k.name, ID: v.ID, Display: v.Display, URL: v.URL, Target: v.Target, Schedule: v.Schedule, Stale: v.Status.Value == "stale",
		Disabled: v.Disable || v.Enabled != nil && !*v.Enabled, nextRun: v.NextRun, raw: raw,
	}
	if v.Endpoint != nil {
		j.EndpointID, j.Endpoint = v.Endpoint.ID, v.Endpoint.Display
	}
	if v.Storage != nil {
		j.Target, j.TargetURL = v.Storage.Display, v.Storage.URL
	}
	return j, nil
}

// readZones reads the zones of the clusters of jobs, by their endpoint; "" for one that is not known. Who may see a job may know where its clock is.
func readZones(ctx context.Context, s *resource.Store, jobs []*Job) (map[int64]string, error) {
	zones := map[int64]string{}
	var ids []int64
	for _, j := range jobs {
		if _, asked := zones[j.EndpointID]; !asked && j.EndpointID != 0 {
			zones[j.EndpointID] = ""
			ids = append(ids, j.EndpointID)
		}
	}
	if ids == nil {
		return zones, nil
	}
	rows, err := store.New(s.Pool).EndpointZones(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read the time zones of %s endpoints: %w", strconv.Itoa(len(ids)), err)
	}
	for _, row := range rows {
		zones[row.ID] = row.Zone
	}
	return zones, nil
}
