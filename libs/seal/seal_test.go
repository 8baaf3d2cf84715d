package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/seal"
)

const planted = "s3cr3t-planted"

var target = seal.Target{
	Hosts: []string{"pve1.example.com", "10.0.0.1"}, Port: 8006, User: "proxops@pve", TokenName: "poller", VerifyTLS: true,
	Fingerprints: []string{"AB:CD", "EF:01"}, CA: "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n",
}

func opener(t *testing.T) *seal.Opener {
	t.Helper()
	o, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "site.key"))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func sealed(t *testing.T, o *seal.Opener) []byte {
	t.Helper()
	box, err := seal.Seal(o.PublicKey(), target, seal.Credentials{Password: planted, TokenValue: "token-" + planted})
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestOpenGivesWhatWasSealed(t *testing.T) {
	o := opener(t)
	got, err := o.Open(sealed(t, o), target)
	if err != nil {
		t.Fatal(err)
	}
	if got.Password.Reveal() != planted || got.TokenValue.Reveal() != "token-"+planted {
		t.Errorf("opened %q and %q", got.Password.Reveal(), got.TokenValue.Reveal())
	}
}

func TestOpenTakesTheSameTargetInAnotherSpelling(t *testing.T) {
	o := opener(t)
	same := target
	same.Hosts = []string{" 10.0.0.1", "PVE1.example.com", "10.0.0.1", ""}
	same.Fingerprints = []string{"ef01", "abcd"}
	same.CA = strings.ReplaceAll(target.CA, "\n", "\r\n")
	if _, err := o.Open(sealed(t, o), same); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesAnotherTarget(t *testing.T) {
	o := opener(t)
	box := sealed(t, o)
	for name, change := range map[string]func(*seal.Target){
		"host":           func(t *seal.Target) { t.Hosts = []string{"evil.example.com"} },
		"port":           func(t *seal.Target) { t.Port = 8007 },
		"username":       func(t *seal.Target) { t.User = "root@pam" },
		"token_name":     func(t *seal.Target) { t.TokenName = "" },
		"verify_ssl":     func(t *seal.Target) { t.VerifyTLS = false },
		"fingerprints":   func(t *seal.Target) { t.Fingerprints = nil },
		"ca_certificate": func(t *seal.Target) { t.CA = "" },
	} {
		other := target
		change(&other)
		got, err := o.Open(box, other)
		if fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "("+name+" differs)") {
			t.Errorf("%s: %v, want denied with the name of the field", name, err)
		}
		if got != (seal.Credentials{}) {
			t.Errorf("%s: credentials were given", name)
		}
	}
	more := target
	more.Hosts = append([]string{"evil.example.com"}, target.Hosts...)
	more.Port = 1
	if _, err := o.Open(box, more); err == nil || !strings.Contains(err.Error(), "(host, port differs)") {
		t.Errorf("an additional host: %v", err)
	}
}

func TestOpenRefusesAnotherSiteAndDamage(t *testing.T) {
	o := opener(t)
	box := sealed(t, o)
	if _, err := opener(t).Open(box, target); fault.KindOf(err) != fault.Denied {
		t.Errorf("another site's key: %v, want denied", err)
	}
	for i := range box { // every single bit flip in every byte
		bad := bytes.Clone(box)
		bad[i] ^= 1
		if _, err := o.Open(bad, target); err == nil {
			t.Fatalf("byte %d changed, and it still opens", i)
		}
	}
	for n := range len(box) {
		if _, err := o.Open(box[:n], target); err == nil {
			t.Fatalf("cut to %d bytes, and it still opens", n)
		}
	}
	if _, err := o.Open(append([]byte{2}, box[1:]...), target); fault.KindOf(err) != fault.Invalid {
		t.Errorf("another format: %v, want invalid", err)
	}
}

func TestSealHidesTheSecretAndNeverRepeats(t *testing.T) {
	o := opener(t)
	one, two := sealed(t, o), sealed(t, o)
	if bytes.Contains(one, []byte(planted)) || bytes.Contains(one, []byte("pve1")) {
		t.Error("what is sealed can be read")
	}
	if bytes.Equal(one, two) {
		t.Error("the same twice")
	}
}

func TestSealWantsAPublicKey(t *testing.T) {
	for _, key := range []string{"", "nonsense", "UAHJLSMYZDJCBHQ2SARL37IEALR3TI7VVPZ2MJ7F4SZKNOG7HJJIYW5T"} {
		if _, err := seal.Seal(key, target, seal.Credentials{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("key %q: %v, want invalid", key, err)
		}
	}
}

func TestLoadOrCreateKeepsTheKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.key")
	first, err := seal.LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := seal.LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	if first.PublicKey() != second.PublicKey() || !strings.HasPrefix(first.PublicKey(), "X") {
		t.Errorf("keys %s and %s", first.PublicKey(), second.PublicKey())
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestLoadOrCreateRefusesBadFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for path, kind := range map[string]fault.Kind{
		write("group", "SXAA", 0o640):    fault.Denied,
		write("world", "SXAA", 0o604):    fault.Denied,
		write("nonsense", "hm", 0o600):   fault.Invalid,
		write("empty", " \n", 0o600):     fault.Invalid,
		filepath.Join(dir, "no", "file"): fault.Internal,
	} {
		if _, err := seal.LoadOrCreate(path); err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v (%v), want %v", path, err, fault.KindOf(err), kind)
		}
	}
}

func TestSecretShowsItselfNowhere(t *testing.T) {
	s := seal.Secret(planted)
	c := seal.Credentials{Password: s}
	var log strings.Builder
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("text", "secret", s, "credentials", c, "pointer", &s)
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "secret", s, "credentials", c)
	asJSON, err := json.Marshal(map[string]any{"s": s, "c": c, "p": &s})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10s"} {
		fmt.Fprintf(&out, verb+" "+verb+"\n", s, c)
	}
	fmt.Fprint(&out, s, c, &s, fault.New(fault.Invalid, "password %s", s))
	for what, text := range map[string]string{"log": log.String(), "json": string(asJSON), "fmt": out.String()} {
		hex := fmt.Sprintf("%x", planted)
		if strings.Contains(text, planted) || strings.Contains(strings.ToLower(text), hex) || !strings.Contains(text, "[redacted]") {
			t.Errorf("%s shows it: %s", what, text)
		}
	}
}
