package poll

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/proxops/proxops/libs/app"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/services/poller/internal/pve"
)

// manyJobs is how many jobs may vanish at once, if they are more than half, without a second reading.
const manyJobs = 10

// prove lets a snapshot pass only if every job that it lacks is proved gone: by its own GET, by a second complete reading, or by
// both. The inventory has nothing to prove, as nothing becomes stale by it.
func (r *run) prove(ctx context.Context, conn *pve.Conn, s *proxopsv1.Snapshot) error {
	known := r.known(s.GetKind())
	gone := vanished(known, s)
	if len(gone) == 0 {
		return nil
	}
	askable := slices.DeleteFunc(slices.Clone(gone), func(key string) bool { return !canAsk(s.GetKind(), key) })
	if len(askable) > r.Limits.MaxConfirmations {
		var err error
		if askable, err = r.sample(ctx, conn, s.GetKind(), askable); err != nil {
			return err
		}
	}
	for _, key := range askable {
		if err := ask(ctx, conn, s.GetKind(), key); err != nil {
			return err
		}
	}
	all := len(gone) == len(known)
	most := 2*len(gone) > len(known) && len(gone) > manyJobs
	if len(askable) < len(gone) || all || most {
		return r.readAgain(ctx, conn, s)
	}
	return nil
}

// known are the keys that the inventory believes active.
func (r *run) known(kind proxopsv1.Kind) []string {
	var keys []string
	for _, k := range r.claim.GetKnownJobs() {
		if k.GetKind() == kind {
			keys = append(keys, k.GetKeys()...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// vanished returns the known keys that a snapshot lacks.
func vanished(known []string, s *proxopsv1.Snapshot) []string {
	listed := make(map[string]bool, s.GetCount())
	for _, j := range s.GetBackupRoutines() {
		listed[j.GetJobId()] = true
	}
	for _, j := range s.GetReplications() {
		listed[j.GetReplicationId()] = true
	}
	return slices.DeleteFunc(slices.Clone(known), func(key string) bool { return listed[key] })
}

func canAsk(kind proxopsv1.Kind, key string) bool {
	if kind == proxopsv1.Kind_KIND_REPLICATION {
		return pve.CanAskReplication(key)
	}
	return pve.CanAskBackup(key)
}

// ask returns nil if the cluster says that the job is gone.
func ask(ctx context.Context, conn *pve.Conn, kind proxopsv1.Kind, key string) error {
	name, call := "backup job", conn.AskBackup
	if kind == proxopsv1.Kind_KIND_REPLICATION {
		name, call = "replication job", conn.AskReplication
	}
	presence, err := call(ctx, key)
	switch presence {
	case pve.Gone:
		return nil
	case pve.Present:
		return failed(proxopsv1.ErrorKind_ERROR_KIND_UNCONFIRMED, "Nothing, if it passes; else look whether all nodes run the same version of Proxmox VE.",
			"%s: the list lacks %s %q, which still exists", conn.Address(), name, key)
	case pve.Hidden:
		f := failureOf(err)
		f.outcome = proxopsv1.Outcome_OUTCOME_PARTIAL
		f.report.Text = fmt.Sprintf("%s: %s %q exists and is hidden from the list (%s)", conn.Address(), name, key, f.report.GetText())
		return f
	case pve.Unknown:
	}
	f := failureOf(err)
	f.report.Text = fmt.Sprintf("%s: whether %s %q is gone is not known (%s)", conn.Address(), name, key, f.report.GetText())
	return f
}

// sample chooses whom to ask when too many jobs vanished to ask for each; the second reading proves the others. From 8.1.4 on
// replications are hidden silently with their guests, and two lists would lack them alike: so those come first whose guest is not
// seen, as it takes the same privilege to see either.
func (r *run) sample(ctx context.Context, conn *pve.Conn, kind proxopsv1.Kind, keys []string) ([]string, error) {
	most := r.Limits.MaxConfirmations
	if kind != proxopsv1.Kind_KIND_REPLICATION {
		return spread(keys, most), nil
	}
	if err := r.readGuests(ctx, conn); err != nil {
		return nil, err
	}
	var unseen, seen []string
	for _, key := range keys {
		guest, _, _ := strings.Cut(key, "-")
		vmid, err := strconv.ParseInt(guest, 10, 64)
		if _, visible := r.guests[vmid]; err == nil && visible {
			seen = append(seen, key)
		} else {
			unseen = append(unseen, key)
		}
	}
	unseen = spread(unseen, most)
	return append(unseen, spread(seen, most-len(unseen))...), nil
}

// spread takes at most n keys from all over the list.
func spread(keys []string, n int) []string {
	if len(keys) <= n {
		return keys
	}
	out := make([]string, n)
	for i := range n {
		out[i] = keys[i*len(keys)/n]
	}
	return out
}

// readAgain reads the status and the list once more, over new connections and after a pause, and wants the same content.
func (r *run) readAgain(ctx context.Context, conn *pve.Conn, first *proxopsv1.Snapshot) error {
	r.cluster.Close()
	if err := app.Sleep(ctx, r.Limits.ConfirmPause); err != nil {
		return failed(proxopsv1.ErrorKind_ERROR_KIND_TIMEOUT, "Nothing: the next run reads it again.", "%s: the run ended before the second reading", conn.Address())
	}
	status, err := r.status(ctx, conn)
	if err != nil {
		return err
	}
	second, _, err := r.snapshot(ctx, conn, status, first.GetKind())
	if err != nil {
		return err
	}
	if !bytes.Equal(first.GetDigest(), second.GetDigest()) {
		return failed(proxopsv1.ErrorKind_ERROR_KIND_UNCONFIRMED, "Nothing, if it passes; else look at the state of pve-cluster on the node.",
			"%s: many jobs vanished, and a second reading was not like the first", conn.Address())
	}
	return nil
}
