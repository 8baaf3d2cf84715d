package rest_test

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// table reads a CSV answer.
func (a answer) table(t *testing.T) (header []string, rows []map[string]string) {
	t.Helper()
	if a.status != 200 || a.header.Get("Content-Type") != "text/csv; charset=utf-8" {
		t.Fatalf("status %d, %s, body %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	lines, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	if err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return lines[0], rows
}

func TestAListIsCSVExactlyAsFilteredAndOrdered(t *testing.T) {
	w := newWorld(t)
	w.jobs()
	for i := range 60 { // more than a page
		w.make(routinesPath, map[string]any{"endpoint": w.lab, "job_id": fmt.Sprintf("bulk-%02d", i), "schedule": "daily"})
	}
	for _, query := range []string{
		"", "status=active", "endpoint=lab&ordering=-job_id", "q=bulk&ordering=-id", "job_id__ic=BULK-1", "limit=7", "limit=7&offset=3&ordering=job_id", "offset=55&job_id__isw=bulk",
		"start=10", "start=20&limit=5", "fields=id,job_id", "omit=raw_config", "brief=1", "job_id=nothing", "limit=100000",
	} {
		a := w.get(routinesPath + "?export=csv&" + query)
		_, rows := a.table(t)
		if !strings.Contains(query, "limit=") {
			query += "&limit=0"
		}
		objects := w.get(routinesPath + "?" + query).results(t)
		if len(rows) != len(objects) {
			t.Errorf("?%s: %d rows, %d objects", query, len(rows), len(objects))
			continue
		}
		for i, o := range objects {
			if rows[i]["id"] != fmt.Sprint(o["id"]) {
				t.Errorf("?%s: row %d is %s, object is %v", query, i, rows[i]["id"], o["id"])
			}
		}
		if got := a.header.Get("Content-Disposition"); got != `attachment; filename="backup-routines.csv"` {
			t.Errorf("Content-Disposition %s", got)
		}
	}
}

func TestCellsOfACSV(t *testing.T) {
	w := newWorld(t)
	w.exec(`INSERT INTO tags (name, slug) VALUES ('Beta, two', 'beta'), ('Alpha', 'alpha')`)
	w.make(routinesPath, map[string]any{
		"endpoint": w.prod, "job_id": "=cmd|' /C calc'!A1", "node": w.node1, "storage": w.backup, "selection": []int{100, 101}, "keep_last": 3, "enabled": false,
		"comment": "says \"hi\",\nthen leaves", "next_run": "2026-04-02T02:00:00.5Z", "tags": []map[string]any{{"slug": "alpha"}, {"slug": "beta"}}, "raw_config": map[string]any{"a": nil},
	})
	for n, c := range []struct{ name, kind, value string }{{"owner", "text", `"-Anna"`}, {"rank", "integer", "-3"}, {"tiers", "multiselect", `["gold", "iron"]`}, {"gone", "text", "null"}} {
		w.exec(`INSERT INTO custom_fields (name, type) VALUES ($1, $2)`, c.name, c.kind)
		w.exec(`INSERT INTO custom_field_object_types (custom_field_id, object_type_id) VALUES ($1, 1)`, n+1)
		w.exec(`UPDATE backup_routines SET custom_field_data = custom_field_data || jsonb_build_object($1::text, $2::jsonb)`, c.name, c.value)
	}
	header, rows := w.get(routinesPath + "?export=csv").table(t)
	want := map[string]string{
		"job_id": "'=cmd|' /C calc'!A1", "endpoint": "prod-proxmox", "endpoint_id": fmt.Sprint(w.prod), "node": "pve-node-01", "node_id": fmt.Sprint(w.node1), "storage": "backup-storage",
		"selection": "[100,101]", "keep_last": "3", "keep_daily": "", "enabled": "false", "comment": "says \"hi\",\nthen leaves", "next_run": "2026-04-02T02:00:00.500000Z",
		"cf_owner": "'-Anna", "cf_rank": "-3", "cf_tiers": `["gold","iron"]`, "cf_gone": "", "tags": "Alpha,Beta, two", "raw_config": `{"a":null}`, "status": "active", "fleecing_storage": "", "fleecing_storage_id": "", "version": "1", "display": "'=cmd|' /C calc'!A1",
	}
	for name, value := range want {
		if rows[0][name] != value {
			t.Errorf("%s: %q, want %q", name, rows[0][name], value)
		}
	}
	for name, want := range map[string]bool{"id": true, "url": true, "created": true, "custom_fields": false} {
		if slices.Contains(header, name) != want {
			t.Errorf("column %s: %v", name, !want)
		}
	}
	for text, want := range map[string]string{"+1": "'+1", "-1": "'-1", "@x": "'@x", "a=1": "a=1", "": "", "\u00fcber": "\u00fcber"} {
		w.exec(`UPDATE backup_routines SET comment = $1`, text)
		if _, rows := w.get(routinesPath + "?export=csv&fields=comment").table(t); rows[0]["comment"] != want {
			t.Errorf("%q became %q", text, rows[0]["comment"])
		}
	}
	w.exec(`UPDATE backup_routines SET comment = E'\tx'`)
	if _, rows := w.get(routinesPath + "?export=csv&fields=comment").table(t); rows[0]["comment"] != "'\tx" {
		t.Errorf("a tab became %q", rows[0]["comment"])
	}
}

func TestACSVHasItsColumnsInTheOrderOfFields(t *testing.T) {
	w := newWorld(t)
	w.make(routinesPath, map[string]any{"endpoint": w.prod, "job_id": "nightly", "storage": w.backup})
	for n, name := range []string{"owner", "rack"} {
		w.exec(`INSERT INTO custom_fields (name, type) VALUES ($1, 'text')`, name)
		w.exec(`INSERT INTO custom_field_object_types (custom_field_id, object_type_id) VALUES ($1, 1)`, n+1)
		w.exec(`UPDATE backup_routines SET custom_field_data = custom_field_data || jsonb_build_object($1::text, $1::text)`, name)
	}
	for fields, want := range map[string]string{
		"status,job_id,id":                      "status,job_id,id",
		"storage,job_id":                        "storage,storage_id,job_id",
		"cf_rack,job_id,cf_owner":               "cf_rack,job_id,cf_owner",
		"cf_rack,custom_fields,job_id,cf_owner": "cf_rack,cf_owner,job_id",
		"job_id,nonsense,cf_nonsense,job_id":    "job_id",
	} {
		header, rows := w.get(routinesPath + "?export=csv&fields=" + fields).table(t)
		if got := strings.Join(header, ","); got != want {
			t.Errorf("fields=%s: the columns are %s, want %s", fields, got, want)
		}
		if v, ok := rows[0]["cf_rack"]; ok && v != "rack" {
			t.Errorf("fields=%s: cf_rack is %q", fields, v)
		}
	}
	if header, _ := w.get(nodesPath + "?export=csv&fields=name,cf_owner").table(t); !slices.Equal(header, []string{"name"}) {
		t.Errorf("a custom field of another object type is a column: %v", header)
	}
}

func TestEveryListIsCSV(t *testing.T) {
	w := newWorld(t)
	w.jobs()
	for _, r := range w.api.Store.Set.All {
		header, rows := w.get("/api/" + r.Path + "/?export=csv").table(t)
		if slices.Sort(header); len(slices.Compact(header)) != len(header) {
			t.Errorf("%s: a column is there twice: %v", r.Name, header)
		}
		if n := len(w.get("/api/" + r.Path + "/?limit=0").results(t)); n != len(rows) {
			t.Errorf("%s: %d rows of %d", r.Name, len(rows), n)
		}
	}
}

func TestWhenAListIsCSV(t *testing.T) {
	w := newWorld(t)
	object := path(nodesPath, w.node1)
	for _, c := range []struct {
		method, path, accept string
		status               int
		media, body          string
	}{
		{"GET", nodesPath, "text/csv", 200, "text/csv; charset=utf-8", ""},
		{"GET", nodesPath, "text/csv, */*", 200, "text/csv; charset=utf-8", ""},
		{"GET", nodesPath, "text/csv;q=0.5, application/json;q=0.4", 200, "text/csv; charset=utf-8", ""},
		{"GET", nodesPath, "text/csv, application/json", 200, "application/json", ""},
		{"GET", nodesPath, "text/*", 200, "application/json", ""},
		{"GET", nodesPath, "*/*", 200, "application/json", ""},
		{"GET", nodesPath + "?export=csv", "application/json", 200, "text/csv; charset=utf-8", ""},
		{"GET", nodesPath + "?format=csv", "*/*", 200, "text/csv; charset=utf-8", ""},
		{"HEAD", nodesPath, "text/csv", 200, "text/csv; charset=utf-8", ""},
		{"GET", nodesPath + "?export=csv&node_id=x", "", 400, "application/json", `{"node_id":["Enter a whole number."]}`},
		{"GET", nodesPath + "?export=csv&name__regex=(", "", 400, "application/json", `{"name__regex":["Enter a valid regular expression."]}`},
		{"GET", nodesPath + "?export=csv&start=1&offset=1", "", 400, "application/json", `["'start' and 'offset' are mutually exclusive."]`},
		{"GET", nodesPath + "?export=csv&endpoint_id=999", "text/csv", 400, "application/json", `{"endpoint_id":["Select a valid choice. 999 is not one of the available choices."]}`},
		{"GET", nodesPath + "?export=template", "", 404, "application/json", `{"detail":"Not found."}`},
		{"GET", nodesPath + "?export=", "text/csv", 404, "application/json", `{"detail":"Not found."}`},
		{"GET", object, "text/csv", 406, "application/json", `{"detail":"Could not satisfy the request Accept header."}`},
		{"GET", object + "?format=csv", "", 404, "application/json", `{"detail":"Not found."}`},
		{"POST", nodesPath, "text/csv", 406, "application/json", `{"detail":"Could not satisfy the request Accept header."}`},
		{"GET", "/api/", "text/csv", 406, "application/json", `{"detail":"Could not satisfy the request Accept header."}`},
		{"GET", nodesPath, "text/csv; version=1.0", 406, "application/json", `{"detail":"Invalid version in \"Accept\" header."}`},
	} {
		a := w.ask(c.method, c.path, nil, "Accept", c.accept)
		if a.status != c.status || a.header.Get("Content-Type") != c.media || c.body != "" && a.body != c.body {
			t.Errorf("%s %s, Accept %s: %d %s %s, want %d %s %s", c.method, c.path, c.accept, a.status, a.header.Get("Content-Type"), a.body, c.status, c.media, c.body)
		}
	}
}

// TestALongListIsStreamed reads more rows than an export holds at a time, while they change.
func TestALongListIsStreamed(t *testing.T) {
	s := serve(t)
	s.exec(`INSERT INTO endpoints (name, domain) VALUES ('e', 'e.example.com')`)
	s.exec(`INSERT INTO backup_routines (endpoint_id, job_id) SELECT 1, 'j' || n FROM generate_series(1, 5000) n`)
	a := s.get(routinesPath + "?export=csv&fields=id,job_id&ordering=id")
	_, rows := a.table(t)
	if len(rows) != 5000 || a.header.Get("Content-Length") != "" {
		t.Errorf("%d rows, length %s", len(rows), a.header.Get("Content-Length"))
	}
	for i, row := range rows {
		if row["id"] != fmt.Sprint(i+1) {
			t.Fatalf("row %d is %s", i, row["id"])
		}
	}
	// No export holds its connection once it is answered.
	deadline := time.Now().Add(5 * time.Second)
	for s.pool.Stat().AcquiredConns() > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are still held", s.pool.Stat().AcquiredConns())
		}
		s.exec("SELECT 1")
	}
}

func TestIgnoredParametersAreNamed(t *testing.T) {
	w := newWorld(t)
	for query, want := range map[string]string{
		"": "", "limit=1&offset=0&ordering=x&q=y&brief=1&fields=a&omit=b&exclude=config_context&format=json": "", "name__ic=p&endpoint=lab&tag__n=": "",
		"zzz=1&name__bogus=1&zzz=2": "name__bogus, zzz", "enabled=1": "enabled", url.QueryEscape("a\r\nSet-Cookie: x") + "=1": "a??Set-Cookie??x",
		url.QueryEscape(strings.Repeat("x", 200)) + "=1": strings.Repeat("x", 64) + "...",
	} {
		a := w.get(nodesPath + "?" + query)
		if got := a.header.Get("X-Ignored-Parameters"); got != want || a.status != 200 {
			t.Errorf("?%s: %d %q, want %q", query, a.status, got, want)
		}
	}
	many := url.Values{}
	for i := range 50 {
		many.Set(fmt.Sprintf("p%02d", i), "1")
	}
	if got := strings.Split(w.get(nodesPath+"?"+many.Encode()).header.Get("X-Ignored-Parameters"), ", "); len(got) != 21 || got[20] != "..." {
		t.Errorf("%q", got)
	}
}
