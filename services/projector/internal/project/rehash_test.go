package project_test

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// cronFile is what Proxmox VE 6.4 lists for a file of these jobs: each id has the hash of the whole file. Jobs of different names differ in
// all that tells jobs apart; a' is the job a with another storage and a limit, a” with all of that changed but its name.
func cronFile(endpoint int32, jobs ...string) *proxopsv1.Snapshot {
	sum := sha1.Sum(fmt.Append(nil, jobs))
	var list []*proxopsv1.BackupRoutine
	for i, job := range jobs {
		list = append(list, routine(fmt.Sprintf("%x:%d", sum, i+1), func(j *proxopsv1.BackupRoutine) {
			j.Comment = job
			name, edits, _ := strings.Cut(job, "'")
			config := map[string]any{
				"id": j.GetJobId(), "enabled": "1", "mode": "snapshot", "mailto": name, "starttime": name, "storage": name, "vmid": name,
			}
			if name != job {
				config["storage"], config["bwlimit"] = job, "1"
			}
			if edits != "" {
				config["starttime"], config["vmid"] = job, job
			}
			j.RawConfig = mustJSON(config)
		}))
	}
	return routinesOf(endpoint, list...)
}

// jobs lists the routines as "<row number> <comment> <line> <status>".
func jobs(l *lab) []string {
	l.Helper()
	return all[string](l, `SELECT concat_ws(' ', rank() OVER (ORDER BY id), comment, split_part(job_id, ':', 2), status) FROM backup_routines ORDER BY id`)
}

func TestAnEditOfTheCronFileKeepsItsJobs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, after []string
		counts        [5]int
		want          []string
	}{
		"one is appended": {
			[]string{"a", "b"},
			[]string{"a", "b", "c"},
			[5]int{1, 2, 0, 0, 0},
			[]string{"1 a 1 active", "2 b 2 active", "3 c 3 active"},
		},
		"one is deleted": {
			[]string{"a", "b", "c"},
			[]string{"a", "c"},
			[5]int{0, 2, 0, 1, 0},
			[]string{"1 a 1 active", "2 b 2 stale", "3 c 2 active"},
		},
		"one is edited": {
			[]string{"a", "b", "c"},
			[]string{"a", "b'", "c"},
			[5]int{0, 3, 0, 0, 0},
			[]string{"1 a 1 active", "2 b' 2 active", "3 c 3 active"},
		},
		"the order changes": {
			[]string{"a", "b", "c"},
			[]string{"c", "a", "b"},
			[5]int{0, 3, 0, 0, 0},
			[]string{"1 a 2 active", "2 b 3 active", "3 c 1 active"},
		},
		"twins stay in order": {
			[]string{"x", "a", "x"},
			[]string{"n", "x", "a", "x"},
			[5]int{1, 3, 0, 0, 0},
			[]string{"1 x 2 active", "2 a 3 active", "3 x 4 active", "4 n 1 active"},
		},
		"one twin is deleted": {
			[]string{"x", "x", "a"},
			[]string{"x", "a"},
			[5]int{0, 2, 0, 1, 0},
			[]string{"1 x 1 active", "2 x 2 stale", "3 a 2 active"},
		},
		"one is deleted and another one made": {
			[]string{"a", "b", "c"},
			[]string{"a", "c", "new"},
			[5]int{1, 2, 0, 1, 0},
			[]string{"1 a 1 active", "2 b 2 stale", "3 c 2 active", "4 new 3 active"},
		},
		"two change places": {
			[]string{"a", "b", "c"},
			[]string{"a", "c", "b"},
			[5]int{0, 3, 0, 0, 0},
			[]string{"1 a 1 active", "2 b 3 active", "3 c 2 active"},
		},
		"one is edited, another one moves": {
			[]string{"a", "b", "c", "d"},
			[]string{"d", "a", "b'", "c"},
			[5]int{0, 4, 0, 0, 0},
			[]string{"1 a 2 active", "2 b' 3 active", "3 c 4 active", "4 d 1 active"},
		},
		"one is edited below one that is deleted": {
			[]string{"a", "b", "c", "d", "e"},
			[]string{"b", "c", "d'", "e"},
			[5]int{0, 4, 0, 1, 0},
			[]string{"1 a 1 stale", "2 b 1 active", "3 c 2 active", "4 d' 3 active", "5 e 4 active"},
		},
		"one is edited after one that is deleted": {
			[]string{"a", "b", "c", "d"},
			[]string{"a", "c'", "d"},
			[5]int{0, 3, 0, 1, 0},
			[]string{"1 a 1 active", "2 b 2 stale", "3 c' 2 active", "4 d 3 active"},
		},
		"one is edited before one that is deleted": {
			[]string{"a", "b", "c", "d"},
			[]string{"a", "b'", "d"},
			[5]int{0, 3, 0, 1, 0},
			[]string{"1 a 1 active", "2 b' 2 active", "3 c 3 stale", "4 d 3 active"},
		},
		"all below one that is deleted are edited": {
			[]string{"a", "b", "c"},
			[]string{"b'", "c'"},
			[5]int{0, 2, 0, 1, 0},
			[]string{"1 a 1 stale", "2 b' 1 active", "3 c' 2 active"},
		},
		"one is edited below one that is made": {
			[]string{"a", "b", "c"},
			[]string{"n", "a", "b'", "c"},
			[5]int{1, 3, 0, 0, 0},
			[]string{"1 a 2 active", "2 b' 3 active", "3 c 4 active", "4 n 1 active"},
		},
		"the last one is edited and one is made": {
			[]string{"a", "b"},
			[]string{"a", "b'", "n"},
			[5]int{1, 2, 0, 0, 0},
			[]string{"1 a 1 active", "2 b' 2 active", "3 n 3 active"},
		},
		"two are edited": {
			[]string{"a", "b", "c", "d"},
			[]string{"a", "b'", "c'", "d"},
			[5]int{0, 4, 0, 0, 0},
			[]string{"1 a 1 active", "2 b' 2 active", "3 c' 3 active", "4 d 4 active"},
		},
		"all are edited": {
			[]string{"a", "b", "c"},
			[]string{"a'", "b'", "c'"},
			[5]int{0, 3, 0, 0, 0},
			[]string{"1 a' 1 active", "2 b' 2 active", "3 c' 3 active"},
		},
		"one is rewritten where it stands": {
			[]string{"a", "b", "c"},
			[]string{"a", "b''", "c"},
			[5]int{0, 3, 0, 0, 0},
			[]string{"1 a 1 active", "2 b'' 2 active", "3 c 3 active"},
		},
		"the last one has too little of what it was": {
			[]string{"a", "b"},
			[]string{"a", "b''"},
			[5]int{1, 1, 0, 1, 0},
			[]string{"1 a 1 active", "2 b 2 stale", "3 b'' 2 active"},
		},
		"the last one is deleted and another one made": {
			[]string{"a", "b", "c"},
			[]string{"a", "b", "new"},
			[5]int{1, 2, 0, 1, 0},
			[]string{"1 a 1 active", "2 b 2 active", "3 c 3 stale", "4 new 3 active"},
		},
		"another one stands in the place of one": {
			[]string{"a", "b", "c"},
			[]string{"a", "new", "c"},
			[5]int{1, 2, 0, 1, 0},
			[]string{"1 a 1 active", "2 b 2 stale", "3 c 3 active", "4 new 2 active"},
		},
		"one becomes what another one is": {
			[]string{"a", "b", "c"},
			[]string{"a", "c", "c"},
			[5]int{1, 2, 0, 1, 0},
			[]string{"1 a 1 active", "2 b 2 stale", "3 c 2 active", "4 c 3 active"},
		},
		"one becomes what another one was": {
			[]string{"a", "b", "c"},
			[]string{"a", "c", "c'"},
			[5]int{1, 2, 0, 1, 0},
			[]string{"1 a 1 active", "2 b 2 stale", "3 c 2 active", "4 c' 3 active"},
		},
		"one becomes what a similar one is": {
			[]string{"a", "b'", "b"},
			[]string{"a", "b'", "b'"},
			[5]int{1, 2, 0, 1, 0},
			[]string{"1 a 1 active", "2 b' 2 active", "3 b 3 stale", "4 b' 3 active"},
		},
		"the first twin is edited above one that is deleted": {
			[]string{"x", "x", "b", "a"},
			[]string{"x'", "x", "a"},
			[5]int{0, 3, 0, 1, 0},
			[]string{"1 x' 1 active", "2 x 2 active", "3 b 3 stale", "4 a 3 active"},
		},
		"the first twin is deleted": {
			[]string{"x", "a", "x"},
			[]string{"a", "x"},
			[5]int{0, 2, 0, 1, 0},
			[]string{"1 x 1 stale", "2 a 1 active", "3 x 2 active"},
		},
		"everything is deleted": {
			[]string{"a", "b"},
			nil,
			[5]int{0, 0, 0, 2, 0},
			[]string{"1 a 1 stale", "2 b 2 stale"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			e := l.endpoint("lab")
			l.apply(cronFile(e, c.before...))
			equal(l, "counts", counts(l.apply(cronFile(e, c.after...))), c.counts)
			equal(l, "jobs", jobs(l), c.want)
		})
	}
}

func TestAMovedCronJobHasOneChangeThatNamesItsID(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	l.apply(cronFile(e, "a"))
	l.apply(cronFile(e, "a", "b"))
	got := all[string](l, `SELECT concat_ws(' ', object_id - min(object_id) OVER (), version, event, array_to_string(changed, ','), split_part(key, ':', 2)) FROM changes ORDER BY id`)
	equal(l, "changes", got, []string{"0 1 created  1", "1 1 created  2", "0 2 updated job_id,raw_config 1"})
}

func TestADeletedCronJobComesBackAsItself(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	l.apply(cronFile(e, "a", "b"))
	l.apply(cronFile(e, "b"))
	equal(l, "deleted", jobs(l), []string{"1 a 1 stale", "2 b 1 active"})
	equal(l, "counts", counts(l.apply(cronFile(e, "b", "c", "a"))), [5]int{1, 1, 0, 0, 1})
	equal(l, "made again elsewhere", jobs(l), []string{"1 a 3 active", "2 b 1 active", "3 c 2 active"})
}

func TestAJobOfTheCronFileThatGotATypeKeepsItsID(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	l.apply(cronFile(e, "a", "b"))
	s := cronFile(e, "a", "b")
	// Edited on 7.1 or later, a moved to jobs.cfg with the id it had; what is left of the file has a new hash.
	s.BackupRoutines[0].RawConfig = mustJSON(map[string]any{"id": s.GetBackupRoutines()[0].GetJobId(), "type": "vzdump", "mailto": "a"})
	rest := cronFile(e, "b")
	s.BackupRoutines = append(rest.GetBackupRoutines(), s.GetBackupRoutines()[0])
	equal(l, "counts", counts(l.apply(s)), [5]int{0, 2, 0, 0, 0})
	equal(l, "jobs", jobs(l), []string{"1 a 1 active", "2 b 1 active"})
	// Gone is gone: a typed job is never taken for another one of the same content.
	typed := routine("0123456789012345678901234567890123456789:1", func(j *proxopsv1.BackupRoutine) {
		j.RawConfig = mustJSON(map[string]any{"id": j.GetJobId(), "type": "vzdump", "mailto": "a"})
	})
	equal(l, "counts", counts(l.apply(routinesOf(e, append(rest.GetBackupRoutines(), typed)...))), [5]int{1, 0, 1, 1, 0})
}

func TestTheGreaterLikenessDecidesWhereJobsMayHaveCome(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	// Any two of these jobs are alike: they differ in time and guests alone.
	file := func(jobs ...string) *proxopsv1.Snapshot {
		s := cronFile(e, jobs...)
		for _, j := range s.GetBackupRoutines() {
			var config map[string]any
			if err := json.Unmarshal(j.GetRawConfig(), &config); err != nil {
				t.Fatal(err)
			}
			config["storage"], config["mailto"], config["compress"] = "nfs", "ops@example.com", "zstd"
			j.RawConfig = mustJSON(config)
		}
		return s
	}
	l.apply(file("a", "y", "z"))
	equal(l, "counts", counts(l.apply(file("a", "z'", "n"))), [5]int{1, 2, 0, 1, 0})
	equal(l, "jobs", jobs(l), []string{"1 a 1 active", "2 y 2 stale", "3 z' 2 active", "4 n 3 active"})
}

func TestMoreEditedJobsThanCanBeComparedAreKnownByTheirOrderAlone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	var before, after []string
	for i := range 250 {
		before, after = append(before, fmt.Sprint(i)), append(after, fmt.Sprint(i, "'"))
	}
	l.apply(cronFile(e, before...))
	equal(l, "all edited", counts(l.apply(cronFile(e, after...))), [5]int{0, 250, 0, 0, 0})
	equal(l, "jobs in another row", one[int](l, `SELECT count(*)::int FROM (SELECT rank() OVER (ORDER BY id)::text AS place, split_part(job_id, ':', 2) AS line
		FROM backup_routines) t WHERE place <> line`), 0)
	equal(l, "all edited and one deleted", counts(l.apply(cronFile(e, before[1:]...))), [5]int{249, 0, 0, 250, 0})
}

func TestCronFilesOfTwoClustersAreNotMixed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, b := l.endpoint("a"), l.endpoint("b")
	l.apply(cronFile(a, "x", "y"))
	l.apply(cronFile(a))
	equal(l, "counts", counts(l.apply(cronFile(b, "x", "y"))), [5]int{2, 0, 0, 0, 0})
}
