// Command poller reads the Proxmox VE clusters of one site.
package main

import (
	"os"

	"github.com/alecthomas/kong"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/obs"
	"github.com/proxops/proxops/services/poller"
)

func main() {
	var cli struct {
		poller.Config `embed:"" envprefix:"PROXOPS_POLLER_"`

		Log obs.LogConfig `embed:"" prefix:"log-" envprefix:"PROXOPS_"`
	}
	kong.Parse(&cli, kong.Name("poller"), kong.Description("Reads the Proxmox VE clusters of one site, with GETs alone."))
	ctx, stop := app.SignalContext()
	defer stop()
	log := obs.NewLogger(os.Stderr, cli.Log)
	if err := poller.Run(ctx, cli.Config, poller.Deps{Log: log, Metrics: obs.NewRegistry("poller")}); err != nil {
		log.Error("poller stopped", "err", err)
		os.Exit(1)
	}
}
