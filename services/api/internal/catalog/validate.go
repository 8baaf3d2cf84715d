package catalog

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/proxops/proxops/proto-events/subjects"
)

func oneOf(words ...string) func(string) (string, string) {
	return func(s string) (string, string) {
		if slices.Contains(words, s) {
			return s, ""
		}
		return "", fmt.Sprintf("%s is not a valid choice.", s)
	}
}

// maxVMID is the largest id of a guest that Proxmox gives.
const maxVMID = 999999999

// vmids checks a list of ids of guests; numeric strings are ids too.
func vmids(v any) (any, []string) {
	list, _ := v.([]any)
	for i, e := range list {
		text, ok := e.(string)
		if n, number := e.(json.Number); number {
			text, ok = n.String(), true
		}
		n := json.Number(text)
		id, err := n.Int64()
		if !ok || err != nil || id < 0 || id > maxVMID {
			return nil, []string{fmt.Sprintf("A list of VMIDs is required: its item %d is no whole number from 0 to %d.", i+1, maxVMID)}
		}
		list[i] = json.Number(fmt.Sprint(id))
	}
	return list, nil
}

func ipAddress(s string) (value, wrong string) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return "", "Enter a valid IPv4 or IPv6 address."
	}
	return a.Unmap().String(), ""
}

var hostname = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?$`)

func domain(s string) (value, wrong string) {
	if _, err := netip.ParseAddr(s); err == nil {
		return "", "This is an address: it belongs into ip_address."
	}
	if len(s) > 253 || !hostname.MatchString(s) {
		return "", "Enter a host name without scheme, port or path, like pve.example.com."
	}
	return s, ""
}

func username(s string) (value, wrong string) {
	if strings.ContainsAny(s, "!:/ \t") {
		return "", "Enter the user with its realm alone, like proxops@pve; the name of a token belongs into token_name."
	}
	return s, ""
}

func tokenName(s string) (value, wrong string) {
	if strings.ContainsAny(s, "!=@ \t") {
		return "", "Enter the name of the token alone: what stands between ! and = in proxops@pve!name=value."
	}
	return s, ""
}

func siteName(s string) (value, wrong string) {
	if !subjects.ValidSite(s) {
		return "", "Enter at most 63 lower-case letters, digits and hyphens."
	}
	return s, ""
}

func timeZone(s string) (value, wrong string) {
	if _, err := time.LoadLocation(s); err != nil || s == "Local" {
		return "", fmt.Sprintf("%q is not the name of a time zone, like Europe/Berlin.", s)
	}
	return s, ""
}

// fingerprints brings SHA-256 fingerprints into the form that Proxmox shows, AB:CD:…, each once.
func fingerprints(v any) (any, []string) {
	list, _ := v.([]any)
	out := []any{}
	for _, e := range list {
		text, _ := e.(string)
		raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), ":", ""))
		if err != nil || len(raw) != sha256.Size {
			return nil, []string{"Enter SHA-256 fingerprints: 32 bytes in hexadecimal, with colons, as Proxmox shows them."}
		}
		parts := make([]string, len(raw))
		for i, b := range raw {
			parts[i] = fmt.Sprintf("%02X", b)
		}
		if f := strings.Join(parts, ":"); !slices.Contains(out, any(f)) {
			out = append(out, f)
		}
	}
	return out, nil
}

func certificates(s string) (value, wrong string) {
	rest, n := []byte(s), 0
	for {
		block, more := pem.Decode(rest)
		if block == nil {
			break
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil || block.Type != "CERTIFICATE" {
			return "", fmt.Sprintf("PEM block %d is no certificate.", n+1)
		}
		rest, n = more, n+1
	}
	if n == 0 || len(strings.TrimSpace(string(rest))) > 0 {
		return "", "Enter certificates in PEM form, and nothing else."
	}
	return s + "\n", ""
}
