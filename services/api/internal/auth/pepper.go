package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/seal"
)

// minPepper is the least length of a pepper in bytes.
const minPepper = 32

// Peppers are the keys with which tokens are hashed, by their ids. New tokens use the one with the highest id. Its text form is
// "1=secret,2=secret".
type Peppers map[int16]seal.Secret

// UnmarshalText reads the text form.
func (p *Peppers) UnmarshalText(text []byte) error {
	out := Peppers{}
	for part := range strings.SplitSeq(string(text), ",") {
		name, secret, _ := strings.Cut(strings.TrimSpace(part), "=")
		id, err := strconv.ParseInt(name, 10, 16)
		if err != nil || id < 0 {
			return fault.New(fault.Invalid, "read peppers: expected id=secret,id=secret with whole numbers for ids")
		}
		if len(secret) < minPepper {
			return fault.New(fault.Invalid, "read peppers: pepper %d is shorter than %d characters", id, minPepper)
		}
		out[int16(id)] = seal.Secret(secret)
	}
	*p = out
	return nil
}

// Current returns the id of the pepper for new tokens; ok is false if there is none.
func (p Peppers) Current() (id int16, ok bool) {
	if len(p) == 0 {
		return 0, false
	}
	return slices.Max(slices.Collect(maps.Keys(p))), true
}

func digest(pepper seal.Secret, secret string) []byte {
	mac := hmac.New(sha256.New, []byte(pepper.Reveal()))
	mac.Write([]byte(secret))
	return mac.Sum(nil)
}

// match compares in constant time. An unknown pepper matches nothing.
func (p Peppers) match(id int16, secret string, stored []byte) bool {
	pepper, ok := p[id]
	return ok && subtle.ConstantTimeCompare(digest(pepper, secret), stored) == 1
}

// digests returns what a token of version 1 may be stored as.
func (p Peppers) digests(token string) [][]byte {
	out := make([][]byte, 0, len(p))
	for _, id := range slices.Sorted(maps.Keys(p)) {
		out = append(out, digest(p[id], token))
	}
	return out
}

// Lengths of the parts of a token.
const (
	keyLength    = 12
	secretLength = 40
)

// NewToken is a token about to be stored. Plain is what its owner gets to see, once.
type NewToken struct {
	Plain    seal.Secret
	Secret   seal.Secret // Plain without the key
	Key      *string     // nil for version 1
	PepperID int16
	Digest   []byte
}

// Make makes a random token of version 1 or 2.
func (p Peppers) Make(version int) (NewToken, error) { return p.MakeOf(version, "") }

// MakeOf makes a token of version 1 or 2 with this secret, or with a random one if it is empty.
func (p Peppers) MakeOf(version int, given seal.Secret) (NewToken, error) {
	id, ok := p.Current()
	if !ok {
		return NewToken{}, fault.New(fault.Unavailable, "make a token: no pepper is configured")
	}
	secret := given.Reveal()
	if secret == "" {
		var err error
		if secret, err = random(secretLength); err != nil {
			return NewToken{}, err
		}
	}
	t := NewToken{Plain: seal.Secret(secret), Secret: seal.Secret(secret), PepperID: id, Digest: digest(p[id], secret)}
	switch version {
	case 1:
	case 2:
		key, err := random(keyLength)
		if err != nil {
			return NewToken{}, err
		}
		t.Key, t.Plain = &key, seal.Secret(TokenPrefix+key+"."+secret)
	default:
		return NewToken{}, fault.New(fault.Invalid, "make a token: there is no version %d", version)
	}
	return t, nil
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func random(n int) (string, error) {
	b := make([]byte, n)
	for i := range b {
		k, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			return "", fmt.Errorf("make a random text: %w", err)
		}
		b[i] = alphabet[k.Int64()]
	}
	return string(b), nil
}
