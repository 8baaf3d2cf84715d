package allinone_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/proxops/proxops/deploy/allinone"
	"github.com/proxops/proxops/libs/pvesim"
	"github.com/proxops/proxops/proto-events/subjects"
)

// syncRounds is how many syncs are measured.
const syncRounds = 100

// BenchmarkSyncNow measures from the request for a sync to the event of the one job that changed, of a cluster with a hundred jobs of each kind, on
// the product as `proxops run` runs it: everything reaches the disk before it counts. The floor is what the poller's own calls cost without it.
func BenchmarkSyncNow(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	s, err := allinone.Start(ctx, allinone.Config{DataDir: b.TempDir(), Listen: "127.0.0.1:0", AllowLocalTargets: true})
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	ready, err := s.Ready(ctx)
	if err != nil {
		b.Fatal(err)
	}
	cluster := pvesim.New("9.2", pvesim.WithWorld(pvesim.Generate("bench", 1, 3, 100, 100)))
	server := pvesim.StartT(b, cluster)
	c := caller{b, ready}
	made := c.post("/api/plugins/proxbox/endpoints/proxmox/", map[string]any{
		"name": "bench", "ip_address": server.Host, "port": server.Port, "username": cluster.Token().User, "token_name": cluster.Token().Name,
		"token_value": cluster.Token().Secret, "ca_certificate": string(server.CAPEM()), "poll_interval": 0,
	})
	endpoint := fmt.Sprintf("/api/plugins/proxbox/endpoints/proxmox/%v/sync/", made["id"])
	events := c.events()
	c.post(endpoint, nil)
	for range 200 {
		c.next(events)
	}
	for b.Loop() {
		var syncs, calls []time.Duration
		for i := range syncRounds {
			cluster.Edit(func(w *pvesim.World) { w.Replications[i].Comment = fmt.Sprintf("round %d of %d", i, b.N) })
			calls = append(calls, c.floor(cluster, server))
			start := time.Now()
			c.post(endpoint, map[string]any{"types": []string{"backup-routines", "replications"}})
			c.next(events)
			syncs = append(syncs, time.Since(start))
		}
		report(b, syncs, calls)
	}
}

// report gives the times in milliseconds, and what the product adds to the calls.
func report(b *testing.B, syncs, calls []time.Duration) {
	b.Helper()
	for _, at := range []struct {
		name string
		of   float64
	}{{"median", 0.5}, {"p99", 0.99}} {
		pick := func(all []time.Duration) float64 {
			slices.Sort(all)
			return float64(all[int(at.of*float64(len(all)-1))].Microseconds()) / 1000
		}
		sync, call := pick(syncs), pick(calls)
		b.ReportMetric(sync, "sync-"+at.name+"-ms")
		b.ReportMetric(call, "calls-"+at.name+"-ms")
		b.ReportMetric(sync-call, "added-"+at.name+"-ms")
	}
}

// caller uses a running product.
type caller struct {
	b     *testing.B
	ready allinone.Ready
}

func (c caller) post(path string, body map[string]any) map[string]any {
	c.b.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		c.b.Fatal(err)
	}
	if body == nil {
		text = nil
	}
	req, err := http.NewRequestWithContext(c.b.Context(), http.MethodPost, c.ready.URL+path, bytes.NewReader(text))
	if err != nil {
		c.b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.ready.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.b.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		c.b.Fatalf("POST %s: %s: %s (%v)", path, res.Status, answer, err)
	}
	var out map[string]any
	if err := json.Unmarshal(answer, &out); err != nil {
		c.b.Fatal(err)
	}
	return out
}

// events subscribes to the changes of replications and backup routines.
func (c caller) events() *nats.Subscription {
	c.b.Helper()
	nc, err := nats.Connect(c.ready.NATSURL, nats.CustomInboxPrefix("_INBOX.admin"))
	if err != nil {
		c.b.Fatal(err)
	}
	c.b.Cleanup(nc.Close)
	sub, err := nc.SubscribeSync(subjects.AllEvents)
	if err != nil {
		c.b.Fatal(err)
	}
	return sub
}

// next waits for the next event of a job of Proxmox.
func (c caller) next(events *nats.Subscription) {
	c.b.Helper()
	for {
		m, err := events.NextMsg(time.Minute)
		if err != nil {
			c.b.Fatal(err)
		}
		var e struct{ Data struct{ Kind string } }
		if err := json.Unmarshal(m.Data, &e); err != nil {
			c.b.Fatal(err)
		}
		if e.Data.Kind == "replication" || e.Data.Kind == "backup_routine" {
			return
		}
	}
}

// floor is what the calls of such a run cost alone, over a connection of its own.
func (c caller) floor(cluster *pvesim.Cluster, server *pvesim.Server) time.Duration {
	c.b.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(server.CAPEM())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	start := time.Now()
	for _, call := range []string{"/cluster/status", "/cluster/backup", "/cluster/replication"} {
		req, err := http.NewRequestWithContext(c.b.Context(), http.MethodGet, server.URL+"/api2/json"+call, nil)
		if err != nil {
			c.b.Fatal(err)
		}
		req.Header.Set("Authorization", cluster.Token().Header())
		res, err := client.Do(req)
		if err != nil {
			c.b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			c.b.Fatal(err)
		}
		_ = res.Body.Close()
	}
	return time.Since(start)
}
