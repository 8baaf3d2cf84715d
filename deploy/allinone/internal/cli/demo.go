package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/proxops/proxops/deploy/allinone"
	"github.com/proxops/proxops/libs/obs"
	"github.com/proxops/proxops/libs/pvesim"
	"github.com/proxops/proxops/services/api/admin"
)

// Demo runs the product with simulated clusters.
type Demo struct {
	Listen   string        `help:"Address of REST." default:"127.0.0.1:8080"`
	DataDir  string        `help:"Where to keep data (default: a temporary directory, removed at the end)."`
	Clusters int           `help:"Simulated clusters, of Proxmox VE 6.4, 7.4, 8.4 and 9.2 in turn." default:"4"`
	Jobs     int           `help:"Backup jobs of each cluster, and as many replication jobs." default:"25"`
	Seed     int64         `help:"Decides what the clusters hold and how they change." default:"1"`
	Still    bool          `help:"Nothing changes by itself."`
	Log      obs.LogConfig `embed:"" prefix:"log-"`
}

// pollInterval of simulated clusters, in seconds: people who look at a demonstration want to see something happen.
const pollInterval = 10

// Run runs until ctx ends.
func (c *Demo) Run(ctx Context) (err error) {
	if c.Clusters < 1 || c.Jobs < 0 {
		return fmt.Errorf("a demonstration needs at least one cluster, and jobs cannot be less than none: --clusters %d --jobs %d", c.Clusters, c.Jobs)
	}
	dir := c.DataDir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "proxops-demo-"); err != nil {
			return fmt.Errorf("make a temporary data directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	fleet, err := pvesim.NewFleet(pvesim.FleetConfig{Clusters: c.Clusters, Jobs: c.Jobs, Seed: c.Seed})
	if err != nil {
		return fmt.Errorf("start %d simulated clusters: %w", c.Clusters, err)
	}
	defer fleet.Close()
	var parts []func(context.Context) error
	if !c.Still {
		parts = append(parts, fleet.Live)
	}
	cfg := allinone.Config{
		DataDir: dir, Listen: c.Listen, AllowLocalTargets: true, Disposable: c.DataDir == "", Log: obs.NewLogger(os.Stderr, c.Log),
	}
	return serve(ctx, cfg, func(ctx context.Context, s *allinone.Stack, r allinone.Ready) error {
		token := cmp.Or(r.Token, "<token>")
		fmt.Fprintf(os.Stderr, "proxops demo: %d clusters with %d backup and %d replication jobs each\n  curl -H 'Authorization: Bearer %s' '%s/api/plugins/proxbox/replications/?status=active'\n",
			c.Clusters, c.Jobs, c.Jobs, token, r.URL)
		return addClusters(ctx, s, fleet.Listing())
	}, parts...)
}

// addClusters makes an endpoint for each simulated cluster. They get new ports and certificates at every start, so endpoints of the same
// name are brought up to date.
func addClusters(ctx context.Context, s *allinone.Stack, clusters []pvesim.Listing) error {
	w := Where{DatabaseURL: s.DatabaseURL, NATSURL: s.NATSURL}
	return w.onEndpoints(ctx, func(e admin.Endpoints) error {
		e.SiteKeys = s.SiteKeys()
		for _, l := range clusters {
			err := e.Put(ctx, l.Name, map[string]any{
				"ip_address": l.Host, "port": l.Port, "username": l.User, "token_name": l.TokenName, "token_value": l.TokenValue,
				"ca_certificate": l.CACertificate, "poll_interval": pollInterval,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
