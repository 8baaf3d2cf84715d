package rest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestTheSchemaIsForAnybody asks for the document and its pages without a token, in every form.
func TestTheSchemaIsForAnybody(t *testing.T) {
	s := serve(t)
	const schema = "/api/schema/"
	for _, c := range []struct{ path, accept, media, disposition string }{
		{schema, "*/*", "application/vnd.oai.openapi; charset=utf-8", `inline; filename="NetBox REST API (4.6).yaml"`},
		{schema, "", "application/vnd.oai.openapi; charset=utf-8", `inline; filename="NetBox REST API (4.6).yaml"`},
		{schema, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/vnd.oai.openapi; charset=utf-8", ""},
		{schema, "application/yaml", "application/yaml; charset=utf-8", ""},
		{schema, "application/json", "application/json; charset=utf-8", `inline; filename="NetBox REST API (4.6).json"`},
		{schema + "?format=json", "*/*", "application/vnd.oai.openapi+json; charset=utf-8", `inline; filename="NetBox REST API (4.6).json"`},
		{schema + "?format=json&lang=de", "application/json", "application/json; charset=utf-8", ""},
		{schema + "?format=yaml", "*/*", "application/vnd.oai.openapi; charset=utf-8", ""},
		{schema + "swagger-ui/", "text/html", "text/html; charset=utf-8", ""},
		{schema + "redoc/", "*/*", "text/html; charset=utf-8", ""},
	} {
		a := s.ask("GET", c.path, nil, "Authorization", "", "Accept", c.accept)
		if a.status != 200 || a.header.Get("Content-Type") != c.media || c.disposition != "" && a.header.Get("Content-Disposition") != c.disposition {
			t.Errorf("%s, Accept %q: %d %s %s", c.path, c.accept, a.status, a.header.Get("Content-Type"), a.header.Get("Content-Disposition"))
		}
		if _, err := openapi3.NewLoader().LoadFromData([]byte(a.body)); err != nil && !strings.Contains(c.media, "html") {
			t.Errorf("%s, Accept %q: %v", c.path, c.accept, err)
		}
		if etag := a.header.Get("ETag"); etag != "" {
			again := s.ask("GET", c.path, nil, "Authorization", "", "Accept", c.accept, "If-None-Match", etag)
			again.want(t, 304, "")
			if again.body != "" || again.header.Get("ETag") != etag {
				t.Errorf("%s: %s %s", c.path, again.header.Get("ETag"), again.body)
			}
		} else if !strings.Contains(c.media, "html") {
			t.Errorf("%s has no ETag", c.path)
		}
	}
	s.ask("GET", schema+"?format=xml", nil, "Authorization", "").want(t, 404, `{"detail":"Not found."}`)
	s.ask("GET", schema, nil, "Authorization", "", "Accept", "image/png").want(t, 406, `{"detail":"Could not satisfy the request Accept header."}`)
	s.ask("POST", schema, nil, "Authorization", "").want(t, 405, `{"detail":"Method \"POST\" not allowed."}`)
	s.ask("GET", schema, nil, "Authorization", "Token wrong").want(t, 403, `{"detail":"Invalid v1 token"}`)
}

// TestPagesLoadNothingFromElsewhere follows what the pages load, and holds it against their policy.
func TestPagesLoadNothingFromElsewhere(t *testing.T) {
	s := serve(t)
	for page, wants := range map[string]int{"swagger-ui": 4, "redoc": 2} {
		a := s.ask("GET", "/api/schema/"+page+"/", nil, "Authorization", "")
		policy := a.header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; connect-src 'self'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: policy %s", page, policy)
		}
		if again := s.ask("GET", "/api/schema/"+page+"/", nil).header.Get("Content-Security-Policy"); page == "redoc" && again == policy {
			t.Errorf("%s: the nonce is used twice: %s", page, policy)
		}
		n := 0
		for _, part := range strings.Split(a.body, `="`)[1:] {
			link, _, _ := strings.Cut(part, `"`)
			if strings.Contains(link, "//") {
				t.Errorf("%s refers to %s", page, link)
			}
			if !strings.HasPrefix(link, "../") {
				continue
			}
			n++
			f := s.ask("GET", "/api/schema/"+strings.TrimPrefix(link, "../"), nil, "Authorization", "", "Accept", "text/css,*/*;q=0.1")
			media := map[string]string{"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "png": "image/png"}[link[strings.LastIndexByte(link, '.')+1:]]
			fixed := !strings.Contains(link, "/pages/")
			if f.status != 200 || f.body == "" || f.header.Get("Content-Type") != media || fixed != strings.Contains(f.header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %d, %d bytes, %s, %s", link, f.status, len(f.body), f.header.Get("Content-Type"), f.header.Get("Cache-Control"))
			}
			s.ask("GET", "/api/schema/"+strings.TrimPrefix(link, "../"), nil, "Authorization", "", "If-None-Match", f.header.Get("ETag")).want(t, 304, "")
			// Large files are kept compressed. Who takes them so gets them so; others get the same file plain, under a tag of its own.
			for _, refusal := range []string{"identity", "br, gzip;q=0"} {
				plain := s.ask("GET", "/api/schema/"+strings.TrimPrefix(link, "../"), nil, "Authorization", "", "Accept-Encoding", refusal)
				if plain.header.Get("Content-Encoding") != "" || plain.body != f.body || fixed && !strings.HasSuffix(link, ".png") && plain.header.Get("ETag") == f.header.Get("ETag") {
					t.Errorf("%s for %q: %s, %d bytes, want %d", link, refusal, plain.header.Get("Content-Encoding"), len(plain.body), len(f.body))
				}
			}
			packed := s.ask("GET", "/api/schema/"+strings.TrimPrefix(link, "../"), nil, "Authorization", "", "Accept-Encoding", "deflate, gzip;q=0.5")
			if large := fixed && !strings.HasSuffix(link, ".png"); large != (packed.header.Get("Content-Encoding") == "gzip") || large && len(packed.body) >= len(f.body)/2 {
				t.Errorf("%s: %s, %d of %d bytes", link, packed.header.Get("Content-Encoding"), len(packed.body), len(f.body))
			}
		}
		if n != wants {
			t.Errorf("%s loads %d files", page, n)
		}
	}
	s.get("/api/schema/static/nope.js").want(t, 404, `{"detail":"Not found."}`)
	s.get("/api/schema/static/../viewer.go").want(t, 404, "")
}

// TestTheSchemaNamesEveryParameterOfEveryList is what pynetbox's strict_filters needs.
func TestTheSchemaNamesEveryParameterOfEveryList(t *testing.T) {
	s := serve(t)
	doc, err := openapi3.NewLoader().LoadFromData([]byte(s.get("/api/schema/?format=json").body))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range s.api.Store.Set.All {
		for _, path := range append([]string{r.Path}, r.Aliases...) {
			var names []string
			for _, p := range doc.Paths.Value("/api/" + path + "/").Get.Parameters {
				names = append(names, p.Value.Name)
			}
			for _, name := range append(r.Filters(), "limit", "offset", "start", "ordering", "q", "brief", "fields", "omit", "format", "exclude", "export") {
				if !slices.Contains(names, name) {
					t.Errorf("%s: no parameter %s", path, name)
				}
			}
			if slices.Sort(names); len(slices.Compact(names)) != len(names) {
				t.Errorf("%s: a parameter is there twice", path)
			}
		}
	}
	seen := map[string]string{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.OperationID == "" || seen[op.OperationID] != "" {
				t.Errorf("%s %s: operation %q is also at %s", method, path, op.OperationID, seen[op.OperationID])
			}
			seen[op.OperationID] = path
		}
	}
	for _, want := range []string{"list", "create", "bulk_update", "bulk_partial_update", "bulk_destroy", "retrieve", "update", "partial_update", "destroy"} {
		if path := seen["plugins_proxbox_backup_routines_"+want]; !strings.HasPrefix(path, routinesPath) {
			t.Errorf("no operation %s: %s", want, path)
		}
	}
}
