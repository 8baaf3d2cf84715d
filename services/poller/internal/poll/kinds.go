package poll

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/proxops/proxops/libs/clusterid"
	"github.com/proxops/proxops/proto-events/digest"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/poller/internal/pve"
)

// status reads the status of the cluster and checks that what it says may be believed: it is the same cluster as before, and
// this part of it has quorum.
func (r *run) status(ctx context.Context, conn *pve.Conn) (pve.Status, error) {
	s, err := conn.Status(ctx)
	if err != nil {
		return s, err
	}
	want, got := r.claim.GetIdentity(), s.Identity
	r.identity = got // also when it is another one: a person may accept it
	if want != nil && (want.GetName() != got.GetName() || want.GetStandalone() != got.GetStandalone()) {
		return s, failed(proxopsv1.ErrorKind_ERROR_KIND_IDENTITY,
			clusterid.Remedy(r.endpoint), "%s: this is %s, and the endpoint is %s", conn.Address(), named(got), named(want))
	}
	if !s.Quorate {
		return s, conn.NoQuorum(s)
	}
	return s, nil
}

func named(i *proxopsv1.Identity) string {
	if i.GetStandalone() {
		return fmt.Sprintf("the standalone host %q", i.GetName())
	}
	return fmt.Sprintf("the cluster %q", i.GetName())
}

// snapshot reads one kind completely, without proving anything about what it lacks.
func (r *run) snapshot(ctx context.Context, conn *pve.Conn, status pve.Status, kind proxopsv1.Kind) (*proxopsv1.Snapshot, []string, error) {
	s := &proxopsv1.Snapshot{EndpointId: r.endpoint, Generation: r.claim.GetGeneration(), Kind: kind, Identity: status.Identity}
	var (
		warn *pve.Warnings
		err  error
	)
	switch kind {
	case proxopsv1.Kind_KIND_BACKUP_ROUTINE:
		s.BackupRoutines, warn, err = conn.BackupRoutines(ctx)
	case proxopsv1.Kind_KIND_REPLICATION:
		s.Replications, warn, err = conn.Replications(ctx)
		if err == nil {
			err = r.fillSources(ctx, conn, s.GetReplications())
		}
	case proxopsv1.Kind_KIND_INVENTORY:
		s.Inventory, warn, err = conn.Inventory(ctx, status)
		if err == nil {
			r.guests = guestNodes(s.GetInventory())
		}
	default:
		err = failed(proxopsv1.ErrorKind_ERROR_KIND_INTERNAL, "Update the poller.", "this poller does not know how to read %v", kind)
	}
	if err != nil {
		return nil, nil, err
	}
	s.ReadAt, s.Skipped = timestamppb.Now(), warn.Skipped()
	if err := digest.Seal(s); err != nil {
		return nil, nil, err
	}
	return s, warn.List(), nil
}

// fillSources names the source of jobs that do not: it is where their guest is. That takes one call, unless the inventory was
// read in this run; were its failure ignored, the source would come and go.
func (r *run) fillSources(ctx context.Context, conn *pve.Conn, jobs []*proxopsv1.Replication) error {
	for _, j := range jobs {
		if j.GetSource() != "" {
			continue
		}
		if err := r.readGuests(ctx, conn); err != nil {
			return err
		}
		j.Source = r.guests[j.GetGuest()]
	}
	return nil
}

func (r *run) readGuests(ctx context.Context, conn *pve.Conn) (err error) {
	if r.guests == nil {
		r.guests, err = conn.GuestNodes(ctx)
	}
	return err
}

func guestNodes(inv *proxopsv1.Inventory) map[int64]string {
	out := make(map[int64]string, len(inv.GetGuests()))
	for _, g := range inv.GetGuests() {
		out[g.GetVmid()] = g.GetNode()
	}
	return out
}

// publish stores a snapshot, unless the run's time is over.
func (r *run) publish(ctx context.Context, s *proxopsv1.Snapshot) error {
	if ctx.Err() != nil {
		return failed(proxopsv1.ErrorKind_ERROR_KIND_TIMEOUT, "The cluster answers too slowly for one run; look at the load of its nodes.",
			"the run ended before the snapshot was complete")
	}
	err := r.Publisher.Publish(ctx, s)
	switch {
	case errors.Is(err, errTooLarge):
		return failed(proxopsv1.ErrorKind_ERROR_KIND_TOO_LARGE, "Remove jobs that are not used, or split the cluster.", "%v", err)
	case err != nil:
		return failed(proxopsv1.ErrorKind_ERROR_KIND_INTERNAL, "Look at NATS JetStream: its connection, and the space that the stream SNAPSHOTS has.", "%v", err)
	}
	return nil
}
