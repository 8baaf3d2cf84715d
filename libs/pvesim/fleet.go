package pvesim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// FleetConfig says which clusters a Fleet has. Its zero value is four clusters, one of each version.
type FleetConfig struct {
	Clusters int      // 0 = 4
	Versions []string // spoken in turn; none = all
	Nodes    int      // of each cluster, 0 = 3
	Guests   int      // of each cluster, 0 = 20; more if the replications need them
	Jobs     int      // of each cluster and kind
	Seed     int64
	Delays   Delays
	Every    time.Duration // between two changes of a cluster while it lives, 0 = 5 s
}

// Fleet is many started clusters with generated worlds.
type Fleet struct {
	cfg     FleetConfig
	servers []*Server
}

// NewFleet starts the clusters on loopback. When one cannot be started, none is.
func NewFleet(cfg FleetConfig) (*Fleet, error) {
	cfg = cfg.filled()
	f := &Fleet{cfg: cfg}
	for i := range cfg.Clusters {
		version := cfg.Versions[i%len(cfg.Versions)]
		if _, err := dialectOf(version); err != nil {
			f.Close()
			return nil, err
		}
		seed := cfg.Seed + int64(i)
		c := New(version, WithSeed(seed), WithDelays(cfg.Delays),
			WithWorld(Generate(fleetName(i), seed, cfg.Nodes, cfg.Guests, cfg.Jobs)))
		s, err := c.Start()
		if err != nil {
			f.Close()
			return nil, err
		}
		f.servers = append(f.servers, s)
	}
	return f, nil
}

func (c FleetConfig) filled() FleetConfig {
	for _, o := range []struct {
		at    *int
		unset int
	}{{&c.Clusters, 4}, {&c.Nodes, 3}, {&c.Guests, 20}} {
		if *o.at == 0 {
			*o.at = o.unset
		}
	}
	if len(c.Versions) == 0 {
		c.Versions = Versions()
	}
	if c.Every == 0 {
		c.Every = 5 * time.Second
	}
	c.Nodes = max(2, c.Nodes) // a single node replicates nothing
	return c
}

func fleetName(i int) string {
	names := []string{"alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"}
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("cluster-%03d", i+1)
}

// Servers lists the clusters' servers.
func (f *Fleet) Servers() []*Server { return slices.Clone(f.servers) }

// Clusters lists the clusters.
func (f *Fleet) Clusters() []*Cluster {
	clusters := make([]*Cluster, 0, len(f.servers))
	for _, s := range f.servers {
		clusters = append(clusters, s.cluster)
	}
	return clusters
}

// Live changes all clusters, each by its own seed, until ctx is done; then it heals them and returns nil.
func (f *Fleet) Live(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for i, s := range f.servers {
		g.Go(func() error { return Live(ctx, s.cluster, f.cfg.Seed+int64(i), f.cfg.Every) })
	}
	return g.Wait()
}

// Close stops all servers. It may be called more than once.
func (f *Fleet) Close() {
	for _, s := range f.servers {
		s.Close()
	}
}

// Listing is what one needs to know to read a cluster.
type Listing struct {
	Name          string `json:"name"`
	Version       string `json:"version"`
	URL           string `json:"url"`
	Host          string `json:"host"`
	Port          int    `json:"port"`
	User          string `json:"user"`
	TokenName     string `json:"token_name"`
	TokenValue    string `json:"token_value"`
	CACertificate string `json:"ca_certificate"`
	Fingerprint   string `json:"fingerprint"`
}

// Listing describes a server, its secret included.
func (s *Server) Listing() Listing {
	t := s.cluster.Token()
	return Listing{
		Name: s.cluster.Name(), Version: s.cluster.Version(), URL: s.URL, Host: s.Host, Port: s.Port,
		User: t.User, TokenName: t.Name, TokenValue: t.Secret, CACertificate: string(s.CAPEM()), Fingerprint: s.Fingerprint(),
	}
}

// Listing describes all servers.
func (f *Fleet) Listing() []Listing {
	all := make([]Listing, 0, len(f.servers))
	for _, s := range f.servers {
		all = append(all, s.Listing())
	}
	return all
}
