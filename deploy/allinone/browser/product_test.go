package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/proxops/proxops/deploy/allinone"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/pvesim"
)

// product is the whole of it in this process, with a superuser.
type product struct {
	allinone.Ready

	fleet *pvesim.Fleet
}

// newProduct starts it with simulated clusters that stand still. The first so many of them are endpoints and have been read.
func newProduct(t *testing.T, cfg pvesim.FleetConfig, endpoints int) *product {
	t.Helper()
	chrome.context(t)
	fleet, err := pvesim.NewFleet(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fleet.Close)
	stack, err := allinone.Start(t.Context(), allinone.Config{
		DataDir: t.TempDir(), Listen: "127.0.0.1:0", DatabaseURL: pgtest.URL(t), AllowLocalTargets: true, Disposable: true,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // the pages are looked at until the end of the test
	ended := make(chan error, 1)
	go func() { ended <- stack.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the product ended with %v", err)
		}
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &product{fleet: fleet}
	if p.Ready, err = stack.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, l := range fleet.Listing()[:endpoints] {
		p.call(t, http.MethodPost, "/api/plugins/proxbox/endpoints/proxmox/", map[string]any{
			"name": l.Name, "ip_address": l.Host, "port": l.Port, "username": l.User, "token_name": l.TokenName, "token_value": l.TokenValue,
			"ca_certificate": l.CACertificate, "poll_interval": 0,
		})
	}
	if endpoints > 0 {
		p.sync(t)
	}
	return p
}

// sync reads all endpoints now, and returns when that has ended.
func (p *product) sync(t *testing.T) {
	t.Helper()
	ids := []any{}
	for _, e := range p.call(t, http.MethodGet, "/api/plugins/proxbox/endpoints/proxmox/?limit=0", nil)["results"].([]any) {
		ids = append(ids, e.(map[string]any)["id"])
	}
	job := p.call(t, http.MethodPost, "/api/plugins/proxbox/sync/", map[string]any{"endpoints": ids})
	url, _ := job["url"].(string)
	for end := time.Now().Add(2 * wait); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		switch job = p.call(t, http.MethodGet, url[len(p.URL):], nil); job["status"].(map[string]any)["value"] {
		case "completed":
			return
		case "failed", "errored":
			t.Fatalf("the clusters cannot be read: %v", job)
		}
	}
	t.Fatalf("the clusters are not read in good time: %v", job)
}

// call asks REST.
func (p *product) call(t *testing.T, method, path string, body any) map[string]any {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, p.URL+path, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %s %v", method, path, res.Status, text, err)
	}
	var out map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return out
}

// login opens a tab and logs in as the superuser.
func (p *product) login(t *testing.T) *tab {
	t.Helper()
	b := newTab(t, p.URL)
	b.open("/login/")
	b.write("#username", p.Username)
	b.write("#password", p.Password)
	b.follow("form [type=submit]")
	return b
}
