package pve

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http/httptrace"
)

// Certificate is what a server showed when a connection to it was made.
type Certificate struct {
	// Fingerprint is empty when no certificate was seen: nobody answered, or not with TLS.
	Fingerprint string
	// Trusted says whether it passes the policy of the target. Only then anything is sent.
	Trusted bool
}

// Certificate is the one that was shown at the last handshake, trusted or not; zero before the first.
func (c *Conn) Certificate() Certificate {
	if shown := c.shown.Load(); shown != nil {
		return *shown
	}
	return Certificate{}
}

// watched looks at the handshakes of a call. They are those of the call itself, so nobody connects a second time, with less care, to look.
func (c *Conn) watched(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeDone: func(state tls.ConnectionState, err error) { c.shown.Store(certificateOf(state, err)) },
	})
}

func certificateOf(state tls.ConnectionState, err error) *Certificate {
	if err == nil {
		return &Certificate{Fingerprint: Fingerprint(state.PeerCertificates[0]), Trusted: true}
	}
	if pin, ok := errors.AsType[fingerprintError](err); ok {
		return &Certificate{Fingerprint: pin.got}
	}
	if refused, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(refused.UnverifiedCertificates) > 0 {
		return &Certificate{Fingerprint: Fingerprint(refused.UnverifiedCertificates[0])}
	}
	return &Certificate{}
}
