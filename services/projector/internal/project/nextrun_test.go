package project_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

func nextRun(l *lab, job string) *time.Time {
	l.Helper()
	t := one[*time.Time](l, `SELECT next_run FROM backup_routines WHERE job_id = $1`, job)
	if t != nil {
		*t = t.UTC()
	}
	return t
}

func TestNextRunIsWhatProxmoxSays(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	told := time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	says := func(at time.Time, enabled bool) func(*proxopsv1.BackupRoutine) {
		return func(j *proxopsv1.BackupRoutine) { j.NextRun, j.Enabled = stamp(at), enabled }
	}
	l.apply(routinesOf(e, routine("on", says(told, true)), routine("off", says(told, false))))
	equal(l, "told", nextRun(l, "on"), &told)
	equal(l, "disabled", nextRun(l, "off"), nil)
	// It moves at every request: that is no change.
	moved := told.Add(time.Minute)
	l.apply(routinesOf(e, routine("on", says(moved, true)), routine("off", says(moved, false))))
	equal(l, "not passed yet", nextRun(l, "on"), &told)
	l.apply(routinesOf(e, routine("on", says(told, true)), routine("off", says(told, true))))
	equal(l, "enabled", nextRun(l, "off"), &told)
	l.apply(routinesOf(e))
	equal(l, "stale", nextRun(l, "on"), nil)
}

func TestANextRunThatHasPassedIsRenewedWithoutAChange(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	told := time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	jobs := func() []*proxopsv1.BackupRoutine {
		return []*proxopsv1.BackupRoutine{routine("told", func(j *proxopsv1.BackupRoutine) { j.NextRun = stamp(told) }), routine("computed")}
	}
	l.apply(routinesOf(e, jobs()...))
	for _, digest := range []string{"digest", "NULL"} {
		l.exec(`UPDATE backup_routines SET next_run = '2026-01-01'`)
		l.exec(`UPDATE sync_states SET digest = ` + digest)
		if r := l.apply(routinesOf(e, jobs()...)); r.Unchanged != 2 {
			t.Errorf("%v", r)
		}
		equal(l, "told", nextRun(l, "told"), &told)
		if next := nextRun(l, "computed"); next == nil || !next.After(time.Now()) {
			t.Errorf("the computed next run is %v", next)
		}
	}
	if n := one[int](l, `SELECT count(*) FROM changes WHERE version > 1 OR (SELECT max(version) FROM backup_routines) > 1`); n != 0 {
		t.Errorf("%d changes for next runs", n)
	}
}

func TestANextRunWrittenByHandIsRestored(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	told := time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	s := routinesOf(e, routine("a", func(j *proxopsv1.BackupRoutine) { j.NextRun = stamp(told) }))
	l.apply(s)
	l.exec(`UPDATE backup_routines SET next_run = '2099-01-01', version = 2, content_hash = NULL`)
	l.exec(`UPDATE sync_states SET digest = NULL`)
	if r := l.apply(s); counts(r) != [5]int{0, 0, 1, 0, 0} {
		t.Errorf("%v", r)
	}
	equal(l, "next run", nextRun(l, "a"), &told)
	equal(l, "version", one[int](l, `SELECT version FROM backup_routines`), 2)
}

func TestNextRunIsComputedInTheZoneOfTheEndpoint(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := l.endpoint("lab")
	job := func() *proxopsv1.Snapshot {
		return routinesOf(e, routine("cron", func(j *proxopsv1.BackupRoutine) {
			j.Schedule = "*-*-* 03:30"
			j.RawConfig = mustJSON(map[string]any{"id": "cron", "starttime": "03:30"})
		}), routine("typed", func(j *proxopsv1.BackupRoutine) { j.NextRun = stamp(time.Unix(4102444800, 0)) }))
	}
	in := func(zone string) time.Time {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().In(loc)
		next := time.Date(now.Year(), now.Month(), now.Day(), 3, 30, 0, 0, loc)
		if !next.After(now) {
			next = time.Date(now.Year(), now.Month(), now.Day()+1, 3, 30, 0, 0, loc)
		}
		return next.UTC()
	}
	l.apply(job())
	equal(l, "nobody knows the zone", *nextRun(l, "cron"), in("UTC"))
	l.apply(inventoryOf(e, &proxopsv1.Inventory{TimeZone: "Asia/Tokyo"}))
	equal(l, "the cluster tells it", *nextRun(l, "cron"), in("Asia/Tokyo"))
	equal(l, "what Proxmox said", *nextRun(l, "typed"), time.Unix(4102444800, 0).UTC())
	l.exec(`UPDATE endpoints SET time_zone = 'America/New_York'`)
	l.exec(`UPDATE backup_routines SET next_run = '2026-01-01' WHERE job_id = 'cron'`)
	l.apply(job())
	equal(l, "a user set it", *nextRun(l, "cron"), in("America/New_York"))
	l.apply(inventoryOf(e, &proxopsv1.Inventory{TimeZone: "../../etc/passwd"}))
	equal(l, "the user's wins", *nextRun(l, "cron"), in("America/New_York"))
	if n := one[int](l, `SELECT max(version) FROM backup_routines`); n != 1 {
		t.Errorf("a time zone made version %d", n)
	}
}

func TestWhatIsNoScheduleHasNoNextRun(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.apply(routinesOf(l.endpoint("lab"),
		routine("nonsense", func(j *proxopsv1.BackupRoutine) { j.Schedule = "whenever" }),
		routine("none", func(j *proxopsv1.BackupRoutine) { j.Schedule = "" }),
		routine("never", func(j *proxopsv1.BackupRoutine) { j.Schedule = "2-30" })))
	if n := one[int](l, `SELECT count(next_run) FROM backup_routines`); n != 0 {
		t.Errorf("%d have a next run", n)
	}
}
