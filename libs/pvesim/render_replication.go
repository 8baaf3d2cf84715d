package pvesim

import (
	"fmt"
	"strings"
	"time"
)

func replicationRow(d dialect, r *Replication) object {
	o := render(d, false, replicationFields, r)
	o["id"] = r.ID()
	o["type"] = "local"
	return o
}

func vmPath(vmid int) string { return fmt.Sprintf("/vms/%d", vmid) }

func listReplications(x *exchange) answer {
	rows := make([]object, 0, len(x.world.Replications))
	for i := range x.world.Replications {
		r := &x.world.Replications[i]
		if !x.may("VM.Audit", vmPath(r.Guest)) {
			if x.dialect.has(replicationFilter) {
				continue
			}
			return x.denied("VM.Audit", vmPath(r.Guest))
		}
		rows = append(rows, replicationRow(x.dialect, r))
	}
	return x.data(rows)
}

// getReplication says that a job does not exist before it asks for the permission, so 403 means that it exists.
func getReplication(x *exchange) answer {
	id := x.param("id")
	r := x.world.Replication(id)
	if r == nil {
		return x.died(fmt.Sprintf("no such replication job '%s'", id))
	}
	if !x.may("VM.Audit", vmPath(r.Guest)) {
		return x.denied("VM.Audit", vmPath(r.Guest))
	}
	row := replicationRow(x.dialect, r)
	row["digest"] = replicationDigest(x.dialect, x.world)
	return x.data(row)
}

// replicationDigest is the SHA-1 of replication.cfg.
func replicationDigest(d dialect, w *World) string {
	if w.ReplicationDigest != "" {
		return w.ReplicationDigest
	}
	return replicationSum(d, w)
}

func replicationSum(d dialect, w *World) string {
	var b strings.Builder
	for i := range w.Replications {
		r := &w.Replications[i]
		fmt.Fprintf(&b, "local: %s\n\ttarget %s\n", r.ID(), r.Target)
		option(&b, "comment", encodeComment(d, r.Comment))
		if r.Disabled {
			option(&b, "disable", "1")
		}
		if r.Rate != nil {
			option(&b, "rate", fmt.Sprint(*r.Rate))
		}
		option(&b, "remove_job", r.Remove)
		option(&b, "schedule", r.Schedule)
		option(&b, "source", r.Source)
		b.WriteByte('\n')
	}
	return sha1Hex(b.String())
}

func option(b *strings.Builder, name, value string) {
	if value != "" {
		fmt.Fprintf(b, "\t%s %s\n", name, value)
	}
}

// nodeReplications is what a poller must never ask: it takes a lock of the whole cluster and writes replication.cfg. The
// simulator writes, too: it fills in sources and turns the jobs of guests that were moved without Proxmox VE noticing.
func nodeReplications(x *exchange) answer {
	if a, ok := x.lock("file-replication_cfg"); !ok {
		return a
	}
	rows := []object{}
	for _, r := range repairSources(x.world, x.param("node")) {
		if !x.may("VM.Audit", vmPath(r.Guest)) {
			if x.dialect.has(nodeReplFilter) {
				continue
			}
			return x.denied("VM.Audit", vmPath(r.Guest))
		}
		rows = append(rows, replicationState(x.dialect, x.world, r))
	}
	return x.data(rows)
}

func nodeReplicationStatus(x *exchange) answer {
	if a, ok := x.lock("file-replication_cfg"); !ok {
		return a
	}
	id := x.param("id")
	for _, r := range repairSources(x.world, x.param("node")) {
		if r.ID() != id || r.Disabled && !x.dialect.has(disabledReplStatus) {
			continue
		}
		if !x.may("VM.Audit", vmPath(r.Guest)) {
			return x.denied("VM.Audit", vmPath(r.Guest))
		}
		return x.data(replicationState(x.dialect, x.world, r))
	}
	return x.died(fmt.Sprintf("no such replication job '%s'", id))
}

// repairSources returns the jobs whose guests are on a node now, with their sources set right.
func repairSources(w *World, node string) []*Replication {
	var jobs []*Replication
	for i := range w.Replications {
		r := &w.Replications[i]
		g := w.Guest(r.Guest)
		if g == nil || g.Node != node {
			continue
		}
		if r.Target == node {
			r.Target = r.Source
		}
		if r.Source != node {
			r.Source = node
			w.ReplicationDigest = ""
		}
		jobs = append(jobs, r)
	}
	return jobs
}

// replicationState is a job's configuration with the comment as it lies on disk, and how its last runs went.
func replicationState(d dialect, w *World, r *Replication) object {
	o := replicationRow(d, r)
	if r.Comment != "" {
		o["comment"] = encodeComment(d, r.Comment)
	}
	o["vmtype"] = w.Guest(r.Guest).Type
	o["last_sync"], o["last_try"] = unixOrZero(r.State.LastSync), unixOrZero(r.State.LastTry)
	o["fail_count"], o["next_sync"] = r.State.FailCount, nextSync(d, w, r)
	if r.State.Duration > 0 {
		o["duration"] = r.State.Duration.Seconds()
	}
	if r.State.Error != "" {
		o["error"] = r.State.Error
	}
	return o
}

// nextSync is when the job is due: 0 = never, 1 = to be removed at once.
func nextSync(d dialect, w *World, r *Replication) int64 {
	last := r.State.LastTry
	if last.IsZero() {
		last = time.Unix(0, 0)
	}
	switch fails := r.State.FailCount; {
	case r.Remove != "":
		return 1
	case r.Disabled:
		return 0
	case fails > 3:
		return last.Add(30 * time.Minute).Unix()
	case fails > 0:
		return last.Add(time.Duration(fails) * 5 * time.Minute).Unix()
	}
	schedule, ok := wire(d, false, event(r.Schedule))
	if !ok {
		schedule = "*/15"
	}
	at, ok := nextEvent(schedule.(string), last.In(w.zone()))
	if !ok {
		return 0
	}
	return at.Unix()
}

func unixOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
