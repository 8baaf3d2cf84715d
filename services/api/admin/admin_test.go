package admin_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/obs"
	"github.com/proxops/proxops/libs/pgtest"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api/admin"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/store"
)

var peppers = admin.Peppers{1: seal.Secret(strings.Repeat("one", 12)), 2: seal.Secret(strings.Repeat("two", 12))}

func TestUsersAndPasswords(t *testing.T) {
	pool := pgtest.New(t)
	u, err := admin.CreateUser(t.Context(), pool, admin.NewUser{Name: "anna", Password: "first", Superuser: true})
	if err != nil || u.ID == 0 || !u.Active || !u.Superuser {
		t.Fatalf("%+v %v", u, err)
	}
	check := func(password seal.Secret) bool {
		row, err := store.New(pool).UserByName(t.Context(), "anna")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(row.PasswordHash, password.Reveal()) || !strings.HasPrefix(row.PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("hash %s", row.PasswordHash)
		}
		return auth.CheckPassword(password, row.PasswordHash)
	}
	if !check("first") || check("second") {
		t.Error("the password does not fit")
	}
	if err := admin.SetPassword(t.Context(), pool, "anna", "second"); err != nil {
		t.Fatal(err)
	}
	if check("first") || !check("second") {
		t.Error("the password was not changed")
	}
	for what, err := range map[fault.Kind]error{
		fault.Conflict: second(admin.CreateUser(t.Context(), pool, admin.NewUser{Name: "anna"})),
		fault.Invalid:  second(admin.CreateUser(t.Context(), pool, admin.NewUser{Name: "a b"})),
		fault.NotFound: admin.SetPassword(t.Context(), pool, "nobody", "x"),
	} {
		if fault.KindOf(err) != what {
			t.Errorf("got %v, want %v", err, what)
		}
	}
	if _, err := admin.CreateUser(t.Context(), pool, admin.NewUser{Name: "Anna"}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a name that differs in case alone: %v", err)
	}
	if _, err := admin.CreateUser(t.Context(), pool, admin.NewUser{Name: "berta"}); err != nil {
		t.Fatal(err)
	}
	users, err := admin.ListUsers(t.Context(), pool)
	if err != nil || len(users) != 2 || users[1].Name != "berta" || users[1].Superuser {
		t.Errorf("%+v %v", users, err)
	}
	if row, err := store.New(pool).UserByName(t.Context(), "berta"); err != nil || row.PasswordHash != "" || auth.CheckPassword("", row.PasswordHash) {
		t.Errorf("a user without a password may log in: %+v %v", row, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestTokensAreStoredAsDigests(t *testing.T) {
	pool := pgtest.New(t)
	if _, err := admin.CreateUser(t.Context(), pool, admin.NewUser{Name: "anna", Superuser: true}); err != nil {
		t.Fatal(err)
	}
	tokens := &auth.Tokens{Queries: store.New(pool), Peppers: peppers, Log: obs.Discard()}
	for _, version := range []int{1, 2} {
		plain, err := admin.CreateToken(t.Context(), pool, peppers, "anna", admin.NewToken{Version: version, ReadOnly: true, Expires: new(time.Now().Add(time.Hour)), AllowedIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
		if err != nil {
			t.Fatal(err)
		}
		if want := map[int]int{1: 40, 2: 57}[version]; len(plain.Reveal()) != want {
			t.Errorf("version %d has %d characters, want %d", version, len(plain.Reveal()), want)
		}
		who, err := tokens.Authenticate(t.Context(), bearing(plain), netip.MustParseAddr("192.0.2.9"))
		if err != nil || who.Username != "anna" || !who.ReadOnly || !who.Superuser {
			t.Errorf("version %d: %+v %v", version, who, err)
		}
		old := auth.Tokens{Queries: store.New(pool), Peppers: admin.Peppers{1: peppers[1]}, Log: obs.Discard()}
		if _, err := old.Authenticate(t.Context(), bearing(plain), netip.MustParseAddr("192.0.2.9")); fault.KindOf(err) != fault.Denied {
			t.Errorf("version %d without its pepper: %v", version, err)
		}
		var stored string
		if err := pool.QueryRow(t.Context(), "SELECT string_agg(t::text, ' ') FROM tokens t").Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if secret := plain.Reveal()[len(plain.Reveal())-40:]; strings.Contains(stored, secret) {
			t.Error("the secret of a token is stored")
		}
	}
	list, err := admin.ListTokens(t.Context(), pool)
	if err != nil || len(list) != 2 || list[0].Key != "" || len(list[1].Key) != 12 || !list[0].ReadOnly || list[0].LastUsed == nil {
		t.Errorf("%+v %v", list, err)
	}
	if err := admin.DeleteToken(t.Context(), pool, list[0].ID); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[fault.Kind]error{
		fault.NotFound:    admin.DeleteToken(t.Context(), pool, list[0].ID),
		fault.Invalid:     second(admin.CreateToken(t.Context(), pool, peppers, "anna", admin.NewToken{Version: 3})),
		fault.Unavailable: second(admin.CreateToken(t.Context(), pool, nil, "anna", admin.NewToken{Version: 2})),
	} {
		if fault.KindOf(err) != what {
			t.Errorf("got %v, want %v", err, what)
		}
	}
}

// bearing returns a request with this token.
func bearing(token seal.Secret) *http.Request {
	return &http.Request{Header: http.Header{"Authorization": {"Token " + token.Reveal()}}}
}
