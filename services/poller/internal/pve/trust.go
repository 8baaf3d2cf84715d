package pve

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// trust makes the TLS configuration of a target. Pins only narrow what is accepted:
//   - fingerprints: the server's own certificate must be one of them; its name and dates do not count then.
//   - authorities: the chain must end at one of them, for the name that is dialled unless there are fingerprints too.
//   - neither: the chain must end at one of the system's authorities, for the name that is dialled.
//
// Without verification only fingerprints count, if there are any.
func trust(t Target) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	pins := make([]string, 0, len(t.Fingerprints))
	for _, text := range t.Fingerprints {
		pin, err := parseFingerprint(text)
		if err != nil {
			return nil, err
		}
		pins = append(pins, pin)
	}
	if t.CACertificate != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(t.CACertificate)) {
			return nil, &Error{
				Kind: proxopsv1.ErrorKind_ERROR_KIND_TLS, Text: "the pinned certificate authority is not a PEM certificate",
				Remedy: "Set ca_certificate to the content of /etc/pve/pve-root-ca.pem of the cluster.",
			}
		}
	}
	if t.VerifyTLS && len(pins) == 0 {
		return config, nil
	}
	// The standard verification is replaced, not left out, unless verification is off.
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(state tls.ConnectionState) error {
		// The standard library has parsed at least the leaf by now.
		leaf := state.PeerCertificates[0]
		if len(pins) > 0 {
			if got := Fingerprint(leaf); !slices.Contains(pins, got) {
				return fingerprintError{got}
			}
		}
		if t.VerifyTLS && config.RootCAs != nil {
			return verifyChain(config.RootCAs, state.PeerCertificates)
		}
		return nil
	}
	return config, nil
}

func verifyChain(roots *x509.CertPool, chain []*x509.Certificate) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: chain, Err: err}
	}
	return nil
}

// Fingerprint is the SHA-256 of a certificate as Proxmox VE writes it: upper-case hex with colons.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return colons(sum[:])
}

func parseFingerprint(text string) (string, error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), ":", ""))
	if err != nil || len(raw) != sha256.Size {
		return "", &Error{
			Kind:   proxopsv1.ErrorKind_ERROR_KIND_FINGERPRINT,
			Text:   fmt.Sprintf("the pinned fingerprint %q is not the SHA-256 of a certificate", clip(text, 100)),
			Remedy: "Set fingerprints to what `pvenode cert info` shows on each node.",
		}
	}
	return colons(raw), nil
}

func colons(raw []byte) string {
	parts := make([]string, len(raw))
	for i, b := range raw {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// fingerprintError is a certificate that is not pinned.
type fingerprintError struct{ got string }

func (e fingerprintError) Error() string {
	return "the server's certificate has the fingerprint " + e.got + ", which is not pinned"
}
