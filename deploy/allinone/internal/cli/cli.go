// Package cli has the commands of proxops.
package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/proxops/proxops/deploy/allinone"
)

// Context is the context that commands are given.
type Context context.Context

// Commands are the commands and their flags.
type Commands struct {
	Version kong.VersionFlag `help:"Print the version and end."`

	Run      Run      `cmd:"" help:"Run the product on this machine for real clusters."`
	Demo     Demo     `cmd:"" help:"Run the product with simulated clusters."`
	Sync     Sync     `cmd:"" help:"Synchronise endpoints now: all, or some types, or some endpoints."`
	Verify   Verify   `cmd:"" help:"Check that jobs, change log and events of a running system agree."`
	User     User     `cmd:"" help:"Make and change users."`
	Token    Token    `cmd:"" help:"Make and revoke API tokens."`
	Endpoint Endpoint `cmd:"" help:"Add and switch endpoints."`
}

// Where says which running system a command is about.
type Where struct {
	DataDir     string `help:"Data directory of the process that runs (default: ${env} or ~/.local/share/proxops)." env:"PROXOPS_DATA_DIR"`
	DatabaseURL string `name:"database-url" help:"Postgres, instead of that of the data directory." env:"PROXOPS_DATABASE_URL"`
	NATSURL     string `name:"nats-url" help:"NATS, instead of that of the data directory." env:"PROXOPS_NATS_URL"`
}

// database returns where Postgres is.
func (w Where) database() (string, error) {
	r, err := w.running(w.DatabaseURL)
	return cmp.Or(w.DatabaseURL, r.DatabaseURL), err
}

// nats returns where NATS is.
func (w Where) nats() (string, error) {
	r, err := w.running(w.NATSURL)
	return cmp.Or(w.NATSURL, r.NATSURL), err
}

// running asks the data directory only for what was not given.
func (w Where) running(given string) (allinone.Ready, error) {
	if given != "" {
		return allinone.Ready{}, nil
	}
	dir, err := w.dir()
	if err != nil {
		return allinone.Ready{}, err
	}
	return allinone.Running(dir)
}

func (w Where) dir() (string, error) { return dataDir(w.DataDir) }

// dataDir is the given one, or the usual place for data of a user's programs.
func dataDir(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	if base := os.Getenv("XDG_DATA_HOME"); base != "" {
		return filepath.Join(base, "proxops"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a data directory (or give --data-dir): %w", err)
	}
	return filepath.Join(home, ".local", "share", "proxops"), nil
}
