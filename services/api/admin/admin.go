// Package admin is the small administration of users, tokens and endpoints that needs no running server.
package admin

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/fault"
	"github.com/proxops/proxops/libs/postgres"
	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api/internal/auth"
	"github.com/proxops/proxops/services/api/internal/store"
)

// Peppers are the keys with which tokens are hashed, by their ids; the highest id is used for new tokens. A pepper has at least 32 characters.
type Peppers = auth.Peppers

// User is an account.
type User struct {
	ID        int32
	Name      string
	Email     string
	Active    bool
	Superuser bool
	Joined    time.Time
	LastLogin *time.Time
}

// NewUser is an account to be made. Without a password nobody can log in with one.
type NewUser struct {
	Name      string
	Email     string
	Password  seal.Secret
	Superuser bool
}

// CreateUser makes a user. A name that is taken, in upper or lower case, is fault.Conflict.
func CreateUser(ctx context.Context, pool *pgxpool.Pool, u NewUser) (User, error) {
	if u.Name == "" || utf8.RuneCountInString(u.Name) > auth.MaxUsername || auth.CheckUsername(u.Name) != "" {
		return User{}, fault.New(fault.Invalid, "create user %q: a name of 1 to %d letters, numbers and @.+-_ is needed", u.Name, auth.MaxUsername)
	}
	hash := ""
	if u.Password != "" {
		var err error
		if hash, err = auth.HashPassword(u.Password); err != nil {
			return User{}, fmt.Errorf("create user %s: %w", u.Name, err)
		}
	}
	row, err := store.New(pool).UserInsert(ctx, u.Name, hash, u.Email, u.Superuser)
	if _, taken := postgres.UniqueViolation(err); taken {
		return User{}, fault.New(fault.Conflict, "create user %s: the name is taken, or one that differs in upper and lower case alone", u.Name)
	}
	if err != nil {
		return User{}, fmt.Errorf("create user %s: %w", u.Name, err)
	}
	return user(row), nil
}

func user(row store.User) User {
	return User{row.ID, row.Username, row.Email, row.IsActive, row.IsSuperuser, row.DateJoined, row.LastLogin}
}

// findUser returns the user of this name. An unknown one is fault.NotFound.
func findUser(ctx context.Context, pool *pgxpool.Pool, name string) (User, error) {
	row, err := store.New(pool).UserByName(ctx, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, fault.New(fault.NotFound, "there is no user %q", name)
	}
	if err != nil {
		return User{}, fmt.Errorf("find user %s: %w", name, err)
	}
	return user(row), nil
}

// SetPassword gives a user another password. An unknown user is fault.NotFound.
func SetPassword(ctx context.Context, pool *pgxpool.Pool, name string, password seal.Secret) error {
	if password == "" {
		return fault.New(fault.Invalid, "set the password of %s: it is empty", name)
	}
	hash, err := auth.HashPassword(password)
	if err != nil {
		return fmt.Errorf("set the password of %s: %w", name, err)
	}
	n, err := store.New(pool).UserSetPassword(ctx, hash, name)
	if err != nil {
		return fmt.Errorf("set the password of %s: %w", name, err)
	}
	if n == 0 {
		return fault.New(fault.NotFound, "there is no user %q", name)
	}
	return nil
}

// ListUsers returns all users by name.
func ListUsers(ctx context.Context, pool *pgxpool.Pool) ([]User, error) {
	rows, err := store.New(pool).UserList(ctx)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	users := make([]User, len(rows))
	for i, row := range rows {
		users[i] = user(row)
	}
	return users, nil
}

// NewToken says what token to make. The zero value of all but Version is a token that may write, from anywhere, for ever.
type NewToken struct {
	Version     int // 1 or 2
	Description string
	Expires     *time.Time
	ReadOnly    bool
	AllowedIPs  []netip.Prefix
}

// CreateToken makes a token of a user and returns it: it can be shown only now. An unknown user is fault.NotFound.
func CreateToken(ctx context.Context, pool *pgxpool.Pool, peppers Peppers, username string, t NewToken) (seal.Secret, error) {
	u, err := findUser(ctx, pool, username)
	if err != nil {
		return "", fmt.Errorf("create a token: %w", err)
	}
	made, err := peppers.Make(t.Version)
	if err != nil {
		return "", err
	}
	networks := append([]netip.Prefix{}, t.AllowedIPs...)
	_, err = store.New(pool).TokenInsert(ctx, store.TokenInsertParams{
		UserID: u.ID, Version: int16(t.Version), Key: made.Key, PepperID: made.PepperID, Digest: made.Digest, Description: t.Description,
		Expires: t.Expires, Enabled: true, WriteEnabled: !t.ReadOnly, AllowedIps: networks,
	})
	if err != nil {
		return "", fmt.Errorf("create a token of %s: %w", username, err)
	}
	return made.Plain, nil
}

// Token is what may be shown of a token.
type Token struct {
	ID          int32
	Username    string
	Version     int
	Key         string // empty for version 1
	Description string
	Created     time.Time
	Expires     *time.Time
	LastUsed    *time.Time
	Enabled     bool
	ReadOnly    bool
}

// ListTokens returns all tokens by user.
func ListTokens(ctx context.Context, pool *pgxpool.Pool) ([]Token, error) {
	rows, err := store.New(pool).TokenList(ctx)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	tokens := make([]Token, len(rows))
	for i, row := range rows {
		tokens[i] = Token{
			ID: row.ID, Username: row.Username, Version: int(row.Version), Description: row.Description, Created: row.Created,
			Expires: row.Expires, LastUsed: row.LastUsed, Enabled: row.Enabled, ReadOnly: !row.WriteEnabled,
		}
		if row.Key != nil {
			tokens[i].Key = *row.Key
		}
	}
	return tokens, nil
}

// DeleteToken ends a token. An unknown one is fault.NotFound.
func DeleteToken(ctx context.Context, pool *pgxpool.Pool, id int32) error {
	n, err := store.New(pool).TokenDelete(ctx, id)
	if err != nil {
		return fmt.Errorf("delete token %d: %w", id, err)
	}
	if n == 0 {
		return fault.New(fault.NotFound, "there is no token %d", id)
	}
	return nil
}
