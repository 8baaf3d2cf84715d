package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

const (
	pluginPath       = "/api/plugins/proxbox/"
	endpointsPath    = pluginPath + "endpoints/proxmox/"
	routinesPath     = pluginPath + "backup-routines/"
	replicationsPath = pluginPath + "replications/"
	nodesPath        = pluginPath + "nodes/"
	storagesPath     = pluginPath + "storage/"
	guestsPath       = "/api/virtualization/virtual-machines/"
)

// object is a JSON object with numbers as they were written.
type object map[string]any

func (o object) text(name string) string {
	s, _ := o[name].(string)
	return s
}

func (o object) number(name string) int {
	n, _ := o[name].(json.Number)
	i, _ := strconv.Atoi(n.String())
	return i
}

func (o object) id() int { return o.number("id") }

// sub is a nested object; an empty one if there is none.
func (o object) sub(name string) object {
	m, _ := o[name].(map[string]any)
	return m
}

// choice is the value of a choice.
func (o object) choice(name string) string { return o.sub(name).text("value") }

// rest is a user of the API with a token. Every answer is searched for secrets.
type rest struct {
	base, token string
	secrets     *vault
}

// refusal is an answer that is no success.
type refusal struct {
	status int
	body   string
}

func (r *refusal) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.body) }

// try sends one request and returns the body of a success.
func (r *rest) try(ctx context.Context, method, path string, body any) ([]byte, error) {
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.base+strings.TrimPrefix(path, r.base), in)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if secret := r.secrets.in(answer); secret != "" {
		return nil, fmt.Errorf("%s %s answers with a secret, %q", method, path, secret)
	}
	if res.StatusCode >= 300 {
		return nil, &refusal{res.StatusCode, string(answer)}
	}
	return answer, nil
}

func (r *rest) do(t *testing.T, method, path string, body any) object {
	t.Helper()
	answer, err := r.try(t.Context(), method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if len(answer) == 0 {
		return nil
	}
	return decode(t, answer)
}

func (r *rest) get(t *testing.T, path string) object {
	t.Helper()
	return r.do(t, http.MethodGet, path, nil)
}

func (r *rest) post(t *testing.T, path string, body object) object {
	t.Helper()
	return r.do(t, http.MethodPost, path, body)
}

func (r *rest) patch(t *testing.T, path string, body object) object {
	t.Helper()
	return r.do(t, http.MethodPatch, path, body)
}

func (r *rest) delete(t *testing.T, path string) {
	t.Helper()
	r.do(t, http.MethodDelete, path, nil)
}

// list follows the pages of a list to its end, and holds the count against what it got.
func (r *rest) list(t *testing.T, path string) []object {
	t.Helper()
	var all []object
	for next := path; next != ""; {
		page := r.get(t, next)
		results, ok := page["results"].([]any)
		if !ok {
			t.Fatalf("GET %s: no results: %v", next, page)
		}
		for _, one := range results {
			all = append(all, one.(map[string]any))
		}
		if next = page.text("next"); next == "" && page.number("count") != len(all) {
			t.Fatalf("GET %s: %d objects, count says %d", path, len(all), page.number("count"))
		}
	}
	return all
}

// of lists the objects of an endpoint by a key.
func (r *rest) of(t *testing.T, path string, e *endpoint, key string) map[string]object {
	t.Helper()
	return by(t, key, r.list(t, fmt.Sprintf("%s?endpoint_id=%d", path, e.id)))
}

func (r *rest) routines(t *testing.T, e *endpoint) map[string]object {
	t.Helper()
	return r.of(t, routinesPath, e, "job_id")
}

func (r *rest) replications(t *testing.T, e *endpoint) map[string]object {
	t.Helper()
	return r.of(t, replicationsPath, e, "replication_id")
}

func by(t *testing.T, key string, list []object) map[string]object {
	t.Helper()
	out := make(map[string]object, len(list))
	for _, o := range list {
		if out[o.text(key)] != nil {
			t.Errorf("two objects have the %s %q", key, o.text(key))
		}
		out[o.text(key)] = o
	}
	return out
}

// syncState is what REST says about the readings of an endpoint, by kind.
func (r *rest) syncState(t *testing.T, e *endpoint) object {
	t.Helper()
	return r.get(t, fmt.Sprintf("%s%d/", endpointsPath, e.id)).sub("sync_state")
}

func decode(t *testing.T, text []byte) object {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var o map[string]any
	if err := d.Decode(&o); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return numbers(o).(map[string]any)
}

// numbers gives equal numbers equal forms: 10.0, as Python writes a float, is 10.
func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = numbers(v[name])
		}
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
		}
	}
	return v
}
