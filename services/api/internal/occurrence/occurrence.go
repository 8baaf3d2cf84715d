// Package occurrence says when backup routines and replications will run: exactly as their schedules say, in the time zones of their clusters.
package occurrence

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"time"

	"github.com/proxops/proxops/services/api/internal/resource"
)

// The kinds of jobs.
const (
	Routine     = "backup_routine"
	Replication = "replication"
)

// Kinds are all kinds of jobs.
var Kinds = []string{Routine, Replication}

// What bounds a plan.
const (
	// MaxRange is the longest time that one plan covers.
	MaxRange = 400 * 24 * time.Hour
	// maxJobs is how many jobs of each kind one plan holds.
	maxJobs = 20_000
	// maxSteps is how often one plan asks schedules for their next run.
	maxSteps = 2_000_000
	// maxSlots is how many slots one plan holds.
	maxSlots = 200_000
	// often is how many runs a day are told one by one. What runs more often than that is one entry a day.
	often = 4
)

// Query says which runs are asked for.
type Query struct {
	// Now is when it is asked. What lies before it is no coming run, whatever After says.
	Now           time.Time
	After, Before time.Time // not before After, and before Before
	Kinds         []string  // none: all
	// Stale and Disabled include jobs that are left out otherwise, unless a filter asks for them.
	Stale, Disabled bool
	// Filters are those of the lists of both kinds. A kind without one of them has no job that it finds.
	Filters url.Values
	// Days is the zone whose days they are told by; nil: those of each cluster.
	Days *time.Location
}

// Job is a backup routine or a replication.
type Job struct {
	Kind            string
	ID              int64
	Display         string
	URL             string // of the API
	EndpointID      int64  // 0: none
	Endpoint        string
	Target          string // the storage of a routine, the node of a replication; "" if there is none
	TargetURL       string // of the API, "" if there is none
	Schedule        string
	Stale, Disabled bool
	nextRun         time.Time
	raw             json.RawMessage
	brief           resource.Shape
}

// Slot is a time at which jobs with the same schedule run. One that stands for all runs of a day has more than one.
type Slot struct {
	At, Last time.Time  // the first and the last run, in the zone of the cluster; the same for one
	Runs     int        // of each job
	Hours    [24]uint16 // the runs by the hour of the day, in the zone of the days
	*Line
}

// Line is what slots of one schedule share.
type Line struct {
	Kind    string
	Text    string // the schedule in words where there are some
	Zone    *time.Location
	Assumed bool   // the zone of the cluster is not known: UTC is assumed
	Jobs    []*Job // sorted by what they are called
}

// Entry is one job in a slot.
type Entry struct {
	*Job
	*Slot
}

// Unplaced is a job whose runs cannot be told, or not all of them.
type Unplaced struct {
	*Job
	Reason string
}

// Plan is the answer to a Query.
type Plan struct {
	Slots    []Slot // in the order of time
	Unplaced []Unplaced
	// Truncated says that there are more jobs or runs than one plan holds.
	Truncated bool
	// Jobs is how many jobs were looked at.
	Jobs int
}

// Find answers a query with the rights of who asks. It is an error to have the right to view neither kind, and to give a filter a value that it does
// not take: resource.Errors says which.
func Find(ctx context.Context, s *resource.Store, actor resource.Actor, at resource.Address, q Query) (*Plan, error) {
	p := &Plan{}
	jobs, more, err := read(ctx, s, actor, at, q)
	if err != nil {
		return nil, err
	}
	p.Truncated, p.Jobs = more, len(jobs)
	zones, err := readZones(ctx, s, jobs)
	if err != nil {
		return nil, err
	}
	return p, p.place(ctx, q, jobs, zones)
}

// Count is how many entries the plan has.
func (p *Plan) Count() (n int) {
	for i := range p.Slots {
		n += len(p.Slots[i].Jobs)
	}
	return n
}

// Entries are the entries of the plan from an offset on, up to a limit.
func (p *Plan) Entries(offset, limit int) []Entry {
	var out []Entry
	for i := range p.Slots {
		s := &p.Slots[i]
		if offset >= len(s.Jobs) {
			offset -= len(s.Jobs)
			continue
		}
		for _, j := range s.Jobs[offset:min(len(s.Jobs), offset+limit-len(out))] {
			out = append(out, Entry{j, s})
		}
		if offset = 0; len(out) == limit {
			break
		}
	}
	return out
}

// Total is how many runs the slot stands for: of all its jobs.
func (s *Slot) Total() int { return s.Runs * len(s.Jobs) }

// Repeats says that the slot stands for several runs of each of its jobs.
func (s *Slot) Repeats() bool { return s.Runs > 1 }

// Brief is the job as nested objects of the API show it.
func (j *Job) Brief() json.RawMessage {
	var all map[string]json.RawMessage
	if json.Unmarshal(j.raw, &all) != nil {
		return json.RawMessage("null") // it is our own, and was read before
	}
	b := []byte{'{'}
	for _, pick := range j.brief {
		v, ok := all[pick.Name]
		if !ok {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(append(b, '"'), pick.Name...), '"', ':'), v...)
	}
	return append(b, '}')
}

func (q Query) wants(kind string) bool { return len(q.Kinds) == 0 || slices.Contains(q.Kinds, kind) }
