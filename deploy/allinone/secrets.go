package allinone

import (
	"fmt"
	"path/filepath"

	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/libs/secretfile"
)

// siteKeyFile returns where the private key of the only site of this process lies, and its public key.
func siteKey(dataDir string) (path, public string, err error) {
	path = filepath.Join(dataDir, "site.key")
	opener, err := seal.LoadOrCreate(path)
	if err != nil {
		return "", "", fmt.Errorf("load the key that opens credentials: %w", err)
	}
	return path, opener.PublicKey(), nil
}

// tokenPepper returns what the digests of API tokens are keyed with.
func tokenPepper(dataDir string) (string, error) {
	pepper, err := secretfile.LoadOrCreate(filepath.Join(dataDir, "token.pepper"), secretfile.Random)
	if err != nil {
		return "", fmt.Errorf("load the pepper of API tokens: %w", err)
	}
	return string(pepper), nil
}
