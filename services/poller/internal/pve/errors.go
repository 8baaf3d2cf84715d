package pve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// redacted stands where a secret was; a secret shorter than minSecret is too likely a part of something else.
const (
	redacted  = "[redacted]"
	minSecret = 8
)

// Error is a failure to read a cluster, as people are told of it. It holds no secret.
type Error struct {
	Kind proxopsv1.ErrorKind
	// Text is one sentence with the address and the call.
	Text string
	// Remedy is what a person can do about it.
	Remedy string
	// MissingPrivilege is "/vms/205 VM.Audit" when Proxmox VE said so.
	MissingPrivilege string
	// Failover is true when another address of the cluster may know better.
	Failover bool

	err error
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.err }

// RunError is the failure as it is reported.
func (e *Error) RunError() *proxopsv1.RunError {
	return &proxopsv1.RunError{Kind: e.Kind, Text: e.Text, Remedy: e.Remedy, MissingPrivilege: e.MissingPrivilege}
}

var errNoID = errors.New("it has no id")

// malformed is an answer that Proxmox VE would not give.
type malformed struct{ error }

func (e malformed) Unwrap() error { return e.error }

func malformedf(format string, args ...any) error { return malformed{fmt.Errorf(format, args...)} }

// runEnded is the end of the run's own time, or of the poller.
type runEnded struct{ error }

func (e runEnded) Unwrap() error { return e.error }

// explain makes an *Error of what a call returned; nil stays nil.
func (c *Conn) explain(call string, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	e := classify(err)
	e.err = err
	e.Text = c.cluster.plain(fmt.Sprintf("%s, GET %s: %s", c.address, call, e.Text))
	return e
}

// plain makes one line of bounded text, without the secret, of whatever a cluster said.
func (c *Cluster) plain(s string) string {
	if secret := c.target.Token.Reveal(); len(secret) >= minSecret {
		s = strings.ReplaceAll(s, secret, redacted)
	}
	return oneLine(s, 500)
}

// oneLine makes one line of at most n bytes.
func oneLine(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return clip(s, n)
}

const (
	remedyUnreachable = "Check the address and port of the endpoint, and that the poller may reach it."
	remedyTLS         = "Set ca_certificate to the cluster's /etc/pve/pve-root-ca.pem; when the address is not in the certificate, set fingerprints instead."
	remedyMalformed   = "Check that the address and port are those of Proxmox VE itself and that nothing between changes its answers."
)

// classify gives a failure its kind, text and remedy.
func classify(err error) *Error {
	e := &Error{Kind: proxopsv1.ErrorKind_ERROR_KIND_CONNECT, Text: inner(err).Error(), Remedy: remedyUnreachable, Failover: true}
	if status, ok := errors.AsType[*statusError](err); ok {
		return ofStatus(status)
	}
	var (
		dns        *net.DNSError
		loc        localError
		pin        fingerprintError
		mal        malformed
		syntax     *json.SyntaxError
		mismatch   *json.UnmarshalTypeError
		cut        cutError
		ended      runEnded
		timeout    net.Error
		unverified *tls.CertificateVerificationError
		alert      tls.AlertError
		record     tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &ended):
		e.Kind, e.Failover = proxopsv1.ErrorKind_ERROR_KIND_TIMEOUT, false
		e.Text = "the time was over before the answer came"
		e.Remedy = "The cluster answers too slowly; look at the load of its nodes."
		if errors.Is(ended, context.Canceled) {
			e.Text, e.Remedy = "the poller is stopping", "Nothing: the next run reads it again."
		}
	case errors.Is(err, errNotGET):
		e.Kind, e.Failover, e.Remedy = proxopsv1.ErrorKind_ERROR_KIND_INTERNAL, false, "Report this as a bug."
	case errors.Is(err, errHost):
		e.Failover = true
	case errors.As(err, &loc):
		e.Remedy = "Use an address of the cluster's network; for tests, allow such addresses in the poller's configuration (allow_local_targets)."
	case errors.As(err, &dns):
		e.Kind, e.Remedy = proxopsv1.ErrorKind_ERROR_KIND_DNS, "Check the name of the endpoint and the poller's name servers."
	case errors.As(err, &pin):
		e.Kind, e.Text = proxopsv1.ErrorKind_ERROR_KIND_FINGERPRINT, pin.Error()
		e.Remedy = "Compare it with `pvenode cert info` on the node; if the certificate was renewed, add its fingerprint, or pin ca_certificate, which lasts longer."
	case errors.As(err, &mal), errors.As(err, &syntax), errors.As(err, &mismatch):
		e.Kind, e.Failover, e.Remedy = proxopsv1.ErrorKind_ERROR_KIND_MALFORMED, false, remedyMalformed
		if mal.error == nil {
			e.Text = "the answer is not JSON: " + e.Text
		}
	case errors.Is(err, errTooLarge):
		e.Kind, e.Failover, e.Remedy = proxopsv1.ErrorKind_ERROR_KIND_TOO_LARGE, false, remedyMalformed
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		e.Kind, e.Text = proxopsv1.ErrorKind_ERROR_KIND_TIMEOUT, "no complete answer in time"
		e.Remedy = "Check that the node is up, not overloaded, and reachable from the poller."
	case errors.As(err, &cut):
		e.Kind, e.Text = proxopsv1.ErrorKind_ERROR_KIND_MALFORMED, "the answer broke off: "+cut.Error()
		e.Remedy = remedyMalformed
	case errors.Is(err, http.ErrSchemeMismatch):
		e.Kind, e.Remedy = proxopsv1.ErrorKind_ERROR_KIND_TLS, "Something without TLS answers there: check the port, which is 8006 for Proxmox VE."
	case errors.As(err, &unverified), isX509(err), errors.As(err, &alert), errors.As(err, &record):
		e.Kind, e.Remedy = proxopsv1.ErrorKind_ERROR_KIND_TLS, remedyTLS
	}
	return e
}

func isX509(err error) bool {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	return errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

// ofStatus explains an answer other than 200.
func ofStatus(s *statusError) *Error {
	e := &Error{Text: s.Error()}
	switch {
	case s.status == http.StatusUnauthorized:
		e.Kind = proxopsv1.ErrorKind_ERROR_KIND_AUTH
		e.Remedy = "Check user, token name and token value, and that neither user nor token is disabled or expired."
	case s.status == http.StatusForbidden:
		e.Kind = proxopsv1.ErrorKind_ERROR_KIND_PERMISSION
		e.MissingPrivilege = s.privilege()
		e.Remedy = "Give the role PVEAuditor on / with propagation to the user, and to the token too if it has privilege separation; look for paths with another role."
	case s.status >= http.StatusInternalServerError:
		e.Kind, e.Failover = proxopsv1.ErrorKind_ERROR_KIND_UNAVAILABLE, true
		e.Remedy = "Look at the state of the node: pveproxy, pvedaemon and pve-cluster must run."
	case s.status == http.StatusTooManyRequests:
		e.Kind, e.Remedy = proxopsv1.ErrorKind_ERROR_KIND_UNAVAILABLE, "Something before the cluster limits requests; let the poller pass."
	default:
		e.Kind, e.Remedy = proxopsv1.ErrorKind_ERROR_KIND_MALFORMED, remedyMalformed
	}
	return e
}

var permission = regexp.MustCompile(`Permission check failed \(([^,()]+),\s*([^()]+)\)`)

// privilege is what Proxmox VE says is missing, in the status line or in the body.
func (e *statusError) privilege() string {
	for _, text := range []string{e.reason, e.message} {
		if m := permission.FindStringSubmatch(text); m != nil {
			return strings.TrimSpace(m[1]) + " " + strings.TrimSpace(m[2])
		}
	}
	return ""
}

// inner drops what net/http says about the URL: the text names address and call already.
func inner(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// outcome is how a call ended, for metrics: the status, or the kind of the error when there was none.
func outcome(err error) string {
	if err == nil {
		return "200"
	}
	if s, ok := errors.AsType[*statusError](err); ok {
		return strconv.Itoa(s.status)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return strings.ToLower(strings.TrimPrefix(e.Kind.String(), "ERROR_KIND_"))
	}
	return "internal"
}

// checkToken keeps out what net/http would refuse with the header, or what would end up as another header.
func checkToken(t Target) error {
	e := &Error{Kind: proxopsv1.ErrorKind_ERROR_KIND_CREDENTIALS}
	switch {
	case t.Token.Reveal() == "" || !strings.Contains(t.TokenID, "!") || strings.HasSuffix(t.TokenID, "!"):
		e.Text = "the endpoint has no API token, and polling uses nothing else: a login with a password would be a POST"
		e.Remedy = "Create an API token (Datacenter, Permissions, API Tokens) and set token_name and token_value."
	case !headerSafe(t.TokenID) || !headerSafe(t.Token.Reveal()):
		e.Text = "the user, token name or token value has characters that cannot be in an API token"
		e.Remedy = "Set username, token_name and token_value again, without blanks or line ends."
	default:
		return nil
	}
	return e
}

func headerSafe(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
