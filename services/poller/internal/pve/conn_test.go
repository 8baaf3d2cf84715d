package pve

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luthermonson/go-proxmox"

	"github.com/proxops/proxops/libs/pvesim"
	"github.com/proxops/proxops/libs/seal"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// to is how a simulated cluster is read by default: its CA is pinned.
func to(s *pvesim.Server) Target {
	token := s.Cluster().Token()
	return Target{
		Port: uint32(s.Port), TokenID: token.User + "!" + token.Name, Token: seal.Secret(token.Secret),
		VerifyTLS: true, CACertificate: string(s.CAPEM()),
	}
}

var quick = Options{AllowLocal: true, RequestTimeout: 5 * time.Second}

func open(t *testing.T, host string, target Target, options Options) *Conn {
	t.Helper()
	c, err := New(target, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.At(host)
}

func conn(t *testing.T, s *pvesim.Server) *Conn { t.Helper(); return open(t, s.Host, to(s), quick) }

// wantKind checks the kind of an error, and that it says where, what and what to do.
func wantKind(t *testing.T, err error, want proxopsv1.ErrorKind) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != want {
		t.Fatalf("error is %v (%#v), want %v", err, err, want)
	}
	if e.Text == "" || e.Remedy == "" {
		t.Errorf("%v has text %q and remedy %q", e.Kind, e.Text, e.Remedy)
	}
	return e
}

func TestRefusalsKeepStatusReasonAndPrivilege(t *testing.T) {
	const (
		malformed   = proxopsv1.ErrorKind_ERROR_KIND_MALFORMED
		auth        = proxopsv1.ErrorKind_ERROR_KIND_AUTH
		permission  = proxopsv1.ErrorKind_ERROR_KIND_PERMISSION
		unavailable = proxopsv1.ErrorKind_ERROR_KIND_UNAVAILABLE
	)
	kinds := map[string]proxopsv1.ErrorKind{"400": malformed, "401": auth, "403": permission, "500": unavailable, "501": unavailable, "595": unavailable, "596": unavailable}
	reasons := map[string]string{
		"http_401_no_auth": "No ticket", "http_403_sys_audit": "Permission check failed (/, Sys.Audit)",
		"http_500_pmxcfs_down": "Unable to load access control list", "http_595_node_unreachable": "No route to host",
		"http_596_cert": "certificate verify failed",
	}
	privileges := map[string]string{"http_403_sys_audit": "/ Sys.Audit", "http_403_vm_audit_replication": "/vms/205 VM.Audit"}
	for _, version := range pvesim.Versions() {
		sim := pvesim.New(version)
		c := conn(t, pvesim.StartT(t, sim))
		for _, name := range pvesim.Transcripts() {
			sim.Fault("/cluster/backup", pvesim.FromTranscript(name))
			_, _, err := c.BackupRoutines(t.Context())
			sim.ClearFaults()
			status := strings.Split(name, "_")[1]
			e := wantKind(t, err, kinds[status])
			if !strings.Contains(e.Text, c.Address()+", GET /cluster/backup: "+status) || !strings.Contains(e.Text, reasons[name]) {
				t.Errorf("%s of %s says %q", name, version, e.Text)
			}
			if e.MissingPrivilege != privileges[name] {
				t.Errorf("%s of %s misses %q, want %q", name, version, e.MissingPrivilege, privileges[name])
			}
			if want := status[0] == '5'; e.Failover != want {
				t.Errorf("%s of %s: failover is %v", name, version, e.Failover)
			}
		}
	}
}

func TestNoAnswerThatIsNoListPassesForAnEmptyOne(t *testing.T) {
	sim := pvesim.New("8.4")
	c := open(t, "127.0.0.1", to(pvesim.StartT(t, sim)), Options{AllowLocal: true, RequestTimeout: 300 * time.Millisecond})
	for _, f := range pvesim.Faults() {
		if f.Name() == pvesim.HalfList.Name() || f.Name() == pvesim.EmptyList.Name() {
			continue // these are lists, which gates of their own are for
		}
		sim.Fault("*", f)
		jobs, _, err := c.BackupRoutines(t.Context())
		_, _, err2 := c.Replications(t.Context())
		_, err3 := c.Status(t.Context())
		_, err4 := c.GuestNodes(t.Context())
		sim.ClearFaults()
		if err == nil || err2 == nil || err3 == nil || err4 == nil || len(jobs) > 0 {
			t.Errorf("%s: errors are %v, %v, %v, %v", f.Name(), err, err2, err3, err4)
		}
	}
	if _, _, err := c.BackupRoutines(t.Context()); err != nil {
		t.Errorf("after the faults: %v", err)
	}
}

// serveTLS starts a server of the test's own, whose certificate a target can pin.
func serveTLS(t *testing.T, h http.HandlerFunc) (*httptest.Server, string, Target) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail on purpose
	s.StartTLS()
	t.Cleanup(s.Close)
	host, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return s, host, Target{
		Port: uint32(n), TokenID: "a@pve!b", Token: "11111111-2222-3333-4444-555555555555",
		VerifyTLS: true, Fingerprints: []string{Fingerprint(s.Certificate())},
	}
}

func TestNothingButAGetLeavesTheProcess(t *testing.T) {
	var requests atomic.Int32
	_, host, target := serveTLS(t, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	c := open(t, host, target, quick)
	for _, send := range []func(context.Context, string, any, any) error{
		c.client.Post, c.client.Put,
		func(ctx context.Context, p string, _, v any) error { return c.client.Delete(ctx, p, v) },
		func(ctx context.Context, p string, _, v any) error {
			return c.client.Req(ctx, http.MethodGet, p, []byte("{}"), v)
		},
		func(ctx context.Context, p string, _, v any) error {
			return c.client.Req(ctx, http.MethodPatch, p, nil, v)
		},
		func(ctx context.Context, p string, _, v any) error {
			return c.client.Req(ctx, http.MethodHead, p, nil, v)
		},
		func(ctx context.Context, _ string, _, _ any) error {
			_, err := c.client.Ticket(ctx, &proxmox.Credentials{Username: "a@pve", Password: "x"})
			return err
		},
	} {
		if err := send(t.Context(), "/access/ticket", map[string]string{"a": "b"}, nil); !errors.Is(err, errNotGET) {
			t.Errorf("error is %v, want %v", err, errNotGET)
		}
	}
	if n := requests.Load(); n > 0 {
		t.Errorf("%d requests reached the server", n)
	}
}

func TestAnEndpointWithoutATokenIsNotAsked(t *testing.T) {
	for name, target := range map[string]Target{
		"password only":  {TokenID: "root@pam!"},
		"no value":       {TokenID: "root@pam!x"},
		"no name":        {TokenID: "root@pam!", Token: "secret-value"},
		"line end":       {TokenID: "root@pam!x", Token: "secret\r\nX-Evil: 1"},
		"blank in name":  {TokenID: "root@pam!x y", Token: "secret-value"},
		"not even ASCII": {TokenID: "root@pam!x", Token: "schlüssel"},
	} {
		_, err := New(target, quick)
		e := wantKind(t, err, proxopsv1.ErrorKind_ERROR_KIND_CREDENTIALS)
		if !strings.Contains(e.Remedy, "token_name") || strings.Contains(e.Text+e.Remedy, "secret") {
			t.Errorf("%s: %q, %q", name, e.Text, e.Remedy)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	const limit = 1 << 10
	var size atomic.Int64
	_, host, target := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Error("gzip is not asked for")
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer func() { _ = z.Close() }()
		const frame = `{"data":[{"id":"b","comment":""}]}`
		_, _ = fmt.Fprintf(z, `{"data":[{"id":"b","comment":"%s"}]}`, strings.Repeat("x", int(size.Load())-len(frame)))
	})
	c := open(t, host, target, Options{AllowLocal: true, MaxBody: limit, RequestTimeout: time.Minute})
	for n, kind := range map[int64]proxopsv1.ErrorKind{
		limit - 1: 0, limit: 0,
		limit + 1: proxopsv1.ErrorKind_ERROR_KIND_TOO_LARGE, 2 << 20: proxopsv1.ErrorKind_ERROR_KIND_TOO_LARGE,
	} {
		size.Store(n)
		jobs, _, err := c.BackupRoutines(t.Context())
		if kind == 0 {
			if err != nil || len(jobs) != 1 {
				t.Errorf("%d bytes: %d jobs, error %v", n, len(jobs), err)
			}
			continue
		}
		_ = wantKind(t, err, kind)
	}
}

// TestAnAnswerOfAGigabyteCostsBoundedMemory sends an endless list, plain and as a gzip bomb of a megabyte, with the limits that pollers have.
func TestAnAnswerOfAGigabyteCostsBoundedMemory(t *testing.T) {
	const gigabyte = 1 << 30
	entries := strings.Repeat(`{"id":"backup-0001","type":"vzdump"},`, 1<<15)
	for name, packed := range map[string]bool{"plain": false, "gzip": true} {
		_, host, target := serveTLS(t, func(w http.ResponseWriter, _ *http.Request) {
			out := io.Writer(w)
			if packed {
				w.Header().Set("Content-Encoding", "gzip")
				z := gzip.NewWriter(w)
				defer func() { _ = z.Close() }()
				out = z
			}
			_, err := io.WriteString(out, `{"data":[`)
			for sent := 0; err == nil && sent < gigabyte; sent += len(entries) {
				_, err = io.WriteString(out, entries)
			}
			if err == nil {
				t.Errorf("%s: the whole gigabyte was taken", name)
			}
		})
		c := open(t, host, target, Options{AllowLocal: true, RequestTimeout: time.Minute})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := c.BackupRoutines(t.Context())
		runtime.ReadMemStats(&after)
		e := wantKind(t, err, proxopsv1.ErrorKind_ERROR_KIND_TOO_LARGE)
		if e.Failover {
			t.Errorf("%s: another address would be asked for as much", name)
		}
		// All that was allocated in the meantime, also what was freed again.
		if spent := after.TotalAlloc - before.TotalAlloc; spent > gigabyte/4 {
			t.Errorf("%s: %d MiB were allocated", name, spent>>20)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Bool
	other, _, _ := serveTLS(t, func(http.ResponseWriter, *http.Request) { followed.Store(true) })
	_, host, target := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	_, err := open(t, host, target, quick).Status(t.Context())
	_ = wantKind(t, err, proxopsv1.ErrorKind_ERROR_KIND_MALFORMED)
	if followed.Load() {
		t.Error("the redirect was followed")
	}
}

func TestAtMostTwoRequestsAtOnceOverKeptConnections(t *testing.T) {
	var now, most, conns atomic.Int32
	gate := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for n := now.Add(1); ; {
			old := most.Load()
			if old >= n || most.CompareAndSwap(old, n) {
				break
			}
		}
		<-gate
		now.Add(-1)
		_, _ = io.WriteString(w, `{"data":[]}`)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	host, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	n, _ := strconv.ParseUint(port, 10, 16)
	c := open(t, host, Target{
		Port: uint32(n), TokenID: "a@pve!b", Token: "11111111-2222-3333-4444-555555555555",
		VerifyTLS: true, Fingerprints: []string{Fingerprint(s.Certificate())},
	}, quick)
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			if _, _, err := c.BackupRoutines(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	for range 8 {
		gate <- struct{}{}
	}
	asking.Wait()
	if most.Load() > 2 || conns.Load() > 2 {
		t.Errorf("%d requests at once over %d connections", most.Load(), conns.Load())
	}
	if got := c.cluster.Requests(); got != 8 {
		t.Errorf("%d requests counted, want 8", got)
	}
}

func TestTheEndOfTheRunIsNotTheClustersFault(t *testing.T) {
	sim := pvesim.New("9.2")
	c := conn(t, pvesim.StartT(t, sim))
	sim.Fault("*", pvesim.SlowHeader(time.Minute))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Status(ctx)
	if e := wantKind(t, err, proxopsv1.ErrorKind_ERROR_KIND_TIMEOUT); e.Failover || !strings.Contains(e.Text, "the time was over") {
		t.Errorf("error is %+v", e)
	}
	_, err = c.Status(ctx)
	_ = wantKind(t, err, proxopsv1.ErrorKind_ERROR_KIND_TIMEOUT)
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Status(stopped)
	if e := wantKind(t, err, proxopsv1.ErrorKind_ERROR_KIND_TIMEOUT); !strings.Contains(e.Text, "stopping") {
		t.Errorf("error is %+v", e)
	}
}

func TestTroubleOnTheWayHasAKindAndAnotherAddressMayHelp(t *testing.T) {
	sim := pvesim.New("9.2")
	s := pvesim.StartT(t, sim)
	closed := to(s)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Port = uint32(ln.Addr().(*net.TCPAddr).Port)
	_ = ln.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	noTLS := to(s)
	_, port, _ := net.SplitHostPort(plain.Listener.Addr().String())
	n, _ := strconv.ParseUint(port, 10, 16)
	noTLS.Port = uint32(n)
	slow := Options{AllowLocal: true, RequestTimeout: 100 * time.Millisecond}
	for _, tc := range []struct {
		name, host string
		target     Target
		options    Options
		fault      pvesim.Fault
		want       proxopsv1.ErrorKind
		noFailover bool
	}{
		{"refused", s.Host, closed, quick, pvesim.Fault{}, proxopsv1.ErrorKind_ERROR_KIND_CONNECT, false},
		{"no TLS", s.Host, noTLS, quick, pvesim.Fault{}, proxopsv1.ErrorKind_ERROR_KIND_TLS, false},
		{"no such name", "no-such-name.invalid", to(s), quick, pvesim.Fault{}, proxopsv1.ErrorKind_ERROR_KIND_DNS, false},
		{"no name at all", "a/b@c", to(s), quick, pvesim.Fault{}, proxopsv1.ErrorKind_ERROR_KIND_CONNECT, false},
		{"reset", s.Host, to(s), quick, pvesim.Reset, proxopsv1.ErrorKind_ERROR_KIND_CONNECT, false},
		{"cut", s.Host, to(s), quick, pvesim.CutBody, proxopsv1.ErrorKind_ERROR_KIND_MALFORMED, false},
		{"cut JSON", s.Host, to(s), quick, pvesim.CutJSON, proxopsv1.ErrorKind_ERROR_KIND_MALFORMED, true},
		{"HTML", s.Host, to(s), quick, pvesim.HTML, proxopsv1.ErrorKind_ERROR_KIND_MALFORMED, true},
		{"slow header", s.Host, to(s), slow, pvesim.SlowHeader(time.Minute), proxopsv1.ErrorKind_ERROR_KIND_TIMEOUT, false},
		{"slow body", s.Host, to(s), slow, pvesim.SlowBody(1), proxopsv1.ErrorKind_ERROR_KIND_TIMEOUT, false},
		{"bad gateway", s.Host, to(s), quick, pvesim.BadGateway, proxopsv1.ErrorKind_ERROR_KIND_UNAVAILABLE, false},
		{"too many", s.Host, to(s), quick, pvesim.TooMany, proxopsv1.ErrorKind_ERROR_KIND_UNAVAILABLE, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sim.Fault("*", tc.fault)
			defer sim.ClearFaults()
			c := open(t, tc.host, tc.target, tc.options)
			_, err := c.Status(t.Context())
			if seen := c.Certificate() != (Certificate{}); seen != (tc.target.Port == uint32(s.Port) && tc.host == s.Host) {
				t.Errorf("the certificate is %v", c.Certificate())
			}
			if e := wantKind(t, err, tc.want); e.Failover == tc.noFailover || !strings.Contains(e.Text, "/cluster/status") {
				t.Errorf("error is %+v", e)
			}
		})
	}
}
