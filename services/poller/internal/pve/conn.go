// Package pve reads Proxmox VE clusters of any version from 6.4 on: it makes the calls, guards the transport, and normalises
// what comes back.
package pve

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/luthermonson/go-proxmox"

	"github.com/proxops/proxops/libs/seal"
)

// Calls as metrics and errors name them, whatever the id in the path.
const (
	callStatus       = "/cluster/status"
	callBackups      = "/cluster/backup"
	callBackup       = "/cluster/backup/{id}"
	callReplications = "/cluster/replication"
	callReplication  = "/cluster/replication/{id}"
	callVersion      = "/version"
	callNodes        = "/nodes"
	callGuests       = "/cluster/resources"
	callStorage      = "/storage"
	callTime         = "/nodes/{node}/time"
	callPermissions  = "/access/permissions"

	pathGuests = "/cluster/resources?type=vm"
)

// How a cluster is treated: politely, and without trust in what it sends.
const (
	idleTimeout       = 4 * time.Second // pveproxy closes after 5
	maxConnections    = 2
	maxResponseHeader = 64 << 10
)

// Target says where a cluster is, as whom to ask and whom to believe.
type Target struct {
	Port uint32
	// TokenID is user@realm!name.
	TokenID string
	Token   seal.Secret
	// VerifyTLS false accepts every certificate, but for pinned fingerprints.
	VerifyTLS bool
	// Fingerprints are the SHA-256 of the accepted server certificates; empty for any.
	Fingerprints []string
	// CACertificate is the PEM of the only accepted authorities; empty for the system's.
	CACertificate string
}

// Options are the poller's own.
type Options struct {
	// AllowLocal lets names resolve to loopback, link-local and metadata addresses.
	AllowLocal bool
	// RequestTimeout bounds one call with its body; zero is 15 s.
	RequestTimeout time.Duration
	// MaxBody bounds one uncompressed answer in bytes; zero is 16 MiB.
	MaxBody int64
	// Observe is told of every call: its name, how it ended (the status, or the kind of the error) and how long it took. It may be nil.
	Observe func(call, outcome string, took time.Duration)
}

// Cluster is one target. Its connections are closed by Close.
type Cluster struct {
	target    Target
	options   Options
	transport *http.Transport
	requests  atomic.Uint32
}

// New prepares to read a target without connecting to it. It says what is wrong with the target's certificate authority,
// fingerprints or token as an *Error.
func New(target Target, options Options) (*Cluster, error) {
	if options.RequestTimeout <= 0 {
		options.RequestTimeout = 15 * time.Second
	}
	if options.MaxBody <= 0 {
		options.MaxBody = 16 << 20
	}
	if err := checkToken(target); err != nil {
		return nil, err
	}
	tlsConfig, err := trust(target)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: options.RequestTimeout}
	if !options.AllowLocal {
		dialer.Control = refuseLocal
	}
	return &Cluster{target: target, options: options, transport: &http.Transport{
		// No proxy from the environment: the addresses that are refused must be those that are dialled.
		DialContext:            dialer.DialContext,
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    options.RequestTimeout,
		ResponseHeaderTimeout:  options.RequestTimeout,
		MaxConnsPerHost:        maxConnections,
		MaxIdleConnsPerHost:    maxConnections,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxResponseHeader,
	}}, nil
}

// Requests is how many requests were made.
func (c *Cluster) Requests() uint32 { return c.requests.Load() }

// Close closes the connections that are idle, which all are between calls.
func (c *Cluster) Close() { c.transport.CloseIdleConnections() }

// Conn asks one address of the cluster. It connects at the first call.
type Conn struct {
	cluster *Cluster
	host    string
	address string
	client  *proxmox.Client
	shown   atomic.Pointer[Certificate]
}

// At returns the way to one address of the cluster, a name or an IP address without port.
func (c *Cluster) At(host string) *Conn {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	address := net.JoinHostPort(host, strconv.FormatUint(uint64(c.target.Port), 10))
	// Options of go-proxmox for TLS, proxies and retries do nothing with a transport that is not net/http's own.
	client := proxmox.NewClient("https://"+address+"/api2/json",
		proxmox.WithHTTPClient(&http.Client{Transport: guard{cluster: c}, Timeout: c.options.RequestTimeout}),
		proxmox.WithAPIToken(c.target.TokenID, c.target.Token.Reveal()),
		proxmox.WithUserAgent("proxops-poller"),
		// Its debug lines hold whole answers.
		proxmox.WithLogger(&proxmox.LeveledLogger{Level: 0}),
	)
	return &Conn{cluster: c, host: host, address: address, client: client}
}

// Address is the host and port that are asked.
func (c *Conn) Address() string { return c.address }

// get makes one call and returns its data, with every error explained. The path is escaped already.
func (c *Conn) get(ctx context.Context, call, path string) (json.RawMessage, error) {
	start := time.Now()
	raw, err := c.ask(ctx, path)
	err = c.explain(call, err)
	if observe := c.cluster.options.Observe; observe != nil {
		observe(call, outcome(err), time.Since(start))
	}
	return raw, err
}

func (c *Conn) ask(ctx context.Context, path string) (json.RawMessage, error) {
	if !validHost(c.host) {
		return nil, errHost
	}
	// go-proxmox's error for an expired context is that of the HTTP client, which looks like a slow cluster.
	if err := ctx.Err(); err != nil {
		return nil, runEnded{err}
	}
	var raw json.RawMessage
	err := c.client.Get(c.watched(ctx), path, &raw)
	if err != nil && ctx.Err() != nil {
		return nil, runEnded{ctx.Err()}
	}
	return c.redact(raw), err
}

// redact takes the token's value out of an answer: a cluster that repeats it must not make it travel.
func (c *Conn) redact(raw json.RawMessage) json.RawMessage {
	secret := []byte(c.cluster.target.Token.Reveal())
	if len(secret) < minSecret || !bytes.Contains(raw, secret) {
		return raw
	}
	return bytes.ReplaceAll(raw, secret, []byte(redacted))
}
