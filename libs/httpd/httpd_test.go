package httpd

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/obs"
)

// started serves h until stop is called, whose result is that of Serve.
func started(t *testing.T, patience time.Duration, h http.Handler) (url string, stop func() error) {
	t.Helper()
	ln, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, ln, h, patience) }()
	return "http://" + ln.Addr().String(), func() error { cancel(); return <-ended }
}

func get(t *testing.T, url string) (status int, body string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func TestListenSaysInOneLineWhatIsWrong(t *testing.T) {
	taken, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for addr, want := range map[string]struct {
		kind fault.Kind
		text string
	}{
		taken.Addr().String(): {fault.Conflict, "the port is taken"},
		"nonsense":            {fault.Invalid, "expected host:port"},
		"192.0.2.1:0":         {fault.Invalid, "does not have the address"},
	} {
		_, err := Listen(t.Context(), addr)
		if err == nil || fault.KindOf(err) != want.kind || !strings.Contains(err.Error(), want.text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Listen(%q): %v (%v), want %v with %q", addr, err, fault.KindOf(err), want.kind, want.text)
		}
	}
}

func TestServeLetsRunningRequestsEnd(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	url, stop := started(t, 20*time.Second, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		if r.Context().Err() == nil {
			_, _ = io.WriteString(w, "whole")
		}
	}))
	answer := make(chan string, 1)
	go func() {
		_, body, err := get(t, url)
		answer <- body + errText(err)
	}()
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	// Once it is told to stop, nobody new gets in.
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second)
		if err != nil {
			break
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("the port stays open")
		}
	}
	close(release)
	if got := <-answer; got != "whole" {
		t.Errorf("the running request got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestServeTellsStreamsAndCutsOffWhatStays(t *testing.T) {
	arrived := make(chan struct{}, 2)
	ended := make(chan string, 2)
	never := make(chan struct{})
	defer close(never)
	mux := http.NewServeMux()
	mux.HandleFunc("/stream", func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-Stopping(r.Context())
		ended <- "stream " + errText(r.Context().Err())
	})
	mux.HandleFunc("/stuck", func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
		ended <- "stuck"
		<-never
	})
	url, stop := started(t, 200*time.Millisecond, mux)
	for _, path := range []string{"/stream", "/stuck"} {
		go func() { _, _, _ = get(t, url+path) }()
	}
	<-arrived
	<-arrived
	begin := time.Now()
	if err := stop(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the end took %v", took)
	}
	if first, second := <-ended, <-ended; first != "stream " || second != "stuck" {
		t.Errorf("ended: %q, %q; want the stream first, with a live context", first, second)
	}
}

func TestServeReportsABrokenListener(t *testing.T) {
	ln, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	if err := Serve(t.Context(), ln, http.NotFoundHandler()); err == nil {
		t.Error("Serve on a closed listener returned nil")
	}
}

func TestStoppingIsNilElsewhere(t *testing.T) {
	if Stopping(t.Context()) != nil {
		t.Error("a context of no server stops")
	}
}

func TestAdminAnswersOperators(t *testing.T) {
	var notReady error
	url, stop := started(t, time.Second, Admin(obs.NewRegistry("poller"), func(context.Context) error { return notReady }))
	defer func() { _ = stop() }()
	check := func(path string, wantStatus int, wantText string) {
		t.Helper()
		status, body, err := get(t, url+path)
		if err != nil || status != wantStatus || !strings.Contains(body, wantText) {
			t.Errorf("%s: %d %.200q %v, want %d with %q", path, status, body, err, wantStatus, wantText)
		}
	}
	check("/healthz", 200, "ok\n")
	check("/readyz", 200, "ready\n")
	check("/metrics", 200, `proxops_build_info{service="poller",version="`)
	check("/metrics", 200, "go_goroutines")
	notReady = errors.New("NATS at nats://127.0.0.1:4222:\nreconnecting")
	check("/readyz", 503, "NATS at nats://127.0.0.1:4222: reconnecting\n")
	check("/healthz", 200, "ok\n")
	check("/", 404, "")
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
