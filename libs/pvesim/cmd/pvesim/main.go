// Command pvesim serves simulated Proxmox VE clusters for trying programs out.
//
// When all clusters listen it prints one line of JSON: how to read each of them, tokens included, and where they can be steered
// (the calls are those of pvesim.Control). It ends at SIGINT or SIGTERM.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/pvesim"
)

type config struct {
	Clusters      int           `help:"Clusters to serve." default:"4"`
	Jobs          int           `help:"Backup jobs of each cluster, and as many replication jobs." default:"25"`
	Nodes         int           `help:"Nodes of each cluster, at least 2." default:"3"`
	Guests        int           `help:"Guests of each cluster; more if its replications need them." default:"20"`
	Seed          int64         `help:"Decides what the clusters hold and how they change." default:"1"`
	Versions      []string      `help:"Versions of Proxmox VE that the clusters speak in turn." default:"6.4,7.4,8.4,9.2"`
	Still         bool          `help:"Change nothing by itself."`
	Every         time.Duration `help:"Time between two changes of a cluster." default:"5s"`
	RealDelays    bool          `help:"Refuse as slowly as Proxmox VE: 3 s before 401."`
	ListenControl string        `help:"Loopback address to be steered on." default:"127.0.0.1:0"`
}

func main() {
	var cfg config
	kong.Parse(&cfg, kong.Name("pvesim"), kong.Description("Serves simulated Proxmox VE clusters on loopback."))
	ctx, stop := app.SignalContext()
	defer stop()
	if err := run(ctx, cfg, os.Stdout); err != nil {
		slog.New(slog.NewJSONHandler(os.Stderr, nil)).Error("pvesim stopped", "err", err)
		os.Exit(1)
	}
}

// run serves until ctx is done and writes the line that says where to out.
func run(ctx context.Context, cfg config, out io.Writer) error {
	ln, err := listenLoopback(ctx, cfg.ListenControl)
	if err != nil {
		return err
	}
	fleet, err := pvesim.NewFleet(cfg.fleet())
	if err != nil {
		_ = ln.Close()
		return err
	}
	defer fleet.Close()
	err = json.NewEncoder(out).Encode(map[string]any{
		"ready": true, "control": "http://" + ln.Addr().String(), "clusters": fleet.Listing(),
	})
	if err != nil {
		_ = ln.Close()
		return fmt.Errorf("say where the clusters are: %w", err)
	}
	parts := []func(context.Context) error{func(ctx context.Context) error { return serve(ctx, ln, pvesim.Control(fleet)) }}
	if !cfg.Still {
		parts = append(parts, fleet.Live)
	}
	return app.Run(ctx, parts...)
}

func (c config) fleet() pvesim.FleetConfig {
	f := pvesim.FleetConfig{
		Clusters: c.Clusters, Versions: c.Versions, Nodes: c.Nodes, Guests: c.Guests, Jobs: c.Jobs, Seed: c.Seed, Every: c.Every,
	}
	if c.RealDelays {
		f.Delays = pvesim.RealDelays
	}
	return f
}

// listenLoopback refuses addresses that others could reach: whoever reaches them has every token.
func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s to be steered: %w", address, err)
	}
	if a, ok := ln.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		_ = ln.Close()
		return nil, fmt.Errorf("listen on %s to be steered: only loopback addresses are allowed, as secrets are shown there", address)
	}
	return ln, nil
}

func serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	}
	return nil
}
