package rest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"

	"github.com/proxops/proxops/services/api/internal/openapi"
	"github.com/proxops/proxops/services/api/internal/static"
	"github.com/proxops/proxops/services/api/internal/viewer"
)

// schemaPath is where the OpenAPI document is, and what shows it below.
const schemaPath = "/api/schema/"

// schemaOffers are the forms of the document. The names are those of NetBox.
var schemaOffers = []offer{
	{"application/vnd.oai.openapi", []string{"yaml"}},
	{"application/yaml", []string{"yaml"}},
	{"application/vnd.oai.openapi+json", []string{"json"}},
	{"application/json", []string{"json"}},
}

// document is the OpenAPI document in both forms.
type document struct {
	json, yaml rendered
}

type rendered struct {
	body []byte
	etag string
}

func render(body []byte) rendered {
	sum := sha256.Sum256(body)
	return rendered{body, `"` + hex.EncodeToString(sum[:12]) + `"`}
}

// Prepare makes what requests share, so that the first need not wait for it. It comes after Handler. Its error is a mistake in a declaration.
func (a *API) Prepare() error {
	_, err := a.document()
	return err
}

// describing is held while a document is made: all documents of a process share the schemas that are declared once, whose references the library writes.
var describing sync.Mutex

// describe makes the OpenAPI document.
func (a *API) describe() (*document, error) {
	describing.Lock()
	defer describing.Unlock()
	others := map[string]map[string]*openapi.Operation{}
	for path, rt := range a.services() {
		others[path] = rt.doc
	}
	for _, act := range a.actions() {
		before, after := act.paths(a.Store.Set.Get(act.on))
		for _, path := range before {
			others[path+"{id}"+after] = act.operations()
		}
	}
	schemas := serviceSchemas()
	maps.Copy(schemas, endpointSchemas())
	doc, err := openapi.Document(a.Store.Set, openapi.Options{
		Title: "Proxops REST API", Version: apiVersion, Others: others, Schemas: schemas,
		Description: "Backup jobs and replications of Proxmox VE clusters. Paths, bodies, filters and texts are those of a NetBox " + apiVersion + " plugin.",
	})
	if err != nil {
		return nil, err
	}
	asJSON, asYAML, err := openapi.Render(doc)
	if err != nil {
		return nil, err
	}
	return &document{json: render(asJSON), yaml: render(asYAML)}, nil
}

// schemaRoute serves the document to anybody. ?lang=, which translates NetBox's, is taken and has no effect.
func (a *API) schemaRoute() *route {
	return &route{
		allow: readMethods, gate: gateOpen, offers: schemaOffers, unlisted: true,
		doc: get(&openapi.Operation{Description: "This document.", Open: true, Parameters: schemaParameters(), Content: schemaContent()}),
		handle: func(_ context.Context, q *request) (response, error) {
			if q.method == http.MethodOptions {
				return ok(encode(described{"Schema", "", []string{schemaOffers[0].media, schemaOffers[1].media, schemaOffers[2].media, schemaOffers[3].media}, parses})), nil
			}
			doc, err := a.document()
			if err != nil {
				return response{}, err
			}
			form, ending := doc.yaml, "yaml"
			if strings.HasSuffix(q.media, "json") {
				form, ending = doc.json, "json"
			}
			return q.unlessKnown(response{body: form.body, media: q.media + "; charset=utf-8", header: map[string]string{
				"Content-Disposition": fmt.Sprintf(`inline; filename="NetBox REST API (%s).%s"`, apiVersion, ending),
				"ETag":                form.etag, "Cache-Control": "no-cache", "Vary": "Accept",
			}}), nil
		},
	}
}

// unlessKnown answers 304 without a body if the client has what the ETag of the answer names.
func (q *request) unlessKnown(answer response) response {
	answer.status = http.StatusOK
	for have := range strings.SplitSeq(strings.Join(q.http.Header.Values("If-None-Match"), ","), ",") {
		if have = strings.TrimPrefix(strings.TrimSpace(have), "W/"); have == answer.header["ETag"] || have == "*" {
			answer.status, answer.body = http.StatusNotModified, nil
		}
	}
	return answer
}

// pageRoute serves a page that shows the document.
func (a *API) pageRoute(name string) *route {
	return &route{
		allow: readMethods, gate: gateOpen, offers: []offer{{"text/html", []string{"html"}}}, unlisted: true,
		doc: get(&openapi.Operation{Description: "A page that shows this document.", Open: true, Content: pageContent()}),
		handle: func(_ context.Context, q *request) (response, error) {
			if q.method == http.MethodOptions {
				return ok(encode(described{"Schema", "", []string{"text/html"}, parses})), nil
			}
			page, err := viewer.Show(name)
			if err != nil {
				return response{}, err
			}
			return response{status: http.StatusOK, body: page.Body, media: "text/html; charset=utf-8", header: map[string]string{"Content-Security-Policy": page.Policy}}, nil
		},
	}
}

// assetRoute serves the files of the pages; the object of a request is the path of one.
func (a *API) assetRoute() *route {
	return &route{allow: readMethods, gate: gateOpen, anyForm: true, handle: func(_ context.Context, q *request) (response, error) {
		file, found := viewer.Assets[strings.TrimPrefix(q.object, "/")]
		if !found {
			return response{}, errNoPath
		}
		if q.method == http.MethodOptions {
			return ok(encode(described{"Schema", "", []string{file.Media}, parses})), nil
		}
		answer := response{body: file.Body, media: file.Media, header: map[string]string{"ETag": file.ETag, "Cache-Control": file.Keep(""), "Vary": "Accept-Encoding"}}
		if !file.Packed {
			return q.unlessKnown(answer), nil
		}
		if static.TakesGzip(q.http.Header.Get("Accept-Encoding")) {
			answer.header["Content-Encoding"] = "gzip"
			return q.unlessKnown(answer), nil
		}
		body, err := file.Plain()
		if err != nil {
			return response{}, err
		}
		answer.body = body
		answer.header["ETag"] = strings.TrimSuffix(file.ETag, `"`) + `-plain"`
		return q.unlessKnown(answer), nil
	}}
}
