// Package connect makes of the connection fields of an endpoint what pollers are told, whoever tells them: its credentials are bound to it.
package connect

import (
	"encoding/json"
	"fmt"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// Fields are the columns of endpoints that say where it is and how to connect to it.
type Fields struct {
	Name          string
	Domain        string
	IPAddress     string
	Port          int32
	Username      string
	TokenName     string
	VerifySSL     bool
	Fingerprints  json.RawMessage // a list of texts
	CACertificate string
}

// Target is what pollers are told. The domain is tried before the address.
func (f Fields) Target() (*proxopsv1.Target, error) {
	var fingerprints []string
	if err := json.Unmarshal(f.Fingerprints, &fingerprints); err != nil {
		return nil, fmt.Errorf("read the fingerprints of endpoint %s: %w", f.Name, err)
	}
	var hosts []string
	for _, host := range []string{f.Domain, f.IPAddress} {
		if host != "" && (len(hosts) == 0 || hosts[0] != host) {
			hosts = append(hosts, host)
		}
	}
	return &proxopsv1.Target{
		Hosts:         hosts,
		Port:          uint32(f.Port),
		Username:      f.Username,
		TokenName:     f.TokenName,
		VerifyTls:     f.VerifySSL,
		Fingerprints:  fingerprints,
		CaCertificate: f.CACertificate,
		Name:          f.Name,
	}, nil
}
