// Package occurrence says when backup routines and replications will run: exactly as their schedules say, in the time zones of their clusters.
package occurrence

import (
	"context"
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
	// maxGroups is how many groups of jobs of each kind one plan holds. A group has any number of jobs, at a few bytes for each.
	maxGroups = 50_000
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

// Group is jobs of an endpoint that run at the same times.
type Group struct {
	Kind            string
	EndpointID      int64 // 0: none
	Schedule        string
	Stale, Disabled bool
	next            time.Time // as the cluster tells it; zero if it does not
}

// Ref is a job of a plan. What it is called is for [Plan.Describe] to say, as a plan may have any number of jobs, of which few are shown.
type Ref struct {
	ID int64
	*Group
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
	Assumed bool  // the zone of the cluster is not known: UTC is assumed
	Off     bool  // all of the jobs are disabled or stale
	Jobs    []Ref // sorted by the names of their endpoints
}

// Entry is one job in a slot.
type Entry struct {
	*Job
	*Slot
}

// Unplaced is a job whose runs cannot be told, or not all of them.
type Unplaced struct {
	Ref
	Reason string
}

// Plan is the answer to a Query.
type Plan struct {
	Slots    []Slot // in the order of time
	Unplaced []Unplaced
	// Truncated says that there are more jobs or runs than one plan holds.
	Truncated bool
	asked     asked
}

// asked is how a plan was asked for.
type asked struct {
	store *resource.Store
	actor resource.Actor
	at    resource.Address
}

// Find answers a query with the rights of who asks. It is an error to have the right to view neither kind, and to give a filter a value that it does
// not take: resource.Errors says which. At is where addresses of jobs begin.
func Find(ctx context.Context, s *resource.Store, actor resource.Actor, at resource.Address, q Query) (*Plan, error) {
	groups, more, err := read(ctx, s, actor, q)
	if err != nil {
		return nil, err
	}
	p := &Plan{Truncated: more, asked: asked{s, actor, at}}
	return p, p.place(ctx, q, groups)
}

// Count is how many entries the plan has.
func (p *Plan) Count() (n int) {
	for i := range p.Slots {
		n += len(p.Slots[i].Jobs)
	}
	return n
}

// Entries are the entries of the plan from an offset on, up to a limit, without those of jobs that are gone meanwhile.
func (p *Plan) Entries(ctx context.Context, offset, limit int) ([]Entry, error) {
	type place struct {
		ref  Ref
		slot *Slot
	}
	var places []place
	var refs []Ref
	for i := range p.Slots {
		s := &p.Slots[i]
		if offset >= len(s.Jobs) {
			offset -= len(s.Jobs)
			continue
		}
		for _, ref := range s.Jobs[offset:min(len(s.Jobs), offset+limit-len(places))] {
			places, refs = append(places, place{ref, s}), append(refs, ref)
		}
		if offset = 0; len(places) == limit {
			break
		}
	}
	jobs, err := p.Describe(ctx, refs)
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, at := range places {
		if j := jobs[at.ref]; j != nil {
			out = append(out, Entry{j, at.slot})
		}
	}
	return out, nil
}

// Total is how many runs the slot stands for: of all its jobs.
func (s *Slot) Total() int { return s.Runs * len(s.Jobs) }

// Repeats says that the slot stands for several runs of each of its jobs.
func (s *Slot) Repeats() bool { return s.Runs > 1 }

func (q Query) wants(kind string) bool { return len(q.Kinds) == 0 || slices.Contains(q.Kinds, kind) }
