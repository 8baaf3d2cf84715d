package pve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// typeBackup is the type of backup jobs in jobs.cfg; leftovers of vzdump.cron have none.
const typeBackup = "vzdump"

// backupRoutines normalises the list of backup jobs of any version. It keeps every job whatever its fields hold, but a job
// without a usable id makes the whole list malformed: it could not be told from a job that vanished.
func backupRoutines(entries []object, warn *Warnings) ([]*proxopsv1.BackupRoutine, error) {
	out := make([]*proxopsv1.BackupRoutine, 0, len(entries))
	for i, entry := range entries {
		// realm-sync jobs share the file and, in some versions, the list.
		if kind, ok := entry["type"].(string); ok && kind != "" && kind != typeBackup {
			warn.skipped++
			continue
		}
		id, err := jobID(entry)
		if err != nil {
			return nil, malformedf("backup job %d of the list: %w", i+1, err)
		}
		r, err := backupRoutine(id, entry, warn)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return unique(out, warn, (*proxopsv1.BackupRoutine).GetJobId), nil
}

func backupRoutine(id string, entry object, warn *Warnings) (*proxopsv1.BackupRoutine, error) {
	f := fields{object: entry, of: fmt.Sprintf("backup job %q", clip(id, 60)), warn: warn}
	r := &proxopsv1.BackupRoutine{
		JobId:                  id,
		Enabled:                f.flag("enabled", true),
		Schedule:               schedule(f),
		Node:                   f.word("node"),
		Storage:                f.word("storage"),
		Comment:                f.text("comment"),
		Mode:                   f.word("mode"),
		Compress:               f.word("compress"),
		NotesTemplate:          f.text("notes-template"),
		Bwlimit:                f.number("bwlimit"),
		Zstd:                   f.number("zstd"),
		IoWorkers:              f.props("performance", "").number("max-workers"),
		RepeatMissed:           f.flag("repeat-missed", false),
		PbsChangeDetectionMode: f.word("pbs-change-detection-mode"),
	}
	if r.GetEnabled() {
		r.NextRun = nextRun(f)
	}
	selection(r, f)
	retention(r, f)
	fleecing(r, f)
	var err error
	if r.RawConfig, err = rawBackup(entry); err != nil {
		return nil, fmt.Errorf("%s: %w", f.of, err)
	}
	return r, nil
}

// schedule is the calendar event of a job. The legacy shape tells days and a time instead, of which 7.1 makes the same text as
// this does, so an upgrade changes nothing.
func schedule(f fields) string {
	if s := f.word("schedule"); s != "" {
		return s
	}
	start := f.word("starttime")
	days := f.words("dow")
	if start == "" || len(days) == 0 {
		return start
	}
	distinct := map[string]bool{}
	for _, d := range days {
		distinct[strings.ToLower(d)] = true
	}
	if len(distinct) == 7 {
		return start
	}
	text := strings.Join(days, ",") + " " + start
	if len(text) > maxText {
		f.unreadable("dow")
		return start
	}
	return text
}

// nextRun is Proxmox VE's own value, which also comes with disabled jobs, that have no next run.
func nextRun(f fields) *timestamppb.Timestamp {
	const end = 253402300799 // of the year 9999, where timestamps end
	n := f.numberUpTo("next-run", end)
	if n == nil || *n == 0 {
		return nil
	}
	return timestamppb.New(time.Unix(*n, 0))
}

// selection follows the precedence of PVE::VZDump::get_included_guests.
func selection(r *proxopsv1.BackupRoutine, f fields) {
	pool, guests := f.word("pool"), f.ids("vmid")
	switch {
	case pool != "":
		r.SelectionMode, r.Pool = proxopsv1.SelectionMode_SELECTION_MODE_POOL, pool
	case len(guests) > 0 || namesGuests(f.object["vmid"]):
		r.SelectionMode, r.Selection = proxopsv1.SelectionMode_SELECTION_MODE_VMID, guests
	case f.flag("all", false):
		r.SelectionMode, r.Exclude = proxopsv1.SelectionMode_SELECTION_MODE_ALL, f.ids("exclude")
	default:
		r.SelectionMode = proxopsv1.SelectionMode_SELECTION_MODE_NONE
	}
}

// namesGuests says whether Perl takes the list of guests as said, readable or not.
func namesGuests(v any) bool {
	words, ok := lexWords(v)
	return v != nil && (!ok || len(words) > 0)
}

func retention(r *proxopsv1.BackupRoutine, f fields) {
	if !f.has("prune-backups") {
		// maxfiles said the same before 6.3; 0 stands for unlimited.
		if n := f.number("maxfiles"); n != nil && *n > 0 {
			r.KeepLast = n
		} else if n != nil {
			r.KeepAll = new(true)
		}
		return
	}
	keep := f.props("prune-backups", "")
	r.KeepLast, r.KeepHourly, r.KeepDaily = keep.number("keep-last"), keep.number("keep-hourly"), keep.number("keep-daily")
	r.KeepWeekly, r.KeepMonthly, r.KeepYearly = keep.number("keep-weekly"), keep.number("keep-monthly"), keep.number("keep-yearly")
	if keep.flag("keep-all", false) {
		r.KeepAll = new(true)
	}
}

func fleecing(r *proxopsv1.BackupRoutine, f fields) {
	p := f.props("fleecing", "enabled")
	if !p.flag("enabled", false) {
		return
	}
	r.Fleecing = "enabled=1"
	if storage := p.word("storage"); storage != "" && len(storage) <= maxText-len("enabled=1,storage=") {
		r.Fleecing, r.FleecingStorage = "enabled=1,storage="+storage, storage
	}
}

// rawBackup is the job as the cluster tells it, without what moves at every request and with the paths in the form of 8.0.
func rawBackup(entry object) ([]byte, error) {
	raw := maps.Clone(entry)
	if paths, ok := lexPaths(entry["exclude-path"]); ok {
		array := make([]any, len(paths))
		for i, p := range paths {
			array[i] = p
		}
		raw["exclude-path"] = array
	}
	return canonical(raw, "next-run")
}

// keyed is what both kinds of job have.
type keyed interface{ GetRawConfig() []byte }

// unique keeps one job per key. Proxmox VE never lists a key twice; should it, the choice must be the same at every poll, whatever the order.
func unique[T keyed](jobs []T, warn *Warnings, key func(T) string) []T {
	at := make(map[string]int, len(jobs))
	out := jobs[:0]
	for _, j := range jobs {
		i, twice := at[key(j)]
		if !twice {
			at[key(j)] = len(out)
			out = append(out, j)
			continue
		}
		warn.addf("the list has job %q more than once; one was kept", clip(key(j), 60))
		warn.skipped++
		if bytes.Compare(j.GetRawConfig(), out[i].GetRawConfig()) < 0 {
			out[i] = j
		}
	}
	return out
}

// jobID reads the key of a job, which must be usable as one.
func jobID(entry object) (string, error) {
	var id string
	switch v := entry["id"].(type) {
	case string:
		id = v
	case json.Number:
		id = v.String()
	}
	switch {
	case strings.TrimSpace(id) == "":
		return "", errNoID
	case len([]rune(id)) > maxText:
		return "", fmt.Errorf("its id %q has more than %d characters", clip(id, 60), maxText)
	case strings.ContainsAny(id, "\x00\uFFFD"):
		return "", fmt.Errorf("its id %q holds bytes that are no text", clip(id, 60))
	}
	return id, nil
}
