package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/obs"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/libs/syncjob"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/catalog"
	"github.com/proxops/proxops/services/api/internal/resource"
	"github.com/proxops/proxops/services/api/internal/rest"
	"github.com/proxops/proxops/services/api/internal/store"
)

const (
	routinesPath  = "/api/plugins/proxbox/backup-routines/"
	replsPath     = "/api/plugins/proxbox/replications/"
	endpointPath  = "/api/plugins/proxbox/endpoints/proxmox/"
	nodesPath     = "/api/plugins/proxbox/nodes/"
	storagePath   = "/api/plugins/proxbox/storage/"
	clustersPath  = "/api/virtualization/clusters/"
	vmsPath       = "/api/virtualization/virtual-machines/"
	tagsPath      = "/api/extras/tags/"
	syncJobsPath  = "/api/core/jobs/"
	schedulesPath = "/api/plugins/proxbox/sync-schedules/"
)

// server is the API on a database of its own, with a superuser and a token.
type server struct {
	t     *testing.T
	pool  *pgxpool.Pool
	http  *httptest.Server
	api   *rest.API
	token string
	site  *seal.Opener
	hints atomic.Int32
	log   *bytes.Buffer

	jobHints  atomic.Int32 // that sync jobs changed
	cancelled []string     // what was told of cancelled jobs
}

var peppers = auth.Peppers{1: seal.Secret(strings.Repeat("pepper", 8))}

func serve(t *testing.T) *server {
	t.Helper()
	return serveOn(t, pgtest.New(t))
}

func serveOn(t *testing.T, pool *pgxpool.Pool) *server {
	t.Helper()
	s := &server{t: t, pool: pool, log: &bytes.Buffer{}}
	var err error
	if s.site, err = seal.LoadOrCreate(t.TempDir() + "/site.key"); err != nil {
		t.Fatal(err)
	}
	set, err := catalog.New(catalog.Options{
		SiteKeys:         map[string]string{"default": s.site.PublicKey(), "remote": s.site.PublicKey()},
		Peppers:          peppers,
		EndpointsChanged: func(context.Context) { s.hints.Add(1) },
		JobsChanged:      func(context.Context) { s.jobHints.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	log := obs.NewLogger(s.log, obs.LogConfig{})
	s.api = &rest.API{
		Store: &resource.Store{Set: set, Pool: pool, Limits: resource.Limits{Default: 50, Max: 1000}},
		Auth:  &auth.Tokens{Queries: store.New(pool), Peppers: peppers, Log: log},
		Log:   log, Version: "test", Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		JobsChanged: func(context.Context) { s.jobHints.Add(1) },
		JobCancelled: func(_ context.Context, job int32, stopped []syncjob.Run) {
			s.cancelled = append(s.cancelled, fmt.Sprint(job, stopped))
		},
	}
	s.http = httptest.NewServer(s.api.Handler())
	t.Cleanup(s.http.Close)
	s.token = s.newToken(s.newUser("admin", true), true)
	return s
}

func (s *server) newUser(name string, super bool) int32 {
	s.t.Helper()
	u, err := store.New(s.pool).UserInsert(s.t.Context(), name, "", "", super)
	if err != nil {
		s.t.Fatal(err)
	}
	return u.ID
}

func (s *server) newToken(user int32, writes bool) string {
	s.t.Helper()
	token, err := peppers.Make(2)
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = store.New(s.pool).TokenInsert(s.t.Context(), store.TokenInsertParams{
		UserID: user, Version: 2, Key: token.Key, PepperID: token.PepperID, Digest: token.Digest, Enabled: true, WriteEnabled: writes, AllowedIps: []netip.Prefix{},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return token.Plain.Reveal()
}

// exec runs SQL and returns the one number it returns, if any.
func (s *server) exec(sql string, args ...any) (n int64) {
	s.t.Helper()
	err := s.pool.QueryRow(s.t.Context(), sql, args...).Scan(&n)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

type answer struct {
	status int
	header http.Header
	body   string
}

// json decodes the body into maps; numbers are float64.
func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("status %d, body %s: %v", a.status, a.body, err)
	}
	return v
}

func (a answer) results(t *testing.T) []map[string]any {
	t.Helper()
	var v struct{ Results []map[string]any }
	if err := json.Unmarshal([]byte(a.body), &v); err != nil || a.status != 200 {
		t.Fatalf("status %d, body %s: %v", a.status, a.body, err)
	}
	return v.Results
}

// ask sends a request; headers are pairs, an empty value removes one. The body is JSON, or a string taken as it is.
func (s *server) ask(method, path string, body any, headers ...string) answer {
	s.t.Helper()
	var r io.Reader
	if text, raw := body.(string); raw {
		r = strings.NewReader(text)
	} else if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		r = bytes.NewReader(b)
	}
	if !strings.HasPrefix(path, "http") {
		path = s.http.URL + path
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, path, r)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Del(headers[i])
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.StatusCode >= 500 {
		s.t.Errorf("%s %s: %d\n%s", method, path, res.StatusCode, s.log)
	}
	a := answer{res.StatusCode, res.Header, string(b)}
	s.conforms(method, path, a)
	return a
}

func (s *server) get(path string) answer { s.t.Helper(); return s.ask("GET", path, nil) }

// make creates an object and returns its id.
func (s *server) make(path string, body map[string]any) int {
	s.t.Helper()
	a := s.ask("POST", path, body)
	if a.status != 201 {
		s.t.Fatalf("POST %s %v: %d %s", path, body, a.status, a.body)
	}
	return int(a.json(s.t)["id"].(float64))
}

func (a answer) want(t *testing.T, status int, body string) {
	t.Helper()
	if a.status != status || body != "" && a.body != body {
		t.Errorf("got %d %s\nwant %d %s", a.status, a.body, status, body)
	}
}

func path(list string, id int) string { return fmt.Sprintf("%s%d/", list, id) }

// world is the objects that tests refer to: two endpoints with a node each, two clusters with a storage and a guest each.
type world struct {
	*server
	prod, lab                       int
	prodCluster, labCluster         int
	node1, node2, labNode           int
	backup, pbs, labStore, web, lvm int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{server: serve(t)}
	w.prod = w.make(endpointPath, map[string]any{"name": "prod-proxmox", "domain": "proxmox.example.com", "enabled": false})
	w.lab = w.make(endpointPath, map[string]any{"name": "lab", "domain": "lab.example.com", "enabled": false})
	w.prodCluster = w.make(clustersPath, map[string]any{"name": "prod-cluster"})
	w.labCluster = w.make(clustersPath, map[string]any{"name": "lab-cluster"})
	w.node1 = w.make(nodesPath, map[string]any{"name": "pve-node-01", "endpoint": w.prod, "node_id": 1, "online": true, "ip_address": "192.0.2.11"})
	w.node2 = w.make(nodesPath, map[string]any{"name": "pve-node-02", "endpoint": w.prod, "node_id": 2, "online": true})
	w.labNode = w.make(nodesPath, map[string]any{"name": "lab-node", "endpoint": w.lab})
	w.backup = w.make(storagePath, map[string]any{"name": "backup-storage", "cluster": w.prodCluster, "storage_type": "nfs"})
	w.pbs = w.make(storagePath, map[string]any{"name": "pbs-main", "cluster": w.prodCluster, "storage_type": "pbs"})
	w.labStore = w.make(storagePath, map[string]any{"name": "lab-store", "cluster": w.labCluster})
	w.web = w.make(vmsPath, map[string]any{"name": "web-server-01", "cluster": w.prodCluster})
	w.lvm = w.make(vmsPath, map[string]any{"name": "lab-vm", "cluster": w.labCluster})
	return w
}
