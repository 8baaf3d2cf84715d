package cli

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/deploy/allinone"
	"github.com/proxops/proxops/services/api/admin"
)

// Token has the commands about API tokens.
type Token struct {
	Create TokenCreate `cmd:"" help:"Make a token of a user and print it: it can be seen only now."`
	List   TokenList   `cmd:"" help:"List the tokens, without their secrets."`
	Delete TokenDelete `cmd:"" help:"End a token."`
}

// TokenCreate makes a token.
type TokenCreate struct {
	Where

	User        string         `arg:"" help:"Name of the user."`
	Peppers     admin.Peppers  `help:"Peppers of the api, instead of that of the data directory." env:"PROXOPS_API_PEPPERS"`
	V1          bool           `name:"v1" help:"Make a token of version 1, 40 characters, for clients that know no other."`
	Description string         `help:"What it is for."`
	ReadOnly    bool           `help:"It may not write."`
	ValidFor    time.Duration  `help:"It expires after this time, such as 720h."`
	AllowedIPs  []netip.Prefix `name:"allowed-ips" help:"Networks it may be used from, separated by commas."`
}

// Run makes the token.
func (c *TokenCreate) Run(ctx Context) error {
	if len(c.Peppers) == 0 {
		s, err := c.secrets()
		if err != nil {
			return err
		}
		c.Peppers = s.Peppers
	}
	t := admin.NewToken{Version: 2, Description: c.Description, ReadOnly: c.ReadOnly, AllowedIPs: c.AllowedIPs}
	if c.V1 {
		t.Version = 1
	}
	if c.ValidFor > 0 {
		t.Expires = new(time.Now().Add(c.ValidFor))
	}
	return c.onDatabase(ctx, func(pool *pgxpool.Pool) error {
		token, err := admin.CreateToken(ctx, pool, c.Peppers, c.User, t)
		if err != nil {
			return err
		}
		fmt.Println(token.Reveal())
		return nil
	})
}

// secrets are those of a data directory that a process runs on: a command must not make new ones.
func (w Where) secrets() (allinone.Secrets, error) {
	dir, err := w.dir()
	if err != nil {
		return allinone.Secrets{}, err
	}
	if _, err := allinone.Running(dir); err != nil {
		return allinone.Secrets{}, err
	}
	return allinone.LoadSecrets(dir)
}

// TokenList lists tokens.
type TokenList struct{ Where }

// Run lists the tokens.
func (c *TokenList) Run(ctx Context) error {
	return c.onDatabase(ctx, func(pool *pgxpool.Pool) error {
		tokens, err := admin.ListTokens(ctx, pool)
		if err != nil {
			return err
		}
		return table("ID\tUSER\tVERSION\tKEY\tENABLED\tREAD ONLY\tEXPIRES\tLAST USED\tDESCRIPTION", tokens, func(t admin.Token) []any {
			return []any{t.ID, t.Username, t.Version, cmp.Or(t.Key, "-"), t.Enabled, t.ReadOnly, moment(t.Expires), moment(t.LastUsed), t.Description}
		})
	})
}

func moment(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

// TokenDelete ends a token.
type TokenDelete struct {
	Where

	ID int32 `arg:"" help:"Id of the token."`
}

// Run ends the token.
func (c *TokenDelete) Run(ctx Context) error {
	return c.onDatabase(ctx, func(pool *pgxpool.Pool) error { return admin.DeleteToken(ctx, pool, c.ID) })
}
