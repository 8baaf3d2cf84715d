// Command api serves the REST API.
package main

import (
	"os"
	_ "time/tzdata" // containers often have no time zones

	"github.com/alecthomas/kong"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/obs"
	"github.com/proxops/proxops/services/api"
)

func main() {
	var cli struct {
		api.Config `embed:"" envprefix:"PROXOPS_API_"`

		Log obs.LogConfig `embed:"" prefix:"log-" envprefix:"PROXOPS_"`
	}
	kong.Parse(&cli, kong.Name("api"), kong.Description("Serves the REST API."))
	ctx, stop := app.SignalContext()
	defer stop()
	log := obs.NewLogger(os.Stderr, cli.Log)
	if err := api.Run(ctx, cli.Config, api.Deps{Log: log, Metrics: obs.NewRegistry("api")}); err != nil {
		log.Error("api stopped", "err", err)
		os.Exit(1)
	}
}
