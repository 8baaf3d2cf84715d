package pvesim

import (
	"fmt"
	"slices"
	"time"
)

// NamedFault is one way in which a cluster can go wrong without any of its jobs being gone.
type NamedFault struct {
	// Name says what happens and, for faults of single calls, on which.
	Name string
	// Call is the call that is hit: "*" = all, "" = the cluster as a whole is in trouble.
	Call string
	// Harmless faults leave complete and true answers: a careful reader may go on as if nothing was.
	Harmless bool

	apply func(*Cluster)
}

// Apply switches the fault on.
func (f NamedFault) Apply(c *Cluster) { f.apply(c) }

// Undo switches this and every other fault off.
func (f NamedFault) Undo(c *Cluster) { c.Heal() }

// Long faults last longer than a client may be expected to wait, yet end when it goes away.
const tooLong = 10 * time.Minute

// Faults lists every fault of single answers; those that shorten lists come last.
func Faults() []Fault {
	var all []Fault
	for _, name := range Transcripts() {
		all = append(all, FromTranscript(name))
	}
	return append(all,
		DataNull, EmptyObject, DataObject, DataString, BareArray, EmptyBody, HTML, CutJSON,
		Redirect, NotFound, TooMany, BadGateway, BusyProxy, NullDataAt503, EmptyListAt599, EmptyListAt203,
		CutBody, Reset, ResetBody, SlowHeader(tooLong), SlowBody(1), HalfList, EmptyList)
}

// AllFaults lists every fault there is. None of them makes any job stale: each job is still there. A slow answer takes as long as
// its reader has patience, which tests should make short.
func AllFaults() []NamedFault {
	all := troubles()
	for _, f := range Faults() {
		calls := []string{"*", "/cluster/status", "/cluster/backup", "/cluster/replication"}
		if f.Name() == HalfList.Name() || f.Name() == EmptyList.Name() {
			calls = calls[2:] // other lists tell nothing about jobs
		}
		for _, call := range calls {
			where := call
			if call == "*" {
				where = "everything"
			}
			all = append(all, NamedFault{
				Name: f.Name() + " on " + where, Call: call,
				apply: func(c *Cluster) { c.Fault(call, f) },
			})
		}
	}
	return all
}

// troubles are the faults of the cluster as a whole.
func troubles() []NamedFault {
	return []NamedFault{
		{Name: "no quorum and an old list", apply: func(c *Cluster) { c.LoseQuorum(outdated(c.World())) }},
		{Name: "no quorum and no jobs", apply: func(c *Cluster) {
			w := c.World()
			w.Backups, w.Replications = nil, nil
			c.LoseQuorum(w)
		}},
		{Name: "another cluster's name", apply: func(c *Cluster) { c.Rename("another-cluster") }},
		{Name: "members and guests forgotten", apply: (*Cluster).Hiccup},
		{Name: "lost permission on some guests", apply: func(c *Cluster) { c.DenyVM(someGuests(c.World())...) }},
		{Name: "lost permission on all guests", apply: func(c *Cluster) { c.Deny("/vms") }},
		{Name: "lost all permissions", apply: func(c *Cluster) { c.Deny("/") }},
		{Name: "token revoked", apply: (*Cluster).RevokeTokens},
		{Name: "certificate of another authority", apply: (*Cluster).ReplaceCertificate},
		{Name: "certificate renewed", Harmless: true, apply: (*Cluster).RotateCertificate},
	}
}

// FaultNamed finds a fault of AllFaults.
func FaultNamed(name string) (NamedFault, error) {
	all := AllFaults()
	if i := slices.IndexFunc(all, func(f NamedFault) bool { return f.Name == name }); i >= 0 {
		return all[i], nil
	}
	return NamedFault{}, fmt.Errorf("no fault is called %q", name)
}

// outdated is the world of a node that missed the last changes: some jobs are not there yet, and others are as they once were.
func outdated(w World) World {
	w.Backups = w.Backups[:len(w.Backups)/2]
	w.Replications = w.Replications[:len(w.Replications)/2]
	for i := range w.Backups {
		w.Backups[i].Disabled = !w.Backups[i].Disabled
	}
	return w
}

// someGuests are those of every other replication job, and of the first one in any case.
func someGuests(w World) []int {
	var vmids []int
	for i, r := range w.Replications {
		if i%2 == 0 {
			vmids = append(vmids, r.Guest)
		}
	}
	return vmids
}
