package connect_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/proxops/proxops/libs/connect"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

func TestPollersAreToldAllThatCredentialsAreBoundTo(t *testing.T) {
	got, err := connect.Fields{
		Name: "prod", Domain: "pve.example.com", IPAddress: "192.0.2.7", Port: 8007, Username: "proxops@pve", TokenName: "poller", VerifySSL: true,
		Fingerprints: []byte(`["AB:CD","EF:01"]`), CACertificate: "pem",
	}.Target()
	want := &proxopsv1.Target{
		Hosts: []string{"pve.example.com", "192.0.2.7"}, Port: 8007, Username: "proxops@pve", TokenName: "poller", VerifyTls: true,
		Fingerprints: []string{"AB:CD", "EF:01"}, CaCertificate: "pem", Name: "prod",
	}
	if err != nil || !proto.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestHostsAreTriedInOrderAndOnce(t *testing.T) {
	for _, tc := range []struct {
		domain, address string
		want            []string
	}{
		{"pve.example.com", "192.0.2.7", []string{"pve.example.com", "192.0.2.7"}},
		{"", "192.0.2.7", []string{"192.0.2.7"}},
		{"pve.example.com", "", []string{"pve.example.com"}},
		{"192.0.2.7", "192.0.2.7", []string{"192.0.2.7"}},
		{"", "", nil},
	} {
		got, err := connect.Fields{Domain: tc.domain, IPAddress: tc.address, Fingerprints: []byte("[]")}.Target()
		if err != nil || !slices.Equal(got.GetHosts(), tc.want) {
			t.Errorf("%q and %q: hosts %q, %v, want %q", tc.domain, tc.address, got.GetHosts(), err, tc.want)
		}
	}
}

func TestFingerprintsThatCannotBeReadNameTheEndpoint(t *testing.T) {
	if _, err := (connect.Fields{Name: "prod", Fingerprints: []byte(`{}`)}).Target(); err == nil || !strings.Contains(err.Error(), "endpoint prod") {
		t.Errorf("got %v", err)
	}
}
