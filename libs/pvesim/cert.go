package pvesim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"
)

// certificates is a CA with one server certificate, both made when they are first needed.
type certificates struct {
	mu     sync.Mutex
	key    *ecdsa.PrivateKey
	ca     *x509.Certificate
	leaf   *tls.Certificate
	hosts  []string
	config *tls.Config
}

func newCertificates() *certificates { return &certificates{} }

// prepare fixes the names and addresses of the server's certificates, before the first one is made.
func (c *certificates) prepare(hosts []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaf == nil {
		c.hosts = hosts
	}
}

func (c *certificates) names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hosts
}

// server is the TLS configuration with the present certificate. It has session keys of its own, so that nobody resumes a session
// from before a change.
func (c *certificates) server() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.make()
	return c.config
}

func (c *certificates) caPEM() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.make()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.ca.Raw})
}

// fingerprint is the SHA-256 of the server's certificate as Proxmox VE shows it.
func (c *certificates) fingerprint() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.make()
	return fingerprint(c.leaf.Certificate[0])
}

func (c *certificates) renew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaf = nil
	c.make()
}

func (c *certificates) make() {
	if c.leaf != nil {
		return
	}
	if c.key == nil {
		c.key = newKey()
		c.ca = sign(&x509.Certificate{
			Subject:  pkix.Name{CommonName: "Proxmox Virtual Environment", OrganizationalUnit: []string{newUUID()}, Organization: []string{"PVE Cluster Manager CA"}},
			NotAfter: time.Now().AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}, nil, c.key, c.key)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "pve1.example.com", OrganizationalUnit: []string{"PVE Cluster Node"}, Organization: []string{"Proxmox Virtual Environment"}},
		NotAfter:    time.Now().AddDate(2, 0, 0), // no browser takes more
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range c.hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	key := newKey()
	leaf := sign(template, c.ca, key, c.key)
	c.leaf = &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	c.config = &tls.Config{Certificates: []tls.Certificate{*c.leaf}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	var ticketKey [32]byte
	_, _ = rand.Read(ticketKey[:]) // never fails
	c.config.SetSessionTicketKeys([][32]byte{ticketKey})
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Sprintf("pvesim: make a P-256 key: %v", err)) // the source of randomness never fails
	}
	return key
}

// sign makes a certificate for key; without an issuer it signs itself.
func sign(template, issuer *x509.Certificate, key, issuerKey *ecdsa.PrivateKey) *x509.Certificate {
	serial := make([]byte, 16)
	_, _ = rand.Read(serial) // never fails
	template.SerialNumber = new(big.Int).SetBytes(serial)
	template.NotBefore = time.Now().Add(-time.Hour)
	if issuer == nil {
		issuer = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, issuerKey)
	if err != nil {
		panic(fmt.Sprintf("pvesim: sign a certificate: %v", err)) // the template is our own
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(fmt.Sprintf("pvesim: parse an own certificate: %v", err))
	}
	return cert
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}
