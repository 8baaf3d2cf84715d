package occurrence

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/services/api/internal/resource"
)

func TestRunsAreThoseOfTheClustersClock(t *testing.T) {
	w := newWorld(t, "2026-06-01T00:00Z")
	w.routine(1, "set", "02:00")
	w.routine(2, "told", "02:00")
	w.routine(3, "unknown", "02:00")
	w.routine(4, "utc", "02:00")
	w.routine(5, "wrong", "02:00")
	p := w.find(all, w.query("2026-06-02", "2026-06-03"))
	w.want(p, "06-02T00:00 set 1", "06-02T00:00 told 1", "06-02T02:00 unknown 1", "06-02T02:00 utc 1", "06-02T02:00 wrong 1")
	for _, e := range w.entries(p, 0, 10) {
		if want := e.Endpoint == "unknown" || e.Endpoint == "wrong"; e.Assumed != want {
			t.Errorf("zone of %s: assumed %v, want %v", e.Endpoint, e.Assumed, want)
		}
	}
}

func TestClocksThatAreMovedMoveRuns(t *testing.T) {
	for _, c := range []struct {
		name, schedule, after, before string
		want                          []string
	}{
		{"spring, skipped", "02:30", "2026-03-28", "2026-03-31", []string{"03-28T01:30 a 1", "03-30T00:30 a 1"}},
		{"spring, after", "04:00", "2026-03-28", "2026-03-30", []string{"03-28T03:00 a 1", "03-29T02:00 a 1"}},
		{"autumn, before", "01:00", "2026-10-24T12:00", "2026-10-26T12:00", []string{"10-24T23:00 a 1", "10-26T00:00 a 1"}},
		{"autumn, cron once", "30 2 * * *", "2026-10-24T12:00", "2026-10-25T12:00", []string{"10-25T00:30 a 1"}},
		{"a day of 23 hours", "hourly", "2026-03-28T23:00", "2026-03-29T22:00", []string{"03-28T23:00 a 23 until 03-29T21:00 hourly"}},
		{"a day of 25 hours", "0 * * * *", "2026-10-24T22:00", "2026-10-25T23:00", []string{"10-24T22:00 a 25 until 10-25T22:00 hourly"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "2026-03-01")
			w.routine(1, "a", c.schedule)
			w.want(w.find(all, w.query(c.after, c.before)), c.want...)
		})
	}
}

func TestWhatRunsOftenIsOneEntryADayThatSaysHowOften(t *testing.T) {
	w := newWorld(t, "2026-06-01")
	w.replication(4, "100-0", 31, "*/15")
	w.routine(4, "office", "mon..fri 08..17:00,30")
	w.routine(4, "twice", "04,16:00")
	w.routine(4, "odd", "0,1,2,3,23:00")
	p := w.find(all, w.query("2026-06-05", "2026-06-07")) // a Friday and a Saturday
	w.want(p,
		"06-05T00:00 odd 5 until 06-05T23:00 5 times a day",
		"06-05T00:00 100-0 96 until 06-05T23:45 every 15 minutes",
		"06-05T04:00 twice 1",
		"06-05T08:00 office 20 until 06-05T17:30 every 30 minutes, 08:00 to 17:30",
		"06-05T16:00 twice 1",
		"06-06T00:00 odd 5 until 06-06T23:00 5 times a day",
		"06-06T00:00 100-0 96 until 06-06T23:45 every 15 minutes",
		"06-06T04:00 twice 1", "06-06T16:00 twice 1")
	if n := p.Count(); n != 9 {
		t.Errorf("%d entries are counted", n)
	}
	if got := w.entries(p, 2, 3); len(got) != 3 || got[0].Text != "every day at 04:00 and 16:00" || got[2].Text != got[0].Text {
		t.Errorf("a part of them is %+v", got)
	}
	var sum int
	for _, n := range p.Slots[1].Hours {
		sum += int(n)
	}
	if sum != 96 || p.Slots[1].Hours[23] != 4 {
		t.Errorf("by hours: %v", p.Slots[1].Hours)
	}
}

func TestDaysAreThoseOfWhoLooks(t *testing.T) {
	w := newWorld(t, "2026-06-01")
	w.routine(4, "a", "hourly")
	q := w.query("2026-06-02T00:00-04:00", "2026-06-03T00:00-04:00")
	q.Days, _ = time.LoadLocation("America/New_York")
	w.want(w.find(all, q), "06-02T04:00 a 24 until 06-03T03:00 hourly")
}

func TestTheFirstRunIsWhatTheClusterTells(t *testing.T) {
	w := newWorld(t, "2026-06-01")
	w.routine(4, "told", "daily", "next_run", "'2026-06-03T00:00:30Z'")
	w.routine(4, "same", "daily", "next_run", "'2026-06-02'")
	w.routine(4, "past", "daily", "next_run", "'2026-05-01'")
	w.routine(4, "odd", "whenever", "next_run", "'2026-06-02T12:00Z'")
	p := w.find(all, w.query("2026-06-01", "2026-06-05"))
	w.want(p,
		"06-02T00:00 same 1", "06-02T00:00 past 1", "06-02T12:00 odd 1", "06-03T00:00 same 1", "06-03T00:00 past 1", "06-03T00:00 told 1",
		"06-04T00:00 told 1", "06-04T00:00 same 1", "06-04T00:00 past 1")
	if len(p.Unplaced) != 1 || !strings.Contains(p.Unplaced[0].Reason, "what the cluster tells") {
		t.Errorf("not placed: %+v", p.Unplaced)
	}
}

func TestWhatIsPastIsNoComingRun(t *testing.T) {
	w := newWorld(t, "2026-06-03T12:00Z")
	w.routine(4, "a", "daily")
	w.want(w.find(all, w.query("2026-06-01", "2026-06-05")), "06-04T00:00 a 1")
}

func TestWhatCannotBePlacedIsListedApart(t *testing.T) {
	w := newWorld(t, "2026-06-01")
	w.routine(4, "empty", "")
	w.routine(4, "never", "02-30")
	w.routine(4, "over", "2025-01-01 00:00")
	w.routine(4, "wrong", "each full moon")
	w.routine(4, "later", "2027-01-01 00:00")
	p := w.find(all, w.query("2026-06-01", "2026-07-01"))
	w.want(p)
	var got []string
	var refs []Ref
	for _, u := range p.Unplaced {
		refs = append(refs, u.Ref)
	}
	jobs, err := p.Describe(t.Context(), refs)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range p.Unplaced {
		name, _, _ := strings.Cut(jobs[u.Ref].Display, " ")
		got = append(got, name+": "+u.Reason)
	}
	want := []string{
		"empty: It has no schedule.", "never: Its schedule never runs after 2026-06-01.", "over: Its schedule never runs after 2026-06-01.",
		`wrong: Its schedule cannot be read: calendar event "each full moon": unknown weekday or keyword "each", expected mon..sun, monday..sunday, or minutely..yearly.`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestDisabledAndStaleJobsAreLeftOutUnlessAskedFor(t *testing.T) {
	w := newWorld(t, "2026-06-01")
	w.routine(4, "a", "daily")
	w.routine(4, "off", "daily", "enabled", "false")
	w.routine(4, "gone", "daily", "status", "'stale'")
	w.replication(4, "100-0", 31, "daily")
	w.exec("UPDATE replications SET disable = true")
	for _, c := range []struct {
		name            string
		stale, disabled bool
		filters         []string
		want            string
	}{
		{name: "neither", want: "a"},
		{name: "stale", stale: true, want: "a gone"},
		{name: "disabled", disabled: true, want: "a off 100-0"},
		{name: "stale by filter", filters: []string{"status", "stale"}, want: "gone"},
		{name: "disabled by filter", filters: []string{"enabled", "false"}, want: "off 100-0"},
		{name: "disabled by the other filter", filters: []string{"disable", "true"}, want: "off 100-0"},
	} {
		q := w.query("2026-06-02", "2026-06-03", c.filters...)
		q.Stale, q.Disabled = c.stale, c.disabled
		if got := w.names(w.find(all, q)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestFiltersAreThoseOfBothLists(t *testing.T) {
	w := newWorld(t, "2026-06-01")
	w.routine(1, "web", "daily", "selection", "'[100]'", "node_id", "21")
	w.routine(1, "db", "daily", "selection", "'[101]'")
	w.routine(1, "all", "daily", "selection_mode", "'all'")
	w.routine(2, "other", "daily", "selection", "'[100]'")
	w.replication(1, "100-0", 31, "daily")
	w.replication(2, "100-1", 32, "daily")
	w.replication(nil, "100-2", 33, "daily")
	w.exec("UPDATE replications SET proxmox_node_id = 21 WHERE replication_id = '100-0'")
	for _, c := range []struct{ query, want string }{
		{"", "all db other web 100-0 100-1 100-2"},
		{"endpoint_id=2", "other 100-1"},
		{"endpoint_id=1&endpoint_id=2", "all db other web 100-0 100-1"},
		{"virtual_machine_id=31", "all web 100-0"},
		{"virtual_machine_id=32", "other 100-1"},
		{"virtual_machine_id=31&virtual_machine_id=33", "all db web 100-0 100-2"},
		{"virtual_machine=db", "all db 100-2"},
		{"virtual_machine_id=31&cluster_id=12", ""},
		{"covers=100", "all other web 100-0 100-1 100-2"},
		{"node_id=21", "web 100-0"},
		{"proxmox_node_id=21", "web 100-0"},
		{"storage_id=null", "all db other web"},
		{"target=pve2", "100-0 100-1 100-2"},
		{"q=00-2", "100-2"},
		{"unknown=1", "all db other web 100-0 100-1 100-2"},
	} {
		q := w.query("2026-06-02", "2026-06-04")
		q.Filters, _ = url.ParseQuery(c.query)
		if got := w.names(w.find(all, q)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.query, got, c.want)
		}
	}
	for _, wrong := range []string{"endpoint_id=99", "endpoint_id=x", "virtual_machine_id=99", "covers=x", "enabled=maybe&status=bogus"} {
		q := w.query("2026-06-02", "2026-06-04")
		q.Filters, _ = url.ParseQuery(wrong)
		_, err := Find(t.Context(), w.store, all, resource.Address{}, q)
		if _, ok := errors.AsType[resource.Errors](err); !ok {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// limited may view what its scopes say, by the name of the resource.
type limited map[string]resource.Scope

func (l limited) Scope(r *resource.Resource, a resource.Action) (resource.Scope, bool) {
	s, ok := l[r.Name]
	return s, ok && a == resource.View
}

func TestOnlyJobsThatMayBeViewedRun(t *testing.T) {
	w := newWorld(t, "2026-06-01")
	w.routine(1, "mine", "daily")
	w.routine(2, "yours", "daily")
	w.replication(1, "100-0", 31, "daily")
	first := resource.Scope{Any: []resource.Constraint{{"endpoint__name": "set"}}}
	q := w.query("2026-06-02", "2026-06-04")
	if got := w.names(w.find(resource.Actor{Access: limited{"backup-routines": first}}, q)); got != "mine" {
		t.Errorf("one endpoint, one kind: %q", got)
	}
	if got := w.names(w.find(resource.Actor{Access: limited{"backup-routines": first, "replications": first}}, q)); got != "mine 100-0" {
		t.Errorf("one endpoint: %q", got)
	}
	if _, err := Find(t.Context(), w.store, resource.Actor{Access: limited{}}, resource.Address{}, q); !errors.Is(err, resource.ErrForbidden) {
		t.Errorf("without permission: %v", err)
	}
	q.Kinds = []string{Replication}
	if _, err := Find(t.Context(), w.store, resource.Actor{Access: limited{"backup-routines": first}}, resource.Address{}, q); !errors.Is(err, resource.ErrForbidden) {
		t.Errorf("without permission for the kind: %v", err)
	}
}

func TestWhatRunsAtTheSameTimeIsSortedByEndpoints(t *testing.T) {
	w := newWorld(t, "2026-06-01")
	w.exec("UPDATE endpoints SET name = 'above', time_zone = 'UTC' WHERE id = 5")
	w.routine(4, "b", "daily")
	w.routine(5, "c", "daily")
	w.routine(4, "a", "daily")
	w.replication(nil, "100-0", 31, "daily")
	w.replication(4, "100-1", 31, "daily")
	w.exec("UPDATE replications SET schedule = '00:00'")
	w.want(w.find(all, w.query("2026-06-02", "2026-06-03")), "06-02T00:00 c 1", "06-02T00:00 b 1", "06-02T00:00 a 1", "06-02T00:00 100-1 1", "06-02T00:00 100-0 1")
}

func TestAPlanHasRoomForTensOfThousandsOfJobs(t *testing.T) {
	w := newWorld(t, "2026-06-01")
	w.exec("INSERT INTO backup_routines (endpoint_id, job_id, schedule) SELECT 4, 'j' || n, 'daily' FROM generate_series(1, 50000) n")
	p := w.find(all, w.query("2026-06-02", "2026-06-04"))
	if n := p.Count(); p.Truncated || n != 100_000 || len(p.Slots) != 2 {
		t.Errorf("%d entries in %d slots, truncated %v", n, len(p.Slots), p.Truncated)
	}
	first, across, last := w.entries(p, 0, 1)[0], w.entries(p, 49_999, 2), w.entries(p, 99_999, 5)
	if first.Display != "j1 (daily)" || across[0].ID != 50_000 || across[1].ID != 1 || len(last) != 1 || last[0].ID != 50_000 {
		t.Errorf("entries are %s, %d %d, %d", first.Display, across[0].ID, across[1].ID, len(last))
	}
	w.exec("DELETE FROM backup_routines WHERE id <= 3")
	if left := w.entries(p, 0, 5); len(left) != 2 || left[0].ID != 4 {
		t.Errorf("%d entries of jobs that are there", len(left))
	}
}

func TestThousandsOfJobsAreBoundedAndSaySo(t *testing.T) {
	w := newWorld(t, "2026-06-01")
	w.exec("INSERT INTO backup_routines (endpoint_id, job_id, schedule) SELECT 4, 'j' || n, '*:' || n % 60 FROM generate_series(1, 5000) n")
	start := time.Now()
	p := w.find(all, w.query("2026-06-01", "2027-07-01"))
	if n := p.Count(); p.Truncated || n != 5000*395 && n != 5000*396 {
		t.Errorf("%d entries, truncated %v", n, p.Truncated)
	}
	w.exec("UPDATE backup_routines SET schedule = '*:0..59' || repeat(',1', (substr(job_id, 2)::int) % 20)")
	p = w.find(all, w.query("2026-06-01", "2027-07-01"))
	if !p.Truncated {
		t.Error("more runs than are computed, and nothing says so")
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

// names are the jobs of a plan, those of each kind sorted.
func (w *world) names(p *Plan) string {
	w.t.Helper()
	var out []string
	seen := map[string]bool{}
	for _, kind := range Kinds {
		before := len(out)
		for _, e := range w.entries(p, 0, 1000) {
			name, _, _ := strings.Cut(e.Display, " ")
			if e.Kind == kind && !seen[name] {
				seen[name] = true
				out = append(out, name)
			}
		}
		slices.Sort(out[before:])
	}
	return strings.Join(out, " ")
}

func TestTheNextRunsOfOneJob(t *testing.T) {
	now := moment(t, "2026-10-24T12:00Z")
	c := Next("02:30", "Europe/Berlin", time.Time{}, now, 3)
	var got []string
	for _, at := range c.Runs {
		got = append(got, at.Format("01-02T15:04Z07:00"))
	}
	if want := "[10-25T02:30+02:00 10-26T02:30+01:00 10-27T02:30+01:00]"; fmt.Sprint(got) != want || c.Assumed || c.Text != "every day at 02:30" {
		t.Errorf("got %v %+v, want %s", got, c, want)
	}
	if c := Next("", "", time.Time{}, now, 3); c.Runs != nil || c.Reason != "It has no schedule." || !c.Assumed {
		t.Errorf("without a schedule: %+v", c)
	}
	if c := Next("daily", "", moment(t, "2026-10-26T00:00Z"), now, 2); len(c.Runs) != 2 || c.Runs[0].Day() != 26 {
		t.Errorf("with what the cluster tells: %+v", c)
	}
}

// Jobs with the same schedule have lines of their own where their clusters tell other next runs, but the same words.
func TestTheWordsOfAScheduleAreFoundOnce(t *testing.T) {
	now := moment(t, "2026-06-01T00:00Z")
	m := newPlanner(Query{Now: now, After: now}, &Plan{})
	key := clockKey{"*/5", "Europe/Berlin"}
	first := m.text(m.clock(key))
	steps := m.steps
	if again := m.text(m.clock(key)); again != first || first != "every 5 minutes" || m.steps != steps {
		t.Errorf("%q and then %q, in %d more steps", first, again, m.steps-steps)
	}
}

func TestRunsUntilATimeEndBeforeIt(t *testing.T) {
	now := moment(t, "2026-03-28T12:00Z") // the night before clocks go forward
	for name, tc := range map[string]struct {
		schedule, zone, own string
		most                int
		want                string
	}{
		"by the clock of the cluster": {"04:30", "Europe/Berlin", "", 9, "[02:30]"},
		"its own run comes first":     {"00:00", "UTC", "2026-03-28T15:07Z", 9, "[15:07 00:00]"},
		"not before the end":          {"fri", "UTC", "", 9, "[]"},
		"at the end itself":           {"12:00", "UTC", "", 9, "[]"},
		"no more than wanted":         {"*:0/5", "UTC", "", 2, "[12:05 12:10]"},
		"a schedule nobody reads":     {"whenever", "UTC", "2026-03-28T15:00Z", 9, "[15:00]"},
	} {
		var own time.Time
		if tc.own != "" {
			own = moment(t, tc.own)
		}
		got := []string{}
		for _, at := range NewClocks(now).Until(tc.schedule, tc.zone, own, now.Add(24*time.Hour), tc.most).Runs {
			got = append(got, at.UTC().Format("15:04"))
		}
		if fmt.Sprint(got) != tc.want {
			t.Errorf("%s: got %v, want %s", name, got, tc.want)
		}
	}
}

func TestSchedulesThatNeverRunTakeNothingFromOthers(t *testing.T) {
	now := moment(t, "2026-06-01T00:00Z")
	clocks := NewClocks(now)
	for minute := range 24 * 60 {
		past := fmt.Sprintf("2020-01-01 %02d:%02d", minute/60, minute%60)
		if got := clocks.Until(past, "UTC", time.Time{}, now.Add(24*time.Hour), 9); len(got.Runs) > 0 || !strings.Contains(got.Reason, "never runs") {
			t.Fatalf("%s: %v", past, got)
		}
	}
	if got := clocks.Until("12:00", "UTC", time.Time{}, now.Add(24*time.Hour), 9); len(got.Runs) != 1 || got.Reason != "" {
		t.Errorf("after them, noon: %v", got)
	}
}

func BenchmarkUntil(b *testing.B) {
	now := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	for _, schedule := range []string{"02:30", "*:0/15", "mon..fri 22:00", "sun 03:00", "*:*", "monthly"} {
		b.Run(schedule, func(b *testing.B) {
			for b.Loop() {
				NewClocks(now).Until(schedule, "Europe/Berlin", time.Time{}, now.Add(24*time.Hour), 1440)
			}
		})
	}
}
