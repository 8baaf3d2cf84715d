package pvesim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	idleTimeout     = 5 * time.Second
	requestsPerConn = 100
)

// Server is a started cluster.
type Server struct {
	URL  string // https://host:port
	Host string
	Port int

	cluster *Cluster
	http    *http.Server
	done    chan struct{}

	mu      sync.Mutex
	conns   map[net.Conn]struct{}
	running int        // handlers
	idle    *sync.Cond // none is running
}

// Start serves the cluster over TLS with a certificate of its own CA. It fails when the address cannot be listened on, or when
// the cluster was already started. Close ends it; then the cluster may be started again, on another port.
func (c *Cluster) Start() (*Server, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server != nil {
		return nil, fmt.Errorf("start simulated cluster %q: it is already started at %s", c.world.Name, c.server.URL)
	}
	ln, err := listen(c.listen)
	if err != nil {
		return nil, fmt.Errorf("start simulated cluster %q: listen on %s: %w", c.world.Name, c.listen, err)
	}
	host, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("start simulated cluster %q: address %s: %w", c.world.Name, ln.Addr(), err)
	}
	s := &Server{
		URL: "https://" + net.JoinHostPort(host, port), Host: host,
		cluster: c, done: make(chan struct{}), conns: map[net.Conn]struct{}{},
	}
	s.idle = sync.NewCond(&s.mu)
	s.Port, _ = strconv.Atoi(port) // the port of a TCP address is a number
	s.http = &http.Server{
		Handler:           s,
		IdleTimeout:       idleTimeout,
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // handshakes fail on purpose
		ConnState:         s.track,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, new(atomic.Int32))
		},
	}
	c.certs.prepare(certHosts(&c.world, host))
	base := c.certs.server().Clone()
	base.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.tlsConfig(), nil }
	c.server = s
	go s.serve(tls.NewListener(ln, base))
	return s, nil
}

// listen needs no context: addresses are numbers or in the hosts file.
func listen(address string) (net.Listener, error) {
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	return net.ListenTCP("tcp", a)
}

func (s *Server) serve(ln net.Listener) {
	defer close(s.done)
	if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		panic(fmt.Sprintf("pvesim: serve %s: %v", s.URL, err))
	}
}

// ServeHTTP lets the cluster answer.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.count(1)
	defer s.count(-1)
	s.cluster.ServeHTTP(w, r)
}

func (s *Server) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running += n; s.running == 0 {
		s.idle.Broadcast()
	}
}

// Close ends all connections, frees the port and waits for what is running. It may be called more than once.
func (s *Server) Close() {
	_ = s.http.Close() // only the listener's error, which is of no use
	<-s.done
	s.mu.Lock()
	for s.running > 0 {
		s.idle.Wait()
	}
	s.mu.Unlock()
	s.cluster.mu.Lock()
	defer s.cluster.mu.Unlock()
	if s.cluster.server == s {
		s.cluster.server = nil
	}
}

// Cluster is the one that is served.
func (s *Server) Cluster() *Cluster { return s.cluster }

// CAPEM is the certificate of the cluster's CA.
func (s *Server) CAPEM() []byte { return s.cluster.certs.caPEM() }

// Fingerprint is the SHA-256 of the certificate shown now, as Proxmox VE writes it: upper-case with colons.
func (s *Server) Fingerprint() string { return s.cluster.Fingerprint() }

// Fingerprint is the SHA-256 of the certificate shown now.
func (c *Cluster) Fingerprint() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shown().fingerprint()
}

// shown are the certificates in use; the lock is held.
func (c *Cluster) shown() *certificates {
	if c.trouble.foreign != nil {
		return c.trouble.foreign
	}
	return c.certs
}

func (c *Cluster) tlsConfig() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shown().server()
}

// fingerprintOf is that of a node's certificate; only the answering node has one to show, the others' are made up of it.
func (c *Cluster) fingerprintOf(i int) string {
	if i == 0 {
		return c.shown().fingerprint()
	}
	return fingerprint([]byte(c.shown().fingerprint() + strconv.Itoa(i)))
}

func certHosts(w *World, host string) []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if host != "127.0.0.1" && host != "::1" {
		hosts = append(hosts, host)
	}
	for i, n := range w.Nodes {
		if i == 0 {
			hosts = append(hosts, n.Name, n.Name+".example.com")
			if n.IP != "" {
				hosts = append(hosts, n.IP)
			}
		}
	}
	return hosts
}

type connKey struct{}

// connRequests counts the requests of a connection.
func connRequests(ctx context.Context) int {
	n, ok := ctx.Value(connKey{}).(*atomic.Int32)
	if !ok {
		return 0
	}
	return int(n.Add(1))
}

func (s *Server) track(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns[conn] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(s.conns, conn)
	case http.StateActive, http.StateIdle:
	}
}

// dropConnections ends what was opened under an old certificate, as a restart of pveproxy does. A nil server has none.
func (s *Server) dropConnections() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		// The connection below, as saying goodbye over TLS may have to wait.
		if t, ok := conn.(*tls.Conn); ok {
			conn = t.NetConn()
		}
		_ = conn.Close()
	}
}
