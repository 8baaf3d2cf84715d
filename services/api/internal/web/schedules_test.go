package web_test

import (
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

func TestTheNextRunsAreShownWhileASchedulesIsWritten(t *testing.T) {
	admin := serve(t)
	for name, c := range map[string]struct {
		query url.Values
		runs  int
		says  string
	}{
		"an interval":            {url.Values{"repeat": {"interval"}, "count": {"2"}, "unit": {"60"}}, 5, "UTC"},
		"an interval in minutes": {url.Values{"interval": {"90"}}, 5, "UTC"},
		"a calendar":             {url.Values{"repeat": {"calendar"}, "calendar": {"mon..fri 02:00"}, "time_zone": {"Europe/Berlin"}}, 5, "02:00 Europe/Berlin"},
		"a calendar alone":       {url.Values{"calendar": {"0 2 * * *"}}, 5, "02:00 UTC"},
		"one run":                {url.Values{"repeat": {"once"}, "first_run": {"2100-01-01T02:00"}, "time_zone": {"Asia/Tokyo"}}, 1, "Fri 1 Jan 02:00 Asia/Tokyo"},
		"what is left over":      {url.Values{"repeat": {"once"}, "calendar": {"nonsense"}, "count": {"x"}, "first_run": {"2100-01-01T02:00"}}, 1, "02:00 UTC"},
		"an unreadable calendar": {url.Values{"repeat": {"calendar"}, "calendar": {"<b>x"}}, 0, "<b>x"},
		"an empty calendar":      {url.Values{"repeat": {"calendar"}}, 0, "Say when"},
		"never":                  {url.Values{"repeat": {"calendar"}, "calendar": {"2020-01-01 00:00"}}, 0, "never happens"},
		"over":                   {url.Values{"repeat": {"once"}, "first_run": {"2020-01-01T00:00"}}, 0, "over"},
		"nothing":                {url.Values{"repeat": {"once"}}, 0, "would never run"},
		"no such zone":           {url.Values{"repeat": {"interval"}, "count": {"1"}, "unit": {"1"}, "time_zone": {"Mars/Base"}}, 0, "no time zone"},
		"no number":              {url.Values{"repeat": {"interval"}, "count": {"-1"}, "unit": {"1"}}, 0, "whole number"},
		"too long":               {url.Values{"repeat": {"interval"}, "count": {"4000000000"}, "unit": {"10080"}}, 0, "whole number"},
		"no time":                {url.Values{"repeat": {"once"}, "first_run": {"soon"}}, 0, "2026-01-31T02:00"},
	} {
		g := admin.get(schedulesPath+"preview/?"+c.query.Encode()).want(t, 200)
		if n := len(g.all(tag("time"))); n != c.runs || !strings.Contains(g.text(), c.says) {
			t.Errorf("%s: %d runs, want %d, and %q:\n%s", name, n, c.runs, c.says, g.text())
		}
	}
	admin.visitor().get(schedulesPath+"preview/?interval=1").want(t, 303)
}

// write fills in the form of a schedule and sends it.
func (p *person) write(path string, changes url.Values) page {
	p.t.Helper()
	g := p.get(path).want(p.t, 200)
	form := g.one(p.t, tag("form"), with("method", "post"), within2(g))
	sent := g.sent(form)
	maps.Copy(sent, changes)
	return p.post(path, sent)
}

// within2 matches what is in the part of the page that is its own.
func within2(g page) match {
	main := g.all(tag("main"))[0]
	return func(n *html.Node) bool { return within(n, main) }
}

func TestASchedulesFormMakesAndChangesIt(t *testing.T) {
	admin := serve(t)
	prod := admin.endpoint("prod")
	tagged := admin.make(tagsPath, map[string]any{"name": "Night", "slug": "night"})
	add := schedulesPath + "add/"
	to := admin.write(add, url.Values{
		"name": {"Replications hourly"}, "types": {"replications"}, "endpoints": {"", fmt.Sprint(prod)}, "repeat": {"interval"}, "count": {"1"}, "unit": {"60"}, "tags": {"", fmt.Sprint(tagged)},
		"missed": {"skip"}, "calendar": {"left over"},
	}).want(t, 303).header.Get("Location")
	o := admin.read(schedulesPath, 1)
	if to != at(schedulesPath, 1) || o["interval"] != 60.0 || fmt.Sprint(o["types"]) != "[replications]" || o["calendar"] != "" || len(o["endpoints"].([]any)) != 1 || len(o["tags"].([]any)) != 1 ||
		o["enabled"] != true || o["first_run"] != nil || o["missed"].(map[string]any)["value"] != "skip" {
		t.Fatalf("%s %v", to, o)
	}
	// Sent as it is, it stays as it is.
	was := fmt.Sprint(o)
	admin.write(at(schedulesPath, 1, "edit/"), nil).goes(t, to)
	if is := fmt.Sprint(admin.read(schedulesPath, 1)); is != was {
		t.Errorf("it was %s, is %s", was, is)
	}
	// What others changed meanwhile stays, and custom fields can be set.
	admin.make(fieldsPath, map[string]any{"name": "owner", "type": "text", "object_types": []string{"netbox_proxbox.syncschedule"}})
	open := admin.get(at(schedulesPath, 1, "edit/"))
	admin.ask("PATCH", at(schedulesPath, 1), map[string]any{"description": "of another"})
	admin.changed(open, at(schedulesPath, 1, "edit/"), url.Values{"cf_owner": {"ann"}}).goes(t, to)
	if o = admin.read(schedulesPath, 1); o["description"] != "of another" || fmt.Sprint(o["custom_fields"]) != "map[owner:ann]" {
		t.Errorf("%v", o)
	}
	admin.write(at(schedulesPath, 1, "edit/"), url.Values{
		"repeat": {"calendar"}, "calendar": {"02:00"}, "time_zone": {"Europe/Berlin"}, "first_run": {"2100-07-01T02:00"}, "types": {"backup-routines", "replications", "inventory"}, "endpoints": {""},
	}).goes(t, to)
	o = admin.read(schedulesPath, 1)
	if o["interval"] != nil || o["calendar"] != "02:00" || o["first_run"] != "2100-07-01T00:00:00Z" || len(o["types"].([]any)) != 0 || len(o["endpoints"].([]any)) != 0 {
		t.Errorf("%v", o)
	}
	g := admin.get(at(schedulesPath, 1, "edit/"))
	if v, _ := attr(g.control(t, "first_run"), "value"); v != "2100-07-01T02:00" {
		t.Errorf("the first run is shown as %q", v)
	}
	for field, c := range map[string]struct {
		sent url.Values
		says string
	}{
		"calendar": {url.Values{"repeat": {"calendar"}, "calendar": {"nonsense"}}, "nonsense"},
		"name":     {url.Values{"name": {""}}, "This field may not be blank."},
		"past":     {url.Values{"repeat": {"once"}, "first_run": {"2020-01-01T00:00"}, "time_zone": {""}}, "Scheduled time must be in the future."},
	} {
		if g := admin.write(at(schedulesPath, 1, "edit/"), c.sent).want(t, 400); !g.has(role("alert"), saying(c.says)) && !strings.Contains(g.text(), c.says) {
			t.Errorf("%s: %s", field, g.text())
		}
	}
	clone := admin.get(add+"?clone=1").want(t, 200)
	if v, _ := attr(clone.control(t, "calendar"), "value"); v != "02:00" {
		t.Errorf("the clone has %q", v)
	}
}

func TestASchedulesPageRunsAndSwitchesIt(t *testing.T) {
	admin := serve(t)
	prod := admin.endpoint("prod")
	id := admin.make(schedulesPath, map[string]any{"name": maliceName, "calendar": "daily", "time_zone": "Europe/Berlin", "endpoints": []int{prod}})
	g := admin.get(at(schedulesPath, id)).want(t, 200)
	if len(all(g.one(t, tag("ol"), class("runs")), tag("time"))) != 5 {
		t.Errorf("not five runs:\n%s", g.text())
	}
	for _, want := range []string{"00:00 Europe/Berlin", "Scheduled", "prod"} {
		if !strings.Contains(g.text(), want) {
			t.Errorf("the page lacks %q:\n%s", want, g.text())
		}
	}
	admin.post(at(schedulesPath, id, "disable/"), nil).goes(t, at(schedulesPath, id))
	if o := admin.read(schedulesPath, id); o["enabled"] != false || o["next_run"] != nil {
		t.Errorf("%v", o)
	}
	if g := admin.get(at(schedulesPath, id)); !strings.Contains(g.text(), "It does not run: it is disabled.") {
		t.Error(g.text())
	}
	admin.post(at(schedulesPath, id, "enable/"), nil).goes(t, at(schedulesPath, id))
	to := admin.post(at(schedulesPath, id, "run/"), nil).want(t, 303).header.Get("Location")
	if g := admin.get(to).want(t, 200); !strings.HasPrefix(to, jobsPath) || !g.has(tag("a"), with("href", at(schedulesPath, id))) {
		t.Errorf("%s has no link to its schedule:\n%s", to, g.text())
	}
	admin.get(schedulesPath).want(t, 200)
}

const maliceName = "<script>alert(1)</script>"

func TestSchedulesAreForThoseWhoMayStartJobs(t *testing.T) {
	admin := serve(t)
	prod, lab := admin.endpoint("prod"), admin.endpoint("lab")
	id := admin.make(schedulesPath, map[string]any{"name": "hourly", "interval": 60, "endpoints": []int{prod, lab}})
	viewer := admin.limited("viewer", permission{types: []string{"netbox_proxbox.syncschedule"}, actions: []string{"view"}})
	g := viewer.get(at(schedulesPath, id)).want(t, 200)
	for _, path := range []string{"run/", "enable/", "disable/"} {
		if g.has(tag("form"), with("action", at(schedulesPath, id, path))) {
			t.Errorf("who may only look is offered %s", path)
		}
		viewer.post(at(schedulesPath, id, path), nil).want(t, 403)
	}
	viewer.get(schedulesPath+"add/").want(t, 403)
	viewer.get(at(schedulesPath, id, "edit/")).want(t, 403)
	// Who may view one of its endpoints alone may not run it.
	runner := admin.limited("runner", append(toOne(lab, "view"),
		permission{types: []string{"netbox_proxbox.syncschedule", "core.job"}, actions: []string{"view", "add"}})...)
	runner.post(at(schedulesPath, id, "run/"), nil).want(t, 403)
	stranger := admin.limited("stranger", permission{types: []string{"core.job"}, actions: []string{"add"}})
	stranger.post(at(schedulesPath, id, "run/"), nil).want(t, 404)
	stranger.get(schedulesPath).want(t, 403)
	if n := admin.number("SELECT count(*) FROM jobs WHERE status <> 'scheduled'"); n != 0 {
		t.Errorf("%d jobs began", n)
	}
	if o := admin.read(schedulesPath, id); o["enabled"] != true {
		t.Error("it was disabled")
	}
	if at, err := time.Parse(time.RFC3339Nano, admin.read(schedulesPath, id)["next_run"].(string)); err != nil || at.Before(time.Now()) {
		t.Error(at, err)
	}
}
