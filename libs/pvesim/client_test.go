package pvesim_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/pvesim"
)

// client asks one server with its CA and a token.
type client struct {
	t      testing.TB
	server *pvesim.Server
	http   *http.Client
	auth   string
}

func connect(tb testing.TB, s *pvesim.Server) *client {
	tb.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(s.CAPEM()) {
		tb.Fatal("CAPEM is no certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	tb.Cleanup(transport.CloseIdleConnections)
	return &client{
		t: tb, server: s, auth: s.Cluster().Token().Header(),
		http: &http.Client{
			Transport: transport, Timeout: 20 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// start serves a cluster at the time of the fixtures.
func start(t *testing.T, version string, opts ...pvesim.Option) (*pvesim.Cluster, *client) {
	t.Helper()
	opts = append([]pvesim.Option{pvesim.WithClock(func() time.Time { return pvesim.FixtureNow })}, opts...)
	c := pvesim.New(version, opts...)
	return c, connect(t, pvesim.StartT(t, c))
}

// do sends a request and returns status line and body; err is a broken connection, or body.
func (c *client) do(method, path string) (status string, body []byte, err error) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(resp.Body)
	return resp.Status, body, err
}

// get returns a good answer's body.
func (c *client) get(path string) []byte {
	c.t.Helper()
	status, body, err := c.do(http.MethodGet, "/api2/json"+path)
	if err != nil || status != "200 OK" {
		c.t.Fatalf("GET %s: %s %s %v", path, status, body, err)
	}
	return body
}

// refusal returns the status line of an answer that is not good.
func (c *client) refusal(path string) string {
	c.t.Helper()
	status, _, err := c.do(http.MethodGet, "/api2/json"+path)
	if err != nil {
		c.t.Fatalf("GET %s: %v", path, err)
	}
	return status
}

// rows returns the rows of a list.
func (c *client) rows(path string) []map[string]any {
	c.t.Helper()
	var list struct{ Data []map[string]any }
	decode(c.t, c.get(path), &list)
	return list.Data
}

func (c *client) ids(path string) []string {
	c.t.Helper()
	ids := []string{}
	for _, row := range c.rows(path) {
		ids = append(ids, row["id"].(string))
	}
	return ids
}

// decode keeps numbers as they are written, so that 1, 1.0 and "1" differ.
func decode(tb testing.TB, body []byte, into any) {
	tb.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		tb.Fatalf("decode %s: %v", body, err)
	}
}
