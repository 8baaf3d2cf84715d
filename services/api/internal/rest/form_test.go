package rest_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"
)

// form makes a body of pairs of name and text, and its content type.
func form(t *testing.T, pairs ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		if err := w.WriteField(pairs[i], pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if f, err := w.CreateFormFile("upload", "x.bin"); err != nil || w.Close() != nil {
		t.Fatal(f, err)
	}
	return b.String(), w.FormDataContentType()
}

func (w *world) submit(method, path string, pairs ...string) answer {
	w.t.Helper()
	body, contentType := form(w.t, pairs...)
	return w.ask(method, path, body, "Content-Type", contentType)
}

func TestFormsAreReadByField(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO tags (name, slug) VALUES ('Alpha', 'alpha'), ('Beta', 'beta'), ('Gamma', 'gamma')")
	a := w.submit("POST", routinesPath, "endpoint.name", "lab", "job_id", "other", "job_id", "a", "enabled", "on", "keep_last", "5", "keep_daily", "", "selection", "100", "selection", "101",
		"raw_config", `{"a": [1]}`, "tags", "1", "tags[0]slug", "beta", "storage.name", "lab-store", "storage.cluster.name", "lab-cluster", "node", "", "comment", "ü <b>", "changelog_message", "by form")
	if a.status != 201 {
		t.Fatal(a.body)
	}
	o := a.json(t)
	got := fmt.Sprint(o["endpoint"].(object)["name"], o["job_id"], o["enabled"], o["keep_last"], o["keep_daily"], o["selection"], o["raw_config"], len(o["tags"].([]any)),
		o["storage"].(object)["name"], o["node"], o["comment"], o["keep_all"], o["repeat_missed"], w.changes(1, 1)[0].Message)
	if want := "lab a true 5 <nil> [100 101] map[a:[1]] 2 lab-store <nil> ü <b> <nil> false by form"; strings.Join(strings.Fields(got), "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	u := path(routinesPath, 1)
	w.submit("PATCH", u, "comment", "", "tags[1]", "3").want(t, 200, "")
	if o := w.get(u).json(t); o["enabled"] != true || o["comment"] != "" || len(o["tags"].([]any)) != 1 {
		t.Errorf("PATCH by form: %v", o)
	}
	// A box that is not ticked is not sent: NetBox takes its absence for false.
	w.submit("PUT", u, "endpoint", fmt.Sprint(w.lab), "job_id", "a", "selection", "[7]").want(t, 200, "")
	if o := w.get(u).json(t); o["enabled"] != false || fmt.Sprint(o["selection"]) != "[7]" {
		t.Errorf("PUT by form: %v", o)
	}
	w.submit("POST", routinesPath, "enabled", "maybe", "keep_last", "x", "raw_config", "{", "selection", "x", "custom_fields", "x", "node", "abc", "tags", "alpha").want(t, 400,
		`{"raw_config":["Value must be valid JSON."],"custom_fields":["Value must be valid JSON."],"endpoint":["This field is required."],"job_id":["This field is required."],`+
			`"enabled":["Must be a valid boolean."],"node":["Related objects must be referenced by numeric ID or by dictionary of attributes. Received an unrecognized value: abc"],`+
			`"selection":["A list of VMIDs is required: its item 1 is no whole number from 0 to 999999999."],"keep_last":["A valid integer is required."],`+
			`"tags":["Related objects must be referenced by numeric ID or by dictionary of attributes. Received an unrecognized value: alpha"]}`)
	for _, method := range []string{"PATCH", "PUT", "DELETE"} {
		w.submit(method, routinesPath, "[0]id", "1", "id", "1").want(t, 400, `{"non_field_errors":["Expected a list of items but got type \"dict\"."]}`)
	}
	w.submit("DELETE", u, "changelog_message", "by form too").want(t, 204, "")
	if rows := w.changes(1, 1); rows[len(rows)-1].Message != "by form too" {
		t.Errorf("%+v", rows[len(rows)-1])
	}
}

func TestBodiesAreRefusedAlikeByAllWrites(t *testing.T) {
	w := newWorld(t)
	u := path(routinesPath, w.make(routinesPath, object{"endpoint": w.prod, "job_id": "a"}))
	deep := strings.Repeat("[", 201) + strings.Repeat("]", 201)
	for _, c := range []struct {
		body, contentType string
		status            int
		want              string
	}{
		{`{"a": `, "application/json", 400, `{"detail":"JSON parse error - Expecting value: line 1 column 7 (char 6)"}`},
		{`{"rate": NaN}`, "application/json", 400, `{"detail":"JSON parse error - Out of range float values are not JSON compliant: 'NaN'"}`},
		{"{\"a\": \"\xff\"}", "application/json", 400, `{"detail":"JSON parse error - 'utf-8' codec can't decode the body: it is no UTF-8"}`},
		{deep, "application/json", 400, `{"detail":"JSON parse error - nested deeper than 200 levels"}`},
		{`x`, "text/plain", 415, `{"detail":"Unsupported media type \"text/plain\" in request."}`},
		{`x`, "text/plain; charset=utf-8", 415, `{"detail":"Unsupported media type \"text/plain; charset=utf-8\" in request."}`},
		{`a=b`, "application/x-www-form-urlencoded", 415, `{"detail":"Unsupported media type \"application/x-www-form-urlencoded\" in request."}`},
		{`{}`, "", 415, `{"detail":"Unsupported media type \"\" in request."}`},
		{`x`, "multipart/form-data", 400, `{"detail":"Multipart form parse error - Invalid boundary in multipart: None"}`},
		{"--b\r\nbroken", "multipart/form-data; boundary=b", 400, ""},
		{`"x"`, "application/json; charset=utf-8; charset=utf-8", 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]}`},
		{`null`, "application/json", 400, `{"non_field_errors":["No data provided"]}`},
		{`[{"comment": "x"}]`, "application/json", 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`},
	} {
		for _, method := range []string{"PATCH", "PUT", "DELETE"} {
			w.ask(method, u, c.body, "Content-Type", c.contentType).want(t, c.status, c.want)
		}
		if a := w.ask("POST", routinesPath, c.body, "Content-Type", c.contentType); a.status != c.status {
			t.Errorf("POST %s: %d %s", c.body, a.status, a.body)
		}
		if a := w.ask("DELETE", routinesPath, c.body, "Content-Type", c.contentType); a.status != c.status {
			t.Errorf("DELETE %s: %d %s", c.body, a.status, a.body)
		}
	}
	w.ask("PATCH", u, "", "Content-Type", "text/plain").want(t, 200, "")
	w.ask("PATCH", u, `{"keep_last": 1, "keep_last": `+strings.Repeat("9", 5000)+`}`).want(t, 400, `{"keep_last":["String value too large."]}`)
	w.ask("PATCH", u, `{"keep_last": 1, "keep_last": 2}`).want(t, 200, "")
	if got := w.get(u).json(t)["keep_last"]; got != 2.0 {
		t.Errorf("of a repeated key the last does not count: %v", got)
	}
	w.ask("PATCH", u, `{"raw_config": {"n": 1e999}}`).want(t, 400, `{"raw_config":["A valid number is required."]}`)
}
