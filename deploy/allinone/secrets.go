package allinone

import (
	"fmt"
	"path/filepath"

	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/libs/secretfile"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/api/admin"
)

// Secrets are what the api of a data directory is configured with.
type Secrets struct {
	// SiteKeys are the public keys of its only site.
	SiteKeys map[string]string
	Peppers  admin.Peppers
}

// LoadSecrets reads the secrets of a data directory, and makes those that are not there.
func LoadSecrets(dataDir string) (Secrets, error) {
	opener, err := seal.LoadOrCreate(keyFile(dataDir))
	if err != nil {
		return Secrets{}, fmt.Errorf("load the key that opens credentials: %w", err)
	}
	pepper, err := secretfile.LoadOrCreate(filepath.Join(dataDir, "token.pepper"), newPepper)
	if err != nil {
		return Secrets{}, fmt.Errorf("load the pepper of API tokens: %w", err)
	}
	return Secrets{
		SiteKeys: map[string]string{subjects.DefaultSite: opener.PublicKey()},
		Peppers:  admin.Peppers{1: seal.Secret(pepper)},
	}, nil
}

// keyFile is where the poller of a data directory has its private key.
func keyFile(dataDir string) string { return filepath.Join(dataDir, "site.key") }

// newPepper is longer than a password: the api asks for 32 characters.
func newPepper() ([]byte, error) {
	a, err := secretfile.Random()
	if err != nil {
		return nil, err
	}
	b, err := secretfile.Random()
	return append(a, b...), err
}
