package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/httpd"
	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/seal"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/api"
	"github.com/proxops/proxops/services/api/admin"
)

var peppers = admin.Peppers{1: seal.Secret(strings.Repeat("pepper", 8))}

// TestRunServesAndTellsOfWhatChanged starts the service on real servers, as a process would, and uses it as a client.
func TestRunServesAndTellsOfWhatChanged(t *testing.T) {
	opener, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "site.key"))
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{"default": opener.PublicKey()}
	nats, databaseURL := natstest.Start(t), pgtest.URL(t)
	pool, err := postgres.Open(t.Context(), databaseURL, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := admin.CreateUser(t.Context(), pool, admin.NewUser{Name: "admin", Superuser: true}); err != nil {
		t.Fatal(err)
	}
	token, err := admin.CreateToken(t.Context(), pool, peppers, "admin", admin.NewToken{Version: 2})
	if err != nil {
		t.Fatal(err)
	}
	endpoints := admin.Endpoints{Pool: pool, SiteKeys: keys}
	if err := endpoints.Put(t.Context(), "one", map[string]any{"domain": "pve.example.com", "username": "a@pam", "password": "x", "enabled": false}); err != nil {
		t.Fatal(err)
	}
	projector, watcher := natstest.Join(t, nats, localnats.Projector), natstest.Join(t, nats, localnats.Admin)
	endpointHints, jobHints := listen(t, projector, subjects.ControlEndpoints), listen(t, projector, subjects.ControlJobs)
	cancels, progress := listen(t, watcher, subjects.AllCancels), listen(t, watcher, subjects.AllProgress)

	ln, err := httpd.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- api.Run(ctx, api.Config{DatabaseURL: databaseURL, NATSURL: nats.URL(localnats.API), SiteKeys: keys, Peppers: peppers}, api.Deps{Listener: ln})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	base := "http://" + ln.Addr().String()
	page := call(t, token, http.MethodGet, base+"/api/plugins/proxbox/endpoints/proxmox/?name=one", "")
	results, _ := page["results"].([]any)
	if len(results) != 1 {
		t.Fatalf("list: %v", page)
	}
	if got, _ := results[0].(map[string]any)["has_credentials"].(bool); !got {
		t.Error("the endpoint has lost its credentials")
	}
	call(t, token, http.MethodPatch, base+"/api/plugins/proxbox/endpoints/proxmox/1/", `{"poll_interval": 30, "enabled": true}`)
	endpointHints(subjects.ControlEndpoints)
	call(t, token, http.MethodPost, base+"/api/plugins/proxbox/endpoints/proxmox/1/sync/", `{"type": "inventory"}`)
	jobHints(subjects.ControlJobs)
	_, err = pool.Exec(t.Context(), `WITH claimed AS (INSERT INTO endpoint_states (endpoint_id, issued_generation) VALUES (1, 5))
		UPDATE job_parts SET status = 'running', generation = 5, attempts = 1`)
	if err != nil {
		t.Fatal(err)
	}
	call(t, token, http.MethodPost, base+"/api/core/jobs/1/cancel/", "")
	jobHints(subjects.ControlJobs)
	progress(subjects.Progress(1, 0))
	var run proxopsv1.CancelRun
	if err := bus.Decode(cancels(subjects.Cancel("default")), &run); err != nil || run.GetEndpointId() != 1 || run.GetGeneration() != 5 {
		t.Errorf("pollers are told to stop %v: %v", &run, err)
	}
}

// listen returns what takes the next message, which must be of the subject.
func listen(t *testing.T, b *bus.Bus, on string) func(subject string) []byte {
	t.Helper()
	sub, err := b.Conn().SubscribeSync(on)
	if err == nil {
		err = b.Conn().Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return func(subject string) []byte {
		t.Helper()
		m, err := sub.NextMsg(5 * time.Second)
		if err != nil || m.Subject != subject {
			t.Fatalf("no message of %s: %v %v", subject, m, err)
		}
		return m.Data
	}
}

func call(t *testing.T, token seal.Secret, method, url, body string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %s %v", method, url, res.Status, text, err)
	}
	return out
}

func TestRunSaysInOneLineWhatIsWrong(t *testing.T) {
	taken, err := httpd.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	good := api.Config{Listen: "127.0.0.1:0", DatabaseURL: pgtest.URL(t), NATSURL: natstest.Start(t).URL(localnats.API), SiteKeys: map[string]string{}, Peppers: peppers}
	for name, c := range map[string]struct {
		change func(*api.Config)
		kind   fault.Kind
	}{
		"no pepper":          {func(c *api.Config) { c.Peppers = nil }, fault.Invalid},
		"port taken":         {func(c *api.Config) { c.Listen = taken.Addr().String() }, fault.Conflict},
		"database is away":   {func(c *api.Config) { c.DatabaseURL = "postgres://a:b@127.0.0.1:1/x" }, fault.Unavailable},
		"NATS is away":       {func(c *api.Config) { c.NATSURL = "nats://127.0.0.1:1" }, fault.Unavailable},
		"unknown type":       {func(c *api.Config) { c.ExemptViewPermissions = []string{"ipam.prefix"} }, fault.Invalid},
		"site key is no key": {func(c *api.Config) { c.SiteKeys["default"] = "nonsense" }, fault.Invalid},
	} {
		cfg := good
		cfg.SiteKeys = map[string]string{}
		c.change(&cfg)
		err := api.Run(t.Context(), cfg, api.Deps{})
		if fault.KindOf(err) != c.kind || err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v (%v), want one line that is %v", name, err, fault.KindOf(err), c.kind)
		}
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Run(t.Context(), api.Config{}, api.Deps{Listener: ln}); err == nil {
		t.Error("an empty configuration is taken")
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error("a listener is left open after a failure")
	}
}
