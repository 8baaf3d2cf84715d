package web_test

import (
	"strings"
	"testing"
)

// row is the value beside a label of the page of an object, "" if the page does not have it.
func (g page) row(label string) string {
	for _, n := range g.all(tag("tr")) {
		if head := all(n, tag("th")); len(head) == 1 && textOf(head[0]) == label {
			return textOf(all(n, tag("td"))[0])
		}
	}
	return ""
}

func TestARoutineSaysThatItsScheduleCannotBeRead(t *testing.T) {
	f := newClusters(t)
	for set, want := range map[string]string{"schedule = 'now and then'": "Cannot be read", "schedule = 'mon 03:00'": "Monday at 03:00", "schedule = ''": "—"} {
		if got := f.get(at(routinesPath, f.routine(set, f.prod, nil, set))).row("In words"); got != want {
			t.Errorf("%s: %q, want %q", set, got, want)
		}
	}
}

func TestARoutineSaysInOneLineWhatItKeeps(t *testing.T) {
	f := newClusters(t)
	for _, c := range []struct{ set, want string }{
		{"", "3 last, 7 daily"},
		{"keep_last = NULL, keep_daily = NULL", "as the storage says, or else vzdump.conf of the node"},
		{"keep_last = NULL, keep_daily = NULL, keep_all = true", "all"},
		{"keep_last = 0, keep_daily = 0", "all"},
		{"keep_hourly = 1, keep_weekly = 4, keep_monthly = 12, keep_yearly = 1000", "3 last, 1 hourly, 7 daily, 4 weekly, 12 monthly, 1,000 yearly"},
		{`raw_config = '{"remove": "0"}'`, "all: the job removes none"},
		{`raw_config = '{"remove": 1}'`, "3 last, 7 daily"},
	} {
		id := f.routine("r", f.prod, []int{100}, c.set)
		g := f.get(at(routinesPath, id)).want(t, 200)
		if got := g.row("Retention"); got != c.want {
			t.Errorf("%s: %q, want %q", c.set, got, c.want)
		}
		if g.row("Keep last") != "" {
			t.Errorf("%s: it says more of what it keeps", c.set)
		}
		if kept := f.get(at(vmsPath, f.web, "proxbox/")).want(t, 200); !strings.Contains(kept.text(), c.want) {
			t.Errorf("%s: the tab of a guest says something else", c.set)
		}
		f.run("DELETE FROM backup_routines")
	}
	if g := f.get(routinesPath+"add/").want(t, 200); !g.has(tag("h2"), saying("Retention")) || len(g.all(tag("input"), with("name", "keep_yearly"))) != 1 {
		t.Error("the form lacks the retention")
	}
}

func TestAJobThatDoesNotRunSaysSoWhereverItSaysWhatItDoes(t *testing.T) {
	f := newClusters(t)
	repl := f.make(replsPath, map[string]any{"endpoint": f.prod, "replication_id": "100-0", "virtual_machine": f.web, "guest": 100, "jobnum": 0, "target": "pve-2", "schedule": "*/15", "disable": true})
	for path, c := range map[string]struct{ what, why string }{
		at(routinesPath, f.routine("stale", f.prod, []int{100}, "status = 'stale', stale_since = now()")):               {"backup routine", "its cluster no longer has it."},
		at(routinesPath, f.routine("idle", f.prod, []int{100}, "enabled = false")):                                      {"backup routine", "it is disabled."},
		at(routinesPath, f.routine("both", f.prod, []int{100}, "status = 'stale', stale_since = now(), enabled=false")): {"backup routine", "its cluster no longer has it."},
		at(replsPath, repl): {"replication", "it is disabled."},
	} {
		g := f.get(path).want(t, 200)
		if note := textOf(g.one(t, tag("section"), with("aria-label", "It does not run"))); note != "This "+c.what+" does not run: "+c.why {
			t.Errorf("%s: %q", path, note)
		}
		if card := textOf(g.one(t, tag("section"), with("aria-labelledby", "coming"))); !strings.Contains(card, "It does not run: "+c.why) {
			t.Errorf("%s: its next runs: %s", path, card)
		}
		for _, covered := range g.all(tag("section"), with("aria-label", "Guests covered")) {
			if text := textOf(covered); !strings.HasPrefix(text, "Guests it would cover 1") || !strings.Contains(text, "It does not run: "+c.why) {
				t.Errorf("%s: the guests: %s", path, text)
			}
		}
	}
	g := f.get(at(routinesPath, f.routine("runs", f.prod, []int{100}, ""))).want(t, 200)
	if strings.Contains(g.text(), "does not run") || !strings.Contains(g.text(), "Guests covered 1") {
		t.Errorf("one that runs: %s", g.text())
	}
	if !strings.Contains(g.text(), "Performance Nothing is set: as Proxmox does by default") || g.row("Fleecing") != "" || g.row("Pool") != "" {
		t.Error("it says in rows what is not set")
	}
}
