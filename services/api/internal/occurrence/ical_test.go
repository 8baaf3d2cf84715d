package occurrence

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// readICal parses a calendar: the properties of its events, unfolded and unescaped.
func readICal(t *testing.T, text string) (events []map[string]string) {
	t.Helper()
	if !strings.HasSuffix(text, "\r\n") || !utf8.ValidString(text) {
		t.Errorf("not lines of UTF-8: %q", text)
	}
	for line := range strings.SplitSeq(text, "\r\n") {
		if len(line) > 75 || strings.ContainsAny(line, "\r\n") || !utf8.ValidString(line) {
			t.Errorf("%d octets: %q", len(line), line)
		}
	}
	var open []string
	for line := range strings.SplitSeq(strings.TrimSuffix(strings.ReplaceAll(text, "\r\n ", ""), "\r\n"), "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		switch {
		case !ok:
			t.Errorf("no property: %q", line)
		case name == "BEGIN":
			if open = append(open, value); value == "VEVENT" {
				events = append(events, map[string]string{})
			}
		case name == "END":
			if len(open) == 0 || open[len(open)-1] != value {
				t.Fatalf("%s ends within %v", value, open)
			}
			open = open[:len(open)-1]
		case len(open) == 2:
			events[len(events)-1][name] = strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n").Replace(value)
		}
	}
	if len(open) > 0 {
		t.Errorf("%v do not end", open)
	}
	return events
}

func TestACalendarCanBeReadBack(t *testing.T) {
	w := newWorld(t, "2026-06-01T00:00Z")
	nasty := "a,b;c\\d\u202e \u0007" + strings.Repeat("überlänge→", 12) + "\r\nEND:VCALENDAR"
	w.routine(1, nasty, "02:00")
	w.routine(4, "often", "*/15")
	p := w.find(all, w.query("2026-06-02", "2026-06-04"))
	now := moment(t, "2026-06-01T08:00Z")
	text := string(Calendar(w.entries(p, 0, 100), now, "https://proxops.example.com:8443"))
	events := readICal(t, text)
	if len(events) != 4 {
		t.Fatalf("%d events: %s", len(events), text)
	}
	uids := map[string]bool{}
	for _, e := range events {
		uids[e["UID"]] = true
		for _, name := range []string{"UID", "DTSTAMP", "DTSTART", "SUMMARY", "URL"} {
			if e[name] == "" {
				t.Errorf("no %s: %v", name, e)
			}
		}
	}
	if len(uids) != 4 {
		t.Errorf("events share their names: %v", uids)
	}
	for _, e := range events {
		switch {
		case strings.HasPrefix(e["SUMMARY"], "often"):
			if e["SUMMARY"] != "often (*/15): every 15 minutes" || !strings.HasPrefix(e["UID"], "backup_routine-2-2026060") || e["DTEND"] == "" || !strings.Contains(e["DESCRIPTION"], "Runs on this day: 96") {
				t.Errorf("repeated: %v", e)
			}
		default:
			want := strings.NewReplacer("\u0007", "", "\r\n", "\n").Replace(nasty) + " (daily)"
			if e["SUMMARY"] != want || e["DTEND"] != "" || !strings.HasPrefix(e["UID"], "backup_routine-1-2026060") || e["URL"] != "http://proxops/plugins/proxbox/backup-routines/1/" {
				t.Errorf("got %q, want %q: %v", e["SUMMARY"], want, e)
			}
		}
	}
	if later := string(Calendar(w.entries(p, 0, 100), now.Add(1), "https://proxops.example.com:8443")); later != text {
		t.Error("events change their names")
	}
	if n := strings.Count(string(Calendar(w.entries(p, 0, 3), now, "")), "BEGIN:VEVENT"); n != 3 {
		t.Errorf("%d events of at most 3", n)
	}
}
