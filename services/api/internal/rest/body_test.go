package rest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// echo answers with what reading the body within bounds comes to.
func echo(t *testing.T, l bodies) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := l.read(w, r)
		if refused, ok := err.(refusal); ok { //nolint:errorlint // it is not wrapped
			w.WriteHeader(refused.status)
		}
		_, _ = fmt.Fprint(w, body, " ", err)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestABodyIsBoundedInSize(t *testing.T) {
	s := echo(t, bodies{max: 20, timeout: time.Minute})
	for body, want := range map[string]int{`{"a":"bcdefghijklm"}`: 200, `{"a":"bcdefghijklmn"}`: 413} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != want || want == 413 && !strings.Contains(string(text), "The request body is larger than 20 bytes. Send what it has in several requests.") {
			t.Errorf("%d bytes: %d %s", len(body), res.StatusCode, text)
		}
	}
}

func TestABodyIsBoundedInTime(t *testing.T) {
	s := echo(t, bodies{max: 20, timeout: 50 * time.Millisecond})
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nContent-Type: application/json\r\n\r\n{")
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusRequestTimeout || !res.Close {
		t.Errorf("a client that stops sending gets %d, close %t", res.StatusCode, res.Close)
	}
}

func TestAnAnswerMayTakeLongerThanABody(t *testing.T) {
	const timeout = 50 * time.Millisecond
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := (bodies{max: 20, timeout: timeout}).read(w, r); err != nil {
			t.Error(err)
		}
		select {
		case <-r.Context().Done():
			t.Error("the request was given up when the time for its body was over")
		case <-time.After(4 * timeout):
		}
	}))
	defer s.Close()
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL, strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
}
