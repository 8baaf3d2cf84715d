package rest_test

import (
	"slices"
	"strings"
	"testing"
)

// byCustom returns what a list has for a field, joined.
func (s *server) byCustom(query string) string {
	s.t.Helper()
	var out []string
	for _, o := range s.get(routinesPath + "?ordering=job_id&fields=job_id&" + query).results(s.t) {
		out = append(out, o["job_id"].(string))
	}
	return strings.Join(out, " ")
}

func TestListsAreFilteredByCustomFields(t *testing.T) {
	w := newWorld(t)
	set := w.make(choicesPath, map[string]any{"name": "Tiers", "extra_choices": [][]string{{"gold", "Gold"}, {"iron", "Iron"}, {"Goldfish", "Fish"}}})
	for name, more := range map[string]map[string]any{
		"loose": {"type": "text"}, "exact": {"type": "text", "filter_logic": "exact"}, "url": {"type": "url"}, "long": {"type": "longtext"},
		"n": {"type": "integer"}, "d": {"type": "decimal"}, "b": {"type": "boolean"}, "day": {"type": "date"}, "at": {"type": "datetime"}, "j": {"type": "json"},
		"s": {"type": "select", "choice_set": set}, "m": {"type": "multiselect", "choice_set": set}, "off": {"type": "text", "filter_logic": "disabled"},
	} {
		kind := more["type"].(string)
		delete(more, "type")
		w.define(name, kind, more)
	}
	w.routine("a", map[string]any{"loose": "Anna", "exact": "Anna", "url": "https://a.example", "n": 3, "d": 1.5, "b": true, "day": "2026-05-01", "at": "2026-05-01T10:00:00Z", "s": "gold", "m": []string{"gold", "iron"}, "off": "x", "j": map[string]any{"a": 1}})
	w.routine("b", map[string]any{"loose": "bob 100%", "exact": "ünï", "n": -1, "d": 10, "b": false, "day": "2025-12-31", "at": "2026-05-01T11:30:00+02:00", "s": "iron", "m": []string{"iron"}})
	w.routine("c", map[string]any{"loose": "", "exact": "", "n": 20, "d": -3.25, "at": "2026-05-02 00:00", "s": "Goldfish", "m": []string{}})
	w.routine("d", nil)
	// Values of rows that a sync made lie there without keys; what was written as null is the same.
	w.exec(`UPDATE backup_routines SET custom_field_data = '{"n": null, "s": null, "loose": null, "exact": null, "b": null, "m": null}' WHERE job_id = 'd'`)
	w.routine("e", nil)
	const all = "a b c d e"
	for _, c := range []struct{ query, want string }{
		{"cf_loose=ann", "a"},
		{"cf_loose=100%25", "b"},
		{"cf_loose=%25", "b"},
		{"cf_loose=ann&cf_loose=BOB", "a b"},
		{"cf_loose=null", "d e"},
		{"cf_loose=null&cf_loose=ann", "a d e"},
		{"cf_loose=", all},
		{"cf_loose__n=ann", all},
		{"cf_loose__empty=true", all},
		{"cf_loose__isw=b", all},
		{"cf_url=A.EXAMPLE", "a"},
		{"cf_long=null", all},
		{"cf_exact=Anna", "a"},
		{"cf_exact=anna", ""},
		{"cf_exact=Ann", ""},
		{"cf_exact=null", "d e"},
		{"cf_exact__n=Anna", "b c d e"},
		{"cf_exact__n=Anna&cf_exact__n=ünï", "c d e"},
		{"cf_exact__ic=NN", "a"},
		{"cf_exact__nic=NN", "b c d e"},
		{"cf_exact__isw=ÜN", "b"},
		{"cf_exact__nisw=ÜN", "a c d e"},
		{"cf_exact__iew=NA", "a"},
		{"cf_exact__niew=NA", "b c d e"},
		{"cf_exact__ie=ANNA", "a"},
		{"cf_exact__nie=ANNA", "b c d e"},
		{"cf_exact__empty=true", "c d e"},
		{"cf_exact__empty=false", "a b"},
		{"cf_exact__empty=1", all},
		{"cf_exact__regex=^A.*a$", "a"},
		{"cf_exact__iregex=^an", "a"},
		{"cf_n=3", "a"},
		{"cf_n=3.0", "a"},
		{"cf_n=3&cf_n=20", "a c"},
		{"cf_n__n=3", "b c d e"},
		{"cf_n__gt=3", "c"},
		{"cf_n__gte=3", "a c"},
		{"cf_n__lt=3", "b"},
		{"cf_n__lte=3", "a b"},
		{"cf_n__lt=99999999999999999999999", "a b c"},
		{"cf_n__empty=true", "d e"},
		{"cf_n__empty=false", "a b c"},
		{"cf_d=1.5", "a"},
		{"cf_d=1.50", "a"},
		{"cf_d=10.0", "b"},
		{"cf_d__lt=2", "a c"},
		{"cf_d__gte=-3.25", "a b c"},
		{"cf_d__n=10", "a c d e"},
		{"cf_d__empty=true", "d e"},
		{"cf_b=true", "a"},
		{"cf_b=False", "b"},
		{"cf_b=1", all},
		{"cf_b=null", all},
		{"cf_b__empty=true", all},
		{"cf_day=2026-05-01", "a"},
		{"cf_day=05/01/2026", "a"},
		{"cf_day=May 1, 2026", "a"},
		{"cf_day__gte=2026-01-01", "a"},
		{"cf_day__lt=2026-01-01", "b"},
		{"cf_day__n=2026-05-01", "b c d e"},
		{"cf_day__empty=true", "c d e"},
		{"cf_at=2026-05-01T10:00:00Z", "a"},
		{"cf_at=2026-05-01T12:00:00%2B02:00", "a"},
		{"cf_at__lt=2026-05-01T10:00:00", "b"},
		{"cf_at__gt=2026-05-01 10:00", "c"},
		{"cf_at__gte=2026-05-02", "c"},
		{"cf_at__n=2026-05-01T10:00:00Z", "b c d e"},
		{"cf_at__empty=false", "a b c"},
		{"cf_j=1", all},
		{"cf_j__empty=true", all},
		{"cf_s=gold", "a"},
		{"cf_s=gold&cf_s=iron", "a b"},
		{"cf_s=tin", ""},
		{"cf_s=null", "d e"},
		{"cf_s__n=gold", "b c d e"},
		{"cf_s__ic=GOLD", "a c"},
		{"cf_s__isw=g", "a c"},
		{"cf_s__empty=true", "d e"},
		{"cf_m=iron", "a b"},
		{"cf_m=gold&cf_m=iron", "a b"},
		{"cf_m=ir", ""},
		{"cf_m=null", "d e"},
		{"cf_m__n=gold", all},
		{"cf_m__empty=true", all},
		{"cf_off=x", all},
		{"cf_off__n=x", all},
		{"cf_none=1", all},
		{"cf_=1", all},
		{"cf_n=3&cf_loose=bob", ""},
		{"cf_n__gte=3&cf_s=gold", "a"},
		{"ordering=cf_n", all},
		{"ordering=-cf_n", all},
	} {
		if got := w.byCustom(strings.ReplaceAll(c.query, " ", "%20")); got != c.want {
			t.Errorf("?%s: %q, want %q", c.query, got, c.want)
		}
	}
	for query, want := range map[string]string{
		"cf_n=abc": `{"cf_n":["Enter a whole number."]}`, "cf_n=null": `{"cf_n":["Enter a whole number."]}`, "cf_n=3,4": `{"cf_n":["Enter a whole number."]}`, "cf_n__lt=1.5": `{"cf_n__lt":["Enter a whole number."]}`,
		"cf_d=x": `{"cf_d":["Enter a number."]}`, "cf_d=NaN": `{"cf_d":["Enter a number."]}`, "cf_day=garbage": `{"cf_day":["Enter a valid date."]}`, "cf_day=2026-02-30": `{"cf_day":["Enter a valid date."]}`, "cf_day__gt=null": `{"cf_day__gt":["Enter a valid date."]}`,
		"cf_at=soon": `{"cf_at":["Enter a valid date/time."]}`, "cf_exact__regex=(": `{"cf_exact__regex":["Enter a valid regular expression."]}`,
		"cf_n=x&cf_d=y&status=z": `{"cf_d":["Enter a number."],"cf_n":["Enter a whole number."],"status":["Select a valid choice. z is not one of the available choices."]}`,
	} {
		w.get(routinesPath+"?"+query).want(t, 400, want)
	}
	a := w.get(routinesPath + "?cf_n=3&cf_loose__n=x&cf_nope=1&cf_off=x&limit=1")
	if got := a.header.Get("X-Ignored-Parameters"); got != "cf_loose__n, cf_nope, cf_off" {
		t.Errorf("ignored are %q", got)
	}
	// Parameters stay in the links, and a page costs the same statements whatever its length.
	if next := w.get(routinesPath + "?cf_n__gte=-5&limit=1").json(t)["next"].(string); !strings.HasSuffix(next, "?cf_n__gte=-5&limit=1&offset=1") {
		t.Errorf("next is %s", next)
	}
	w.get(replsPath+"?cf_n=3").want(t, 200, `{"count":0,"next":null,"previous":null,"results":[]}`)
	w.get(nodesPath+"?cf_n=abc").want(t, 200, "")
	if csv := w.get(routinesPath + "?export=csv&cf_n=3&fields=job_id").body; csv != "job_id\r\na\r\n" {
		t.Errorf("CSV is %q", csv)
	}
}

func TestChoiceSetsAreFilteredByChoice(t *testing.T) {
	s := serve(t)
	for name, choices := range map[string][][]string{"A": {{"x", "Ex"}, {"y", "Why"}}, "B": {{"y", "Ypsilon"}}} {
		s.make(choicesPath, map[string]any{"name": name, "extra_choices": choices, "description": "of " + name})
	}
	for query, want := range map[string][]string{
		"choice=x": {"A"}, "choice=y": {"A", "B"}, "choice=Ypsilon": {"B"}, "choice=x&choice=Ypsilon": {"A", "B"}, "choice=z": nil, "q=of%20a": {"A"}, "name=B": {"B"}, "name__ic=b": {"B"}, "order_alphabetically=false": {"A", "B"},
	} {
		var got []string
		for _, o := range s.get(choicesPath + "?" + query).results(t) {
			got = append(got, o["name"].(string))
		}
		if !slices.Equal(got, want) {
			t.Errorf("?%s: %v, want %v", query, got, want)
		}
	}
	for _, name := range []string{"one", "two"} {
		s.define(name, "text", map[string]any{"label": strings.ToUpper(name), "group_name": name, "weight": len(name)})
	}
	s.make(customPath, map[string]any{"object_types": []string{"virtualization.cluster"}, "name": "three", "type": "boolean", "required": true, "filter_logic": "exact"})
	for query, want := range map[string][]string{
		"type=text": {"one", "two"}, "type=boolean&type=text": {"three", "one", "two"}, "object_type=netbox_proxbox.replication": {"one", "two"}, "object_type=virtualization.cluster": {"three"}, "object_type=no.such": nil,
		"object_type_id=7": {"three"}, "required=true": {"three"}, "group_name=one": {"one"}, "label=ONE": {"one"}, "filter_logic=exact": {"three"}, "q=TW": {"two"}, "choice_set_id=null": {"three", "one", "two"}, "name__isw=t": {"three", "two"},
	} {
		var got []string
		for _, o := range s.get(customPath + "?" + query).results(t) {
			got = append(got, o["name"].(string))
		}
		if !slices.Equal(got, want) {
			t.Errorf("?%s: %v, want %v", query, got, want)
		}
	}
	s.get(customPath+"?type=object").want(t, 400, `{"type":["Select a valid choice. object is not one of the available choices."]}`)
}
