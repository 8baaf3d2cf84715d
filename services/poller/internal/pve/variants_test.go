package pve

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// routine normalises one job whose fields, besides its id, are given as JSON without braces.
func routine(t *testing.T, fieldsJSON string) (*proxopsv1.BackupRoutine, []string) {
	t.Helper()
	entries, err := list(json.RawMessage(`[{"id":"b",` + fieldsJSON + `}]`))
	if err != nil {
		t.Fatal(err)
	}
	var warn Warnings
	jobs, err := backupRoutines(entries, &warn)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("%s gives %d jobs, error %v", fieldsJSON, len(jobs), err)
	}
	return jobs[0], warn.List()
}

func replicationOf(t *testing.T, fieldsJSON string) (*proxopsv1.Replication, []string) {
	t.Helper()
	entries, err := list(json.RawMessage(`[{"id":"100-7",` + fieldsJSON + `}]`))
	if err != nil {
		t.Fatal(err)
	}
	var warn Warnings
	jobs, err := replications(entries, &warn)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("%s gives %d jobs, error %v", fieldsJSON, len(jobs), err)
	}
	return jobs[0], warn.List()
}

// base is a job that says nothing but its id.
func base(edit func(*proxopsv1.BackupRoutine)) *proxopsv1.BackupRoutine {
	r := &proxopsv1.BackupRoutine{JobId: "b", Enabled: true, SelectionMode: modeNone}
	edit(r)
	return r
}

func TestEveryFormOfAValueIsRead(t *testing.T) {
	same := func(*proxopsv1.BackupRoutine) {}
	disabled := func(r *proxopsv1.BackupRoutine) { r.Enabled = false }
	all := func(r *proxopsv1.BackupRoutine) { r.SelectionMode = modeAll }
	guests := func(ids ...int64) func(*proxopsv1.BackupRoutine) {
		return func(r *proxopsv1.BackupRoutine) { r.SelectionMode, r.Selection = modeVMID, ids }
	}
	except := func(ids ...int64) func(*proxopsv1.BackupRoutine) {
		return func(r *proxopsv1.BackupRoutine) { r.SelectionMode, r.Exclude = modeAll, ids }
	}
	fleece := func(text, storage string) func(*proxopsv1.BackupRoutine) {
		return func(r *proxopsv1.BackupRoutine) { r.Fleecing, r.FleecingStorage = text, storage }
	}
	planned := func(text string) func(*proxopsv1.BackupRoutine) {
		return func(r *proxopsv1.BackupRoutine) { r.Schedule = text }
	}
	daily7 := func(r *proxopsv1.BackupRoutine) { r.KeepDaily = new(int64(7)) }
	keepAll := func(r *proxopsv1.BackupRoutine) { r.KeepAll = new(true) }
	limited := func(n int64) func(*proxopsv1.BackupRoutine) {
		return func(r *proxopsv1.BackupRoutine) { r.Bwlimit = &n }
	}
	for _, tc := range []struct {
		fields string
		want   func(*proxopsv1.BackupRoutine)
	}{
		{`"enabled":1`, same},
		{`"enabled":"1"`, same},
		{`"enabled":true`, same},
		{`"enabled":1.0`, same},
		{`"enabled":"yes"`, same},
		{`"enabled":"On"`, same},
		{`"enabled":"TRUE"`, same},
		{`"enabled":null`, same},
		{`"comment":"","enabled":"1"`, same},
		{`"enabled":0`, disabled},
		{`"enabled":"0"`, disabled},
		{`"enabled":""`, disabled},
		{`"enabled":false`, disabled},
		{`"enabled":"no"`, disabled},
		{`"enabled":"off"`, disabled},
		{`"enabled":"False"`, disabled},
		{`"enabled":0.0`, disabled},

		{`"all":1`, all},
		{`"all":"1"`, all},
		{`"all":true`, all},
		{`"all":0`, same},
		{`"all":""`, same},
		{`"exclude":"100"`, same},
		{`"all":1,"exclude":"200, 201;200"`, except(200, 201)},
		{`"all":1,"exclude":[200,"201"]`, except(200, 201)},
		{`"all":1,"exclude":""`, except()},
		{`"all":1,"exclude":200`, except(200)},
		{`"vmid":"100,101, 102;103"`, guests(100, 101, 102, 103)},
		{`"vmid":"102 100\u0000101\n100"`, guests(102, 100, 101)},
		{`"vmid":100`, guests(100)},
		{`"vmid":"100"`, guests(100)},
		{`"vmid":[100,"101"]`, guests(100, 101)},
		{`"vmid":"100","all":1`, guests(100)},
		{`"vmid":"","all":1`, all},
		{`"vmid":null,"all":1`, all},
		{`"pool":"prod","vmid":"100","all":1`, func(r *proxopsv1.BackupRoutine) { r.SelectionMode, r.Pool = modePool, "prod" }},

		{`"schedule":"mon..fri *:00/30"`, planned("mon..fri *:00/30")},
		{`"schedule":"0 2 * * *"`, planned("0 2 * * *")},
		{`"schedule":30`, planned("30")},
		{`"dow":"mon,tue,wed,thu,fri,sat,sun","starttime":"02:00"`, planned("02:00")},
		{`"dow":"sun,sat,fri,thu,wed,tue,mon","starttime":"02:00"`, planned("02:00")},
		{`"dow":"sat","starttime":"21:30"`, planned("sat 21:30")},
		{`"dow":"mon,wed,fri","starttime":"03:15"`, planned("mon,wed,fri 03:15")},
		{`"dow":"mon wed","starttime":"03:15"`, planned("mon,wed 03:15")},
		{`"starttime":"03:15"`, planned("03:15")},
		{`"dow":"sat"`, same},
		{`"schedule":"sat 21:30","dow":"sat","starttime":"21:30"`, planned("sat 21:30")},

		{`"next-run":1795312800`, func(r *proxopsv1.BackupRoutine) { r.NextRun = at(1795312800) }},
		{`"next-run":"1795312800"`, func(r *proxopsv1.BackupRoutine) { r.NextRun = at(1795312800) }},
		{`"next-run":1795312800,"enabled":0`, disabled},
		{`"next-run":0`, same},

		{`"prune-backups":{"keep-daily":"7"}`, daily7},
		{`"prune-backups":{"keep-daily":7}`, daily7},
		{`"prune-backups":"keep-daily=7"`, daily7},
		{`"prune-backups":{"keep-daily":7.0}`, daily7},
		{`"prune-backups":" keep-daily = 7 "`, daily7},
		{`"prune-backups":{"keep-all":1}`, keepAll},
		{`"prune-backups":{"keep-all":"1"}`, keepAll},
		{`"prune-backups":{"keep-all":true}`, keepAll},
		{`"prune-backups":"keep-all=1"`, keepAll},
		{`"prune-backups":{"keep-all":0}`, same},
		{`"prune-backups":""`, same},
		{`"prune-backups":{}`, same},
		{`"maxfiles":0`, keepAll},
		{`"maxfiles":"0"`, keepAll},
		{`"maxfiles":"5"`, func(r *proxopsv1.BackupRoutine) { r.KeepLast = new(int64(5)) }},
		{`"maxfiles":5,"prune-backups":{"keep-daily":"7"}`, daily7},

		{`"bwlimit":0`, limited(0)},
		{`"bwlimit":"51200"`, limited(51200)},
		{`"bwlimit":51200`, limited(51200)},
		{`"bwlimit":5.12e4`, limited(51200)},
		{`"bwlimit":2147483647`, limited(math.MaxInt32)},
		{`"zstd":"0"`, func(r *proxopsv1.BackupRoutine) { r.Zstd = new(int64(0)) }},
		{`"performance":{"max-workers":"8","pbs-entries-max":"1"}`, func(r *proxopsv1.BackupRoutine) { r.IoWorkers = new(int64(8)) }},
		{`"performance":"max-workers=8,pbs-entries-max=1"`, func(r *proxopsv1.BackupRoutine) { r.IoWorkers = new(int64(8)) }},
		{`"compress":1`, func(r *proxopsv1.BackupRoutine) { r.Compress = "1" }},
		{`"compress":"0"`, func(r *proxopsv1.BackupRoutine) { r.Compress = "0" }},

		{`"fleecing":{"enabled":"1","storage":"x"}`, fleece("enabled=1,storage=x", "x")},
		{`"fleecing":{"enabled":1,"storage":"x"}`, fleece("enabled=1,storage=x", "x")},
		{`"fleecing":"1,storage=x"`, fleece("enabled=1,storage=x", "x")},
		{`"fleecing":"enabled=1,storage=x"`, fleece("enabled=1,storage=x", "x")},
		{`"fleecing":"storage=x,enabled=1"`, fleece("enabled=1,storage=x", "x")},
		{`"fleecing":{"enabled":true}`, fleece("enabled=1", "")},
		{`"fleecing":1`, fleece("enabled=1", "")},
		{`"fleecing":true`, fleece("enabled=1", "")},
		{`"fleecing":false`, same},
		{`"fleecing":"0"`, same},
		{`"fleecing":{"enabled":"0","storage":"x"}`, same},
		{`"fleecing":{"storage":"x"}`, same},
		{`"fleecing":""`, same},

		{`"repeat-missed":1`, func(r *proxopsv1.BackupRoutine) { r.RepeatMissed = true }},
		{`"repeat-missed":"0"`, same},
		{`"comment":"a\u0000b"`, func(r *proxopsv1.BackupRoutine) { r.Comment = "a\uFFFDb" }},
		{`"comment":"\ud800"`, func(r *proxopsv1.BackupRoutine) { r.Comment = "\uFFFD" }},
		{`"notes-template":"line1\\nback"`, func(r *proxopsv1.BackupRoutine) { r.NotesTemplate = `line1\nback` }},
	} {
		got, warnings := routine(t, tc.fields)
		if diff := cmp.Diff(base(tc.want), got, protocmp.Transform(), ignoreRaw, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.fields, diff)
		}
		if len(warnings) > 0 {
			t.Errorf("%s gives warnings %q", tc.fields, warnings)
		}
	}
}

func TestAnUnreadableValueCostsItsFieldAndNothingElse(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tc := range []struct {
		fields, about string
		want          func(*proxopsv1.BackupRoutine)
	}{
		{`"enabled":2`, "enabled", nil},
		{`"enabled":"maybe"`, "enabled", nil},
		{`"enabled":{}`, "enabled", nil},
		{`"schedule":["02:00"]`, "schedule", nil},
		{`"schedule":"` + long + `"`, "schedule", nil},
		{`"storage":true`, "storage", nil},
		{`"comment":{"x":1}`, "comment", nil},
		{`"bwlimit":-1`, "bwlimit", nil},
		{`"bwlimit":2147483648`, "bwlimit", nil},
		{`"bwlimit":1.5`, "bwlimit", nil},
		{`"bwlimit":1e400`, "bwlimit", nil},
		{`"bwlimit":"0x10"`, "bwlimit", nil},
		{`"bwlimit":"Inf"`, "bwlimit", nil},
		{`"bwlimit":"fast"`, "bwlimit", nil},
		{`"zstd":[4]`, "zstd", nil},
		{`"next-run":1e300`, "next-run", nil},
		{`"next-run":"soon"`, "next-run", nil},
		{`"prune-backups":7,"maxfiles":3`, "prune-backups", nil},
		{`"prune-backups":"7"`, "prune-backups", nil},
		{`"prune-backups":{"keep-last":"many","keep-daily":"7"}`, "keep-last", func(r *proxopsv1.BackupRoutine) { r.KeepDaily = new(int64(7)) }},
		{`"performance":"8"`, "performance", nil},
		{`"fleecing":[1]`, "fleecing", nil},
		{`"fleecing":{"enabled":"perhaps"}`, "enabled", nil},
		{`"vmid":"100,abc,-5,101"`, "vmid", func(r *proxopsv1.BackupRoutine) { r.SelectionMode, r.Selection = modeVMID, []int64{100, 101} }},
		{`"vmid":{},"all":1`, "vmid", func(r *proxopsv1.BackupRoutine) { r.SelectionMode = modeVMID }},
		{`"all":1,"exclude":["200",null]`, "exclude", func(r *proxopsv1.BackupRoutine) { r.SelectionMode, r.Exclude = modeAll, []int64{200} }},
		{`"type":7`, "", nil},
	} {
		if tc.want == nil {
			tc.want = func(*proxopsv1.BackupRoutine) {}
		}
		got, warnings := routine(t, tc.fields)
		if diff := cmp.Diff(base(tc.want), got, protocmp.Transform(), ignoreRaw, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.fields, diff)
		}
		if tc.about != "" && (len(warnings) != 1 || !strings.Contains(warnings[0], tc.about) || !strings.Contains(warnings[0], `"b"`)) {
			t.Errorf("%s gives warnings %q, want one about %s of job b", tc.fields, warnings, tc.about)
		}
		if len(got.GetRawConfig()) == 0 {
			t.Errorf("%s has no raw config", tc.fields)
		}
	}
}

func TestEveryFormOfAReplicationIsRead(t *testing.T) {
	for _, tc := range []struct {
		fields   string
		warnings int
		edit     func(*proxopsv1.Replication)
	}{
		{`"guest":100,"jobnum":7`, 0, nil},
		{`"guest":"100","jobnum":"7"`, 0, nil},
		{`"type":null`, 0, nil},
		{`"guest":{},"jobnum":7`, 1, nil},
		{`"rate":"12.5"`, 0, func(r *proxopsv1.Replication) { r.Rate = new(12.5) }},
		{`"rate":1e2`, 0, func(r *proxopsv1.Replication) { r.Rate = new(100.0) }},
		{`"rate":"-3"`, 1, nil},
		{`"rate":1e999`, 1, nil},
		{`"disable":1`, 0, func(r *proxopsv1.Replication) { r.Disable = true }},
		{`"disable":"1"`, 0, func(r *proxopsv1.Replication) { r.Disable = true }},
		{`"disable":0`, 0, nil},
		{`"schedule":""`, 0, nil},
		{`"source":"pve1","target":"pve2"`, 0, func(r *proxopsv1.Replication) { r.Source, r.Target = "pve1", "pve2" }},
		{`"remove_job":"full"`, 0, func(r *proxopsv1.Replication) { r.RemoveJob = "full" }},
	} {
		want := &proxopsv1.Replication{ReplicationId: "100-7", Guest: 100, Jobnum: 7, Schedule: "*/15"}
		if tc.edit != nil {
			tc.edit(want)
		}
		got, warnings := replicationOf(t, tc.fields)
		if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(got, "raw_config")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.fields, diff)
		}
		if len(warnings) != tc.warnings {
			t.Errorf("%s gives warnings %q, want %d", tc.fields, warnings, tc.warnings)
		}
	}
}

func TestAListThatCannotBeTrustedIsMalformed(t *testing.T) {
	for _, raw := range []string{
		`null`, `{}`, ``, `"[]"`, `1`, `[1]`, `[null]`, `[[]]`, `[{"id":"b"}`, `[{"id":"b"},]`, `[{"enabled":1}]`, `[{"id":""}]`,
		`[{"id":" "}]`, `[{"id":null}]`, `[{"id":["b"]}]`, `[{"id":"a\u0000b"}]`, `[{"id":"a\ud800"}]`,
		`[{"id":"` + strings.Repeat("x", 256) + `"}]`, `[` + strings.Repeat(`{},`, maxEntries) + `{}]`,
	} {
		entries, err := list(json.RawMessage(raw))
		if err == nil {
			_, err = backupRoutines(entries, &Warnings{})
		}
		if kind := classify(fmt.Errorf("read: %w", orNone(err))).Kind; kind != proxopsv1.ErrorKind_ERROR_KIND_MALFORMED {
			t.Errorf("%.40s is %v (%v), want malformed", raw, kind, err)
		}
	}
}

func orNone(err error) error {
	if err == nil {
		return fmt.Errorf("no error")
	}
	return err
}

func TestJobsOfOtherTypesAreNotBackupJobs(t *testing.T) {
	got := normalised(t, json.RawMessage(`[{"id":"r","type":"realm-sync"},{"id":"b","type":"vzdump"},{"type":"realm-sync"}]`), backupRoutines)
	if len(got) != 1 || got[0].GetJobId() != "b" {
		t.Errorf("jobs are %v, want b alone", got)
	}
}

func TestAJobListedTwiceIsTheSameAtEveryPoll(t *testing.T) {
	entries := func(raw string) []object {
		out, err := list(json.RawMessage(raw))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	var warn Warnings
	one, err1 := backupRoutines(entries(`[{"id":"b","comment":"x"},{"id":"c"},{"id":"b","comment":"y"}]`), &warn)
	two, err2 := backupRoutines(entries(`[{"id":"b","comment":"y"},{"id":"b","comment":"x"},{"id":"c"}]`), &warn)
	if err1 != nil || err2 != nil || len(one) != 2 || len(two) != 2 || !proto.Equal(one[0], two[0]) {
		t.Errorf("jobs are %v and %v (%v, %v)", one, two, err1, err2)
	}
	if len(warn.List()) != 2 {
		t.Errorf("warnings are %q, want two", warn.List())
	}
}

func TestEntriesThatAreLeftOutAreCounted(t *testing.T) {
	warn := &Warnings{}
	for _, read := range []func([]object) (int, error){
		func(list []object) (int, error) { jobs, err := backupRoutines(list, warn); return len(jobs), err },
		func(list []object) (int, error) { jobs, err := replications(list, warn); return len(jobs), err },
	} {
		before := warn.Skipped()
		raw := `[{"id":"100-0"},{"id":"r","type":"vzdump"},{"id":"100-0"},{"id":"100-0"}]`
		entries, err := list(json.RawMessage(raw))
		if err != nil {
			t.Fatal(err)
		}
		n, err := read(entries)
		if got := warn.Skipped() - before; err != nil || n != 2 || got != 2 {
			t.Errorf("%d jobs, %d entries skipped, error %v", n, got, err)
		}
	}
	before := warn.Skipped()
	entries, err := list(json.RawMessage(`[{"id":"r","type":"realm-sync"},{"id":"b"},{"type":"realm-sync"}]`))
	if err != nil {
		t.Fatal(err)
	}
	if jobs, err := backupRoutines(entries, warn); err != nil || len(jobs) != 1 || warn.Skipped()-before != 2 {
		t.Errorf("jobs are %v, %d entries skipped, error %v", jobs, warn.Skipped()-before, err)
	}
	before = warn.Skipped()
	found, err := guests(json.RawMessage(`[{"type":"qemu","vmid":1},{"type":"lxc","vmid":1},{"type":"node","node":"pve1"}]`), warn)
	if err != nil || len(found) != 1 || warn.Skipped()-before != 2 {
		t.Errorf("guests are %v, %d entries skipped, error %v", found, warn.Skipped()-before, err)
	}
}

func TestWarningsAreBounded(t *testing.T) {
	var warn Warnings
	for range 70 {
		warn.addf("%s", strings.Repeat("日", 400))
	}
	got := warn.List()
	if len(got) != 51 || got[50] != "and 20 more" {
		t.Errorf("%d warnings, the last is %q", len(got), got[len(got)-1])
	}
	for _, w := range got {
		if len(w) > 310 {
			t.Errorf("a warning has %d bytes", len(w))
		}
	}
}
