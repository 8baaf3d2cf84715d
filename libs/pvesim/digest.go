package pvesim

import (
	"crypto/sha1" //nolint:gosec // the digest of configuration files that Proxmox VE shows
	"encoding/hex"
)

func sha1Hex(file string) string {
	sum := sha1.Sum([]byte(file)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}
