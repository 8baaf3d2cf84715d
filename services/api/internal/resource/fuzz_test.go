package resource_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
)

var word = regexp.MustCompile(`[A-Za-z_][A-Za-z_0-9]*`)

// vocabulary is every word that the SQL of harmless lists of a resource is made of.
func vocabulary(f *testing.F, r *resource.Resource) map[string]bool {
	f.Helper()
	words := map[string]bool{}
	add := func(params url.Values) {
		sql, _, err := r.ListSQL(params, resource.Limits{})
		if err != nil {
			return // not every value suits every filter
		}
		for _, w := range word.FindAllString(sql, -1) {
			words[w] = true
		}
	}
	for _, name := range r.Filters() {
		for _, value := range []string{"1", "true", "x", "2026-01-01", "active", "00000000-0000-0000-0000-000000000000"} {
			add(url.Values{name: {value}})
		}
		add(url.Values{name: {"x", "null"}})
		add(url.Values{name: {"1", "x", "null"}})
		add(url.Values{name: {"false"}})
	}
	for i := range r.Fields {
		add(url.Values{"ordering": {r.Fields[i].Name + ",-" + r.Fields[i].Name}, "limit": {"1"}, "offset": {"1"}, "q": {"a"}})
	}
	add(url.Values{"start": {"1"}, "limit": {"1"}})
	for i := range 20 { // aliases of joins
		words[fmt.Sprint("j", i)] = true
	}
	return words
}

// FuzzQuery shows that no query makes SQL of anything but declared names: all that a client sends is in the parameters.
func FuzzQuery(f *testing.F) {
	set, err := catalog.New(catalog.Options{})
	if err != nil {
		f.Fatal(err)
	}
	known := map[*resource.Resource]map[string]bool{}
	some := []*resource.Resource{set.Get("backup-routines"), set.Get("replications")}
	for _, r := range some {
		known[r] = vocabulary(f, r)
	}
	for _, seed := range []string{
		"limit=2&offset=1&ordering=-job_id,endpoint", "job_id__ic=%25&job_id__n=a", "keep_last__gt=1e9&node=null&node=x", "start=0&limit=0", "tag=a&tag__n=b&tag_id=1",
		"q=%27;DROP TABLE users", "status=active&enabled=2&created__lte=2026-01-01", "ordering=id;--&last_seen__gte=2026-01-01", "virtual_machine__n=1&rate__lt=.5",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		params, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		for _, r := range some {
			sql, args, err := r.ListSQL(params, resource.Limits{Default: 50, Max: 1000})
			if err != nil {
				continue
			}
			for _, w := range word.FindAllString(sql, -1) {
				if !known[r][w] {
					t.Errorf("%q makes %q part of the SQL %s", raw, w, sql)
				}
			}
			if n := strings.Count(sql, "'"); n%2 != 0 || strings.Contains(sql, ";") || strings.Contains(sql, "--") {
				t.Errorf("%q makes the SQL %s", raw, sql)
			}
			if len(args) > 0 && !strings.Contains(sql, fmt.Sprint("$", len(args))) {
				t.Errorf("%d parameters are not used: %s", len(args), sql)
			}
		}
	})
}

// FuzzBody shows that every body of JSON is either taken or refused with messages, and that what is taken can be stored as text and jsonb.
func FuzzBody(f *testing.F) {
	set, err := catalog.New(catalog.Options{})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		`{"job_id": "a", "selection": [1, "2"], "raw_config": {"a": [null, 1e5]}}`, `{"endpoint": {"name": {"x": {}}}, "keep_last": 5.0}`, `[]`, `null`, `{"tags": [{"slug": "a"}, 1, {}]}`,
		`{"next_run": "2026-04-02T02:00:00.1+0200", "enabled": "YES", "status": ["x"]}`, `{"fingerprints": ["zz"], "ca_certificate": "-----BEGIN", "domain": "a..b", "ip_address": "::1"}`,
		`[{"id": 1}, {"id": "x", "changelog_message": []}, null, 5, {"id": 1e30}, {"id": 1, "id": null}]`, `[[]]`, `[{"tags": [{"slug": "a"}]}, {"job_id": "b", "endpoint": 1}]`,
		`{"job_id": "\ud800", "comment": "\u0000"}`, `{"rate": "0x1p-2", "guest": "٣"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var body any
		if d.Decode(&body) != nil {
			return
		}
		checkInput(t, set, body)
		for _, r := range set.All {
			for _, err := range []error{r.CheckList(body), resource.CheckNamed(body)} {
				if err == nil {
					continue
				}
				list, many := body.([]any)
				each, positional := errors.AsType[resource.Positional](err)
				if text, wrong := json.Marshal(each); many && (!positional || wrong != nil || len(each) != len(list)) {
					t.Errorf("the refusal of %d items is %s (%v)", len(list), text, wrong)
				}
			}
		}
	})
}

// checkInput shows that each resource takes or refuses a body, and that what it takes can be stored.
func checkInput(t *testing.T, set *resource.Set, body any) {
	t.Helper()
	for _, r := range set.All {
		for _, create := range []bool{true, false} {
			values, err := r.CheckInput(body, create)
			if err != nil {
				if _, wrong := json.Marshal(err); wrong != nil {
					t.Errorf("the refusal is no JSON: %v", wrong)
				}
				continue
			}
			for name, v := range values {
				switch v := v.(type) {
				case string:
					if strings.ContainsRune(v, 0) {
						t.Errorf("%s takes a NUL", name)
					}
				case json.RawMessage:
					if !json.Valid(v) || strings.Contains(string(v), `\u0000`) {
						t.Errorf("%s takes %s", name, v)
					}
				}
			}
		}
	}
}

// FuzzForm shows the same of forms: what they say by field is what a body of JSON says.
func FuzzForm(f *testing.F) {
	set, err := catalog.New(catalog.Options{})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"endpoint.name=lab&job_id=a&job_id=b&selection=1&selection=x&raw_config={", "tags=1&tags[0]slug=a&tags[0].name=b&tags[9999999]=1&tags[1]=", "endpoint.a.b=1&endpoint.a=2&endpoint.=3&enabled=",
		"custom_fields={}&custom_fields.x=1&keep_all=&changelog_message=%00", "object_types=users.user&actions=view&actions=&allowed_ips=::1&extra_choices=[[1,2]]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		form, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		checkInput(t, set, resource.FormData(form))
	})
}
