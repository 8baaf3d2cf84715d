package web_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/web"
)

// unwritten are words of programs in texts for people: acronyms in small letters, and names of fields.
var unwritten = regexp.MustCompile(`\b([Ss]sl|[Tt]ls|[Vv]mids?|[Uu]rls?|[Ii]ds?|[Ii]ps?|[Aa]pi|[Cc]pus?|[Cc]sv|[Uu]pid|[Uu]ui?d?|[Pp]bs|proxmox|[a-z]+_[a-z_]+)\b`)

// TestTextsForPeopleAreWrittenAsPeopleDo looks through the labels of all fields and choices, and what stands on lists, forms and pages of all resources.
func TestTextsForPeopleAreWrittenAsPeopleDo(t *testing.T) {
	w := newWorld(t)
	check := func(where, text string) {
		if wrong := unwritten.FindString(text); wrong != "" {
			t.Errorf("%s: %q has %q", where, text, wrong)
		}
	}
	for _, r := range w.set.All {
		for _, fields := range [][]resource.Field{r.Fields, r.More} {
			for i := range fields {
				check(r.Name, web.Label(r, fields[i].Name))
			}
		}
		base := web.PathOf(r)
		pages := []string{base}
		if id, ok := w.seen[r.Name]; ok {
			pages = append(pages, at(base, id))
		}
		if !r.ReadOnly {
			pages = append(pages, base+"add/")
		}
		for _, path := range pages {
			g := w.get(path).want(t, 200)
			for _, n := range g.all(tag("h1", "h2", "label", "legend", "option", "th", "button")) {
				if _, ours := attr(n, "data-name"); !ours {
					check(path, textOf(n))
				}
			}
			for _, n := range g.all(class("form-hint")) {
				check(path, regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(textOf(n), "")) // examples are for programs
			}
		}
	}
}

func TestTitlesOfFormsAreSentences(t *testing.T) {
	admin := serve(t)
	for path, title := range map[string]string{
		endpointsPath: "Add a Proxmox endpoint", "/users/tokens/": "Add an API token", "/users/users/": "Add a user", vmsPath: "Add a virtual machine",
		"/plugins/proxbox/sync-schedules/": "Add a sync schedule", "/extras/custom-field-choice-sets/": "Add a custom field choice set",
	} {
		if g := admin.get(path+"add/").want(t, 200); textOf(g.one(t, tag("h1"))) != title {
			t.Errorf("%s says %q", path, textOf(g.one(t, tag("h1"))))
		}
	}
}

func TestWhatIsWrongIsSaidInTheWordsOfTheForm(t *testing.T) {
	admin := serve(t)
	for _, c := range []struct {
		path   string
		form   url.Values
		within match
		want   string
	}{
		{endpointsPath, url.Values{"name": {"x"}}, role("alert"), "A domain or an IP address is required."},
		{endpointsPath, url.Values{"name": {"x"}, "domain": {"10.0.0.1"}}, with("id", "wrong-domain"), "it belongs into IP address."},
		{endpointsPath, url.Values{"name": {"x"}, "domain": {"pve.example.com"}, "username": {"a@pve!b"}}, with("id", "wrong-username"), "belongs into token name."},
		{"/plugins/proxbox/sync-schedules/", url.Values{"name": {"x"}, "repeat": {"once"}}, role("alert"), "Give first run, interval or calendar"},
		{"/extras/custom-field-choice-sets/", url.Values{"name": {"x"}, "extra_choices": {"base_choices\nbase_choices"}}, role("alert"), "Duplicate value 'base_choices' found in extra choices."},
	} {
		g := admin.post(c.path+"add/", c.form).want(t, 400)
		found := ""
		for _, n := range g.all(c.within) {
			found += textOf(n) + "\n"
		}
		if !strings.Contains(found, c.want) {
			t.Errorf("%s %v says %q, want %q", c.path, c.form, found, c.want)
		}
	}
}

func TestOnlyActionsThatMeanSomethingAreSuggested(t *testing.T) {
	g := serve(t).get("/users/permissions/add/").want(t, 200)
	for _, n := range g.all(tag("input"), with("name", "actions", "actions_more")) {
		value, _ := attr(n, "value")
		hint, _ := attr(n, "placeholder")
		switch value {
		case "", "view", "add", "change", "delete":
		default:
			t.Errorf("the action %q is offered", value)
		}
		if strings.Contains(hint, "sync") {
			t.Errorf("%q suggests an action that allows nothing", hint)
		}
	}
}
