package rest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
)

const (
	customPath  = "/api/extras/custom-fields/"
	choicesPath = "/api/extras/custom-field-choice-sets/"
)

var jobTypes = []string{"netbox_proxbox.backuproutine", "netbox_proxbox.replication"}

// define makes a custom field of both kinds of jobs and returns its id; more are further fields of the definition.
func (s *server) define(name, kind string, more map[string]any) int {
	s.t.Helper()
	body := map[string]any{"object_types": jobTypes, "name": name, "type": kind}
	maps.Copy(body, more)
	return s.make(customPath, body)
}

func (w *world) routine(id string, custom map[string]any) int {
	w.t.Helper()
	body := map[string]any{"endpoint": w.prod, "job_id": id, "selection": []int{100}}
	if custom != nil {
		body["custom_fields"] = custom
	}
	return w.make(routinesPath, body)
}

// custom returns the custom fields of an object as they are written.
func (s *server) custom(list string, id int) string {
	s.t.Helper()
	var v struct {
		Custom json.RawMessage `json:"custom_fields"`
	}
	a := s.get(path(list, id) + "?fields=custom_fields")
	if err := json.Unmarshal([]byte(a.body), &v); err != nil || a.status != 200 {
		s.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return string(v.Custom)
}

func TestACustomFieldIsShownAsItWasDefined(t *testing.T) {
	s := serve(t)
	set := s.make(choicesPath, map[string]any{"name": "Tiers", "extra_choices": [][]string{{"gold", "Gold"}, {"iron", "Iron"}}})
	id := s.define("service_tier", "select", map[string]any{"choice_set": set, "default": "gold", "group_name": "Service"})
	got := s.get(path(customPath, id)).json(t)
	delete(got, "created")
	delete(got, "last_updated")
	base := s.http.URL
	want := fmt.Sprintf(`{"choice_set":{"choices_count":2,"description":"","display":"Tiers","id":%[2]d,"name":"Tiers","url":"%[3]s%[4]s"},"comments":"","data_type":"string",`+
		`"default":"gold","description":"","display":"Service tier","display_url":"%[3]s/extras/custom-fields/%[1]d/","filter_logic":{"label":"Loose","value":"loose"},"group_name":"Service",`+
		`"id":%[1]d,"is_cloneable":false,"label":"","name":"service_tier","object_types":["netbox_proxbox.backuproutine","netbox_proxbox.replication"],"related_object_filter":null,`+
		`"related_object_type":null,"required":false,"search_weight":1000,"type":{"label":"Selection","value":"select"},"ui_editable":{"label":"Yes","value":"yes"},`+
		`"ui_visible":{"label":"Always","value":"always"},"unique":false,"url":"%[3]s%[5]s","validation_maximum":null,"validation_minimum":null,"validation_regex":"","weight":100}`,
		id, set, base, path(choicesPath, set), path(customPath, id))
	text, err := json.Marshal(got)
	if err != nil || string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	sets := s.get(path(choicesPath, set)).json(t)
	if sets["base_choices"] != nil || sets["choices_count"] != 2.0 || fmt.Sprint(sets["extra_choices"]) != "[[gold Gold] [iron Iron]]" || sets["order_alphabetically"] != false {
		t.Errorf("the choice set is %v", sets)
	}
}

func TestDefinitionsThatContradictThemselvesAreRefused(t *testing.T) {
	s := serve(t)
	set := s.make(choicesPath, map[string]any{"name": "Tiers", "extra_choices": [][]string{{"gold", "Gold"}}})
	s.define("taken", "text", nil)
	for _, c := range []struct {
		more map[string]any
		want string
	}{
		{map[string]any{"name": "a b"}, `{"name":["Only alphanumeric characters and underscores are allowed."]}`},
		{map[string]any{"name": "a__b"}, `{"name":["Double underscores are not permitted in custom field names."]}`},
		{map[string]any{"name": "a-__b"}, `{"name":["Only alphanumeric characters and underscores are allowed.","Double underscores are not permitted in custom field names."]}`},
		{map[string]any{"name": "taken"}, `{"name":["custom field with this name already exists."]}`},
		{map[string]any{"name": ""}, `{"name":["This field may not be blank."]}`},
		{map[string]any{"type": "object"}, `{"type":["object is not a valid choice."]}`},
		{map[string]any{"type": nil}, `{"type":["This field may not be blank."]}`},
		{map[string]any{"object_types": []string{"extras.tag"}}, `{"object_types":["Invalid content type: extras.tag"]}`},
		{map[string]any{"object_types": []string{"no.such"}}, `{"object_types":["Invalid content type: no.such"]}`},
		{map[string]any{"object_types": nil}, `{"object_types":["This field may not be null."]}`},
		{map[string]any{"type": "select"}, `{"choice_set":["Selection fields must specify a set of choices."]}`},
		{map[string]any{"choice_set": set}, `{"choice_set":["Choices may be set only on selection fields."]}`},
		{map[string]any{"choice_set": 999}, `{"choice_set":["Related object not found using the provided numeric ID: 999"]}`},
		{map[string]any{"validation_minimum": 1}, `{"validation_minimum":["A minimum value may be set only for numeric fields"]}`},
		{map[string]any{"validation_maximum": -1.5}, `{"validation_maximum":["A maximum value may be set only for numeric fields"]}`},
		{map[string]any{"validation_minimum": 1e13, "type": "decimal"}, `{"validation_minimum":["Ensure that there are no more than 12 digits before the decimal point."]}`},
		{map[string]any{"validation_regex": "("}, `{"validation_regex":["( is not a valid regular expression."]}`},
		{map[string]any{"validation_regex": "a", "type": "integer"}, `{"validation_regex":["Regular expression validation is supported only for text and URL fields"]}`},
		{map[string]any{"unique": true, "type": "boolean"}, `{"unique":["Uniqueness cannot be enforced for boolean fields"]}`},
		{map[string]any{"default": "x", "type": "integer"}, `{"default":["Invalid default value \"x\": Value must be an integer."]}`},
		{map[string]any{"default": "tin", "type": "select", "choice_set": set}, `{"default":["Invalid default value \"tin\": Invalid choice (tin) for choice set Tiers."]}`},
		{map[string]any{"weight": 40000}, `{"weight":["Ensure this value is less than or equal to 32767."]}`},
	} {
		body := map[string]any{"object_types": jobTypes, "name": "x", "type": "text"}
		maps.Copy(body, c.more)
		s.ask("POST", customPath, body).want(t, 400, c.want)
	}
	s.ask("POST", customPath, map[string]any{}).want(t, 400, `{"object_types":["This field is required."],"type":["This field is required."],"name":["This field is required."]}`)
	for _, c := range []struct {
		body map[string]any
		want string
	}{
		{map[string]any{"name": "s", "extra_choices": [][]string{}}, `{"__all__":["Must define base or extra choices."]}`},
		{map[string]any{"name": "s"}, `{"extra_choices":["This field is required."]}`},
		{map[string]any{"name": "s", "extra_choices": nil}, `{"extra_choices":["This field may not be null."]}`},
		{map[string]any{"name": "s", "extra_choices": "a"}, `{"extra_choices":["Expected a list of items but got type \"str\"."]}`},
		{map[string]any{"name": "s", "extra_choices": []any{"a", []string{"b"}, []string{"c", "d"}, []string{"e", "f", "g"}}}, `{"extra_choices":{"0":["Expected a list of items but got type \"str\"."],"1":["Ensure this field has at least 2 elements."],"3":["Ensure this field has no more than 2 elements."]}}`},
		{map[string]any{"name": "s", "extra_choices": [][]string{{"a", "A"}, {"a", "B"}}}, `{"__all__":["Duplicate value 'a' found in extra choices."]}`},
		{map[string]any{"name": "s", "extra_choices": [][]string{{"a", "A"}}, "base_choices": "IATA"}, `{"base_choices":["The choices of IATA are not known here: list those that are needed in extra_choices."]}`},
		{map[string]any{"name": "s", "extra_choices": [][]string{{"a", "A"}}, "base_choices": "x"}, `{"base_choices":["x is not a valid choice."]}`},
		{map[string]any{"name": "Tiers", "extra_choices": [][]string{{"a", "A"}}}, `{"name":["custom field choice set with this name already exists."]}`},
	} {
		s.ask("POST", choicesPath, c.body).want(t, 400, c.want)
	}
	if id := s.define("n", "integer", map[string]any{"validation_minimum": -1, "validation_maximum": 10.5}); s.get(path(customPath, id)).json(t)["validation_maximum"] != 10.5 {
		t.Error("bounds are not kept")
	}
}

func TestValuesOfCustomFieldsAreChecked(t *testing.T) {
	w := newWorld(t)
	set := w.make(choicesPath, map[string]any{"name": "Tiers", "extra_choices": [][]string{{"gold", "Gold"}, {"iron", "Iron"}}})
	for _, f := range []struct {
		name, kind string
		more       map[string]any
	}{
		{"t", "text", map[string]any{"validation_regex": "[a-z]+$"}},
		{"l", "longtext", nil},
		{"i", "integer", map[string]any{"validation_minimum": 1, "validation_maximum": 10}},
		{"d", "decimal", map[string]any{"validation_minimum": -1.5}},
		{"b", "boolean", nil},
		{"day", "date", nil},
		{"at", "datetime", nil},
		{"u", "url", map[string]any{"validation_regex": "https://"}},
		{"j", "json", nil},
		{"s", "select", map[string]any{"choice_set": set}},
		{"m", "multiselect", map[string]any{"choice_set": set}},
	} {
		w.define(f.name, f.kind, f.more)
	}
	id := w.routine("r", nil)
	blank := `{"at":null,"b":null,"d":null,"day":null,"i":null,"j":null,"l":null,"m":null,"s":null,"t":null,"u":null}`
	if got := w.custom(routinesPath, id); got != blank {
		t.Errorf("a new routine has %s", got)
	}
	for _, c := range []struct{ name, value, shown string }{
		{"t", `"abc"`, `"abc"`},
		{"t", `""`, `""`},
		{"t", `null`, `null`},
		{"t", `"ABC"`, "!Value must match regex '[a-z]+$'"},
		{"t", `5`, "!Value must be a string."},
		{"t", `"1abc"`, "!Value must match regex '[a-z]+$'"},
		{"t", `true`, "!Value must be a string."},
		{"t", `["a"]`, "!Value must be a string."},
		{"l", `"a\nb ü"`, `"a\nb ü"`},
		{"l", `{}`, "!Value must be a string."},
		{"l", `"\u0000"`, "!Null characters are not allowed."},
		{"i", `5`, `5`},
		{"i", `1`, `1`},
		{"i", `10`, `10`},
		{"i", `0`, "!Value must be at least 1.0000"},
		{"i", `11`, "!Value must not exceed 10.0000"},
		{"i", `5.0`, "!Value must be an integer."},
		{"i", `"5"`, "!Value must be an integer."},
		{"i", `true`, "!Value must be an integer."},
		{"i", `null`, `null`},
		{"i", `""`, `null`},
		{"d", `2.50`, `2.5`},
		{"d", `"3.25"`, `3.25`},
		{"d", `3`, `3`},
		{"d", `2.0`, `2.0`},
		{"d", `1e2`, `100.0`},
		{"d", `"x"`, "!Value must be a decimal."},
		{"d", `-2`, "!Value must be at least -1.5000"},
		{"d", `[]`, "!Value must be a decimal."},
		{"d", `"NaN"`, "!Value must be a decimal."},
		{"b", `true`, `true`},
		{"b", `0`, `false`},
		{"b", `1`, `true`},
		{"b", `"true"`, "!Value must be true or false."},
		{"b", `2`, "!Value must be true or false."},
		{"day", `"2026-05-01"`, `"2026-05-01"`},
		{"day", `"20260501"`, `"2026-05-01"`},
		{"day", `"2026-13-01"`, "!Date values must be in ISO 8601 format (YYYY-MM-DD)."},
		{"day", `5`, "!Date values must be in ISO 8601 format (YYYY-MM-DD)."},
		{"day", `"2026-05-01T10:00:00"`, "!Date values must be in ISO 8601 format (YYYY-MM-DD)."},
		{"at", `"2026-05-01 10:00"`, `"2026-05-01T10:00:00"`},
		{"at", `"2026-05-01T10:00:00Z"`, `"2026-05-01T10:00:00Z"`},
		{"at", `"2026-05-01T10:00:00.5+02:00"`, `"2026-05-01T10:00:00.500000+02:00"`},
		{"at", `"2026-05-01"`, `"2026-05-01T00:00:00"`},
		{"at", `"2026-05-01T25:00:00"`, "!Date and time values must be in ISO 8601 format (YYYY-MM-DD HH:MM:SS)."},
		{"at", `"2026-05-01T10:00:00+16:00"`, "!Date and time values must be in ISO 8601 format (YYYY-MM-DD HH:MM:SS)."},
		{"at", `"2026-05-01T10:00:00-1530"`, `"2026-05-01T10:00:00-15:30"`},
		{"at", `"soon"`, "!Date and time values must be in ISO 8601 format (YYYY-MM-DD HH:MM:SS)."},
		{"u", `"https://x.example"`, `"https://x.example"`},
		{"u", `"ftp://x"`, "!Value must match regex 'https://'"},
		{"u", `7`, "!Value must be a string."},
		{"j", `{"b":[1,{"x":null}],"a":"ü"}`, `{"a":"ü","b":[1,{"x":null}]}`},
		{"j", `[1,2]`, `[1,2]`},
		{"j", `"text"`, `"text"`},
		{"j", `false`, `false`},
		{"j", `{"a":"\u0000"}`, "!Null characters are not allowed."},
		{"s", `"gold"`, `"gold"`},
		{"s", `"tin"`, "!Invalid choice (tin) for choice set Tiers."},
		{"s", `["gold"]`, "!Invalid choice (['gold']) for choice set Tiers."},
		{"m", `["gold","iron"]`, `["gold","iron"]`},
		{"m", `[]`, `[]`},
		{"m", `["gold","tin"]`, "!Invalid choice(s) (['gold', 'tin']) for choice set Tiers."},
		{"m", `"gold"`, "!Invalid choice(s) (gold) for choice set Tiers."},
		{"m", `[["gold"]]`, "!Invalid choice(s) ([['gold']]) for choice set Tiers."},
	} {
		before := w.custom(routinesPath, id)
		a := w.ask("PATCH", path(routinesPath, id), `{"custom_fields":{"`+c.name+`":`+c.value+`}}`)
		if text, wrong := strings.CutPrefix(c.shown, "!"); wrong {
			quoted, err := json.Marshal("Invalid value for custom field '" + c.name + "': " + text)
			if err != nil {
				t.Fatal(err)
			}
			a.want(t, 400, `{"__all__":[`+string(quoted)+`]}`)
			if after := w.custom(routinesPath, id); after != before {
				t.Errorf("a refused %s changed %s into %s", c.value, before, after)
			}
			continue
		}
		a.want(t, 200, "")
		var shown map[string]json.RawMessage
		if err := json.Unmarshal([]byte(w.custom(routinesPath, id)), &shown); err != nil || string(shown[c.name]) != c.shown {
			t.Errorf("%s %s is shown as %s (%v), want %s", c.name, c.value, shown[c.name], err, c.shown)
		}
	}
	w.ask("PATCH", path(routinesPath, id), `{"custom_fields":{"x":1,"a":2}}`).want(t, 400, `{"custom_fields":{"a":"Custom field 'a' does not exist for this object type.","x":"Custom field 'x' does not exist for this object type."}}`)
	w.ask("PATCH", path(routinesPath, id), `{"custom_fields":null}`).want(t, 400, `{"custom_fields":["This field may not be null."]}`)
	// The first wrong value in the order of the fields is told.
	w.ask("PATCH", path(routinesPath, id), `{"custom_fields":{"s":"x","b":"x"},"job_id":""}`).want(t, 400, `{"job_id":["This field may not be blank."]}`)
	w.ask("PATCH", path(routinesPath, id), `{"custom_fields":{"s":"x","b":"x"}}`).want(t, 400, `{"__all__":["Invalid value for custom field 'b': Value must be true or false."]}`)
}

func TestValuesAreMergedByNameAndInTheOrderOfTheDefinitions(t *testing.T) {
	w := newWorld(t)
	w.define("zeta", "text", map[string]any{"weight": 1, "group_name": "B"})
	w.define("alpha", "integer", map[string]any{"weight": 200, "group_name": "B"})
	w.define("mid", "text", map[string]any{"group_name": "A"})
	w.make(customPath, map[string]any{"object_types": []string{"virtualization.cluster"}, "name": "site", "type": "text"})
	id := w.routine("r", map[string]any{"zeta": "z", "alpha": 1})
	for _, c := range []struct{ patch, want string }{
		{`{}`, `{"mid":null,"zeta":"z","alpha":1}`},
		{`{"mid":"m"}`, `{"mid":"m","zeta":"z","alpha":1}`},
		{`{"zeta":null,"alpha":2}`, `{"mid":"m","zeta":null,"alpha":2}`},
	} {
		w.ask("PATCH", path(routinesPath, id), `{"custom_fields":`+c.patch+`}`).want(t, 200, "")
		if got := w.custom(routinesPath, id); got != c.want {
			t.Errorf("after %s: %s, want %s", c.patch, got, c.want)
		}
	}
	// PUT merges too, and leaves what it does not name.
	w.ask("PUT", path(routinesPath, id), map[string]any{"endpoint": w.prod, "job_id": "r", "custom_fields": map[string]any{"mid": nil}}).want(t, 200, "")
	w.ask("PUT", path(routinesPath, id), map[string]any{"endpoint": w.prod, "job_id": "r"}).want(t, 200, "")
	if got := w.custom(routinesPath, id); got != `{"mid":null,"zeta":null,"alpha":2}` {
		t.Errorf("after PUT: %s", got)
	}
	if got := w.get(routinesPath + "?fields=custom_fields").body; !strings.Contains(got, `"results":[{"custom_fields":{"mid":null,"zeta":null,"alpha":2}}]`) {
		t.Errorf("the list shows %s", got)
	}
	if got := w.custom(clustersPath, w.prodCluster); got != `{"site":null}` {
		t.Errorf("a cluster has %s", got)
	}
	if got := w.custom(nodesPath, w.node1); got != `{}` {
		t.Errorf("a node has %s", got)
	}
	version := w.exec(`SELECT version FROM backup_routines WHERE id = $1`, id)
	w.ask("PATCH", path(routinesPath, id), `{"custom_fields":{"mid":null,"alpha":2}}`).want(t, 200, "")
	if again := w.exec(`SELECT version FROM backup_routines WHERE id = $1`, id); again != version {
		t.Errorf("what changes nothing made version %d of %d", again, version)
	}
	// All items of a bulk request are merged each for itself.
	two := w.routine("r2", map[string]any{"zeta": "2"})
	w.ask("PATCH", routinesPath, []map[string]any{{"id": id, "custom_fields": map[string]any{"alpha": 7}}, {"id": two, "custom_fields": map[string]any{"mid": "x"}}}).want(t, 200, "")
	if a, b := w.custom(routinesPath, id), w.custom(routinesPath, two); a != `{"mid":null,"zeta":null,"alpha":7}` || b != `{"mid":"x","zeta":"2","alpha":null}` {
		t.Errorf("after bulk: %s and %s", a, b)
	}
}

func TestRequiredUniqueAndDefaultCustomFields(t *testing.T) {
	w := newWorld(t)
	w.define("serial", "text", map[string]any{"unique": true})
	w.define("tags_of", "json", map[string]any{"unique": true})
	w.define("level", "integer", map[string]any{"default": 3})
	one := w.routine("r1", map[string]any{"serial": "a"})
	if got := w.custom(routinesPath, one); got != `{"level":3,"serial":"a","tags_of":null}` {
		t.Errorf("created with %s", got)
	}
	if got := w.custom(routinesPath, w.routine("r0", map[string]any{"level": nil})); got != `{"level":null,"serial":null,"tags_of":null}` {
		t.Errorf("null at creation is %s", got)
	}
	if got := w.custom(routinesPath, w.routine("r00", nil)); got != `{"level":3,"serial":null,"tags_of":null}` {
		t.Errorf("nothing at creation is %s", got)
	}
	create := func(id, custom string) answer {
		return w.ask("POST", routinesPath, fmt.Sprintf(`{"endpoint":%d,"job_id":%q,"selection":[1],"custom_fields":%s}`, w.prod, id, custom))
	}
	create("r2", `{"serial":"a"}`).want(t, 400, `{"__all__":["Custom field 'serial' must have a unique value."]}`)
	create("r3", `{"serial":""}`).want(t, 201, "")
	create("r4", `{"serial":"","tags_of":[]}`).want(t, 201, "")
	create("r5", `{"tags_of":[]}`).want(t, 201, "")
	create("r6", `{"tags_of":{"a":1}}`).want(t, 201, "")
	create("r7", `{"tags_of":{"a":1.0}}`).want(t, 400, `{"__all__":["Custom field 'tags_of' must have a unique value."]}`)
	w.ask("PATCH", path(routinesPath, one), `{"custom_fields":{"serial":"a"}}`).want(t, 200, "")
	// A replication may have the same value; two items of one request may not.
	w.ask("POST", replsPath, map[string]any{"endpoint": w.prod, "replication_id": "1-0", "virtual_machine": w.web, "guest": 1, "target": "x", "jobnum": 0, "custom_fields": map[string]any{"serial": "a"}}).want(t, 201, "")
	a := w.ask("POST", routinesPath, fmt.Sprintf(`[{"endpoint":%[1]d,"job_id":"b1","selection":[1],"custom_fields":{"serial":"q"}},{"endpoint":%[1]d,"job_id":"b2","selection":[1],"custom_fields":{"serial":"q"}}]`, w.prod))
	a.want(t, 400, `[{},{"__all__":["Custom field 'serial' must have a unique value."]}]`)

	w.define("owner", "text", map[string]any{"required": true})
	create("r8", `{"level":1}`).want(t, 400, `{"__all__":["Missing required custom field 'owner'."]}`)
	create("r8", `{"owner":null}`).want(t, 400, `{"__all__":["Invalid value for custom field 'owner': Required field cannot be empty."]}`)
	create("r8", `{"owner":""}`).want(t, 400, `{"__all__":["Invalid value for custom field 'owner': Required field cannot be empty."]}`)
	w.ask("POST", routinesPath, map[string]any{"endpoint": w.prod, "job_id": "r8"}).want(t, 400, `{"__all__":["Invalid value for custom field 'owner': Required field cannot be empty."]}`)
	w.ask("PATCH", path(routinesPath, one), `{"comment":"x"}`).want(t, 400, `{"__all__":["Invalid value for custom field 'owner': Required field cannot be empty."]}`)
	w.ask("PATCH", path(routinesPath, one), `{"custom_fields":{"owner":"me"}}`).want(t, 200, "")
	w.ask("PATCH", path(routinesPath, one), `{"comment":"x"}`).want(t, 200, "")
}
