// Command proxops is the whole product in one process, with what a person needs to look after it from a shell.
package main

import (
	"errors"
	"fmt"
	"os"
	_ "time/tzdata" // schedules have zones, and containers often have none

	"github.com/alecthomas/kong"

	"github.com/proxops/proxops/deploy/allinone/internal/cli"
	"github.com/proxops/proxops/libs/app"
)

func main() {
	var commands cli.Commands
	parsed := kong.Parse(&commands, kong.Name("proxops"),
		kong.Description("Keeps an inventory of the backup and replication jobs of Proxmox VE clusters."),
		kong.ShortUsageOnError(), kong.Vars{"version": app.Version()})
	ctx, stop := app.SignalContext()
	defer stop()
	parsed.BindTo(ctx, (*cli.Context)(nil))
	if err := parsed.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "proxops: %v\n", err)
		if errors.Is(err, cli.ErrUnknown) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}
