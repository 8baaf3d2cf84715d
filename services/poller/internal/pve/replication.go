package pve

import (
	"fmt"
	"strings"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// defaultReplicationSchedule is what a replication job without a schedule has.
const defaultReplicationSchedule = "*/15"

// replications normalises the list of replication jobs of any version, with the same promise as backupRoutines.
func replications(entries []object, warn *Warnings) ([]*proxopsv1.Replication, error) {
	out := make([]*proxopsv1.Replication, 0, len(entries))
	for i, entry := range entries {
		id, err := jobID(entry)
		if err != nil {
			return nil, malformedf("replication job %d of the list: %w", i+1, err)
		}
		r, err := replication(id, entry, warn)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return unique(out, warn, (*proxopsv1.Replication).GetReplicationId), nil
}

func replication(id string, entry object, warn *Warnings) (*proxopsv1.Replication, error) {
	f := fields{object: entry, of: fmt.Sprintf("replication job %q", clip(id, 60)), warn: warn}
	guest, jobnum := numbers(id, f)
	r := &proxopsv1.Replication{
		ReplicationId: id,
		Guest:         guest,
		Jobnum:        jobnum,
		JobType:       f.word("type"),
		Source:        f.word("source"),
		Target:        f.word("target"),
		Schedule:      f.word("schedule"),
		Rate:          f.amount("rate"),
		Comment:       f.text("comment"),
		Disable:       f.flag("disable", false),
		RemoveJob:     f.word("remove_job"),
	}
	if r.GetSchedule() == "" {
		r.Schedule = defaultReplicationSchedule
	}
	var err error
	if r.RawConfig, err = canonical(entry, "digest"); err != nil {
		return nil, fmt.Errorf("%s: %w", f.of, err)
	}
	return r, nil
}

// numbers reads the guest and the number of the job, both of which its id tells too.
func numbers(id string, f fields) (guest, jobnum int64) {
	before, after, _ := strings.Cut(id, "-")
	read := func(key, part string) int64 {
		if n := f.numberUpTo(key, 999_999_999); n != nil {
			return *n
		}
		if n, ok := lexInt(part); ok && n >= 0 && n <= 999_999_999 {
			return n
		}
		f.warn.addf("%s: neither %s nor the id tells a number", f.of, key)
		return 0
	}
	return read("guest", before), read("jobnum", after)
}
