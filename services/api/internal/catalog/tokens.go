package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// Tokens is the name of the resource of API tokens.
const Tokens = "tokens"

// Grant is the action of making tokens for other users.
const Grant resource.Action = "grant"

// tokenDisplay is the public half of a token. Those of version 1 have none.
var tokenDisplay = resource.Words{Needs: []string{"key", "id"}, Write: func(b []byte, a resource.Args) []byte {
	if key := a.Text(0); key != nil {
		return append(b, key...)
	}
	return fmt.Appendf(b, "v1 token %d", a.Int(1))
}}

func tokens(o Options) *resource.Resource {
	return &resource.Resource{
		Name: Tokens, Path: usersApp + "tokens", Table: "tokens", Type: change.Token,
		Class: "Token", Verbose: "Token",
		Fields: fields(leadingCore(tokenDisplay), []resource.Field{
			{Name: "version", Kind: resource.Integer{Check: tokenVersion}, Default: int64(2)},
			{Name: "key", Kind: resource.Char{Max: 12}, Null: true, ReadOnly: true, Help: "v2 token identification key"},
			{Name: "user", Kind: resource.Reference{To: Users, CascadeFrom: []string{Users}}, Fixed: true, Help: "Whose token it is: by default, of whoever makes it. It stays."},
			{Name: "description", Kind: resource.Char{Max: 200}, Blank: true},
			{Name: "created", Kind: resource.DateTime{}, ReadOnly: true, Unlogged: true},
			{Name: "expires", Kind: resource.DateTime{}, Null: true},
			{Name: "last_used", Kind: resource.DateTime{}, Null: true, ReadOnly: true, Unlogged: true},
			{Name: "enabled", Kind: resource.Boolean{}, Default: true, Help: "Disable to temporarily revoke this token without deleting it."},
			{Name: "write_enabled", Kind: resource.Boolean{}, Default: true, Help: "Permit create/update/delete operations using this token"},
			{Name: "pepper_id", Kind: resource.Integer{}, ReadOnly: true, Help: "ID of the cryptographic pepper used to hash the token"},
			{Name: "allowed_ips", Kind: resource.Networks{}, NoFilter: true, Label: "Allowed IPs", Help: "Allowed IPv4/IPv6 networks from where the token can be used. Leave blank for no restrictions."},
			{Name: "token", Kind: resource.OneTime{}, Null: true, Unlogged: true, NoFilter: true, Help: "Shown once, in the answer to the creation. A secret may be given then; otherwise one is made."},
		}, stamps()[1:]),
		Brief:  resource.Picks("id", "url", "display", "version", "key", "enabled", "write_enabled", "description"),
		Order:  []string{"-created"},
		Search: []string{"user.username", "description"},
		Unique: []resource.Unique{{Constraint: "tokens_key_key", Fields: []string{"key"}}},
		Taken:  map[string]string{"tokens_v1_digest": "Token with this token already exists."},
		Hooks:  resource.Hooks{BeforeSave: tokenMaker(o.Peppers).beforeSave},
	}
}

func tokenVersion(n int64) (wrong string) {
	if n != 1 && n != 2 {
		return fmt.Sprintf(`"%d" is not a valid choice.`, n)
	}
	return ""
}

// tokenMaker makes secrets of tokens and hashes them.
type tokenMaker auth.Peppers

func (peppers tokenMaker) beforeSave(ctx context.Context, w *resource.Write) error {
	if w.Before != nil {
		return keepToken(w)
	}
	if err := owner(ctx, w); err != nil {
		return err
	}
	if expires, ok := w.After.Get("expires").(time.Time); ok && !expires.After(time.Now()) {
		w.Errors.Add("expires", "Expiration time must be in the future. Current server time is "+time.Now().UTC().Format("2006-01-02 15:04:05")+" (UTC).")
	}
	version, _ := w.After.Int("version")
	given := w.Secrets["token"]
	if wrong := tokenSecret(given); wrong != "" {
		w.Errors.Add("token", wrong)
	}
	if !w.Errors.None() {
		return nil
	}
	made, err := auth.Peppers(peppers).MakeOf(int(version), given)
	if err != nil {
		return err
	}
	w.After.Set("key", nil)
	if made.Key != nil {
		w.After.Set("key", *made.Key)
	}
	w.After.Set("pepper_id", int64(made.PepperID))
	w.Columns["digest"] = made.Digest
	w.Reveal = made.Secret
	return nil
}

// keepToken refuses to make another token of one that exists.
func keepToken(w *resource.Write) error {
	if w.Differs("version") {
		w.Errors.Add("version", "The version of a token cannot be changed: make another token.")
	}
	if w.Secrets["token"] != "" {
		w.Errors.Add("token", "The secret of a token cannot be changed: make another token.")
	}
	return nil
}

// owner makes a token that is for nobody in particular one of whoever makes it. Tokens for others need a permission of their own, and tokens
// for superusers one: they are as good as being one.
func owner(ctx context.Context, w *resource.Write) error {
	caller := w.Actor.Origin.UserID
	user, given := w.After.Int("user")
	switch {
	case !given && caller == nil:
		w.Errors.Add("user", "This field is required.")
	case !given:
		w.After.Set("user", int64(*caller))
	case caller == nil || user != int64(*caller):
		_, err := w.Actor.Scope(w.Resource(), Grant)
		if errors.Is(err, resource.ErrForbidden) {
			return fault.Wrap(fault.Denied, resource.Detail("This user does not have permission to create tokens for other users."), "make a token for another user")
		}
		if err != nil {
			return err
		}
		return forSuperuser(ctx, w, user)
	}
	return nil
}

// forSuperuser refuses tokens of superusers that others make.
func forSuperuser(ctx context.Context, w *resource.Write, user int64) error {
	target, err := isSuperuser(ctx, w.Tx, change.Origin{UserID: new(int32(user)), UserName: "the user of a token"})
	if err != nil || !target {
		return err
	}
	maker, err := isSuperuser(ctx, w.Tx, w.Actor.Origin)
	if err != nil || maker {
		return err
	}
	return errSuperusers
}

// minSecret is how long NetBox's secrets of tokens are. Shorter ones could be guessed.
const minSecret, maxSecret = 40, 255

// tokenSecret checks a secret that a client chose: it has to fit into a header, and must not look like another kind of token.
func tokenSecret(s seal.Secret) (wrong string) {
	text := s.Reveal()
	n := utf8.RuneCountInString(text)
	switch {
	case text == "":
		return ""
	case n < minSecret:
		return fmt.Sprintf("Ensure this value has at least %d characters (it has %d).", minSecret, n)
	case n > maxSecret:
		return fmt.Sprintf("Ensure this value has at most %d characters (it has %d).", maxSecret, n)
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }):
		return "A token consists of printable ASCII characters without blanks."
	case strings.HasPrefix(text, auth.TokenPrefix):
		return "Give the secret alone: a token of version 2 is " + auth.TokenPrefix + " with its key, a dot and the secret."
	}
	return ""
}
