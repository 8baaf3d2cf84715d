package auth

import (
	"context"
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
	return &Principal{UserID: row.ID, Username: row.Username, Superuser: row.IsSuperuser, Exempt: t.Exempt}, nil
}
