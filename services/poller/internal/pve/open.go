package pve

import (
	"github.com/proxops/proxops/libs/seal"
	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

// Opener opens sealed credentials.
type Opener interface {
	Open(box []byte, target seal.Target) (seal.Credentials, error)
}

// Open prepares to read the cluster of an endpoint without connecting to it, with the credentials that were sealed for this very target. It says
// what is wrong with them, or with the target, as an *Error.
func Open(opener Opener, t *proxopsv1.Target, sealed []byte, options Options) (*Cluster, error) {
	credentials, err := opener.Open(sealed, seal.Target{
		Hosts: t.GetHosts(), Port: int(t.GetPort()), User: t.GetUsername(), TokenName: t.GetTokenName(),
		VerifyTLS: t.GetVerifyTls(), Fingerprints: t.GetFingerprints(), CA: t.GetCaCertificate(),
	})
	if err != nil {
		return nil, &Error{
			Kind: proxopsv1.ErrorKind_ERROR_KIND_CREDENTIALS, Text: err.Error(), err: err,
			Remedy: "Enter token_value again; if that does not help, compare the site of the endpoint with that of the poller.",
		}
	}
	if len(t.GetHosts()) == 0 {
		return nil, &Error{
			Kind: proxopsv1.ErrorKind_ERROR_KIND_CONNECT, Text: "the endpoint has no address",
			Remedy: "Set the domain or the ip_address of the endpoint.",
		}
	}
	return New(Target{
		Port: t.GetPort(), TokenID: TokenID(t), Token: credentials.TokenValue,
		VerifyTLS: t.GetVerifyTls(), Fingerprints: t.GetFingerprints(), CACertificate: t.GetCaCertificate(),
	}, options)
}

// TokenID is the API token of a target as Proxmox VE writes it, user@realm!name.
func TokenID(t *proxopsv1.Target) string { return t.GetUsername() + "!" + t.GetTokenName() }
