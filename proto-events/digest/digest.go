// Package digest says when two readings of a cluster have the same content.
package digest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// Seal fills in content_hash of every job, count and digest. The order of jobs and the moments at which Proxmox would run them next do not
// count. A digest may change with the protobuf library, so a different digest means "compare", never "changed".
func Seal(s *proxopsv1.Snapshot) error {
	for _, r := range s.GetBackupRoutines() {
		next := r.GetNextRun()
		r.NextRun, r.ContentHash = nil, nil
		sum, err := hash(r)
		if err != nil {
			return fmt.Errorf("hash backup routine %q: %w", r.GetJobId(), err)
		}
		r.NextRun, r.ContentHash = next, sum
	}
	for _, r := range s.GetReplications() {
		r.ContentHash = nil
		sum, err := hash(r)
		if err != nil {
			return fmt.Errorf("hash replication %q: %w", r.GetReplicationId(), err)
		}
		r.ContentHash = sum
	}
	s.Count = uint32(Count(s))
	sum, err := Of(s)
	if err != nil {
		return err
	}
	s.Digest = sum
	return nil
}

// Check says whether the count and the digest of a snapshot fit its content: what it returns says which does not. It takes the content hashes
// of jobs, and the digest of an inventory, as they are: those may change with the protobuf library, and two services need not have the same.
func Check(s *proxopsv1.Snapshot) error {
	if n := Count(s); int64(n) != int64(s.GetCount()) {
		return fmt.Errorf("snapshot says it holds %d objects and holds %d", s.GetCount(), n)
	}
	if s.GetInventory() != nil {
		return nil
	}
	sum, err := Of(s)
	if err != nil {
		return err
	}
	if !bytes.Equal(sum, s.GetDigest()) {
		return fmt.Errorf("snapshot has digest %x and says %x", sum, s.GetDigest())
	}
	return nil
}

// Count is the number of objects of a snapshot.
func Count(s *proxopsv1.Snapshot) int {
	inv := s.GetInventory()
	return len(s.GetBackupRoutines()) + len(s.GetReplications()) + len(inv.GetNodes()) + len(inv.GetStorages()) + len(inv.GetGuests())
}

// Of computes the digest from the content hashes of the jobs, or from the whole inventory.
func Of(s *proxopsv1.Snapshot) ([]byte, error) {
	if inv := s.GetInventory(); inv != nil {
		return hash(inv)
	}
	entries := make([][]byte, 0, Count(s))
	for _, r := range s.GetBackupRoutines() {
		entries = append(entries, entry(r.GetJobId(), r.GetContentHash()))
	}
	for _, r := range s.GetReplications() {
		entries = append(entries, entry(r.GetReplicationId(), r.GetContentHash()))
	}
	slices.SortFunc(entries, bytes.Compare)
	h := sha256.New()
	for _, e := range entries {
		h.Write(e)
	}
	return h.Sum(nil), nil
}

func entry(key string, contentHash []byte) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, len(key)+len(contentHash)+4), uint32(len(key)))
	return append(append(b, key...), contentHash...)
}

func hash(m proto.Message) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("marshal: %w", err)
	}
	sum := sha256.Sum256(b)
	return sum[:], nil
}
