// Command projector writes into Postgres what follows from polls.
package main

import (
	"os"
	_ "time/tzdata" // containers often have none, and next runs need the zones of endpoints

	"github.com/alecthomas/kong"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/obs"
	"github.com/proxops/proxops/services/projector"
)

func main() {
	var cli struct {
		projector.Config `embed:"" envprefix:"PROXOPS_PROJECTOR_"`

		Log obs.LogConfig `embed:"" prefix:"log-" envprefix:"PROXOPS_"`
	}
	kong.Parse(&cli, kong.Name("projector"), kong.Description("Writes into Postgres what follows from polls, and publishes the changes."))
	ctx, stop := app.SignalContext()
	defer stop()
	log := obs.NewLogger(os.Stderr, cli.Log)
	if err := projector.Run(ctx, cli.Config, projector.Deps{Log: log, Metrics: obs.NewRegistry("projector")}); err != nil {
		log.Error("projector stopped", "err", err)
		os.Exit(1)
	}
}
