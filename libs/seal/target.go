package seal

import (
	"slices"
	"strings"
)

// Target is where and as whom credentials may be used. It is part of what is sealed: who may change an endpoint without
// knowing its secret cannot have it sent to a host of their own, or past a check of certificates.
type Target struct {
	Hosts        []string // names or addresses
	Port         int
	User         string // with its realm
	TokenName    string // empty for a password
	VerifyTLS    bool
	Fingerprints []string // SHA-256, in hexadecimal with or without colons
	CA           string   // PEM
}

// canonical returns the same target in the one way it is sealed and compared: the order and the case of hosts and
// fingerprints, doubled ones and white space around things do not make another target.
func (t Target) canonical() Target {
	t.Hosts = set(t.Hosts, strings.ToLower)
	t.Fingerprints = set(t.Fingerprints, func(f string) string {
		return strings.ToUpper(strings.ReplaceAll(f, ":", ""))
	})
	t.CA = strings.TrimSpace(strings.ReplaceAll(t.CA, "\r\n", "\n"))
	return t
}

func set(list []string, normal func(string) string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		if s = normal(strings.TrimSpace(s)); s != "" {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// differences names the fields in which two canonical targets differ, as the REST API calls them.
func (t Target) differences(other Target) []string {
	var names []string
	for _, f := range []struct {
		name string
		same bool
	}{
		{"host", slices.Equal(t.Hosts, other.Hosts)},
		{"port", t.Port == other.Port},
		{"username", t.User == other.User},
		{"token_name", t.TokenName == other.TokenName},
		{"verify_ssl", t.VerifyTLS == other.VerifyTLS},
		{"fingerprints", slices.Equal(t.Fingerprints, other.Fingerprints)},
		{"ca_certificate", t.CA == other.CA},
	} {
		if !f.same {
			names = append(names, f.name)
		}
	}
	return names
}
