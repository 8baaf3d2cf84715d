package pvesim_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/pvesim"
)

// transcript is a recorded refusal.
type transcript struct {
	Status  int
	Reason  string
	Headers map[string]string
	Body    string
}

func readTranscript(t *testing.T, file string) transcript {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want transcript
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	return want
}

// dial opens a TLS connection on which a test reads what really comes over the wire.
func dial(t *testing.T, s *pvesim.Server) *tls.Conn {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.CAPEM())
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.URL, "https://"), &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func request(method, path, auth string) string {
	text := fmt.Sprintf("%s /api2/json%s HTTP/1.1\r\nHost: pve1\r\n", method, path)
	if auth != "" {
		text += "Authorization: " + auth + "\r\n"
	}
	return text + "\r\n"
}

// raw sends a request over a connection of its own and reads until the server closes it.
func raw(t *testing.T, s *pvesim.Server, text string) transcript {
	t.Helper()
	conn := dial(t, s)
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("the server did not close the connection in order: %v", err)
	}
	head, body, ok := strings.Cut(string(all), "\r\n\r\n")
	if !ok {
		t.Fatalf("no end of headers in %q", all)
	}
	lines := strings.Split(head, "\r\n")
	got := transcript{Headers: map[string]string{}, Body: body}
	status, reason, _ := strings.Cut(strings.TrimPrefix(lines[0], "HTTP/1.1 "), " ")
	got.Reason = reason
	if _, err := fmt.Sscan(status, &got.Status); err != nil {
		t.Fatalf("status line %q: %v", lines[0], err)
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		got.Headers[name] = value
	}
	if n := got.Headers["Content-Length"]; n != fmt.Sprint(len(body)) {
		t.Errorf("Content-Length is %s, the body has %d bytes", n, len(body))
	}
	return got
}

// compare checks an answer against a recorded one, which has only the headers that say something.
func compare(t *testing.T, want, got transcript) {
	t.Helper()
	for _, always := range []string{"Content-Length", "Date", "Server", "Cache-Control", "Pragma"} {
		if got.Headers[always] == "" {
			t.Errorf("no header %s", always)
		}
		delete(got.Headers, always)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-recorded +simulated):\n%s", diff)
	}
}

func TestEveryRefusalIsByteForByteAsRecorded(t *testing.T) {
	for _, version := range pvesim.Versions() {
		files, err := filepath.Glob(filepath.Join("testdata/pve", version, "http_*.json"))
		if err != nil || len(files) != len(pvesim.Transcripts()) {
			t.Fatalf("%d recorded refusals of %s, want %d: %v", len(files), version, len(pvesim.Transcripts()), err)
		}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			t.Run(version+"/"+name, func(t *testing.T) {
				c := pvesim.New(version)
				s := pvesim.StartT(t, c)
				c.Fault("/cluster/backup", pvesim.FromTranscript(name))
				compare(t, readTranscript(t, file), raw(t, s, request(http.MethodGet, "/cluster/backup", c.Token().Header())))
			})
		}
	}
}

func TestRefusalsComeFromTheirCauses(t *testing.T) {
	for name, tt := range map[string]struct {
		transcript string
		versions   []string
		path       string
		auth       func(pvesim.Token) string
		set        func(*pvesim.Cluster)
	}{
		"unknown backup job":      {transcript: "http_400_no_such_job", path: "/cluster/backup/nope"},
		"unknown replication job": {transcript: "http_500_no_such_replication", path: "/cluster/replication/100-9"},
		"wrong secret":            {transcript: "http_401_bad_token", path: "/version", auth: func(t pvesim.Token) string { t.Secret = "x"; return t.Header() }},
		"no token":                {transcript: "http_401_no_auth", path: "/version", auth: func(pvesim.Token) string { return "" }},
		"no Sys.Audit": {
			transcript: "http_403_sys_audit", path: "/cluster/backup",
			set: func(c *pvesim.Cluster) { c.SetACL(pvesim.ACL{Path: "/", Role: "VM.Audit"}) },
		},
		"no Sys.Audit and an unknown job": {
			transcript: "http_403_sys_audit", path: "/cluster/backup/nope",
			set: func(c *pvesim.Cluster) { c.Deny("/") },
		},
		"a guest that may not be seen": {
			transcript: "http_403_vm_audit_replication", path: "/cluster/replication", versions: []string{"6.4", "7.4"},
			set: func(c *pvesim.Cluster) { c.DenyVM(205) },
		},
		"one job of a guest that may not be seen": {
			transcript: "http_403_vm_audit_replication", path: "/cluster/replication/205-0",
			set: func(c *pvesim.Cluster) { c.DenyVM(205) },
		},
		"an unknown job while nothing may be seen": {
			transcript: "http_500_no_such_replication", path: "/cluster/replication/100-9",
			set: func(c *pvesim.Cluster) { c.Deny("/vms") },
		},
		"a lock without quorum": {
			transcript: "http_500_no_quorum_lock", path: "/nodes/pve1/replication",
			set: func(c *pvesim.Cluster) { c.LoseQuorum(c.World()); c.ExpectLocking() },
		},
		"a call of later versions": {
			transcript: "http_501_not_implemented", path: "/cluster/jobs/schedule-analyze", versions: []string{"6.4"},
		},
		"a node that is down":    {transcript: "http_595_node_unreachable", path: "/nodes/pve3/time"},
		"a node that nobody has": {transcript: "http_596_cert", path: "/nodes/pve9/replication", set: (*pvesim.Cluster).ExpectLocking},
	} {
		versions := tt.versions
		if versions == nil {
			versions = pvesim.Versions()
		}
		for _, version := range versions {
			t.Run(version+"/"+name, func(t *testing.T) {
				c := pvesim.New(version)
				s := pvesim.StartT(t, c)
				if tt.set != nil {
					tt.set(c)
				}
				auth := c.Token().Header()
				if tt.auth != nil {
					auth = tt.auth(c.Token())
				}
				want := readTranscript(t, filepath.Join("testdata/pve", version, tt.transcript+".json"))
				compare(t, want, raw(t, s, request(http.MethodGet, tt.path, auth)))
			})
		}
	}
}

func TestOldVersionsSayWhyATokenIsRefused(t *testing.T) {
	for want, change := range map[string]func(*pvesim.Token){
		"no such user ('nobody@pve')":                  func(t *pvesim.Token) { t.User = "nobody@pve" },
		"no such token 'other' for user 'proxops@pve'": func(t *pvesim.Token) { t.Name = "other" },
		"invalid token value!":                         func(t *pvesim.Token) { t.Secret = "" },
	} {
		for _, version := range pvesim.Versions() {
			c, client := start(t, version)
			token := c.Token()
			change(&token)
			client.auth = token.Header()
			hidden := version >= "8"
			if got := client.refusal("/version"); hidden && got != "401 Authentication failed!" || !hidden && got != "401 "+want {
				t.Errorf("%s: %q, want %q", version, got, want)
			}
		}
	}
	for want, token := range map[string]pvesim.Token{
		"401 token expired":            {User: "a@pve", Name: "b", Secret: "c", Expired: true},
		"401 user 'a@pve' is disabled": {User: "a@pve", Name: "b", Secret: "c", Disabled: true},
	} {
		_, client := start(t, "7.4", pvesim.WithToken(token))
		if got := client.refusal("/version"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRefusalsTakeAsLongAsTheyAreTold(t *testing.T) {
	c := pvesim.New("9.2", pvesim.WithDelays(pvesim.Delays{Auth: 300 * time.Millisecond}))
	s := pvesim.StartT(t, c)
	begin := time.Now()
	if got := raw(t, s, request(http.MethodGet, "/version", "")); got.Status != http.StatusUnauthorized {
		t.Fatalf("status %d, want 401", got.Status)
	}
	if took := time.Since(begin); took < 300*time.Millisecond {
		t.Errorf("refused after %s, want a delay of 300ms", took)
	}
}

func TestOnlyGetIsAnsweredAndTheRestIsRecorded(t *testing.T) {
	for _, version := range pvesim.Versions() {
		c := pvesim.New(version)
		c.ExpectRefused()
		s := pvesim.StartT(t, c)
		before := c.World()
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			got := raw(t, s, request(method, "/cluster/backup", c.Token().Header()))
			if want := "Method '" + method + " /cluster/backup' not implemented"; got.Status != 501 || got.Reason != want {
				t.Errorf("%s %s: %d %q", version, method, got.Status, got.Reason)
			}
		}
		want := []string{"POST /cluster/backup", "PUT /cluster/backup", "DELETE /cluster/backup", "PATCH /cluster/backup", "OPTIONS /cluster/backup"}
		if diff := cmp.Diff(want, c.Refused()); diff != "" {
			t.Errorf("refused (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(before, c.World()); diff != "" {
			t.Errorf("the cluster was changed:\n%s", diff)
		}
	}
}

// recorder is a test that may fail.
type recorder struct {
	cleanup []func()
	errors  []string
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanup = append(r.cleanup, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func TestStartTFailsTheTestOfWhoWritesOrLocks(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		expect       func(*pvesim.Cluster)
		failures     int
	}{
		{"GET", "/cluster/backup", nil, 0},
		{"POST", "/access/ticket", nil, 1},
		{"POST", "/access/ticket", (*pvesim.Cluster).ExpectRefused, 0},
		{"GET", "/nodes/pve1/replication", nil, 1},
		{"GET", "/nodes/pve1/replication/100-0/status", nil, 1},
		{"GET", "/nodes/pve1/replication", (*pvesim.Cluster).ExpectLocking, 0},
	} {
		c, rec := pvesim.New("8.4"), &recorder{}
		if tt.expect != nil {
			tt.expect(c)
		}
		s := pvesim.StartT(rec, c)
		conn := dial(t, s)
		if _, err := io.WriteString(conn, request(tt.method, tt.path, c.Token().Header())); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		for _, f := range rec.cleanup {
			f()
		}
		if len(rec.errors) != tt.failures {
			t.Errorf("%s %s: failures %q, want %d", tt.method, tt.path, rec.errors, tt.failures)
		}
	}
}
