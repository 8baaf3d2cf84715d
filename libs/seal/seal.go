package seal

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/secretfile"
)

// format1 is the first byte of what is sealed. After it come the 56 characters of the sender's public key and the box that
// nkeys made.
const format1 = 1

// keyLen is the length of a public curve key as text.
const keyLen = 56

// Credentials are the secrets of an endpoint: a password or the value of an API token.
type Credentials struct {
	Password   Secret
	TokenValue Secret
}

// sealed is what the box contains.
type sealed struct {
	Target     Target `json:"target"`
	Password   string `json:"password,omitempty"`
	TokenValue string `json:"token_value,omitempty"`
}

// Seal returns credentials that only the site whose public key (X...) is siteKey can open, and only for this target. Two
// calls never return the same, as each uses a sender of its own. A wrong key is fault.Invalid.
func Seal(siteKey string, target Target, c Credentials) ([]byte, error) {
	if !nkeys.IsValidPublicCurveKey(siteKey) {
		return nil, fault.New(fault.Invalid, "seal credentials: %q is not the public key of a site (56 characters that begin with X)", siteKey)
	}
	plain, err := json.Marshal(sealed{target.canonical(), c.Password.Reveal(), c.TokenValue.Reveal()}) //nolint:gosec // it goes into the box
	if err != nil {
		return nil, fmt.Errorf("seal credentials: %w", err)
	}
	sender, err := nkeys.CreateCurveKeys()
	if err != nil {
		return nil, fmt.Errorf("seal credentials: make a key: %w", err)
	}
	defer sender.Wipe()
	public, err := sender.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("seal credentials: %w", err)
	}
	box, err := sender.Seal(plain, siteKey)
	if err != nil {
		return nil, fmt.Errorf("seal credentials: %w", err)
	}
	return append(append([]byte{format1}, public...), box...), nil
}

// Opener opens what was sealed for one site. Its methods may be called at once.
type Opener struct {
	key    nkeys.KeyPair
	public string
}

// LoadOrCreate returns the opener whose key is in the file at path, and makes the file, with mode 0600, if there is none.
// A file that others may read is refused with fault.Denied, one that holds something else with fault.Invalid.
func LoadOrCreate(path string) (*Opener, error) {
	seed, err := secretfile.LoadOrCreate(path, func() ([]byte, error) {
		key, err := nkeys.CreateCurveKeys()
		if err != nil {
			return nil, fmt.Errorf("make the key of a site: %w", err)
		}
		return key.Seed()
	})
	if err != nil {
		return nil, err
	}
	key, err := nkeys.FromCurveSeed(seed)
	if err != nil {
		return nil, fault.New(fault.Invalid, "key file %s does not hold the key of a site (a curve seed that begins with SX)", path)
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return &Opener{key, public}, nil
}

// PublicKey is what others seal to.
func (o *Opener) PublicKey() string { return o.public }

// Open returns the credentials that were sealed for this site and this target. What was sealed for another target or to
// another key is fault.Denied, with a text that says which of the two, and in what the target differs; what this version
// cannot read at all is fault.Invalid.
func (o *Opener) Open(box []byte, target Target) (Credentials, error) {
	if len(box) < 1+keyLen || box[0] != format1 {
		return Credentials{}, fault.New(fault.Invalid, "open sealed credentials: their format is unknown to this version")
	}
	plain, err := o.key.Open(box[1+keyLen:], string(box[1:1+keyLen]))
	if err != nil {
		return Credentials{}, fault.New(fault.Denied,
			"open sealed credentials: they were sealed to another key than this site's (%s), or damaged: enter the secret again", o.public)
	}
	var s sealed
	if err := json.Unmarshal(plain, &s); err != nil {
		return Credentials{}, fault.New(fault.Invalid, "open sealed credentials: their content cannot be read") // err may quote it
	}
	if diff := s.Target.differences(target.canonical()); diff != nil {
		return Credentials{}, fault.New(fault.Denied,
			"open sealed credentials: they were sealed for another target (%s differs): enter the secret again", strings.Join(diff, ", "))
	}
	return Credentials{Secret(s.Password), Secret(s.TokenValue)}, nil
}
