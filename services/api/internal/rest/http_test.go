package rest_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestNoHeaderMakesAMethodOfAnother(t *testing.T) {
	w := newWorld(t)
	w.ask("TRACE", path(endpointPath, w.prod), nil, "X-Proxops-Method", "DELETE").want(t, 405, `{"detail":"Method \"TRACE\" not allowed."}`)
	w.get(path(endpointPath, w.prod)).want(t, 200, "")
}

func TestAddressesAreExact(t *testing.T) {
	w := newWorld(t)
	id := w.make(routinesPath, map[string]any{"endpoint": w.prod, "job_id": "a"})
	u := path(routinesPath, id)
	bare := strings.TrimSuffix(u, "/")
	notFound := `{"detail":"Not found."}`
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", path(routinesPath, 999), 404, `{"detail":"No BackupRoutine matches the given query."}`},
		{"GET", replsPath + "999/", 404, `{"detail":"No Replication matches the given query."}`},
		{"GET", routinesPath + "-1/", 404, `{"detail":"No BackupRoutine matches the given query."}`},
		{"GET", routinesPath + "99999999999999999999/", 404, `{"detail":"No BackupRoutine matches the given query."}`},
		{"GET", routinesPath + "abc/", 404, notFound},
		{"DELETE", routinesPath + "abc/", 404, notFound},
		{"GET", "/api/nope/", 404, notFound},
		{"GET", "/api/plugins/proxbox/nope/", 404, notFound},
		// pynetbox saves a routine here, as the field "endpoint" takes the place of its own: nothing may happen.
		{"PATCH", fmt.Sprintf("%s%d/%d/", endpointPath, w.prod, id), 404, notFound},
		{"DELETE", fmt.Sprintf("%s%d/%d/", endpointPath, w.prod, id), 404, notFound},
		{"PATCH", fmt.Sprintf("/api/plugins/proxbox/endpoints/%d/", w.prod), 404, notFound},
		{"POST", strings.TrimSuffix(routinesPath, "/"), 404, notFound},
		{"PATCH", bare, 404, notFound},
		{"PUT", bare, 404, notFound},
		{"DELETE", bare, 404, notFound},
		{"POST", u, 405, `{"detail":"Method \"POST\" not allowed."}`},
		{"DELETE", routinesPath, 400, `{"non_field_errors":["Expected a list of items but got type \"dict\"."]}`},
		{"POST", "/api/plugins/proxbox/", 405, `{"detail":"Method \"POST\" not allowed."}`},
		{"TRACE", routinesPath, 405, `{"detail":"Method \"TRACE\" not allowed."}`},
		{"PROPFIND", u, 405, `{"detail":"Method \"PROPFIND\" not allowed."}`},
		{"GET", "/api/plugins/proxbox/proxmox-nodes/1/", 200, ""},
	} {
		w.ask(c.method, c.path, nil).want(t, c.status, c.body)
	}
	for _, method := range []string{"GET", "HEAD"} {
		a := w.ask(method, bare+"?a=1&b=%20", nil)
		if a.status != 301 || a.header.Get("Location") != u+"?a=1&b=%20" {
			t.Errorf("%s without a slash: %d to %s", method, a.status, a.header.Get("Location"))
		}
	}
	if n := w.exec("SELECT count(*) FROM backup_routines b, endpoints e"); n != 2 {
		t.Error("a request to a wrong address changed something")
	}
	w.exec("DELETE FROM backup_routines")
	w.ask("GET", "/api/plugins/proxbox/endpoints/proxmox/1/", nil).want(t, 200, "")
}

func TestEveryAnswerHasTheHeaders(t *testing.T) {
	s := serve(t)
	seen := map[string]bool{}
	for _, c := range []struct{ method, path, token, allow string }{
		{"GET", routinesPath, s.token, "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"},
		{"GET", path(routinesPath, 9), s.token, "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"},
		{"GET", "/api/", "", "GET, HEAD, OPTIONS"},
		{"PATCH", "/api/status/", s.token, "GET, HEAD, OPTIONS"},
		{"GET", "/api/nope/", s.token, ""},
		{"OPTIONS", routinesPath, s.token, "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"},
	} {
		a := s.ask(c.method, c.path, nil, "Authorization", "Token "+c.token, "X-Request-ID", "11111111-1111-4111-8111-111111111111")
		id, err := uuid.Parse(a.header.Get("X-Request-ID"))
		if err != nil || id.Version() != 4 || seen[id.String()] || id.String() == "11111111-1111-4111-8111-111111111111" {
			t.Errorf("%s %s: request id %q", c.method, c.path, a.header.Get("X-Request-ID"))
		}
		seen[id.String()] = true
		for name, want := range map[string]string{
			"API-Version": "4.6", "Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "SAMEORIGIN",
			"Referrer-Policy": "same-origin", "Vary": "Accept, Authorization, Origin", "Allow": c.allow,
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q, want %q", c.method, c.path, name, got, want)
			}
		}
	}
}

func TestHeadAnswersWithoutABody(t *testing.T) {
	w := newWorld(t)
	u := path(nodesPath, w.node1)
	get, head := w.get(u), w.ask("HEAD", u, nil)
	if head.status != 200 || head.body != "" || head.header.Get("ETag") != get.header.Get("ETag") || head.header.Get("Content-Length") != fmt.Sprint(len(get.body)) {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
	w.ask("HEAD", nodesPath, nil).want(t, 200, "")
}

func TestFormsOfAnswers(t *testing.T) {
	w := newWorld(t)
	u := nodesPath + "?fields=name&limit=1"
	compact := `{"count":3,"next":"` + w.http.URL + nodesPath + `?fields=name&limit=1&offset=1","previous":null,"results":[{"name":"lab-node"}]}`
	pretty := "{\n    \"count\": 3,\n    \"next\": \"" + w.http.URL + nodesPath + "?fields=name&limit=1&offset=1\",\n    \"previous\": null,\n    \"results\": [\n        {\n            \"name\": \"lab-node\"\n        }\n    ]\n}"
	notHere := `{"detail":"Could not satisfy the request Accept header."}`
	for _, c := range []struct {
		accept string
		status int
		body   string
	}{
		{"", 200, compact},
		{"*/*", 200, compact},
		{"application/json", 200, compact},
		{"application/json; indent=4", 200, pretty},
		{"application/json; version=4.6", 200, compact},
		{"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", 200, compact},
		{"application/json; version=1.0", 406, `{"detail":"Invalid version in \"Accept\" header."}`},
		{"application/xml", 406, notHere},
	} {
		w.ask("GET", u, nil, "Accept", c.accept).want(t, c.status, c.body)
	}
	w.get(u+"&format=xml").want(t, 404, `{"detail":"Not found."}`)
}

func TestAddressesFollowTrustedProxiesOnly(t *testing.T) {
	w := newWorld(t)
	u := path(nodesPath, w.node1) + "?fields=url"
	forwarded := []string{"X-Forwarded-Host", "proxops.example.com", "X-Forwarded-Proto", "https"}
	w.ask("GET", u, nil, forwarded...).want(t, 200, `{"url":"`+w.http.URL+path(nodesPath, w.node1)+`"}`)
	w.api.Proxies = append(w.api.Proxies, netip.MustParsePrefix("127.0.0.0/8"))
	w.ask("GET", u, nil, forwarded...).want(t, 200, `{"url":"https://proxops.example.com`+path(nodesPath, w.node1)+`"}`)
	w.ask("GET", u, nil, "X-Forwarded-Host", `evil"><script>`).want(t, 400, `{"detail":"The Host header is not valid."}`)
}

func TestBodiesThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	parse := func(text string) string { return `{"detail":"JSON parse error - ` + text + `"}` }
	for _, c := range []struct {
		body, contentType string
		status            int
		want              string
	}{
		{`{"a": `, "application/json", 400, parse("Expecting value: line 1 column 7 (char 6)")},
		{"{\n \"a\" 1}", "application/json; charset=utf-8", 400, parse("Expecting ':' delimiter: line 2 column 6 (char 7)")},
		{`{"a": 1,}`, "application/json", 400, parse("Illegal trailing comma before end of object: line 1 column 8 (char 7)")},
		{`{a: 1}`, "application/json", 400, parse("Expecting property name enclosed in double quotes: line 1 column 2 (char 1)")},
		{`[1 2]`, "application/json", 400, parse("Expecting ',' delimiter: line 1 column 4 (char 3)")},
		{`{} {}`, "application/json", 400, parse("Extra data: line 1 column 4 (char 3)")},
		{`"x`, "application/json", 400, parse("Unterminated string starting at: line 1 column 1 (char 0)")},
		{`{"rate": NaN}`, "application/json", 400, parse("Out of range float values are not JSON compliant: 'NaN'")},
		{"{\"job_id\": \"\xff\"}", "application/json", 400, ""},
		{strings.Repeat("[", 100000), "application/json", 400, parse("nested deeper than 200 levels")},
		{`"x"`, "application/json", 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]}`},
		{`5`, "application/json", 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]}`},
		{`null`, "application/json", 400, `{"non_field_errors":["No data provided"]}`},
		{`x`, "text/plain", 415, `{"detail":"Unsupported media type \"text/plain\" in request."}`},
		{`a=b`, "application/x-www-form-urlencoded", 415, `{"detail":"Unsupported media type \"application/x-www-form-urlencoded\" in request."}`},
		{`x`, "", 415, `{"detail":"Unsupported media type \"\" in request."}`},
		{``, "text/plain", 400, `{"endpoint":["This field is required."],"job_id":["This field is required."]}`},
		{`{"comment": "` + strings.Repeat("x", 11<<20) + `"}`, "application/json", 413, `{"detail":"The request body is larger than 10 MiB. Send what it has in several requests."}`},
	} {
		w.ask("POST", routinesPath, c.body, "Content-Type", c.contentType).want(t, c.status, c.want)
	}
	form := "--b\r\nContent-Disposition: form-data; name=\"endpoint\"\r\n\r\n" + fmt.Sprint(w.prod) + "\r\n--b\r\nContent-Disposition: form-data; name=\"job_id\"\r\n\r\nform\r\n--b--\r\n"
	w.ask("POST", routinesPath, form, "Content-Type", "multipart/form-data; boundary=b").want(t, 201, "")
}

func TestRootsListWhatIsBelow(t *testing.T) {
	s := serve(t)
	u := s.http.URL
	for path, want := range map[string]string{
		"/api/plugins/":                   `{"installed-plugins":"` + u + `/api/plugins/installed-plugins/","proxbox":"` + u + `/api/plugins/proxbox/"}`,
		"/api/plugins/proxbox/endpoints/": `{"proxmox":"` + u + `/api/plugins/proxbox/endpoints/proxmox/"}`,
	} {
		s.get(path).want(t, 200, want)
	}
	all := s.get("/api/").json(t)
	for _, name := range []string{"extras", "plugins", "status", "virtualization"} {
		if all[name] != u+"/api/"+name+"/" {
			t.Errorf("%s leads to %q", name, all[name])
		}
	}
	roots := s.get("/api/plugins/proxbox/").json(t)
	for _, name := range []string{"backup-routines", "replications", "endpoints", "nodes", "proxmox-nodes", "storage", "proxmox-clusters"} {
		link, _ := roots[name].(string)
		if s.ask("GET", link, nil).status != 200 {
			t.Errorf("%s leads to %q", name, link)
		}
	}
	for name, link := range s.get("/api/").json(t) {
		if s.ask("GET", link.(string), nil).status != 200 {
			t.Errorf("%s leads to %q", name, link)
		}
	}
	if got := s.get("/api/status/").json(t)["netbox-version"]; got != "4.6.9" {
		t.Errorf("netbox-version %v", got)
	}
}
