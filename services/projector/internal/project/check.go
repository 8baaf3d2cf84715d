package project

import (
	"crypto/sha256"
	"errors"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/proto-events/digest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
)

// Decode reads a message of the stream SNAPSHOTS. Whatever no redelivery can mend is fault.Invalid. The snapshot is returned beside the
// error if it could be read at all.
func Decode(subject string, data []byte) (*proxopsv1.Snapshot, error) {
	s := &proxopsv1.Snapshot{}
	if err := bus.Decode(data, s); err != nil {
		return nil, err
	}
	kind, endpoint, ok := subjects.ParseSnapshot(subject)
	if !ok || s.GetKind() != kind || s.GetEndpointId() != int64(endpoint) {
		return s, fault.New(fault.Invalid, "snapshot on %s is of kind %s and endpoint %d", subject, subjects.KindToken(s.GetKind()), s.GetEndpointId())
	}
	return s, Check(s)
}

// Check says what is wrong with a snapshot that cannot be applied, as fault.Invalid.
func Check(s *proxopsv1.Snapshot) error {
	endpoint := s.GetEndpointId()
	inventory := s.GetKind() == proxopsv1.Kind_KIND_INVENTORY
	switch {
	case endpoint <= 0 || int64(int32(endpoint)) != endpoint:
		return fault.New(fault.Invalid, "snapshot has no endpoint: %d", endpoint)
	case s.GetGeneration() <= 0:
		return fault.New(fault.Invalid, "snapshot of endpoint %d has no generation: %d", endpoint, s.GetGeneration())
	case subjects.ParseKind(subjects.KindToken(s.GetKind())) == proxopsv1.Kind_KIND_UNSPECIFIED:
		return fault.New(fault.Invalid, "snapshot of endpoint %d is of unknown kind %d", endpoint, s.GetKind())
	case text(s.GetIdentity().GetName()) == "":
		return fault.New(fault.Invalid, "snapshot of endpoint %d does not say of which cluster it is", endpoint)
	case s.GetKind() != proxopsv1.Kind_KIND_BACKUP_ROUTINE && len(s.GetBackupRoutines()) > 0,
		s.GetKind() != proxopsv1.Kind_KIND_REPLICATION && len(s.GetReplications()) > 0,
		inventory != (s.GetInventory() != nil):
		return fault.New(fault.Invalid, "snapshot of endpoint %d holds something else than %s", endpoint, subjects.KindToken(s.GetKind()))
	}
	if err := digest.Check(s); err != nil {
		return fault.Wrap(fault.Invalid, err, "snapshot of endpoint %d", endpoint)
	}
	if err := checkKeys(s); err != nil {
		return fault.Wrap(fault.Invalid, err, "snapshot of endpoint %d", endpoint)
	}
	return nil
}

// checkKeys finds objects that cannot be told from one another.
func checkKeys(s *proxopsv1.Snapshot) error {
	jobs := unique[string]{what: "job"}
	for _, j := range s.GetBackupRoutines() {
		jobs.add(text(j.GetJobId()))
		jobs.hash(j.GetContentHash())
	}
	for _, j := range s.GetReplications() {
		jobs.add(text(j.GetReplicationId()))
		jobs.hash(j.GetContentHash())
	}
	nodes, storages, guests := unique[string]{what: "node"}, unique[string]{what: "storage"}, unique[int64]{what: "guest"}
	for _, n := range s.GetInventory().GetNodes() {
		nodes.add(text(n.GetName()))
	}
	for _, st := range s.GetInventory().GetStorages() {
		storages.add(text(st.GetName()))
	}
	for _, g := range s.GetInventory().GetGuests() {
		guests.add(g.GetVmid())
	}
	return errors.Join(jobs.err, nodes.err, storages.err, guests.err)
}

// unique remembers the first thing that is wrong with a set of keys.
type unique[K comparable] struct {
	what string
	seen map[K]bool
	err  error
}

func (u *unique[K]) add(key K) {
	var none K
	switch {
	case u.err != nil:
	case key == none:
		u.err = fault.New(fault.Invalid, "a %s has no key", u.what)
	case u.seen[key]:
		u.err = fault.New(fault.Invalid, "%s %v is there twice", u.what, key)
	}
	if u.seen == nil {
		u.seen = map[K]bool{}
	}
	u.seen[key] = true
}

func (u *unique[K]) hash(h []byte) {
	if u.err == nil && len(h) != sha256.Size {
		u.err = fault.New(fault.Invalid, "a %s has a content hash of %d bytes", u.what, len(h))
	}
}

// classify makes fault.Invalid of what Postgres can never store: a data exception, such as a number that is too large, or a limit of the
// program, such as an index entry that is too long.
func classify(err error) error {
	if _, never := postgres.Unstorable(err); never {
		return fault.New(fault.Invalid, "%w", err)
	}
	return err
}
