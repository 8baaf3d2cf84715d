package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/proxops/proxops/libs/bus"
	"github.com/proxops/proxops/proto-events/subjects"
	"github.com/proxops/proxops/services/api/admin"
)

// Endpoint has the commands about endpoints.
type Endpoint struct {
	Add     EndpointAdd     `cmd:"" help:"Add an endpoint, or change the one of this name. The value of its API token is read from standard input."`
	List    EndpointList    `cmd:"" help:"List the endpoints and how reading them goes."`
	Enable  EndpointEnable  `cmd:"" help:"Poll an endpoint."`
	Disable EndpointDisable `cmd:"" help:"Poll an endpoint no more."`
	Delete  EndpointDelete  `cmd:"" help:"Delete an endpoint with all that was discovered through it."`
}

// EndpointAdd adds an endpoint.
type EndpointAdd struct {
	Where

	Name          string            `arg:"" help:"Name of the endpoint."`
	Domain        string            `help:"DNS name of a node of the cluster."`
	IPAddress     string            `name:"ip-address" help:"Address of a node; tried second if there is a DNS name too."`
	Port          int               `help:"Port of the API." default:"8006"`
	Username      string            `help:"User of the token, with realm: proxops@pve." required:""`
	TokenName     string            `help:"Name of the API token, without the user." required:""`
	CAFile        string            `name:"ca-file" help:"PEM file with the only accepted certificate authority (/etc/pve/pve-root-ca.pem of the cluster)." type:"existingfile"`
	Fingerprints  []string          `help:"Accepted SHA-256 fingerprints of the certificate."`
	NoVerifySSL   bool              `name:"no-verify-ssl" help:"Do not check the certificate."`
	PollInterval  int               `help:"Seconds between two polls; 0: only when asked." default:"60"`
	Site          string            `help:"Site whose pollers reach the cluster." default:"default"`
	SiteKeys      map[string]string `help:"Public keys of the sites, instead of that of the data directory." env:"PROXOPS_API_SITE_KEYS"`
	WithoutSecret bool              `help:"Do not ask for the value of the token; the endpoint is polled only after one was set."`
}

// Run adds the endpoint.
func (c *EndpointAdd) Run(ctx Context) error {
	if c.Domain == "" && c.IPAddress == "" {
		return errors.New("an endpoint needs --domain or --ip-address, or both")
	}
	fields := map[string]any{
		"domain": c.Domain, "ip_address": c.IPAddress, "port": c.Port, "username": c.Username, "token_name": c.TokenName,
		"verify_ssl": !c.NoVerifySSL, "poll_interval": c.PollInterval, "site": c.Site,
	}
	if len(c.Fingerprints) > 0 {
		fields["fingerprints"] = c.Fingerprints
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return fmt.Errorf("read the certificate authority: %w", err)
		}
		fields["ca_certificate"] = string(pem)
	}
	if !c.WithoutSecret {
		value, err := firstLine(os.Stdin, "value of the API token")
		if err != nil {
			return err
		}
		fields["token_value"] = value.Reveal()
	}
	keys := c.SiteKeys
	if len(keys) == 0 {
		s, err := c.secrets()
		if err != nil {
			return err
		}
		keys = s.SiteKeys
	}
	return c.onEndpoints(ctx, func(e admin.Endpoints) error {
		e.SiteKeys = keys
		if err := e.Put(ctx, c.Name, fields); err != nil {
			return err
		}
		found, err := e.Find(ctx, c.Name)
		if err != nil {
			return err
		}
		fmt.Printf("endpoint %s has the id %d\n", found.Name, found.ID)
		return nil
	})
}

// EndpointList lists endpoints.
type EndpointList struct{ Where }

// Run lists the endpoints.
func (c *EndpointList) Run(ctx Context) error {
	return c.onDatabase(ctx, func(pool *pgxpool.Pool) error {
		all, err := admin.Endpoints{Pool: pool}.List(ctx)
		if err != nil {
			return err
		}
		return table("ID\tENDPOINT\tENABLED\tEVERY\tROUTINES\tREPLICATIONS\tINVENTORY\tERROR", all, func(e admin.Endpoint) []any {
			s := e.SyncState
			failure := s.BackupRoutine.Error
			for _, text := range []string{s.Replication.Error, s.Inventory.Error} {
				if failure == "" {
					failure = text
				}
			}
			every := fmt.Sprintf("%ds", e.PollInterval)
			if e.PollInterval == 0 {
				every = "when asked"
			}
			return []any{e.ID, e.Display, e.Enabled, every, s.BackupRoutine.Status, s.Replication.Status, s.Inventory.Status, failure}
		})
	})
}

// EndpointEnable enables an endpoint.
type EndpointEnable struct{ theEndpoint }

// Run enables the endpoint.
func (c *EndpointEnable) Run(ctx Context) error {
	return c.change(ctx, "is enabled", func(e admin.Endpoints, id int32) error { return e.Set(ctx, id, map[string]any{"enabled": true}) })
}

// EndpointDisable disables an endpoint.
type EndpointDisable struct{ theEndpoint }

// Run disables the endpoint.
func (c *EndpointDisable) Run(ctx Context) error {
	return c.change(ctx, "is disabled", func(e admin.Endpoints, id int32) error { return e.Set(ctx, id, map[string]any{"enabled": false}) })
}

// EndpointDelete deletes an endpoint.
type EndpointDelete struct{ theEndpoint }

// Run deletes the endpoint.
func (c *EndpointDelete) Run(ctx Context) error {
	return c.change(ctx, "is deleted", func(e admin.Endpoints, id int32) error { return e.Delete(ctx, id) })
}

// theEndpoint is the one that a command is about.
type theEndpoint struct {
	Where

	Endpoint string `arg:"" help:"Name or id of the endpoint."`
}

func (t theEndpoint) change(ctx Context, done string, fn func(e admin.Endpoints, id int32) error) error {
	return t.onEndpoints(ctx, func(e admin.Endpoints) error {
		found, err := e.Find(ctx, t.Endpoint)
		if err != nil {
			return err
		}
		if err := fn(e, found.ID); err != nil {
			return err
		}
		fmt.Printf("endpoint %s with the id %d %s\n", found.Name, found.ID, done)
		return nil
	})
}

// onEndpoints changes endpoints and tells the projectors, which would otherwise notice within a minute.
func (w Where) onEndpoints(ctx context.Context, fn func(admin.Endpoints) error) error {
	err := w.onDatabase(ctx, func(pool *pgxpool.Pool) error { return fn(admin.Endpoints{Pool: pool}) })
	if err != nil {
		return err
	}
	url, err := w.nats()
	if err != nil {
		return err
	}
	b, err := bus.Connect(ctx, bus.Config{URL: url, Name: "admin"})
	if err != nil {
		return fmt.Errorf("the endpoint is changed, but the projectors learn of it only within a minute: %w", err)
	}
	defer b.Close()
	if err := b.Conn().Publish(subjects.ControlEndpoints, nil); err != nil {
		return fmt.Errorf("the endpoint is changed, but the projectors learn of it only within a minute: %w", err)
	}
	return nil
}
