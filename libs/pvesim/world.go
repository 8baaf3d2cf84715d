package pvesim

import (
	"maps"
	"slices"
	"time"
	_ "time/tzdata" // zones are the same on every machine
)

// World is what a cluster consists of, free of any version's way to say it. Its zero value is an empty, quorate cluster
// without a name. The order of its lists is the order in which Proxmox VE lists them.
type World struct {
	Name       string // of the cluster
	Standalone bool   // a single host that never joined a cluster: no name, no quorum, its first node only
	NoQuorum   bool
	Revision   int    // of corosync.conf
	TimeZone   string // IANA name of the nodes' zone; "" = UTC
	Datacenter Datacenter

	Nodes        []Node // the first one answers
	Guests       []Guest
	Storages     []Storage
	Pools        []string
	Backups      []BackupJob
	Replications []Replication

	// CronDigest stands for the SHA-1 of a vzdump.cron whose bytes are not known; "" = computed from the jobs. An edit of the
	// jobs of that file clears it. ReplicationDigest is the same for replication.cfg.
	CronDigest, ReplicationDigest string
}

// Datacenter is the part of datacenter.cfg that /version shows.
type Datacenter struct{ Console, Keyboard, Migration string }

// Node is a member of the cluster.
type Node struct {
	Name        string
	IP          string // "" = not known to the cluster
	Offline     bool
	Fingerprint string // of its certificate; "" = that of the server for the node that answers
	CPUs        int
	Memory      int64 // bytes
	Disk        int64 // bytes
}

// Guest is a virtual machine or a container.
type Guest struct {
	VMID     int
	Type     string // qemu or lxc
	Name     string
	Node     string
	Stopped  bool
	Template bool
	Pool     string
	Tags     string // separated by ";"
	HAState  string
	CPUs     float64 // containers may have fractions
	Memory   int64   // bytes
	Disk     int64   // bytes
}

// Storage is an entry of storage.cfg.
type Storage struct {
	ID       string
	Type     string // dir, lvmthin, nfs, pbs, ...
	Content  []string
	Shared   *bool // nil = not said in the configuration
	Disabled bool
	Nodes    []string          // "" = all nodes
	MaxFiles *int              // 6.4 only
	Prune    string            // prune-backups, which is a string here in every version
	Options  map[string]string // the rest: path, server, export, datastore, ...
	Digest   string            // of storage.cfg; "" = computed
}

// Clone returns a copy that shares nothing with w.
func (w World) Clone() World {
	w.Nodes = slices.Clone(w.Nodes)
	w.Guests = slices.Clone(w.Guests)
	w.Pools = slices.Clone(w.Pools)
	w.Storages = slices.Clone(w.Storages)
	for i := range w.Storages {
		s := &w.Storages[i]
		s.Content, s.Nodes, s.Options = slices.Clone(s.Content), slices.Clone(s.Nodes), maps.Clone(s.Options)
		s.Shared, s.MaxFiles = clonePtr(s.Shared), clonePtr(s.MaxFiles)
	}
	w.Backups = slices.Clone(w.Backups)
	for i := range w.Backups {
		w.Backups[i] = w.Backups[i].Clone()
	}
	w.Replications = slices.Clone(w.Replications)
	for i := range w.Replications {
		w.Replications[i] = w.Replications[i].Clone()
	}
	return w
}

// Guest returns the guest with that id, nil when there is none.
func (w *World) Guest(vmid int) *Guest {
	if i := slices.IndexFunc(w.Guests, func(g Guest) bool { return g.VMID == vmid }); i >= 0 {
		return &w.Guests[i]
	}
	return nil
}

// Node returns the node with that name, nil when there is none.
func (w *World) Node(name string) *Node {
	if i := slices.IndexFunc(w.Nodes, func(n Node) bool { return n.Name == name }); i >= 0 {
		return &w.Nodes[i]
	}
	return nil
}

// Backup returns the backup job with that id, nil when there is none.
func (w *World) Backup(id string) *BackupJob {
	if i := slices.IndexFunc(w.Backups, func(j BackupJob) bool { return j.ID == id }); i >= 0 {
		return &w.Backups[i]
	}
	return nil
}

// Replication returns the replication job with that id, nil when there is none.
func (w *World) Replication(id string) *Replication {
	if i := slices.IndexFunc(w.Replications, func(r Replication) bool { return r.ID() == id }); i >= 0 {
		return &w.Replications[i]
	}
	return nil
}

// DeleteBackup removes a backup job and tells whether there was one.
func (w *World) DeleteBackup(id string) bool {
	n := len(w.Backups)
	w.Backups = slices.DeleteFunc(w.Backups, func(j BackupJob) bool { return j.ID == id })
	return len(w.Backups) < n
}

// DeleteReplication removes a replication job and tells whether there was one.
func (w *World) DeleteReplication(id string) bool {
	n := len(w.Replications)
	w.Replications = slices.DeleteFunc(w.Replications, func(r Replication) bool { return r.ID() == id })
	return len(w.Replications) < n
}

// Migrate moves a guest to another node. Its replication to that node turns round under the same id: source and target swap;
// its other replications follow with their source. It tells whether there is such a guest.
func (w *World) Migrate(vmid int, node string) bool {
	g := w.Guest(vmid)
	if g == nil || w.Node(node) == nil {
		return false
	}
	from := g.Node
	g.Node = node
	for i := range w.Replications {
		r := &w.Replications[i]
		switch {
		case r.Guest != vmid:
		case r.Target == node:
			r.Source, r.Target = node, from
		default:
			r.Source = node
		}
	}
	return true
}

func clonePtr[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}

// zone is the nodes' time zone; an unknown name counts as UTC.
func (w *World) zone() *time.Location {
	if loc, err := time.LoadLocation(w.TimeZone); err == nil {
		return loc
	}
	return time.UTC
}
