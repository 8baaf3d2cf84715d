package pvesim

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// headers are those of every answer; a's own replace them.
func headers(h http.Header, a answer) {
	h.Set("Cache-Control", "max-age=0")
	h.Set("Pragma", "no-cache")
	h.Set("Server", "pve-api-daemon/3.0")
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
	} else {
		h["Content-Type"] = nil // keeps net/http from guessing one
	}
	if a.location != "" {
		h.Set("Location", a.location)
	}
}

// sendClosing writes an answer with its own reason phrase onto the connection itself and closes it. Of the body it sends the
// first n bytes only, whatever the headers say.
func sendClosing(w http.ResponseWriter, a answer, n int) {
	conn := hijack(w)
	if conn == nil {
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body)
		return
	}
	defer func() { _ = conn.Close() }()
	reason := a.reason
	if reason == "" {
		reason = http.StatusText(a.status)
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	out := bufio.NewWriter(conn)
	_, _ = fmt.Fprintf(out, "HTTP/1.1 %d %s\r\n", a.status, reason)
	h := w.Header().Clone()
	h.Set("Connection", "close")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if h["Content-Type"] == nil {
		h.Del("Content-Type")
	}
	_ = h.Write(out)
	_, _ = out.WriteString("\r\n")
	_, _ = out.Write(a.body[:n])
	_ = out.Flush() // to a client that may have gone
}

// hijack takes the connection over, nil when it cannot be.
func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil
	}
	return conn
}

// reset breaks a connection with RST instead of an orderly end.
func reset(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = conn.Close()
}
