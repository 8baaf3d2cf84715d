package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/seal"
	"github.com/proxops/proxops/services/api/internal/store"
)

// Login finds the active user with this name and password. The address is that of the client. Every refusal is fault.Denied, of resource.Detail
// with the same text whatever is wrong, or of Throttled; it takes as long for a user that does not exist.
func (t *Tokens) Login(ctx context.Context, username string, password seal.Secret, client netip.Addr) (*Principal, error) {
	// A NUL can be in no name, and Postgres takes none.
	row, err := t.Queries.UserByName(ctx, strings.ReplaceAll(username, "\x00", ""))
	if errors.Is(err, pgx.ErrNoRows) {
		row, err = store.User{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up a user: %w", err)
	}
	right, err := t.Guard.CheckPassword(ctx, client, username, password, row.PasswordHash)
	if err != nil {
		return nil, err
	}
	if !right || !row.IsActive || row.Username != username {
		return nil, denied("Invalid username/password")
	}
	return &Principal{UserID: row.ID, Username: row.Username, Superuser: row.IsSuperuser, Exempt: t.Exempt, Epoch: epoch(row.PasswordHash)}, nil
}

// ByID finds the active user with this id, with what they may do. There being none is fault.Denied.
func (t *Tokens) ByID(ctx context.Context, id int32) (*Principal, error) {
	row, err := t.Queries.UserByID(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !row.IsActive {
		return nil, denied("User inactive")
	}
	if err != nil {
		return nil, fmt.Errorf("look up user %d: %w", id, err)
	}
	p := &Principal{UserID: row.ID, Username: row.Username, Superuser: row.IsSuperuser, Exempt: t.Exempt, Epoch: epoch(row.PasswordHash), Preferences: row.Preferences}
	if !p.Superuser {
		if p.Grants, err = LoadGrants(ctx, t.Queries, p.UserID); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// epoch names a password without telling anything about it.
func epoch(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return hex.EncodeToString(sum[:8])
}
