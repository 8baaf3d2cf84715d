package pve

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/pvesim"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

func TestWhomToBelieve(t *testing.T) {
	const (
		tls         = proxopsv1.ErrorKind_ERROR_KIND_TLS
		fingerprint = proxopsv1.ErrorKind_ERROR_KIND_FINGERPRINT
	)
	sim := pvesim.New("8.4")
	s := pvesim.StartT(t, sim)
	ca, right := string(s.CAPEM()), s.Fingerprint()
	wrong := "AA:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F"
	lower := strings.ToLower(strings.ReplaceAll(right, ":", ""))
	foreign := string(pvesim.StartT(t, pvesim.New("8.4")).CAPEM())
	for _, tc := range []struct {
		name   string
		edit   func(*Target)
		want   proxopsv1.ErrorKind
		before func()
	}{
		{"system's authorities do not know it", func(t *Target) { t.CACertificate = "" }, tls, nil},
		{"pinned CA", func(*Target) {}, 0, nil},
		{"another CA", func(t *Target) { t.CACertificate = foreign }, tls, nil},
		{"both CAs", func(t *Target) { t.CACertificate = foreign + ca }, 0, nil},
		{"fingerprint", func(t *Target) { t.CACertificate, t.Fingerprints = "", []string{right} }, 0, nil},
		{"fingerprint without colons", func(t *Target) { t.CACertificate, t.Fingerprints = "", []string{lower} }, 0, nil},
		{"one of a set", func(t *Target) { t.CACertificate, t.Fingerprints = "", []string{wrong, right} }, 0, nil},
		{"another fingerprint", func(t *Target) { t.CACertificate, t.Fingerprints = "", []string{wrong} }, fingerprint, nil},
		{"CA and fingerprint", func(t *Target) { t.Fingerprints = []string{right} }, 0, nil},
		{"CA and another fingerprint", func(t *Target) { t.Fingerprints = []string{wrong} }, fingerprint, nil},
		{"another CA and fingerprint", func(t *Target) { t.CACertificate, t.Fingerprints = foreign, []string{right} }, tls, nil},
		{"not verified", func(t *Target) { t.CACertificate, t.VerifyTLS = "", false }, 0, nil},
		{"not verified, another fingerprint", func(t *Target) { t.VerifyTLS, t.Fingerprints = false, []string{wrong} }, fingerprint, nil},
		{"renewed under the pinned CA", func(*Target) {}, 0, sim.RotateCertificate},
		{"renewed, old fingerprint", func(t *Target) { t.CACertificate, t.Fingerprints = "", []string{right} }, fingerprint, sim.RotateCertificate},
		{"another authority's certificate", func(*Target) {}, tls, sim.ReplaceCertificate},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.before != nil {
				tc.before()
			}
			target := to(s)
			tc.edit(&target)
			requests := sim.Requests()["GET /cluster/status"]
			c := open(t, s.Host, target, quick)
			_, err := c.Status(t.Context())
			if got, want := c.Certificate(), (Certificate{s.Fingerprint(), tc.want == 0}); got != want {
				t.Errorf("the certificate is %v, want %v", got, want)
			}
			if tc.want == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			e := wantKind(t, err, tc.want)
			if tc.want == fingerprint && !strings.Contains(e.Text, s.Fingerprint()) {
				t.Errorf("%q does not tell the fingerprint %s", e.Text, s.Fingerprint())
			}
			if sim.Requests()["GET /cluster/status"] != requests {
				t.Error("the token was sent to a server that is not believed")
			}
		})
	}
}

func TestAnAddressThatTheCertificateLacksNeedsAFingerprint(t *testing.T) {
	// The certificate is for 127.0.0.1 and example.com.
	server, _, target := serveTLS(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":[{"type":"node","name":"pve1","local":1}]}`)
	})
	pin := target.Fingerprints
	target.CACertificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	target.Fingerprints = nil
	_, err := open(t, "localhost", target, quick).Status(t.Context())
	if e := wantKind(t, err, proxopsv1.ErrorKind_ERROR_KIND_TLS); !strings.Contains(e.Remedy, "fingerprints") {
		t.Errorf("the remedy is %q", e.Remedy)
	}
	target.Fingerprints = pin
	if _, err := open(t, "localhost", target, quick).Status(t.Context()); err != nil {
		t.Errorf("with a fingerprint: %v", err)
	}
}

func TestPinsThatAreNone(t *testing.T) {
	for _, target := range []Target{
		{CACertificate: "-----BEGIN CERTIFICATE-----\nnonsense"}, {CACertificate: "x"},
	} {
		target.TokenID, target.Token = "a@pve!b", "11111111"
		_, err := New(target, quick)
		_ = wantKind(t, err, proxopsv1.ErrorKind_ERROR_KIND_TLS)
	}
	for _, pin := range []string{"", "AA:BB", "zz", strings.Repeat("AA", 20)} {
		_, err := New(Target{TokenID: "a@pve!b", Token: "11111111", Fingerprints: []string{pin}}, quick)
		_ = wantKind(t, err, proxopsv1.ErrorKind_ERROR_KIND_FINGERPRINT)
	}
}

func TestLocalAddressesAreRefusedWhenTheyAreDialled(t *testing.T) {
	for address, refused := range map[string]bool{
		"127.0.0.1": true, "127.8.8.8": true, "::1": true, "0.0.0.0": true, "::": true, "0.1.2.3": true,
		"169.254.169.254": true, "169.254.1.1": true, "fe80::1": true, "fe80::1%eth0": true, "224.0.0.1": true, "ff02::1": true,
		"255.255.255.255": true, "fd00:ec2::254": true, "100.100.100.200": true, "168.63.129.16": true,
		"::ffff:127.0.0.1": true, "::ffff:169.254.169.254": true, "64:ff9b::7f00:1": true, "64:ff9b::a9fe:a9fe": true,
		"10.0.0.1": false, "192.168.1.10": false, "172.16.0.1": false, "192.0.2.11": false, "2001:db8::1": false, "fd00::1": false,
		"::ffff:10.0.0.1": false, "64:ff9b::a00:1": false,
	} {
		err := refuseLocal("tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 8006).String(), nil)
		if (err != nil) != refused {
			t.Errorf("%s: error is %v, want refused %v", address, err, refused)
		}
	}
	sim := pvesim.New("8.4")
	s := pvesim.StartT(t, sim)
	for _, host := range []string{"127.0.0.1", "localhost", "[127.0.0.1]", "::ffff:127.0.0.1"} {
		_, err := open(t, host, to(s), Options{}).Status(t.Context())
		if e := wantKind(t, err, proxopsv1.ErrorKind_ERROR_KIND_CONNECT); !strings.Contains(e.Remedy, "allow_local_targets") {
			t.Errorf("%s: %+v", host, e)
		}
	}
	if n := len(sim.Requests()); n > 0 {
		t.Errorf("%d calls reached the server", n)
	}
}
