package rest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// contract is the OpenAPI document that a server hands out. It is the same for all of them.
var contract struct {
	once sync.Once
	doc  *openapi3.T
	err  error
}

// conforms holds an answer against the document: its status, its form, its body, and that no key of an object is left undescribed. So each test
// that asks anything tests the document too.
func (s *server) conforms(method, path string, a answer) {
	s.t.Helper()
	path, _, _ = strings.Cut(strings.TrimPrefix(path, s.http.URL), "?")
	contract.once.Do(func() {
		res, err := http.Get(s.http.URL + "/api/schema/?format=json")
		if err != nil {
			contract.err = err
			return
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			contract.err = err
			return
		}
		contract.doc, contract.err = openapi3.NewLoader().LoadFromData(body)
	})
	if contract.err != nil {
		s.t.Fatal(contract.err)
	}
	op := operationAt(method, path)
	if op == nil || a.status == http.StatusMethodNotAllowed || a.status == http.StatusNotModified {
		return
	}
	res := op.Responses.Status(a.status)
	if res == nil {
		s.t.Errorf("%s %s: the document does not know of the status %d: %.300s", method, path, a.status, a.body)
		return
	}
	if a.body == "" {
		if len(res.Value.Content) > 0 {
			s.t.Errorf("%s %s: %d without a body", method, path, a.status)
		}
		return
	}
	media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	form := res.Value.Content[media]
	if form == nil {
		s.t.Errorf("%s %s: the document does not know of the form %q of %d", method, path, media, a.status)
		return
	}
	if !strings.HasSuffix(media, "json") {
		return
	}
	var v any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		s.t.Errorf("%s %s: %d %v", method, path, a.status, err)
		return
	}
	if err := form.Schema.Value.VisitJSON(v); err != nil {
		s.t.Errorf("%s %s: %d is not as the document says: %.700v\n%.700s", method, path, a.status, err, a.body)
		return
	}
	if unknown := undescribed(form.Schema.Value, v, ""); unknown != nil {
		s.t.Errorf("%s %s: the document does not know of %v", method, path, unknown)
	}
}

// operationAt finds what the document says of a request.
func operationAt(method, path string) *openapi3.Operation {
	if item := contract.doc.Paths.Value(path); item != nil {
		return item.GetOperation(method)
	}
	for documented, item := range contract.doc.Paths.Map() { // actions of an object
		before, after, there := strings.Cut(documented, "{id}")
		id, begins := strings.CutPrefix(path, before)
		id, ends := strings.CutSuffix(id, after)
		if _, err := strconv.Atoi(id); there && begins && ends && after != "/" && err == nil {
			return item.GetOperation(method)
		}
	}
	list, id := path, ""
	if i := strings.LastIndexByte(strings.TrimSuffix(path, "/"), '/'); i > 0 && strings.HasSuffix(path, "/") {
		list, id = path[:i+1], path[i+1:len(path)-1]
	}
	item := contract.doc.Paths.Value(list + "{id}/")
	if _, err := strconv.Atoi(id); item == nil || err != nil {
		return nil
	}
	return item.GetOperation(method)
}

// undescribed returns the paths of keys that a schema with named properties does not name.
func undescribed(s *openapi3.Schema, v any, at string) (out []string) {
	switch v := v.(type) {
	case []any:
		for _, schema := range append(openapi3.SchemaRefs{{Value: s}}, chosen(s, v)...) {
			if schema.Value.Items == nil {
				continue
			}
			for i, e := range v {
				out = append(out, undescribed(schema.Value.Items.Value, e, fmt.Sprintf("%s[%d]", at, i))...)
			}
		}
	case map[string]any:
		known, open := properties(s, v)
		for name, e := range v {
			if p := known[name]; p != nil {
				out = append(out, undescribed(p.Value, e, at+"."+name)...)
			} else if !open {
				out = append(out, at+"."+name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// chosen are the alternatives of a schema that a value fits, and all of which it has to.
func chosen(s *openapi3.Schema, v any) openapi3.SchemaRefs {
	out := slices.Clone(s.AllOf)
	for _, alternative := range slices.Concat(s.OneOf, s.AnyOf) {
		if alternative.Value.VisitJSON(v) == nil {
			out = append(out, alternative)
		}
	}
	return out
}

// properties are those that a schema names; open says that there may be others.
func properties(s *openapi3.Schema, v any) (known openapi3.Schemas, open bool) {
	known = openapi3.Schemas{}
	maps.Copy(known, s.Properties)
	open = s.AdditionalProperties.Schema != nil || s.AdditionalProperties.Has != nil && *s.AdditionalProperties.Has || len(s.Properties) == 0 && (s.Type == nil && chosen(s, v) == nil || s.Type.Is("object"))
	for _, other := range chosen(s, v) {
		more, loose := properties(other.Value, v)
		open = open || loose
		maps.Copy(known, more)
	}
	return known, open
}

// TestTheContractCanFail shows that answers are held against the document at all.
func TestTheContractCanFail(t *testing.T) {
	s := serve(t)
	s.conforms("GET", routinesPath, s.get(routinesPath))
	for name, a := range map[string]answer{
		"status":  {status: 418, header: http.Header{"Content-Type": {"application/json"}}, body: "{}"},
		"form":    {status: 200, header: http.Header{"Content-Type": {"text/html"}}, body: "{}"},
		"missing": {status: 200, header: http.Header{"Content-Type": {"application/json"}}, body: "{}"},
		"type":    {status: 200, header: http.Header{"Content-Type": {"application/json"}}, body: `{"count":1,"next":null,"previous":null,"results":[{"id":"1"}]}`},
		"key":     {status: 200, header: http.Header{"Content-Type": {"application/json"}}, body: `{"count":1,"next":null,"previous":null,"results":[{"id":1,"bogus":1}]}`},
		"nested":  {status: 200, header: http.Header{"Content-Type": {"application/json"}}, body: `{"count":1,"next":null,"previous":null,"results":[{"endpoint":{"id":1,"url":"x","display":"x","name":"x","bogus":1}}]}`},
	} {
		probe := &testing.T{}
		(&server{t: probe, http: s.http}).conforms("GET", routinesPath, a)
		if !probe.Failed() {
			t.Errorf("%s: nothing is wrong with %s", name, a.body)
		}
	}
}
