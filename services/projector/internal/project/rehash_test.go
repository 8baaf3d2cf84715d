package project_test

import (
	"crypto/sha1"
	"fmt"
	"testing"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// cronFile is what Proxmox VE 6.4 lists for a file of these jobs: each id has the hash of the whole file.
func cronFile(endpoint int32, comments ...string) *proxopsv1.Snapshot {
	sum := sha1.Sum(fmt.Append(nil, comments))
	var jobs []*proxopsv1.BackupRoutine
	for i, comment := range comments {
		jobs = append(jobs, routine(fmt.Sprintf("%x:%d", sum, i+1), func(j *proxopsv1.BackupRoutine) {
			j.Comment = comment
			j.RawConfig = mustJSON(map[string]any{"id": j.GetJobId(), "mailto": comment, "starttime": "02:00", "enabled": "1"})
		}))
	}
	return routinesOf(endpoint, jobs...)
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
			[]string{"a", "B", "c"},
			[5]int{0, 3, 0, 0, 0},
			[]string{"1 a 1 active", "2 B 2 active", "3 c 3 active"},
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

func TestCronFilesOfTwoClustersAreNotMixed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, b := l.endpoint("a"), l.endpoint("b")
	l.apply(cronFile(a, "x", "y"))
	l.apply(cronFile(a))
	equal(l, "counts", counts(l.apply(cronFile(b, "x", "y"))), [5]int{2, 0, 0, 0, 0})
}
